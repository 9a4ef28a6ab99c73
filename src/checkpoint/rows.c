#include "checkpoint/rows.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the files' floats and hashes are little-endian");

enum { PIECE = 4 << 20 };

Status rows_gather(Rows *rows, const Comm *comm, const CheckpointTensor *tensor, int tensors) {
  *rows = (Rows){.ranks = comm->ranks, .tensors = tensors};
  void *block = NULL;
  Status taken =
      memory_take(&block, (size_t)(comm->ranks + 1) * (size_t)tensors, 2 * sizeof(int64_t), "the table of rows");
  rows->range = block;
  TRY(comm_agree(comm, taken));
  int64_t *mine = rows->range + (size_t)comm->ranks * (size_t)tensors * 2;
  for (int t = 0; t < tensors; t++) {
    int64_t count = tensor[t].dim[0];
    REQUIRE(tensor[t].first >= 0 && tensor[t].end >= tensor[t].first && tensor[t].end <= count, "rows of %s",
            tensor[t].path);
    mine[2 * t] = tensor[t].first;
    mine[2 * t + 1] = tensor[t].end;
  }
  MPI_Allgather(mine, 2 * tensors, MPI_INT64_T, rows->range, 2 * tensors, MPI_INT64_T, comm->world);
  for (int t = 0; t < tensors; t++)
    for (int64_t row = 0, end, count = tensor[t].dim[0]; row < count; row = end)
      REQUIRE(rows_holder(rows, t, row, count, &end) >= 0, "row %lld of %s has no holder", (long long)row,
              tensor[t].path);
  return STATUS_OK;
}

void rows_free(Rows *rows) {
  free(rows->range);
  *rows = (Rows){0};
}

int rows_holder(const Rows *rows, int tensor, int64_t row, int64_t count, int64_t *end) {
  *end = count;
  for (int rank = 0; rank < rows->ranks; rank++) {
    const int64_t *range = rows->range + 2 * ((size_t)rank * (size_t)rows->tensors + (size_t)tensor);
    if (range[0] <= row && row < range[1]) {
      *end = range[1] < *end ? range[1] : *end;
      return rank;
    }
    if (row < range[0] && range[0] < range[1] && range[0] < *end)
      *end = range[0]; // there a lower rank takes over
  }
  return -1;
}

void rows_to_check(const Rows *rows, int rank, int tensor, int64_t row, int64_t end, int64_t *first, int64_t *stop) {
  int64_t holders = 0, here = -1;
  for (int r = 0; r < rows->ranks; r++) {
    const int64_t *range = rows->range + 2 * ((size_t)r * (size_t)rows->tensors + (size_t)tensor);
    if (range[0] <= row && end <= range[1])
      here = r == rank ? holders : here, holders++;
  }
  *first = here < 0 ? row : row + (end - row) / holders * here + (end - row) % holders * here / holders;
  *stop = here < 0 ? row : row + (end - row) / holders * (here + 1) + (end - row) % holders * (here + 1) / holders;
}

int64_t rows_width(const CheckpointTensor *tensor) {
  int64_t width = 1;
  for (int d = 1; d < tensor->dimensions; d++)
    width *= tensor->dim[d];
  return width;
}

int64_t rows_in_piece(const CheckpointTensor *tensor) {
  int64_t bytes = rows_width(tensor) * (int64_t)sizeof(float);
  return bytes == 0 || bytes >= PIECE ? 1 : PIECE / bytes;
}

/// The holder of the first row adds up the hash; the others send it their rows in order.
static uint64_t hash_one(int t, const Rows *rows, const Comm *comm, const CheckpointTensor *tensor, char *buffer) {
  int64_t count = tensor->dim[0], width = rows_width(tensor), piece = rows_in_piece(tensor), unused;
  int hasher = count > 0 ? rows_holder(rows, t, 0, count, &unused) : 0;
  Hash hash;
  hash_init(&hash);
  for (int64_t row = 0, end; row < count; row = end) {
    int holder = rows_holder(rows, t, row, count, &end);
    if (end > row + piece)
      end = row + piece;
    size_t bytes = (size_t)((end - row) * width) * sizeof(float);
    const float *here = comm->rank == holder ? tensor->data + (row - tensor->first) * width : NULL;
    if (comm->rank == hasher && holder == hasher) {
      hash_add(&hash, here, bytes);
    } else if (comm->rank == hasher) {
      MPI_Recv(buffer, (int)bytes, MPI_BYTE, holder, t & 0x7fff, comm->world, MPI_STATUS_IGNORE);
      hash_add(&hash, buffer, bytes);
    } else if (comm->rank == holder) {
      MPI_Send(here, (int)bytes, MPI_BYTE, hasher, t & 0x7fff, comm->world);
    }
  }
  return comm->rank == hasher ? hash_value(&hash) : 0;
}

Status rows_hash(uint64_t *hash, const Rows *rows, const Comm *comm, const CheckpointTensor *tensor) {
  size_t longest = PIECE;
  for (int t = 0; t < rows->tensors; t++) {
    size_t bytes = (size_t)rows_width(&tensor[t]) * sizeof(float);
    longest = bytes > longest ? bytes : longest;
  }
  void *buffer = NULL;
  Status taken = comm->ranks == 1 ? STATUS_OK : memory_take(&buffer, longest, 1, "a piece of a tensor");
  if (taken.code == 0 && longest > INT32_MAX)
    taken = status_error(EXIT_INTERNAL, "a row of a tensor has %zu bytes; at most 2^31 - 1 can be written", longest);
  taken = comm_agree(comm, taken);
  for (int t = 0; t < rows->tensors && taken.code == 0; t++)
    hash[t] = hash_one(t, rows, comm, &tensor[t], buffer);
  free(buffer);
  if (taken.code == 0)
    comm_gather_counts(comm, (int64_t *)hash, rows->tensors); // one rank has the value, the others 0
  return taken;
}
