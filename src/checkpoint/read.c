// Nothing of a file is used before all of it has been verified, by all ranks, and each rank reads with its own plain
// HDF5 handle: reading needs no collective call, so none can hang.
#include "checkpoint/checkpoint.h"
#include "checkpoint/driver.h"
#include "checkpoint/files.h"
#include "checkpoint/h5.h"
#include "checkpoint/layout.h"
#include "checkpoint/places.h"
#include "checkpoint/rows.h"
#include "checkpoint/seal.h"
#include "checkpoint/verify.h"

#include "base/log.h"
#include "base/text.h"
#include "comm/watchdog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// 0 in what is expected stands for "any".
static Status head_expected(const CheckpointHead *head, const CheckpointHead *expected, const char *name) {
  bool config = expected->config_hash && expected->config_hash != head->config_hash;
  bool data = expected->data_hash && expected->data_hash != head->data_hash;
  char text[300] = "";
  if (config)
    snprintf(text, sizeof text, " config_xxh64 is %016llx there and %016llx here;",
             (unsigned long long)head->config_hash, (unsigned long long)expected->config_hash);
  if (data)
    snprintf(text + strlen(text), sizeof text - strlen(text), " data_xxh64 is %016llx there and %016llx here;",
             (unsigned long long)head->data_hash, (unsigned long long)expected->data_hash);
  if (!config && !data)
    return STATUS_OK;
  return status_error(EXIT_CONFIG,
                      "%s: belongs to another run:%s go on with the same %s%s%s, or start a new run directory", name,
                      text, config ? "configuration" : "", config && data ? " and " : "", data ? "data file" : "");
}

static Status read_tensors(int64_t file, CheckpointTensor *tensor, int tensors, const Comm *comm, const char *name) {
  for (int t = 0; t < tensors; t++) {
    if (t % comm->ranks == comm->rank)
      TRY(verify_tensor(file, &tensor[t], name));
    int64_t dataset;
    TRY(verify_dataset(&dataset, file, &tensor[t], name));
    Status status = verify_read_rows(tensor[t].data, dataset, &tensor[t], tensor[t].first, tensor[t].end, name);
    H5Dclose(dataset);
    TRY(status);
  }
  return STATUS_OK;
}

static Status read_open(const Comm *comm, int64_t file, const char *name, CheckpointHead *head,
                        CheckpointTensor *tensor, int tensors) {
  CheckpointHead found;
  TRY(comm_agree(comm, layout_read_head(&found, file, name)));
  TRY(comm_agree(comm, head_expected(&found, head, name)));
  TRY(comm_agree(comm, read_tensors(file, tensor, tensors, comm, name)));
  *head = found;
  return STATUS_OK;
}

/// Collective. Each rank reads a file that has been verified, with its own descriptor.
static Status read_verified(const Comm *comm, const char *name, CheckpointHead *head, CheckpointTensor *tensor,
                            int tensors) {
  DriverFile on = {.name = name};
  int64_t size;
  Status opened = file_open(&on.file, &size, name);
  hid_t access = opened.code ? -1 : driver_access(&on), file = access < 0 ? -1 : H5Fopen(name, H5F_ACC_RDONLY, access);
  if (opened.code == 0 && file < 0)
    opened = on.failure.code ? on.failure : h5_error(EXIT_DATA, name, "open");
  if (access >= 0)
    H5Pclose(access);
  Status status = comm_agree(comm, opened);
  if (status.code == 0)
    status = read_open(comm, file, name, head, tensor, tensors);
  if (file >= 0)
    H5Fclose(file);
  if (on.file >= 0)
    close(on.file);
  return status;
}

Status checkpoint_read(const Comm *comm, const char *name, CheckpointHead *head, CheckpointTensor *tensor,
                       int tensors) {
  h5_quiet();
  watchdog_phase("verify checkpoint", -1);
  bool sealed;
  TRY(seal_verify(comm, name, true, &sealed));
  if (!sealed)
    TRY(comm_agree(comm, comm_is_root(comm) ? verify_apart(tensor, tensors, name) : STATUS_OK));
  watchdog_phase("read checkpoint", -1);
  TRY(read_verified(comm, name, head, tensor, tensors));
  if (!sealed)
    log_warning("%s: was written by another program; only its datasets could be verified", name);
  return STATUS_OK;
}

/// The steps that there are, the same on all ranks. *step is owned.
static Status steps_share(int64_t **step, int *count, const Comm *comm, const char *folder) {
  *step = NULL;
  *count = 0;
  Status status = comm_agree(comm, comm_is_root(comm) ? place_list(step, count, folder) : STATUS_OK);
  comm_share(comm, count, sizeof *count, 0);
  if (status.code == 0 && !*step && *count) {
    *step = malloc((size_t)*count * sizeof **step);
    if (!*step)
      status = status_error(EXIT_INTERNAL, "%s: out of memory for its list of checkpoints", folder);
  }
  status = comm_agree(comm, status);
  if (status.code == 0)
    comm_share(comm, *step, (size_t)*count * sizeof **step, 0);
  return status;
}

/// Damage is a reason to look at the checkpoint before; anything else is not.
static bool passes_over(const Status *status) {
  return status->code == EXIT_DATA || status->code == EXIT_IO || status->code == EXIT_NO_INPUT;
}

static Status none_good(const char *folder, int count, const char *reasons) {
  return status_error(
      EXIT_DATA, "%s: none of its %d checkpoint%s can be used: %s; restore one, or start anew in another directory",
      folder, count, count == 1 ? "" : "s", reasons);
}

static Status read_newest(const Comm *comm, const char *dir, const char *folder, const int64_t *step, int count,
                          CheckpointHead *head, CheckpointTensor *tensor, int tensors, bool *found) {
  char reasons[3 * STATUS_TEXT / 4] = "";
  for (int i = 0; i < count; i++) {
    char name[FILE_PATH];
    TRY(comm_agree(comm, place_file(name, dir, step[i], "")));
    Status status = checkpoint_read(comm, name, head, tensor, tensors);
    *found = status.code == 0;
    if (*found || !passes_over(&status))
      return status;
    log_warning("%s; the checkpoint before it is tried", status.text);
    const char *reason =
        strncmp(status.text, folder, strlen(folder)) == 0 ? status.text + strlen(folder) + 1 : status.text;
    size_t length = strlen(reasons);
    text_print(reasons + length, sizeof reasons - length, "%s%s", length ? "; " : "", reason);
  }
  return none_good(folder, count, reasons);
}

Status checkpoint_read_latest(const Comm *comm, const char *dir, CheckpointHead *head, CheckpointTensor *tensor,
                              int tensors, bool *found) {
  *found = false;
  char folder[FILE_PATH];
  TRY(comm_agree(comm, place_folder(folder, dir)));
  int64_t *step;
  int count;
  Status status = steps_share(&step, &count, comm, folder);
  if (status.code == 0 && count > 0)
    status = read_newest(comm, dir, folder, step, count, head, tensor, tensors, found);
  free(step);
  return status;
}
