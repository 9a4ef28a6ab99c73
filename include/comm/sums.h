#ifndef COMM_SUMS_H
#define COMM_SUMS_H
/// Sums of gradients over ranks in the one association of base/slices.h, and the parameters that they update.
/// The flat block of parameters is cut into units (whole rows of a tensor, about 4096 floats); every rank owns a run of units:
/// it sums their gradients, applies the optimiser to them, and publishes the result (a sharded optimiser).
/// On one node gradients and parameters live in a window of shared memory; between nodes they travel by messages. Same bits.
#include "comm/grid.h"
#include "graph/parameters.h"

/// A stage that adds to gradients: what graph_gradient_size, graph_parameter and graph_gradient_offset say of its graph. All ranks give the
/// same list of stages. Shared parameters (the discriminator) get the totals of several stages added in this order.
typedef struct SumStage {
  int modality;             // encoder stage of this modality; -1: fusion stage
  int64_t size;             // floats of its compact gradient block
  int parameters;
  const int *parameter;     // kept [parameters]: index in Parameters
  const int64_t *offset;    // kept [parameters]: in the compact block
} SumStage;

/// Some rows of one tensor.
typedef struct SumUnit {
  int parameter;
  int64_t first, end;       // rows of the tensor's first dimension
  int64_t offset, size;     // in the flat block, floats
} SumUnit;

typedef struct Sums Sums;

/// Collective. window: "auto" (when all ranks share a node), "on", "off". Takes the flat block, the gradient blocks of the stages
/// this rank runs, and what messages need.
Status sums_open(Sums **sums, const Grid *grid, const Parameters *parameters, const SumStage *stage, int stages, const char *window);
void sums_close(Sums *sums); // Collective

/// The flat block of parameters, complete on every rank. Between sums_reduce and sums_publish a rank may write its own units only.
float *sums_parameters(Sums *sums);

/// This rank's nodes of a stage, and the compact block of each, where graph_backward writes.
int sums_nodes(const Sums *sums, int stage, const SliceNode **node);
float *const *sums_gradients(const Sums *sums, int stage);

/// All units, and the run [*first, *end) that this rank owns.
const SumUnit *sums_units(const Sums *sums, int *units, int *first, int *end);

/// Collective. Makes the total gradient of each own unit; squares[units] becomes the sum of squares of every unit, of all ranks (double, one
/// chain per unit); riders[n] is summed over ranks on the way. threads share the work, and call each(user, unit), unless it is NULL, as soon
/// as the total of an own unit stands, while it is in the cache.
void sums_reduce(Sums *sums, double *squares, double *riders, int n, int threads, void (*each)(void *user, int unit), void *user);
/// The total gradient of an own unit [size].
const float *sums_total(const Sums *sums, int unit);

/// Collective. Makes the own units of the flat block visible to every rank.
void sums_publish(Sums *sums);

/// Bytes of shared and private memory that sums_open takes on this rank.
size_t sums_bytes(const Grid *grid, const Parameters *parameters, const SumStage *stage, int stages, int rank, bool window);

#endif
