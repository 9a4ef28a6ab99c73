#include "checkpoint/verify.h"

#include "checkpoint/driver.h"
#include "checkpoint/files.h"
#include "checkpoint/h5.h"
#include "checkpoint/layout.h"
#include "checkpoint/rows.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "comm/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/// Seconds that the process that reads an untrusted file has, besides one for every 20 MB.
enum { PATIENCE = 20 };

static bool shape_is(hid_t dataset, const CheckpointTensor *tensor) {
  hid_t space = H5Dget_space(dataset);
  hsize_t dims[PARAMETER_DIMENSIONS];
  bool same = space >= 0 && H5Sget_simple_extent_ndims(space) == tensor->dimensions &&
              H5Sget_simple_extent_dims(space, dims, NULL) == tensor->dimensions;
  for (int d = 0; d < tensor->dimensions && same; d++)
    same = dims[d] == (hsize_t)tensor->dim[d];
  if (space >= 0)
    H5Sclose(space);
  return same;
}

static bool type_is_float(hid_t dataset) {
  hid_t type = H5Dget_type(dataset);
  bool same = type >= 0 && H5Tequal(type, H5T_IEEE_F32LE) > 0;
  if (type >= 0)
    H5Tclose(type);
  return same;
}

Status verify_dataset(int64_t *dataset, int64_t file, const CheckpointTensor *tensor, const char *name) {
  *dataset = H5Dopen2(file, tensor->path, H5P_DEFAULT);
  if (*dataset < 0) {
    h5_error(EXIT_DATA, name, "open"); // forgets the reason: this one is enough
    return status_error(EXIT_DATA, "%s: has no dataset %s", name, tensor->path);
  }
  Status status = STATUS_OK;
  if (!shape_is(*dataset, tensor))
    status = status_error(EXIT_DATA, "%s: %s has another shape than this model needs", name, tensor->path);
  else if (!type_is_float(*dataset))
    status = status_error(EXIT_DATA, "%s: %s is not of type 32-bit little-endian float", name, tensor->path);
  if (status.code != 0) {
    H5Dclose(*dataset);
    *dataset = -1;
  }
  return status;
}

Status verify_read_rows(float *to, int64_t dataset, const CheckpointTensor *tensor, int64_t row, int64_t end,
                        const char *name) {
  hsize_t start[PARAMETER_DIMENSIONS] = {0}, count[PARAMETER_DIMENSIONS];
  for (int d = 1; d < tensor->dimensions; d++)
    count[d] = (hsize_t)tensor->dim[d];
  int64_t width = rows_width(tensor), piece = rows_in_piece(tensor);
  for (int64_t at = row, next; at < end && width > 0; at = next) {
    next = at + piece < end ? at + piece : end;
    start[0] = (hsize_t)at;
    count[0] = (hsize_t)(next - at);
    hid_t file = H5Dget_space(dataset), memory = H5Screate_simple(tensor->dimensions, count, NULL);
    herr_t result = H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL);
    if (result >= 0)
      result = H5Dread(dataset, H5T_NATIVE_FLOAT, memory, file, H5P_DEFAULT, to + (at - row) * width);
    H5Sclose(memory);
    H5Sclose(file);
    if (result < 0)
      return h5_error(EXIT_DATA, name, "read");
    watchdog_phase("read checkpoint", -1);
  }
  return STATUS_OK;
}

static Status hash_dataset(uint64_t *value, int64_t dataset, const CheckpointTensor *tensor, const char *name) {
  int64_t piece = rows_in_piece(tensor), width = rows_width(tensor), count = tensor->dim[0];
  void *buffer;
  TRY(memory_take(&buffer, (size_t)(piece < count ? piece : count), (size_t)width * sizeof(float),
                  "a piece of a checkpoint"));
  Hash hash;
  hash_init(&hash);
  Status status = STATUS_OK;
  for (int64_t row = 0, end; row < count && status.code == 0; row = end) {
    end = row + piece < count ? row + piece : count;
    status = verify_read_rows(buffer, dataset, tensor, row, end, name);
    if (status.code == 0)
      hash_add(&hash, buffer, (size_t)((end - row) * width) * sizeof(float));
  }
  *value = hash_value(&hash);
  free(buffer);
  return status;
}

static Status compare_hash(int64_t dataset, const CheckpointTensor *tensor, const char *name) {
  uint64_t stored, value;
  if (h5_get_hash(dataset, "xxh64", &stored) < 0)
    return status_error(EXIT_DATA, "%s: %s has no xxh64 and cannot be trusted", name, tensor->path);
  TRY(hash_dataset(&value, dataset, tensor, name));
  if (value != stored)
    return status_error(EXIT_DATA, "%s: %s is damaged: its xxh64 is %016llx, not %016llx", name, tensor->path,
                        (unsigned long long)value, (unsigned long long)stored);
  return STATUS_OK;
}

Status verify_tensor(int64_t file, const CheckpointTensor *tensor, const char *name) {
  int64_t dataset;
  TRY(verify_dataset(&dataset, file, tensor, name));
  Status status = compare_hash(dataset, tensor, name);
  H5Dclose(dataset);
  return status;
}

static Status verify_opened(hid_t file, const CheckpointTensor *tensor, int tensors, const char *name) {
  if (file < 0)
    return h5_error(EXIT_DATA, name, "open");
  CheckpointHead head;
  TRY(layout_read_head(&head, file, name));
  for (int t = 0; t < tensors; t++)
    TRY(verify_tensor(file, &tensor[t], name));
  return STATUS_OK;
}

static Status verify_all(const CheckpointTensor *tensor, int tensors, DriverFile *on) {
  hid_t file = H5Fopen(on->name, H5F_ACC_RDONLY, driver_access(on));
  Status status = verify_opened(file, tensor, tensors, on->name);
  if (file >= 0)
    H5Fclose(file); // a crash here is a finding too
  return status;
}

/// In the child: nothing of MPI, no exit handlers, no core file, no last words, and an end with the parent or in time.
static _Noreturn void child(const CheckpointTensor *tensor, int tensors, DriverFile *on, int report) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0});
  int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere >= 0)
    dup2(nowhere, STDERR_FILENO);
  for (int s = 1; s < 32; s++)
    if (s != SIGKILL && s != SIGSTOP)
      signal(s, SIG_DFL);
  Status status = verify_all(tensor, tensors, on);
  ssize_t written = write(report, &status, sizeof status);
  _exit(written == sizeof status ? 0 : 1);
}

/// Waits for the child's Status; a child that dies or takes longer than its file deserves has none.
static Status hear(pid_t process, int report, double patience, const char *name) {
  Status status;
  double until = clock_seconds() + patience;
  size_t got = 0;
  while (got < sizeof status) {
    struct pollfd from = {.fd = report, .events = POLLIN};
    int ready = poll(&from, 1, 100);
    watchdog_phase("verify checkpoint", -1);
    ssize_t size = ready > 0 ? read(report, (char *)&status + got, sizeof status - got) : 0;
    if (size > 0)
      got += (size_t)size;
    if ((ready > 0 && size == 0) || (size < 0 && errno != EINTR) || clock_seconds() > until)
      break;
  }
  if (got < sizeof status)
    kill(process, SIGKILL);
  int ended = 0;
  while (waitpid(process, &ended, 0) < 0 && errno == EINTR)
    ;
  if (got == sizeof status)
    return status;
  if (WIFSIGNALED(ended) && WTERMSIG(ended) != SIGKILL)
    return status_error(EXIT_DATA, "%s: damaged: reading it crashes HDF5 (%s)", name, strsignal(WTERMSIG(ended)));
  return status_error(EXIT_DATA, "%s: damaged: HDF5 did not come to an end with it within %.0f s", name, patience);
}

static Status verify_in_child(const CheckpointTensor *tensor, int tensors, DriverFile *on, int64_t size) {
  int ends[2];
  if (pipe(ends) != 0)
    return file_error(on->name, "start a process to verify");
  pid_t process = fork();
  if (process == 0) {
    close(ends[0]);
    child(tensor, tensors, on, ends[1]);
  }
  close(ends[1]);
  Status status = process < 0 ? file_error(on->name, "start a process to verify") : STATUS_OK;
  if (status.code == 0)
    status = hear(process, ends[0], PATIENCE + (double)size / 2e7, on->name);
  close(ends[0]);
  return status;
}

Status verify_apart(const CheckpointTensor *tensor, int tensors, const char *name) {
  DriverFile on = {.name = name};
  int64_t size;
  TRY(file_open(&on.file, &size, name));
  Status status = verify_in_child(tensor, tensors, &on, size);
  close(on.file);
  return status;
}
