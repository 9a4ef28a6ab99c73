#ifndef COMM_NODE_H
#define COMM_NODE_H
/// Memory that the ranks of one node share: a data set is read once per node, by the node's first rank.
#include "comm/comm.h"

#include <stddef.h>

typedef struct NodeBlock {
  MPI_Comm node;
  MPI_Win window;
  void *memory;   // the same bytes on every rank of the node, 64-byte aligned
  int rank;       // on this node; 0 is the one that fills the block
} NodeBlock;

/// Collective. One block of `bytes` per node. All ranks of a node name the same size.
Status node_block_open(NodeBlock *block, const Comm *comm, size_t bytes);
/// True on the one rank of each node that fills the block.
bool node_block_fills(const NodeBlock *block);
/// Collective over the node: what its rank 0 wrote is now seen by all.
void node_block_publish(NodeBlock *block);
/// Collective over the node: the bytes of its rank 0 become everybody's.
void node_block_share(NodeBlock *block, void *bytes, size_t size);
void node_block_close(NodeBlock *block);

/// This rank's number on its node. Collective.
int node_rank(const Comm *comm);

/// Collective. Numbers the nodes on which some rank says `counts`: *node is that of this rank's node (-1 if none does), *nodes how many.
void node_place(int *node, int *nodes, const Comm *comm, bool counts);

#endif
