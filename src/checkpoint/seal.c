#include "checkpoint/seal.h"

#include "base/hash.h"
#include "base/memory.h"
#include "checkpoint/files.h"
#include "comm/watchdog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEAL_TEXT = SEAL_SIZE - 17, TABLE_PIECE = 4096 };
static const char seal_format[] =
    "rebasis-checkpoint: an HDF5 file behind 4096 bytes of seal\ncontent %lld\ntotal %lld\nblock "
    "4096\ntable %llx\n";
static const unsigned char hdf5_signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

static int64_t block_count(int64_t content) { return (content - SEAL_SIZE + SEAL_BLOCK - 1) / SEAL_BLOCK; }
static size_t block_size(int64_t content, int64_t block) {
  int64_t rest = content - SEAL_SIZE - block * SEAL_BLOCK;
  return rest < SEAL_BLOCK ? (size_t)rest : SEAL_BLOCK;
}

int64_t seal_table(int64_t content) { return block_count(content) * (int64_t)sizeof(uint64_t); }

static void seal_print(char text[SEAL_SIZE + 1], const Seal *seal) {
  memset(text, '\n', SEAL_SIZE);
  int length = snprintf(text, SEAL_SIZE, seal_format, (long long)seal->content, (long long)seal->total,
                        (unsigned long long)seal->table);
  text[length] = '\n';
  snprintf(text + SEAL_TEXT, 18, "%016llx\n", (unsigned long long)hash_bytes(text, SEAL_TEXT));
}

/// Parses by writing anew: whatever is not exactly what we would have written is not a seal.
static bool seal_parse(Seal *seal, const char text[SEAL_SIZE + 1]) {
  long long content, total;
  unsigned long long table;
  if (sscanf(text, seal_format, &content, &total, &table) != 3)
    return false;
  *seal = (Seal){content, total, table};
  char again[SEAL_SIZE + 1];
  seal_print(again, seal);
  return memcmp(text, again, SEAL_SIZE) == 0 && content > SEAL_SIZE && content <= INT64_MAX / 2 &&
         total == content + seal_table(content);
}

/// A rank's consecutive share of the blocks.
static void blocks_here(const Comm *comm, int64_t blocks, int64_t *first, int64_t *end) {
  *first = blocks / comm->ranks * comm->rank + blocks % comm->ranks * comm->rank / comm->ranks;
  *end = blocks / comm->ranks * (comm->rank + 1) + blocks % comm->ranks * (comm->rank + 1) / comm->ranks;
}

/// table[end - first] becomes the hashes of the blocks.
static Status blocks_hash(uint64_t *table, int64_t first, int64_t end, int file, int64_t content, const char *name) {
  unsigned char block[SEAL_BLOCK];
  for (int64_t b = first; b < end; b++) {
    size_t size = block_size(content, b);
    TRY(file_read(file, block, size, SEAL_SIZE + b * SEAL_BLOCK, name));
    table[b - first] = hash_bytes(block, size);
  }
  return STATUS_OK;
}

/// Hash of the table as it is in the file.
static Status table_hash(uint64_t *value, int file, int64_t content, const char *name) {
  char piece[TABLE_PIECE * sizeof(uint64_t)];
  Hash hash;
  hash_init(&hash);
  Status status = STATUS_OK;
  int64_t end = content + seal_table(content);
  for (int64_t at = content; at < end && status.code == 0; at += (int64_t)sizeof piece) {
    size_t size = end - at < (int64_t)sizeof piece ? (size_t)(end - at) : sizeof piece;
    status = file_read(file, piece, size, at, name);
    hash_add(&hash, piece, size);
  }
  *value = hash_value(&hash);
  return status;
}

static Status write_table(const Comm *comm, int file, int64_t content, const char *name) {
  uint64_t table[TABLE_PIECE];
  int64_t first, end;
  blocks_here(comm, block_count(content), &first, &end);
  for (int64_t b = first; b < end; b += TABLE_PIECE) {
    int64_t stop = b + TABLE_PIECE < end ? b + TABLE_PIECE : end;
    watchdog_phase("seal checkpoint", -1);
    TRY(blocks_hash(table, b, stop, file, content, name));
    TRY(file_write(file, table, (size_t)(stop - b) * sizeof *table, content + b * (int64_t)sizeof *table, name));
  }
  return file_sync(file, name);
}

static Status write_seal(int file, int64_t content, const char *name) {
  Seal seal = {.content = content, .total = content + seal_table(content)};
  TRY(table_hash(&seal.table, file, content, name));
  char text[SEAL_SIZE + 1];
  seal_print(text, &seal);
  TRY(file_write(file, text, SEAL_SIZE, 0, name));
  return file_sync(file, name);
}

Status seal_write(const Comm *comm, int file, int64_t content, const char *name) {
  TRY(comm_agree(comm, write_table(comm, file, content, name)));
  return comm_agree(comm, comm_is_root(comm) ? write_seal(file, content, name) : STATUS_OK);
}

int64_t seal_find_bit(unsigned char *block, size_t size, int64_t offset, uint64_t hash) {
  for (size_t bit = 0; bit < 8 * size; bit++) {
    block[bit / 8] ^= (unsigned char)(1u << bit % 8);
    bool found = hash_bytes(block, size) == hash;
    block[bit / 8] ^= (unsigned char)(1u << bit % 8);
    if (found)
      return 8 * offset + (int64_t)bit;
  }
  return -1;
}

static Status damaged_block(int file, int64_t content, int64_t b, uint64_t hash, bool explain, const char *name) {
  unsigned char block[SEAL_BLOCK];
  int64_t offset = SEAL_SIZE + b * SEAL_BLOCK, bit = -1;
  size_t size = block_size(content, b);
  if (explain && file_read(file, block, size, offset, name).code == 0)
    bit = seal_find_bit(block, size, offset, hash);
  if (bit >= 0)
    return status_error(EXIT_DATA, "%s: damaged: bit %d of byte %lld has flipped", name, (int)(bit % 8),
                        (long long)(bit / 8));
  return status_error(EXIT_DATA, "%s: damaged: bytes %lld to %lld are not what was written", name, (long long)offset,
                      (long long)offset + (long long)size - 1);
}

static Status verify_blocks(const Comm *comm, int file, const Seal *seal, bool explain, const char *name) {
  uint64_t wanted[TABLE_PIECE], table[TABLE_PIECE];
  int64_t first, end;
  blocks_here(comm, block_count(seal->content), &first, &end);
  for (int64_t b = first; b < end; b += TABLE_PIECE) {
    int64_t stop = b + TABLE_PIECE < end ? b + TABLE_PIECE : end;
    watchdog_phase("verify checkpoint", -1);
    TRY(file_read(file, wanted, (size_t)(stop - b) * sizeof *table, seal->content + b * (int64_t)sizeof *table, name));
    TRY(blocks_hash(table, b, stop, file, seal->content, name));
    for (int64_t i = b; i < stop; i++)
      if (table[i - b] != wanted[i - b])
        return damaged_block(file, seal->content, i, wanted[i - b], explain, name);
  }
  return STATUS_OK;
}

/// What is behind the content when the length is wrong: our hashes (the file was cut or something was added), or not.
static bool table_begins(int file, const Seal *seal, int64_t size, const char *name) {
  uint64_t first, stored;
  return size >= seal->content + (int64_t)sizeof stored &&
         file_read(file, &stored, sizeof stored, seal->content, name).code == 0 &&
         blocks_hash(&first, 0, 1, file, seal->content, name).code == 0 && first == stored;
}

/// Reads the seal. *sealed = false: none, or it was lost when another program wrote the file.
static Status read_seal(Seal *seal, bool *sealed, int file, int64_t size, const char *name) {
  char text[SEAL_SIZE + 1] = {0};
  *sealed = false;
  if (size < SEAL_SIZE)
    return status_error(EXIT_DATA, "%s: damaged: only %lld bytes are left of it", name, (long long)size);
  TRY(file_read(file, text, SEAL_SIZE, 0, name));
  if (memcmp(text, hdf5_signature, sizeof hdf5_signature) == 0)
    return STATUS_OK;
  if (!seal_parse(seal, text))
    return status_error(EXIT_DATA, "%s: damaged within its first %d bytes, or not a checkpoint", name, SEAL_SIZE);
  bool rewritten = size >= seal->content && size != seal->total && !table_begins(file, seal, size, name);
  if (size != seal->total && (!rewritten || (size > seal->content && size < seal->total)))
    return status_error(EXIT_DATA, "%s: damaged: it has %lld bytes, not %lld", name, (long long)size,
                        (long long)seal->total);
  *sealed = !rewritten;
  return STATUS_OK;
}

static Status verify_table(int file, const Seal *seal, const char *name) {
  uint64_t table;
  TRY(table_hash(&table, file, seal->content, name));
  if (table != seal->table)
    return status_error(EXIT_DATA, "%s: damaged: bytes %lld to %lld (the hashes) are not what was written", name,
                        (long long)seal->content, (long long)seal->total - 1);
  return STATUS_OK;
}

static Status verify_open(const Comm *comm, int file, int64_t size, const char *name, bool explain, bool *sealed) {
  Seal seal;
  TRY(comm_agree(comm, read_seal(&seal, sealed, file, size, name)));
  *sealed = !comm_any(comm, !*sealed);
  if (!*sealed)
    return STATUS_OK;
  TRY(comm_agree(comm, comm_is_root(comm) ? verify_table(file, &seal, name) : STATUS_OK));
  return comm_agree(comm, verify_blocks(comm, file, &seal, explain, name));
}

Status seal_verify(const Comm *comm, const char *name, bool explain, bool *sealed) {
  int file;
  int64_t size;
  Status opened = file_open(&file, &size, name);
  Status status = comm_agree(comm, opened);
  if (status.code == 0)
    status = verify_open(comm, file, size, name, explain, sealed);
  if (file >= 0)
    close(file);
  return status;
}
