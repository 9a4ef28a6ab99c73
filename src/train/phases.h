#ifndef TRAIN_PHASES_H
#define TRAIN_PHASES_H
/// The procedure of knowledge distillation: a chain of ordinary runs in RUN/phases/NAME, and a last one in RUN itself. Each is locked, saved,
/// interrupted and resumed as any run; what one takes from another are start values, and what decides about the next (strengths, the
/// eliminated modality, the order of teachers) is measured anew from checkpoints, so nothing else needs to be remembered.
///   alone      every modality with a linear head of its own: the teachers, and their strength
///   joint      the vanilla multimodal run          } only when method.distillation.student names nobody
///   probe      fresh heads on its frozen encoders  } the student is where strength - probe is largest
///   distil-K-TEACHER   the student, from the teacher before on; distil-1 when all teach at once
/// RUN/phases.json tells what was found.
#include "train/run.h"

/// Collective. As run_train, for method kd in stage all.
Status phases_train(const Comm *comm, const Config *config, const RunOptions *options);

#endif
