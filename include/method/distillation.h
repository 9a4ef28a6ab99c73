#ifndef METHOD_DISTILLATION_H
#define METHOD_DISTILLATION_H
/// The memory of contrastive distillation: for each teacher two banks of unit vectors, one row for every training sample that shows
/// student and teacher. They stand in the state list (bank/TEACHER/student, bank/TEACHER/teacher [rows, embedding], Z beside them), the same
/// on every rank, so checkpoints carry them and no grid changes them.
#include "comm/grid.h"
#include "method/method.h"

typedef struct Bank {
  int modality;                // the teacher
  int rows, classes;
  int32_t *row_of;             // owned [samples]: row in the bank, -1: none
  int32_t *by_class;           // owned [rows]: rows sorted by class, in order within
  int32_t *begin;              // owned [classes + 1]: where a class begins in it
  int student_state, teacher_state; // in the state list
  Value index, student, teacher;    // of the fusion graph: candidates [1 + K], embeddings [embedding]
  int32_t *index_data;         // owned [room, 1 + K]
} Bank;

typedef struct Distillation {
  const Config *config;
  const int32_t *labels;       // borrowed [samples]
  int student, banks;
  Bank bank[MODALITIES_MOST];
  float *gathered;             // owned [batch, 2, embedding]
} Distillation;

/// Sorts the training samples that show both into the next bank. EXIT_DATA when there is none, or when a class has no other to be told from.
Status bank_open(Distillation *distillation, const Dataset *dataset, int teacher);
void distillation_close(Distillation *distillation);
Status distillation_room(Distillation *distillation, int batch, int room);

/// Draws the candidates of the rows here: the row's own entry (-1 when it does not show both, or is no training sample), then K of other classes,
/// each independently and with equal probability: word k of (seed, RANDOM_NEGATIVES, epoch, teacher; sample). view NULL: nothing is drawn,
/// only bound, for passes outside of training.
void distillation_draw(Distillation *distillation, Graph *graph, const BatchView *view, uint64_t seed, uint32_t epoch);

/// Collective. entry <- normalised (momentum entry + (1 - momentum) embedding) for every row of the batch that shows both.
void distillation_update(Distillation *distillation, Graph *graph, const BatchView *view, const Grid *grid,
                         const Parameters *list, float *state);

#endif
