#include "comm/node.h"

#include <stdint.h>

int node_rank(const Comm *comm) {
  MPI_Comm node;
  int rank;
  MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &rank);
  MPI_Comm_free(&node);
  return rank;
}

Status node_block_open(NodeBlock *block, const Comm *comm, size_t bytes) {
  MPI_Aint size;
  int unit;
  void *base;
  MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &block->node);
  MPI_Comm_rank(block->node, &block->rank);
  MPI_Win_allocate_shared(block->rank == 0 ? (MPI_Aint)(bytes + 64) : 0, 1, MPI_INFO_NULL, block->node, &base,
                          &block->window);
  MPI_Win_lock_all(MPI_MODE_NOCHECK, block->window);
  MPI_Win_shared_query(block->window, 0, &size, &unit, &base);
  block->memory = (void *)(((uintptr_t)base + 63) / 64 * 64);
  return STATUS_OK;
}

bool node_block_fills(const NodeBlock *block) { return block->rank == 0; }

void node_block_publish(NodeBlock *block) {
  MPI_Win_sync(block->window);
  MPI_Barrier(block->node);
  MPI_Win_sync(block->window);
}

void node_block_share(NodeBlock *block, void *bytes, size_t size) {
  MPI_Bcast(bytes, (int)size, MPI_BYTE, 0, block->node);
}

void node_block_close(NodeBlock *block) {
  MPI_Win_unlock_all(block->window);
  MPI_Win_free(&block->window);
  MPI_Comm_free(&block->node);
}

void node_place(int *node, int *nodes, const Comm *comm, bool counts) {
  MPI_Comm here;
  int any = counts, rank, before = 0;
  MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
  MPI_Comm_rank(here, &rank);
  MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_LOR, here);
  int first = any && rank == 0;
  MPI_Exscan(&first, &before, 1, MPI_INT, MPI_SUM, comm->world);
  before = comm->rank > 0 ? before : 0; // undefined on the first rank, which has nobody before it
  MPI_Bcast(&before, 1, MPI_INT, 0, here);
  MPI_Allreduce(&first, nodes, 1, MPI_INT, MPI_SUM, comm->world);
  *node = any ? before : -1;
  MPI_Comm_free(&here);
}
