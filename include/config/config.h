#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H
/// One run, resolved: every key has a value. Read from YAML with file:line errors; only user of libyaml.
/// The table of keys in src/config/keys.c drives parsing, defaults, range checks, --print-config and the help text
/// alike. Its order of a choice's words is the order of the enum here.
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct Tree;
struct Node;

enum { NAME_MOST = 48, PATH_MOST = 1024, MODALITIES_MOST = 32, LAYERS_MOST = 12, LIST_MOST = 64, MEASURES_MOST = 24 };

typedef struct IntList {
  int count, item[LAYERS_MOST];
} IntList;

typedef struct NumberList {
  int count;
  double item[LIST_MOST];
} NumberList;

/// A number per modality; 0 <= index < modalities of the same Config.
typedef struct PerModality {
  double item[MODALITIES_MOST];
} PerModality;

typedef enum EncoderType { ENCODER_LINEAR, ENCODER_MLP, ENCODER_LENET, ENCODER_SNET, ENCODER_CNN } EncoderType;
typedef enum FusionType { FUSION_CONCAT, FUSION_SUM, FUSION_GATED, FUSION_ATTENTION } FusionType;
typedef enum MethodType { METHOD_VANILLA, METHOD_KD, METHOD_EBR } MethodType;
typedef enum FillType { FILL_ZERO, FILL_MEAN, FILL_LEARNED, FILL_SUBSTITUTE } FillType;
typedef enum ProtocolType { PROTOCOL_RATE, PROTOCOL_PATTERN, PROTOCOL_ALL_PATTERNS, PROTOCOL_LABEL } ProtocolType;
typedef enum OptimizerType { OPTIMIZER_SGD, OPTIMIZER_ADAM, OPTIMIZER_ADAMW } OptimizerType;
typedef enum ScheduleType { SCHEDULE_CONSTANT, SCHEDULE_STEP, SCHEDULE_COSINE, SCHEDULE_EXPONENTIAL } ScheduleType;
typedef enum AdversarialSchedule {
  ADVERSARIAL_JOINT,
  ADVERSARIAL_INTERLEAVE,
  ADVERSARIAL_ALTERNATE,
  ADVERSARIAL_DANN
} AdversarialSchedule;
typedef enum ActivationType { ACTIVATION_RELU, ACTIVATION_GELU, ACTIVATION_TANH } ActivationType;

typedef struct EncoderConfig {
  EncoderType type;
  int out;          // width of the representation; 0 (lenet, snet only): the type's own 160, 320
  IntList hidden;   // mlp: hidden widths
  IntList channels; // cnn: channels of its stages, each two 3x3 convolutions, norm, activation, then 2x2 max-pool
  ActivationType activation;
  bool norm;               // mlp: layer norm behind each hidden layer (cnn always has batch norm)
  double dropout;          // mlp: behind each hidden layer; cnn: before the last; below 0: as published for lenet, snet
} EncoderConfig;

typedef struct ModalityConfig {
  char name[NAME_MOST];
  EncoderConfig encoder;
} ModalityConfig;

typedef struct EbrConfig {
  IntList factor, inverse, discriminator; // hidden widths of h, h^-1, psi
  int latent;
  double weight; // of the reversed discriminator loss
  AdversarialSchedule schedule;
  int period;                         // epochs of one interleave block
  int patience;                       // stop rule: epochs without a better validation score; 0 is off
  double reconstruction, latent_task; // weights of the talk's optional terms
  bool substitute_training;               // training, too, puts substitutes in
  double dropout;                         // behind hidden layers of h and h^-1
  bool reallocated[MODALITIES_MOST];      // those with h and h^-1; none: all
  char ranking[8];                        // substitution: list (the paper's) | table (pairwise)
  char ranking_split[16];                 // validation | train: whose latents are compared
} EbrConfig;

/// What a run of method kd is: the whole procedure (and the model that it ends with), or one of its phases.
typedef enum KdStage { KD_ALL, KD_ALONE, KD_PROBE, KD_DISTIL } KdStage;

typedef struct KdConfig {
  double crd, logit, feature;    // weights of the three distillation losses
  double temperature;            // of logit KD
  int bank_negatives, embedding; // CRD's K and embedding width
  double bank_momentum, bank_temperature;
  bool student[MODALITIES_MOST];  // at most one; none: the eliminated modality is found
  bool teachers[MODALITIES_MOST]; // none: all others
  KdStage stage;
  bool freeze;                    // the student's encoder stays as distilled
  bool frozen[MODALITIES_MOST];   // not a key: set for the fusion run by the one that knows the student
  char order[32]; // weakest_to_strongest | strongest_to_weakest | strongest | random | simultaneous
} KdConfig;

typedef struct Config {
  char source[PATH_MOST]; // the file it came from, for messages
  struct {
    char name[128], out[PATH_MOST];
    uint64_t seed;
  } run;
  struct {
    char file[PATH_MOST], task[NAME_MOST];
    int batch;
    bool shuffle;
    bool standardize; // dense modalities: subtract the training mean, divide by the training deviation
  } data;
  int modalities;
  ModalityConfig modality[MODALITIES_MOST];
  struct {
    FusionType type;
    IntList hidden;
    double dropout;       // before the head
    int heads;            // attention
    PerModality own;      // weight of a task loss on the modality's vector alone, 0 by default
    PerModality strength; // 1 by default: factor on a modality's representation at the fusion input
  } fusion;
  struct {
    MethodType type;
    EbrConfig ebr;
    KdConfig kd;
  } method;
  struct {
    PerModality train;   // probability that a present modality is withheld from a training sample
    NumberList evaluate; // rates at which evaluation withholds each modality
    FillType fill;
    ProtocolType protocol;          // how training withholds
    bool withheld[MODALITIES_MOST]; // PROTOCOL_PATTERN: these are always withheld from training
    double label_slope; // PROTOCOL_LABEL: rate of class c is train * (1 + slope * (2c/(C-1) - 1)), clamped to [0, 1]
  } missingness;
  struct {
    PerModality rate; // share of training samples' entries, or amplitude, of uniform noise
    char kind[16];    // amplitude | entries
    PerModality shift; // pixels by which training pictures are moved at most
  } noise;
  struct {
    OptimizerType type;
    double learning_rate, weight_decay, clip_norm, momentum, beta1, beta2, epsilon;
    struct {
      ScheduleType type;
      double warmup_epochs, gamma; // step, exponential: factor
      int step_epochs;             // step: epochs between factors
    } schedule;
  } optimizer;
  struct {
    int epochs;
    char metric[48];        // early stop: validation.accuracy | validation.loss | validation.auroc | none
    int patience;           // epochs without improvement; 0 never stops
    char class_weights[16]; // none | balanced
  } train;
  struct {
    int modality_groups, data_shards; // 0: auto
    int slices, threads;
    char window[8]; // auto | on | off: gradients and parameters in a shared window of the node
  } grid;
  struct {
    int every_epochs, every_steps, keep; // keep 0: all
    double every_minutes;
  } checkpoint;
  struct {
    bool telemetry;   // probes and shares of modalities in metrics.jsonl
    int every_epochs; // 0: never
    int measures;
    char measure[MEASURES_MOST][24];
  } analysis;
} Config;

/// Reads `path`, applies `overrides` ("key.path=value", value in YAML) in order, fills defaults, checks everything.
/// EXIT_CONFIG with "PATH:LINE:COLUMN: what; what would be right" (all errors of one pass joined by " | " as far as
/// they fit; those of overrides begin with "--set:N", N from 1), EXIT_NO_INPUT when the file is missing or no regular
/// file, EXIT_IO. On failure *config is not to be used. Deterministic: the same on every rank that sees the same file.
Status config_read(Config *config, const char *path, const char *const *overrides, int count);

/// The same from text in memory (not NUL-terminated), `name` standing for the file in messages. The fuzz target.
Status config_parse(Config *config, const char *name, const char *text, int64_t size, const char *const *overrides,
                    int count);

/// The same from a map inside a document that has been parsed (config/tree.h): the `base` of a sweep. Complaints stay
/// in the tree too.
Status config_resolve(Config *config, struct Tree *tree, const struct Node *map);

/// The whole resolved tree as YAML that config_parse reads back to the same Config; owned by the caller (free).
char *config_print(const Config *config);

/// XXH64 of the resolved tree without run.name, run.out, checkpoint.* and grid.* but grid.slices: what decides the
/// result.
uint64_t config_hash(const Config *config);

/// Index of the modality called `name`, or -1.
int config_modality(const Config *config, const char *name);

/// Whether the key at a dotted path (modalities.NAME.… too) takes whole numbers only, so that a draw is to be rounded.
bool config_key_whole(const char *path);

/// One line per key: name, type, default, range, meaning; for --help and the README. Owned by the caller.
char *config_help(void);

#endif
