#ifndef CHECKPOINT_SEAL_H
#define CHECKPOINT_SEAL_H
/// Proof that a file is whole, to be had before any of it is parsed. A sealed file is
///
///   [0, 4096)         the seal: text, with its own hash at the end (HDF5 calls the place "user block" and skips it)
///   [4096, content)    what libhdf5 wrote, cut into blocks of SEAL_BLOCK bytes
///   [content, total)  one XXH64 a block (HDF5 ignores bytes behind its own end)
///
/// Any change of any byte, a cut and an addition are noticed, and the block is named. A file that begins with HDF5's
/// own signature was written by somebody else and has no seal; one that was opened for writing by another program since
/// has lost it (its hashes are cut off behind `content`). Neither is refused here; their datasets have hashes of their
/// own.
#include "comm/comm.h"

enum { SEAL_SIZE = 4096, SEAL_BLOCK = 4096 };

/// Where the parts of the file end, and the hash of the hashes.
typedef struct Seal {
  int64_t content, total;
  uint64_t table;
} Seal;

/// Bytes that a seal adds behind `content`.
int64_t seal_table(int64_t content);

/// Collective. Seals the open file (each rank has its own descriptor, open for reading and writing) whose content ends
/// at `content`, and flushes it to disk. EXIT_IO.
Status seal_write(const Comm *comm, int file, int64_t content, const char *name);

/// Collective. *sealed tells whether the file has a seal; if it has, all of it is right. EXIT_DATA: it is damaged, and
/// where; EXIT_IO, EXIT_NO_INPUT. The ranks share the work. With `explain` a single flipped bit is looked for (15 ms)
/// and named.
Status seal_verify(const Comm *comm, const char *name, bool explain, bool *sealed);

/// Local. The one bit of a block that explains its hash, as an offset of the file in bits; -1: more than one bit is
/// wrong.
int64_t seal_find_bit(unsigned char *block, size_t size, int64_t offset, uint64_t hash);

#endif
