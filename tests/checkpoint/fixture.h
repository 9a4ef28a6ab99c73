#ifndef CHECKPOINT_FIXTURE_H
#define CHECKPOINT_FIXTURE_H
/// A small state whose every value is known from its place, spread over ranks in ways that are uneven on purpose.
#include "checkpoint/checkpoint.h"

#include "check.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIXTURE_TENSORS = 8, FIXTURE_WAYS = 4 };

typedef struct Fixture {
  CheckpointTensor tensor[FIXTURE_TENSORS];
  CheckpointHead head;
} Fixture;

static inline float fixture_value(int t, int64_t element, int64_t step) {
  return (float)((t + 1) * 1000 + element % 977) + (float)step / 64;
}

static inline int64_t fixture_width(const CheckpointTensor *tensor) {
  int64_t width = 1;
  for (int d = 1; d < tensor->dimensions; d++)
    width *= tensor->dim[d];
  return width;
}

/// Way 0: everybody has everything. 1: consecutive shares, floor(s n / ranks). 2: the last rank has all, the others
/// nothing. 3: overlapping, in reverse order of ranks: rank r has the rows from n (ranks-1-r) / ranks to the end... and
/// rank 0 only the end.
static inline void fixture_rows(CheckpointTensor *tensor, const Comm *comm, int way) {
  int64_t n = tensor->dim[0], r = comm->rank, p = comm->ranks;
  tensor->first = 0;
  tensor->end = n;
  if (way == 1) {
    tensor->first = n * r / p;
    tensor->end = n * (r + 1) / p;
  } else if (way == 2 && r != p - 1) {
    tensor->end = 0;
  } else if (way == 3) {
    tensor->first = n * (p - 1 - r) / p;
  }
}

static inline Fixture fixture_make(const Comm *comm, int way, int64_t step) {
  static const struct {
    const char *path;
    int dimensions, dim[4];
  } shape[FIXTURE_TENSORS] = {
      {"/parameters/encoders/image/0/weight", 4, {5, 3, 2, 2}},
      {"/parameters/encoders/image/0/bias", 1, {5}},
      {"/parameters/head/0/weight", 2, {3, 700}},
      {"/parameters/head/0/bias", 1, {1}},
      {"/optimizer/m/head/0/weight", 2, {3, 700}},
      {"/optimizer/v/head/0/weight", 2, {3, 700}},
      {"/state/substitute/audio", 2, {7, 1}},
      {"/state/empty", 2, {0, 4}},
  };
  Fixture fixture = {.head = {.step = step,
                              .epoch = step / 10,
                              .batch = step % 10,
                              .seed = UINT64_MAX - 1,
                              .config_hash = 0x1111222233334444,
                              .data_hash = 0xfedcba9876543210,
                              .parameters_hash = 0xffffffffffffffff,
                              .best = NAN,
                              .best_epoch = -1,
                              .patience_left = 7,
                              .metrics_bytes = INT64_C(5000000000),
                              .extra = {0.1, -0.0, INFINITY, 5e-324}}};
  snprintf(fixture.head.grid, sizeof fixture.head.grid, "%dx%d", 1, comm->ranks);
  for (int t = 0; t < FIXTURE_TENSORS; t++) {
    CheckpointTensor *tensor = &fixture.tensor[t];
    snprintf(tensor->path, sizeof tensor->path, "%s", shape[t].path);
    tensor->dimensions = shape[t].dimensions;
    memcpy(tensor->dim, shape[t].dim, sizeof shape[t].dim);
    fixture_rows(tensor, comm, way);
    int64_t width = fixture_width(tensor), count = (tensor->end - tensor->first) * width;
    tensor->data = calloc((size_t)count + 1, sizeof(float));
    for (int64_t i = 0; i < count; i++)
      tensor->data[i] = fixture_value(t, tensor->first * width + i, step);
  }
  return fixture;
}

static inline void fixture_wipe(Fixture *fixture) {
  for (int t = 0; t < FIXTURE_TENSORS; t++) {
    CheckpointTensor *tensor = &fixture->tensor[t];
    memset(tensor->data, 0xee, (size_t)((tensor->end - tensor->first) * fixture_width(tensor)) * sizeof(float));
  }
  fixture->head = (CheckpointHead){.config_hash = fixture->head.config_hash, .data_hash = fixture->head.data_hash};
}

static inline void fixture_free(Fixture *fixture) {
  for (int t = 0; t < FIXTURE_TENSORS; t++)
    free(fixture->tensor[t].data);
}

/// All values and the head are those of `step`.
static inline void fixture_check(const Fixture *fixture, int64_t step) {
  const CheckpointHead *head = &fixture->head;
  CHECK(head->step == step && head->epoch == step / 10 && head->batch == step % 10, "step %lld, not %lld",
        (long long)head->step, (long long)step);
  CHECK(head->seed == UINT64_MAX - 1 && head->config_hash == 0x1111222233334444 &&
            head->data_hash == 0xfedcba9876543210,
        "head");
  CHECK(head->parameters_hash == 0xffffffffffffffff && isnan(head->best) && head->best_epoch == -1 &&
            head->patience_left == 7,
        "head");
  CHECK(head->metrics_bytes == 5000000000 && head->extra[0] == 0.1 && signbit(head->extra[1]) &&
            isinf(head->extra[2]) && head->extra[3] == 5e-324 && head->extra[15] == 0 && !strncmp(head->grid, "1x", 2),
        "head");
  for (int t = 0; t < FIXTURE_TENSORS; t++) {
    const CheckpointTensor *tensor = &fixture->tensor[t];
    int64_t width = fixture_width(tensor), count = (tensor->end - tensor->first) * width;
    for (int64_t i = 0; i < count; i++) {
      float wanted = fixture_value(t, tensor->first * width + i, step);
      CHECK(tensor->data[i] == wanted, "%s[%lld] is %g, not %g", tensor->path, (long long)i, tensor->data[i], wanted);
    }
  }
}

/// Where tests put their files: in memory if they can, because they flush thousands of times and a busy disk takes 0.2 s for each.
static inline const char *scratch_base(void) {
  const char *wanted = getenv("TMPDIR");
  return wanted && *wanted ? wanted : access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

/// A fresh directory, the same on all ranks; removed by folder_remove.
static inline void folder_make(char folder[256], const Comm *comm) {
  snprintf(folder, 256, "%s/checkpoint-test-XXXXXX", scratch_base());
  if (comm->rank == 0)
    CHECK(mkdtemp(folder), "no directory %s", folder);
  comm_share(comm, folder, 256, 0);
}

static inline void folder_remove(const char *folder, const Comm *comm) {
  comm_any(comm, false);
  if (comm->rank == 0) {
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0, "%s stays", folder);
  }
}

/// Names in a directory but "." and "..".
static inline int folder_count(const char *folder) {
  DIR *directory = opendir(folder);
  CHECK(directory, "%s is not there", folder);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(directory));)
    count += entry->d_name[0] != '.';
  closedir(directory);
  return count;
}

#endif
