// One checkpoint, whole or not at all:
//   hash     the tensors, over all ranks
//   lay out  NAME.tmp: rank 0 alone writes all of HDF5's own data and reserves the disk space
//   write    all ranks fill in their rows with parallel HDF5, independent transfers, and flush
//   compare  all ranks read back what they wrote, without HDF5, and compare it with memory
//   seal     a hash of every block of the file, flush
//   publish  rename, `latest`, flush the directory; then remove what is no longer needed
// The ranks agree after every step, and nobody goes on alone. The order is what makes parallel HDF5 (1.10) safe: it
// hangs when a rank fails while writing HDF5's own data, and only raw rows are left to write when the ranks come
// together.
#include "checkpoint/checkpoint.h"
#include "checkpoint/files.h"
#include "checkpoint/guard.h"
#include "checkpoint/h5.h"
#include "checkpoint/layout.h"
#include "checkpoint/places.h"
#include "checkpoint/rows.h"
#include "checkpoint/seal.h"

#include "base/memory.h"
#include "comm/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Draft {
  const Comm *comm;
  const CheckpointHead *head;
  const CheckpointTensor *tensor;
  int tensors, keep;
  char folder[FILE_PATH], name[FILE_PATH]; // name: of the temporary file, as shown
  char base[FILE_NAME], temporary[FILE_NAME];
  int directory, file;
  char self[64]; // a path that is this open file, whatever happens to its name
  int64_t content;
  int64_t *offset; // [tensors]
  uint64_t *hash;  // [tensors]
  Rows rows;
} Draft;

static Status draft_open(Draft *draft, const char *dir) {
  place_name(draft->base, draft->head->step);
  snprintf(draft->temporary, sizeof draft->temporary, "%.200s.tmp", draft->base);
  TRY(place_folder(draft->folder, dir));
  TRY(place_file(draft->name, dir, draft->head->step, ".tmp"));
  void *block;
  Status taken = memory_take(&block, (size_t)draft->tensors, sizeof(int64_t), "the places of the tensors");
  draft->offset = block;
  TRY(taken);
  taken = memory_take(&block, (size_t)draft->tensors, sizeof(uint64_t), "the hashes of the tensors");
  draft->hash = block;
  return taken;
}

/// HDF5 takes names, and a name may be swapped for a link behind our back or contain what MPI-IO takes for a prefix
/// ("x:").
static void name_by_descriptor(Draft *draft) {
  snprintf(draft->self, sizeof draft->self, "/proc/self/fd/%d", draft->file);
}
static const char *draft_path(const Draft *draft) { return access(draft->self, F_OK) == 0 ? draft->self : draft->name; }

static Status reserve(int file, int64_t size, const char *name) {
  int error;
  do
    error = posix_fallocate(file, 0, size);
  while (error == EINTR);
  errno = error;
  return error ? file_error(name, "reserve disk space") : STATUS_OK;
}

static Status lay_out(Draft *draft) {
  TRY(place_open(&draft->directory, draft->folder, true));
  TRY(name_remove(draft->directory, draft->temporary, draft->folder));
  draft->file = openat(draft->directory, draft->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (draft->file < 0)
    return file_error(draft->name, "create");
  name_by_descriptor(draft);
  TRY(layout_create(draft->offset, draft->file, draft->name, draft->head, draft->tensor, draft->tensors, draft->hash));
  struct stat facts;
  if (fstat(draft->file, &facts) != 0)
    return file_error(draft->name, "examine");
  draft->content = facts.st_size;
  return reserve(draft->file, draft->content + seal_table(draft->content), draft->name);
}

static Status open_laid_out(Draft *draft) {
  TRY(place_open(&draft->directory, draft->folder, false));
  draft->file = openat(draft->directory, draft->temporary, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (draft->file < 0)
    return file_error(draft->name, "open");
  name_by_descriptor(draft);
  return STATUS_OK;
}

/// Writes rows [row, end) that this rank stands for.
static herr_t write_stretch(hid_t dataset, const CheckpointTensor *tensor, int64_t row, int64_t end, hid_t transfer) {
  hsize_t start[PARAMETER_DIMENSIONS] = {0}, count[PARAMETER_DIMENSIONS];
  for (int d = 1; d < tensor->dimensions; d++)
    count[d] = (hsize_t)tensor->dim[d];
  herr_t result = 0;
  for (int64_t piece = rows_in_piece(tensor), next; row < end && result >= 0; row = next) {
    next = row + piece < end ? row + piece : end;
    start[0] = (hsize_t)row;
    count[0] = (hsize_t)(next - row);
    hid_t file = H5Dget_space(dataset), memory = H5Screate_simple(tensor->dimensions, count, NULL);
    H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL);
    result = H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, file, transfer,
                      tensor->data + (row - tensor->first) * rows_width(tensor));
    H5Sclose(memory);
    H5Sclose(file);
    watchdog_phase("write checkpoint", -1);
  }
  return result;
}

static herr_t write_tensor(const Draft *draft, int t, hid_t file, hid_t transfer) {
  const CheckpointTensor *tensor = &draft->tensor[t];
  if (rows_width(tensor) == 0)
    return 0;
  hid_t dataset = -1;
  herr_t result = 0;
  for (int64_t row = 0, end, count = tensor->dim[0]; row < count && result >= 0; row = end) {
    if (rows_holder(&draft->rows, t, row, count, &end) != draft->comm->rank)
      continue;
    if (dataset < 0)
      dataset = H5Dopen2(file, tensor->path, H5P_DEFAULT);
    result = dataset < 0 ? -1 : write_stretch(dataset, tensor, row, end, transfer);
  }
  if (dataset >= 0 && H5Dclose(dataset) < 0)
    result = -1;
  return result;
}

static Status write_tensors(const Draft *draft, hid_t file) {
  hid_t transfer = H5Pcreate(H5P_DATASET_XFER);
  H5Pset_dxpl_mpio(transfer, H5FD_MPIO_INDEPENDENT);
  herr_t result = 0;
  for (int t = 0; t < draft->tensors && result >= 0; t++)
    result = write_tensor(draft, t, file, transfer);
  Status status = result < 0 ? h5_error(EXIT_IO, draft->name, "write") : STATUS_OK;
  H5Pclose(transfer);
  return status;
}

/// Collective. Every rank that has the file open flushes and closes it, whatever failed before; the guard sees to it
/// that HDF5 does not notice.
static Status write_rows(const Draft *draft) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_mpio(access, draft->comm->world, MPI_INFO_NULL);
  guard_begin(draft->name);
  hid_t file = H5Fopen(draft_path(draft), H5F_ACC_RDWR, access);
  H5Pclose(access);
  Status status = guard_opened();
  if (status.code == 0 && file < 0)
    status = h5_error(EXIT_IO, draft->name, "open");
  status = comm_agree(draft->comm, status);
  if (status.code != 0) {
    guard_end();
    guard_give_up(draft->comm, file >= 0);
    return status;
  }
  status = write_tensors(draft, file);
  if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 && status.code == 0)
    status = h5_error(EXIT_IO, draft->name, "flush");
  if (H5Fclose(file) < 0 && status.code == 0)
    status = h5_error(EXIT_IO, draft->name, "close");
  Status kept = guard_end();
  return comm_agree(draft->comm, kept.code ? kept : status);
}

static Status compare_rows(const Draft *draft, int t, int64_t row, int64_t end) {
  enum { PIECE = 65536 };
  char piece[PIECE];
  const CheckpointTensor *tensor = &draft->tensor[t];
  int64_t bytes = rows_width(tensor) * (int64_t)sizeof(float), stop = end * bytes;
  for (int64_t at = row * bytes; at < stop; at += PIECE) {
    size_t size = stop - at < PIECE ? (size_t)(stop - at) : PIECE;
    TRY(file_read(draft->file, piece, size, draft->offset[t] + at, draft->name));
    if (memcmp(piece, (const char *)tensor->data + (at - tensor->first * bytes), size) != 0)
      return status_error(EXIT_IO, "%s: the rows of %s do not read back as rank %d holds them", draft->name,
                          tensor->path, draft->comm->rank);
    watchdog_phase("compare checkpoint", -1);
  }
  return STATUS_OK;
}

static Status compare_tensors(const Draft *draft) {
  for (int t = 0; t < draft->tensors; t++)
    for (int64_t row = 0, end, count = draft->tensor[t].dim[0]; row < count; row = end) {
      int64_t first, stop;
      rows_holder(&draft->rows, t, row, count, &end);
      rows_to_check(&draft->rows, draft->comm->rank, t, row, end, &first, &stop);
      TRY(compare_rows(draft, t, first, stop));
    }
  return STATUS_OK;
}

static Status publish(const Draft *draft) {
  TRY(name_replace(draft->directory, draft->temporary, draft->base, draft->folder));
  TRY(place_latest(draft->directory, draft->folder, draft->head->step));
  place_retire(draft->directory, draft->folder, draft->head->step, draft->keep);
  return STATUS_OK;
}

static Status draft_write(Draft *draft, const char *dir) {
  const Comm *comm = draft->comm;
  int64_t step = draft->head->step;
  bool root = comm_is_root(comm);
  TRY(comm_agree(comm, draft_open(draft, dir)));
  watchdog_phase("hash checkpoint", step);
  TRY(rows_gather(&draft->rows, comm, draft->tensor, draft->tensors));
  TRY(rows_hash(draft->hash, &draft->rows, comm, draft->tensor));
  watchdog_phase("lay out checkpoint", step);
  TRY(comm_agree(comm, root ? lay_out(draft) : STATUS_OK));
  comm_share(comm, &draft->content, sizeof draft->content, 0);
  comm_share(comm, draft->offset, (size_t)draft->tensors * sizeof *draft->offset, 0);
  TRY(comm_agree(comm, root ? STATUS_OK : open_laid_out(draft)));
  watchdog_phase("write checkpoint", step);
  TRY(write_rows(draft));
  watchdog_phase("compare checkpoint", step);
  TRY(comm_agree(comm, compare_tensors(draft)));
  watchdog_phase("seal checkpoint", step);
  TRY(seal_write(comm, draft->file, draft->content, draft->name));
  watchdog_phase("publish checkpoint", step);
  return comm_agree(comm, root ? publish(draft) : STATUS_OK);
}

Status checkpoint_write(const Comm *comm, const char *dir, const CheckpointHead *head, const CheckpointTensor *tensor,
                        int tensors, int keep) {
  Draft *draft = calloc(1, sizeof *draft);
  Status status = comm_agree(comm, draft ? STATUS_OK : status_error(EXIT_INTERNAL, "out of memory for a checkpoint"));
  if (status.code != 0) {
    free(draft);
    return status;
  }
  *draft = (Draft){
      .comm = comm, .head = head, .tensor = tensor, .tensors = tensors, .keep = keep, .directory = -1, .file = -1};
  h5_quiet();
  status = draft_write(draft, dir);
  if (status.code != 0 && comm_is_root(comm) && draft->directory >= 0)
    name_remove(draft->directory, draft->temporary, draft->folder); // if that fails, the next job sweeps
  if (draft->file >= 0)
    close(draft->file);
  if (draft->directory >= 0)
    close(draft->directory);
  rows_free(&draft->rows);
  free(draft->offset);
  free(draft->hash);
  free(draft);
  return status;
}
