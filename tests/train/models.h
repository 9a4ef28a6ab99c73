#ifndef TRAIN_MODELS_H
#define TRAIN_MODELS_H
/// Small models that together touch every encoder, fusion, fill, optimiser, schedule and method, and the data they need.
#include "fixture.h"

/// Three data sets: 3 modalities as pictures, spectrograms and vectors; bags of codes; six small vectors.
static inline void models_data(const char *folder) {
  static const char *const pictures[] = {"samples=90",
                                         "classes=4",
                                         "width=256,64,12",
                                         "noise=4",
                                         "kind=image,spectrogram,vector",
                                         "missing=0.2",
                                         "names=image,audio,text",
                                         "validation=0.2",
                                         "test=0.2",
                                         NULL};
  static const char *const bags[] = {"samples=80",
                                     "classes=5",
                                     "width=9,7,6",
                                     "noise=1",
                                     "kind=codes,codes,vector",
                                     "missing=0.1,0.4,0",
                                     "names=drugs,labs,vitals",
                                     NULL};
  static const char *const views[] = {"samples=100", "classes=4",    "modalities=6", "width=8,5,6,7,9,4",
                                      "noise=1",     "predictive=2", "missing=0.3",  NULL};
  static const char *const *const sets[] = {pictures, bags, views};
  static const char *const names[] = {"pictures", "bags", "views"};
  for (int k = 0; k < 3; k++) {
    char path[FIXTURE_PATH + 32];
    snprintf(path, sizeof path, "%s/%s.h5", folder, names[k]);
    fixture_data(path, sets[k]);
  }
}

static const Model models[] = {
    // Batch norm and dropout in two encoders, a batch smaller than the slices at the end (54 = 2 * 24 + 6), class weights.
    {"cnn", "pictures",
     "data: {batch: 24, standardize: true}\n"
     "modalities:\n"
     "  image: {encoder: {type: cnn, channels: [3, 4], out: 8, activation: gelu, dropout: 0.3}}\n"
     "  audio: {encoder: {type: snet, out: 8, dropout: auto}}\n"
     "  text: {encoder: {type: mlp, hidden: [9, 7], out: 8, norm: true, dropout: 0.2}}\n"
     "fusion: {type: concat, hidden: [11], dropout: 0.4, strength: {audio: 2.0}}\n"
     "missingness: {train: {audio: 0.6, text: 0.3}, fill: learned, evaluate: [0.5]}\n"
     "optimizer: {type: sgd, learning_rate: 0.05, weight_decay: 1.0e-3, clip_norm: 0.5, schedule: {type: step, "
     "step_epochs: 1}}\n"
     "train: {epochs: 2, class_weights: balanced, early_stop: {metric: validation.loss}}\n"},
    {"lenet", "pictures",
     "data: {batch: 20}\n"
     "modalities:\n"
     "  text: {encoder: {type: linear, out: 6}}\n"
     "  image: {encoder: {type: lenet, out: 6, dropout: auto}}\n"
     "  audio: {encoder: {type: mlp, hidden: [5], out: 6, activation: tanh}}\n"
     "fusion: {type: attention, heads: 3, hidden: []}\n"
     "noise: {shift: {image: 3}, rate: {text: 0.2}}\n"
     "missingness: {train: 0.4, fill: mean, evaluate: [0.3]}\n"
     "optimizer: {type: adamw, learning_rate: 0.01, weight_decay: 0.1, schedule: {type: cosine, warmup_epochs: 0.5}}\n"
     "train: {epochs: 2, early_stop: {metric: validation.accuracy, patience: 1}}\n"},
    // Bags of codes, a binary task with samples that have no label; text of the protocol by label.
    {"bags", "bags",
     "data: {batch: 13, task: late, shuffle: false}\n"
     "modalities:\n"
     "  drugs: {encoder: {type: mlp, hidden: [6], out: 5}}\n"
     "  labs: {encoder: {type: linear, out: 4}}\n"
     "  vitals: {encoder: {type: mlp, hidden: [], out: 7}}\n"
     "fusion: {type: gated, hidden: [6, 5]}\n"
     "missingness: {train: 0.5, fill: zero, protocol: label, evaluate: [0.2, 0.9]}\n"
     "optimizer: {type: adam, learning_rate: 0.02, clip_norm: 0, schedule: {type: exponential}}\n"
     "train: {epochs: 2, early_stop: {metric: validation.auroc}}\n"},
    // Every batch lacks a modality; a batch of 7 has an empty slice.
    {"withheld", "bags",
     "data: {batch: 7}\n"
     "modalities: {vitals: {encoder: {out: 4, hidden: [3]}}, labs: {encoder: {out: 4, hidden: [3]}}, drugs: {encoder: "
     "{out: 4, hidden: [3]}}}\n"
     "fusion: {type: sum, hidden: [5]}\n"
     "missingness: {protocol: pattern, withheld: [labs], fill: learned, evaluate: [0.5]}\n"
     "train: {epochs: 1}\n"},
    {"ebr", "views",
     "data: {batch: 30}\n"
     "modalities:\n"
     "  m0: {encoder: {hidden: [6], out: 5, dropout: 0.2}}\n"
     "  m1: {encoder: {hidden: [6], out: 4, norm: true}}\n"
     "  m2: {encoder: {type: linear, out: 5}}\n"
     "  m3: {encoder: {hidden: [4], out: 5}}\n"
     "  m4: {encoder: {hidden: [4], out: 5}}\n"
     "  m5: {encoder: {hidden: [4], out: 5}}\n"
     "fusion: {type: concat, hidden: [8], own: {m1: 0.5, m4: 2.0}}\n"
     "method: {type: ebr, modalities: [m0, m1, m3, m5], factor: [7], latent: 6, inverse: [7], discriminator: [6, 5], adversarial: {schedule: "
     "interleave, period: 1, weight: 0.5, patience: 2}}\n"
     "missingness: {train: {m0: 0.5, m1: 0.9, m5: 1.0}, fill: learned, evaluate: [0.4]}\n"
     "train: {epochs: 3, early_stop: {metric: validation.accuracy, patience: 5}}\n"},
    {"ebr-cnn", "pictures",
     "data: {batch: 25, standardize: true}\n"
     "modalities:\n"
     "  audio: {encoder: {type: cnn, channels: [3], out: 6}}\n"
     "  image: {encoder: {type: cnn, channels: [2, 3], out: 6, dropout: 0.1}}\n"
     "fusion: {type: sum, hidden: [8]}\n"
     "method: {type: ebr, factor: [], latent: 6, inverse: [], discriminator: [], adversarial: {schedule: dann}}\n"
     "missingness: {train: 0.3, fill: mean, evaluate: [0.4]}\n"
     "optimizer: {type: sgd, momentum: 0, clip_norm: 0.1}\n"
     "train: {epochs: 2}\n"},
    {"substitute", "views",
     "data: {batch: 30}\n"
     "modalities: {m1: {encoder: {hidden: [6], out: 5}}, m3: {encoder: {out: 5}}, m4: {encoder: {out: 5}}}\n"
     "fusion: {type: concat, hidden: [8]}\n"
     "method: {type: ebr, factor: [7], latent: 6, inverse: [7], discriminator: [6], adversarial: {schedule: alternate, "
     "period: 1}, reconstruction: {weight: 0.3}, latent_task: {weight: 0.2}, dropout: 0.3, substitution: {training: "
     "true}}\n"
     "missingness: {train: 0.5, fill: substitute, evaluate: [0.4]}\n"
     "train: {epochs: 3}\n"},
    // Phases: alone, joint, probe, distillations, and the fusion at last.
    {"kd", "pictures",
     "data: {batch: 27}\n"
     "modalities: {image: {encoder: {hidden: [6], out: 5}}, audio: {encoder: {type: cnn, channels: [3], out: 5}}, "
     "text: "
     "{encoder: {out: 5, hidden: [4], dropout: 0.1}}}\n"
     "fusion: {hidden: [7]}\n"
     "method: {type: kd, distillation: {crd: 0.5, logit: 0.3, feature: 0.2, negatives: 6, embedding: 4}}\n"
     "missingness: {train: 0.2, fill: learned, evaluate: [0.4]}\n"
     "train: {epochs: 1, early_stop: {metric: validation.accuracy}}\n"},
};
enum { MODELS = sizeof models / sizeof *models };

#endif
