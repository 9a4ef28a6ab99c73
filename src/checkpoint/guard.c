#include "checkpoint/guard.h"

#include <mpi.h>
#include <stdbool.h>
#include <string.h>

// Which calls are ours to judge is known only by who is being called: a property of the process for as long as it
// lasts.
static struct {
  const char *name; // NULL: not guarding
  bool opening;
  MPI_File put_off; // to be closed, or MPI_FILE_NULL
  Status failure;
} guard;

void guard_begin(const char *name) {
  guard.name = name;
  guard.opening = true;
  guard.put_off = MPI_FILE_NULL;
  guard.failure = STATUS_OK;
}

Status guard_opened(void) {
  guard.opening = false;
  return guard.failure;
}

Status guard_end(void) {
  guard.name = NULL;
  return guard.failure;
}

/// What the caller is told of the result.
static int judge(int result, const char *what) {
  if (!guard.name || result == MPI_SUCCESS)
    return result;
  char reason[MPI_MAX_ERROR_STRING + 1] = "";
  int length;
  MPI_Error_string(result, reason, &length);
  if (guard.failure.code == 0)
    guard.failure = status_error(EXIT_IO, "%s: cannot %s: %s", guard.name, what, reason);
  return MPI_SUCCESS;
}

/// The same for a write of `wanted` elements: some implementations call a short write a success.
static int judge_write(int result, MPI_Status *status, int wanted, MPI_Datatype type) {
  int written;
  if (!guard.name)
    return result;
  if (result == MPI_SUCCESS && PMPI_Get_count(status, type, &written) == MPI_SUCCESS && written != wanted) {
    if (guard.failure.code == 0)
      guard.failure =
          status_error(EXIT_IO, "%s: cannot write: only a part was taken, the disk may be full", guard.name);
    result = MPI_ERR_IO;
  }
  if (result != MPI_SUCCESS)
    PMPI_Status_set_elements(status, type, wanted);
  return judge(result, "write");
}

static int judge_read(int result, void *bytes, MPI_Status *status, int wanted, MPI_Datatype type) {
  int size;
  if (!guard.name || !guard.opening || result == MPI_SUCCESS || PMPI_Type_size(type, &size) != MPI_SUCCESS)
    return result;
  memset(bytes, 0, (size_t)size * (size_t)wanted);
  PMPI_Status_set_elements(status, type, wanted);
  return judge(result, "read");
}

int MPI_File_read_at(MPI_File file, MPI_Offset offset, void *bytes, int count, MPI_Datatype type, MPI_Status *status) {
  MPI_Status own;
  if (status == MPI_STATUS_IGNORE)
    status = &own;
  return judge_read(PMPI_File_read_at(file, offset, bytes, count, type, status), bytes, status, count, type);
}

int MPI_File_write_at(MPI_File file, MPI_Offset offset, const void *bytes, int count, MPI_Datatype type,
                      MPI_Status *status) {
  MPI_Status own;
  if (status == MPI_STATUS_IGNORE)
    status = &own;
  return judge_write(PMPI_File_write_at(file, offset, bytes, count, type, status), status, count, type);
}

int MPI_File_write_at_all(MPI_File file, MPI_Offset offset, const void *bytes, int count, MPI_Datatype type,
                          MPI_Status *status) {
  MPI_Status own;
  if (status == MPI_STATUS_IGNORE)
    status = &own;
  return judge_write(PMPI_File_write_at_all(file, offset, bytes, count, type, status), status, count, type);
}

int MPI_File_set_size(MPI_File file, MPI_Offset size) {
  return judge(PMPI_File_set_size(file, size), "set the length");
}
int MPI_File_sync(MPI_File file) { return judge(PMPI_File_sync(file), "flush to disk"); }
int MPI_File_close(MPI_File *file) {
  if (guard.name && guard.opening) {
    guard.put_off = *file;
    *file = MPI_FILE_NULL;
    return MPI_SUCCESS;
  }
  return judge(PMPI_File_close(file), "close");
}

void guard_give_up(const Comm *comm, bool opened) {
  if (comm_any(comm, opened || guard.put_off == MPI_FILE_NULL))
    comm_abandon();
  else
    PMPI_File_close(&guard.put_off);
}
