// Once planned and warm, no pass through any operation takes memory.
#include "harness.h"

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
int main(void) {
  puts("skipped: the allocator cannot be watched here");
  return 77;
}
#else

static long calls;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);

void *malloc(size_t size) { return calls++, __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return calls++, __libc_calloc(n, size); }
void *realloc(void *block, size_t size) { return calls++, __libc_realloc(block, size); }
void *aligned_alloc(size_t align, size_t size) { return calls++, __libc_memalign(align, size); }
int posix_memalign(void **block, size_t align, size_t size) {
  *block = aligned_alloc(align, size);
  return *block ? 0 : 12;
}

int main(void) {
  for (int kind = 0; kind < graph_kinds(); kind++) {
    Net net;
    net_open(&net);
    Value y = graph_kind_example(net.graph, kind, 3);
    Slices slices = slices_of(EXAMPLE_ROWS, 4, 0, 4);
    net_start(&net, &slices, true);
    SliceNode node[SLICE_NODES_MOST];
    long before = 0;
    for (int pass = 0; pass < 3; pass++) {
      before = calls;
      graph_forward(net.graph, &net.pass);
      graph_gradient(net.graph, y)[0] = 1;
      net_backward(&net, node);
    }
    CHECK(calls == before, "%s takes memory %ld times a pass", graph_kind_name(kind), calls - before);
    net_close(&net);
  }
  CHECK(calls > 0, "nothing was counted");
  return 0;
}
#endif
