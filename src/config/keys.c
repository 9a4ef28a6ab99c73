// The table of keys, and the questions that can be answered by looking at it.
#include "config/keys.h"

#include "base/slices.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH_MOST = 65536, EPOCHS_MOST = 1000000 };

static const char *const encoders[] = {"linear", "mlp", "lenet", "snet", "cnn", NULL};
static const char *const activations[] = {"relu", "gelu", "tanh", NULL};
static const char *const fusions[] = {"concat", "sum", "gated", "attention", NULL};
static const char *const methods[] = {"vanilla", "kd", "ebr", NULL};
static const char *const adversarial_schedules[] = {"joint", "interleave", "alternate", "dann", NULL};
static const char *const rankings[] = {"list", "table", NULL};
static const char *const ranking_splits[] = {"validation", "train", NULL};
static const char *const orders[] = {
    "weakest_to_strongest", "strongest_to_weakest", "strongest", "random", "simultaneous", NULL};
static const char *const kd_stages[] = {"all", "alone", "probe", "distil", NULL};
static const char *const fills[] = {"zero", "mean", "learned", "substitute", NULL};
static const char *const protocols[] = {"rate", "pattern", "all_patterns", "label", NULL};
static const char *const noises[] = {"amplitude", "entries", NULL};
static const char *const optimizers[] = {"sgd", "adam", "adamw", NULL};
static const char *const schedules[] = {"constant", "step", "cosine", "exponential", NULL};
static const char *const metrics[] = {"none", "validation.accuracy", "validation.loss", "validation.auroc", NULL};
static const char *const class_weights[] = {"none", "balanced", NULL};
static const char *const windows[] = {"auto", "on", "off", NULL};
static const char *const measures[] = {"rank",      "similarity", "agop",      "polysemanticity",  "classifier",
                                       "collision", "probe",      "subspaces", "substitutability", "vif",
                                       NULL};

// clang-format off
const Key key_table[] = {
  {"run.name", KEY_TEXT, offsetof(Config, run.name), .least = 1, .most = 127, .standard_text = "the file's name without .yaml", .harmless = true,
   .help = "name of the run in tables and reports: letters, digits, '.', '_' and '-'"},
  {"run.seed", KEY_SEED, offsetof(Config, run.seed), .least = 0, .most = 9007199254740991.0, .standard = "1",
   .help = "what all random numbers follow from; at most 2^53 - 1, so that every reader of JSON keeps it whole"},
  {"run.out", KEY_TEXT, offsetof(Config, run.out), .least = 1, .most = PATH_MOST - 1, .standard_text = "runs/ and run.name", .harmless = true,
   .help = "run directory, relative to the current directory"},

  {"data.file", KEY_TEXT, offsetof(Config, data.file), .least = 1, .most = PATH_MOST - 1, .standard_text = "none: must be given",
   .help = "data container made by `rebasis data`, relative to the current directory"},
  {"data.task", KEY_TEXT, offsetof(Config, data.task), .least = 0, .most = NAME_MOST - 1, .standard = "",
   .help = "task of the file whose labels are learnt; empty: its first one"},
  {"data.batch", KEY_WHOLE, offsetof(Config, data.batch), .least = 1, .most = 1 << 20, .standard = "128",
   .help = "samples in one step, over all ranks"},
  {"data.shuffle", KEY_BOOL, offsetof(Config, data.shuffle), .standard = "true",
   .help = "whether every epoch has an order of its own"},
  {"data.standardize", KEY_BOOL, offsetof(Config, data.standardize), .standard = "false",
   .help = "whether dense modalities have the training mean subtracted and are divided by the training deviation"},

  {"modalities.*.encoder.type", KEY_CHOICE, offsetof(ModalityConfig, encoder.type), .choices = encoders, .standard = "mlp",
   .help = "network that turns the modality into a vector"},
  {"modalities.*.encoder.out", KEY_WHOLE, offsetof(ModalityConfig, encoder.out), .least = 1, .most = WIDTH_MOST, .word = "auto", .standard = "auto",
   .help = "width of that vector; auto: what lenet and snet end with (160 for images of 28x28, 320 for spectrograms of 20x20), else 64"},
  {"modalities.*.encoder.hidden", KEY_WHOLES, offsetof(ModalityConfig, encoder.hidden), .least = 1, .most = WIDTH_MOST, .longest = LAYERS_MOST, .standard = "[256]",
   .help = "mlp: widths of the hidden layers"},
  {"modalities.*.encoder.channels", KEY_WHOLES, offsetof(ModalityConfig, encoder.channels), .least = 1, .most = 4096, .fewest = 1, .longest = LAYERS_MOST, .standard = "[32, 64]",
   .help = "cnn: channels of its stages, each two 3x3 convolutions and a 2x2 max-pool"},
  {"modalities.*.encoder.activation", KEY_CHOICE, offsetof(ModalityConfig, encoder.activation), .choices = activations, .standard = "relu",
   .help = "mlp, cnn: what stands between layers"},
  {"modalities.*.encoder.norm", KEY_BOOL, offsetof(ModalityConfig, encoder.norm), .standard = "false",
   .help = "mlp: layer norm behind each hidden layer (a cnn always has batch norm)"},
  {"modalities.*.encoder.dropout", KEY_NUMBER, offsetof(ModalityConfig, encoder.dropout), .least = 0, .most = 1, .below_most = true, .word = "auto", .standard = "0.0",
   .help = "mlp: share dropped behind each hidden layer; cnn: before the last layer; auto: as published for lenet (0.5) and snet (0.25), else none"},

  {"fusion.type", KEY_CHOICE, offsetof(Config, fusion.type), .choices = fusions, .standard = "concat",
   .help = "how the vectors of the modalities become one; sum and attention need equal widths"},
  {"fusion.hidden", KEY_WHOLES, offsetof(Config, fusion.hidden), .least = 1, .most = WIDTH_MOST, .longest = LAYERS_MOST, .standard = "[256]",
   .help = "widths of the ReLU layers between the fused vector and the head"},
  {"fusion.dropout", KEY_NUMBER, offsetof(Config, fusion.dropout), .least = 0, .most = 1, .below_most = true, .standard = "0.0",
   .help = "share dropped before the head"},
  {"fusion.heads", KEY_WHOLE, offsetof(Config, fusion.heads), .least = 1, .most = 256, .standard = "4",
   .help = "attention: heads; must divide the width of the vectors"},
  {"fusion.strength", KEY_PER_MODALITY, offsetof(Config, fusion.strength), .least = 0, .most = 1e6, .standard = "1.0",
   .help = "factor on the modality's vector where it enters the fusion"},

  {"fusion.own", KEY_PER_MODALITY, offsetof(Config, fusion.own), .least = 0, .most = 1e6, .standard = "0.0",
   .help = "weight of the task loss of a linear head on the modality's vector alone, where it enters the fusion: beta by loss; 0: no such head"},

  {"method.type", KEY_CHOICE, offsetof(Config, method.type), .choices = methods, .standard = "vanilla",
   .help = "vanilla: encoders and fusion; kd: cross-modal distillation first; ebr: explicit basis reallocation"},
  {"method.factor", KEY_WHOLES, offsetof(Config, method.ebr.factor), .least = 1, .most = WIDTH_MOST, .longest = LAYERS_MOST, .standard = "[1024]",
   .help = "ebr: hidden widths of h, from a modality's vector to the shared latent space"},
  {"method.latent", KEY_WHOLE, offsetof(Config, method.ebr.latent), .least = 1, .most = WIDTH_MOST, .standard = "512",
   .help = "ebr: width of the latent space"},
  {"method.inverse", KEY_WHOLES, offsetof(Config, method.ebr.inverse), .least = 1, .most = WIDTH_MOST, .longest = LAYERS_MOST, .standard = "[1024]",
   .help = "ebr: hidden widths of h^-1, from the latent space back to the modality's vector"},
  {"method.modalities", KEY_NAMES, offsetof(Config, method.ebr.reallocated), .longest = MODALITIES_MOST, .standard = "[]",
   .help = "ebr: the modalities that get h and h^-1 and face the discriminator; none: all"},
  {"method.dropout", KEY_NUMBER, offsetof(Config, method.ebr.dropout), .least = 0, .most = 1, .below_most = true, .standard = "0.0",
   .help = "ebr: share dropped behind each hidden layer of h and h^-1"},
  {"method.discriminator", KEY_WHOLES, offsetof(Config, method.ebr.discriminator), .least = 1, .most = WIDTH_MOST, .longest = LAYERS_MOST, .standard = "[512, 256]",
   .help = "ebr: hidden widths of psi, which guesses the modality from the latent vector"},
  {"method.adversarial.weight", KEY_NUMBER, offsetof(Config, method.ebr.weight), .least = 0, .most = 1e6, .standard = "1.0",
   .help = "ebr: weight of the reversed discriminator loss in encoders and h"},
  {"method.adversarial.schedule", KEY_CHOICE, offsetof(Config, method.ebr.schedule), .choices = adversarial_schedules, .standard = "interleave",
   .help = "ebr: both losses in every step (joint), blocks without and with the adversary (interleave), pure blocks (alternate), or a weight that grows from 0 (dann)"},
  {"method.adversarial.period", KEY_WHOLE, offsetof(Config, method.ebr.period), .least = 1, .most = EPOCHS_MOST, .standard = "10",
   .help = "ebr: epochs of one block of interleave and alternate"},
  {"method.adversarial.patience", KEY_WHOLE, offsetof(Config, method.ebr.patience), .least = 0, .most = EPOCHS_MOST, .standard = "0",
   .help = "ebr: the adversary stops after so many epochs without a better validation score; 0: never"},
  {"method.reconstruction.weight", KEY_NUMBER, offsetof(Config, method.ebr.reconstruction), .least = 0, .most = 1e6, .standard = "0.0",
   .help = "ebr: weight of the mean squared error of h^-1(h(u)) against u"},
  {"method.latent_task.weight", KEY_NUMBER, offsetof(Config, method.ebr.latent_task), .least = 0, .most = 1e6, .standard = "0.0",
   .help = "ebr: weight of the task loss on the latent vectors themselves"},
  {"method.substitution.ranking", KEY_WORD, offsetof(Config, method.ebr.ranking), .most = sizeof ((Config *)0)->method.ebr.ranking - 1, .choices = rankings, .standard = "list",
    .help = "ebr, fill substitute: nearest by place in one list (the paper), or by a table of all pairs"},
  {"method.substitution.split", KEY_WORD, offsetof(Config, method.ebr.ranking_split), .most = sizeof ((Config *)0)->method.ebr.ranking_split - 1, .choices = ranking_splits, .standard = "validation",
    .help = "ebr, fill substitute: the samples whose latents are compared"},
  {"method.substitution.training", KEY_BOOL, offsetof(Config, method.ebr.substitute_training), .standard = "false",
    .help = "ebr, fill substitute: whether training puts substitutes in as the test does; false: zeros there (the paper)"},
  {"method.distillation.crd", KEY_NUMBER, offsetof(Config, method.kd.crd), .least = 0, .most = 1e6, .standard = "0.8",
   .help = "kd: weight of the contrastive representation loss"},
  {"method.distillation.logit", KEY_NUMBER, offsetof(Config, method.kd.logit), .least = 0, .most = 1e6, .standard = "0.0",
   .help = "kd: weight of the divergence between teacher's and student's softened outputs"},
  {"method.distillation.feature", KEY_NUMBER, offsetof(Config, method.kd.feature), .least = 0, .most = 1e6, .standard = "0.0",
   .help = "kd: weight of the mean squared error of a linear map of the student's feature against the teacher's"},
  {"method.distillation.temperature", KEY_NUMBER, offsetof(Config, method.kd.temperature), .least = 0, .most = 1000, .above_least = true, .standard = "4.0",
   .help = "kd: temperature of the softened outputs"},
  {"method.distillation.negatives", KEY_WHOLE, offsetof(Config, method.kd.bank_negatives), .least = 1, .most = 1 << 20, .standard = "512",
   .help = "kd: negatives drawn from the memory bank for each sample"},
  {"method.distillation.embedding", KEY_WHOLE, offsetof(Config, method.kd.embedding), .least = 1, .most = 4096, .standard = "128",
   .help = "kd: width in which representations are contrasted"},
  {"method.distillation.momentum", KEY_NUMBER, offsetof(Config, method.kd.bank_momentum), .least = 0, .most = 1, .below_most = true, .standard = "0.5",
   .help = "kd: share of the old entry when the memory bank is updated"},
  {"method.distillation.bank_temperature", KEY_NUMBER, offsetof(Config, method.kd.bank_temperature), .least = 0, .most = 1000, .above_least = true, .standard = "0.07",
   .help = "kd: temperature of the contrast"},
  {"method.distillation.order", KEY_WORD, offsetof(Config, method.kd.order), .most = sizeof ((Config *)0)->method.kd.order - 1, .choices = orders, .standard = "weakest_to_strongest",
   .help = "kd: which teachers the student sees, and when"},
  {"method.distillation.student", KEY_NAMES, offsetof(Config, method.kd.student), .longest = MODALITIES_MOST, .standard = "[]",
   .help = "kd: the modality that learns from others; none: the one that the fusion eliminates is found by probing"},
  {"method.distillation.teachers", KEY_NAMES, offsetof(Config, method.kd.teachers), .longest = MODALITIES_MOST, .standard = "[]",
   .help = "kd: modalities that may teach; none: all but the student"},
  {"method.distillation.freeze", KEY_BOOL, offsetof(Config, method.kd.freeze), .standard = "false",
   .help = "kd: whether the student's encoder stays as distilled while the fusion is trained"},
  {"method.distillation.stage", KEY_CHOICE, offsetof(Config, method.kd.stage), .choices = kd_stages, .standard = "all",
   .help = "kd: the whole procedure (all), or one of its phases, as the run directories inside a run have it"},

  {"missingness.train", KEY_PER_MODALITY, offsetof(Config, missingness.train), .least = 0, .most = 1, .standard = "0.0",
   .help = "probability that a present modality is withheld from a training sample"},
  {"missingness.evaluate", KEY_NUMBERS, offsetof(Config, missingness.evaluate), .least = 0, .most = 1, .below_most = true, .fewest = 1, .longest = LIST_MOST, .standard = "[0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95]",
   .help = "rates at which evaluation withholds each modality"},
  {"missingness.fill", KEY_CHOICE, offsetof(Config, missingness.fill), .choices = fills, .standard = "zero",
   .help = "what enters the fusion for a missing modality"},
  {"missingness.protocol", KEY_CHOICE, offsetof(Config, missingness.protocol), .choices = protocols, .standard = "rate",
   .help = "how training withholds: each by its rate, always those in withheld, every pattern in turn, or by a rate that depends on the label"},
  {"missingness.withheld", KEY_NAMES, offsetof(Config, missingness.withheld), .longest = MODALITIES_MOST, .standard = "[]",
   .help = "protocol pattern: the modalities that training never sees"},
  {"missingness.label_slope", KEY_NUMBER, offsetof(Config, missingness.label_slope), .least = -1000, .most = 1000, .standard = "0.5",
   .help = "protocol label: class c of C is withheld with probability train * (1 + slope * (2c/(C-1) - 1)), kept within [0, 1]"},

  {"noise.rate", KEY_PER_MODALITY, offsetof(Config, noise.rate), .least = 0, .most = 1000, .standard = "0.0",
   .help = "uniform noise on training inputs: its amplitude in deviations, or the share of entries that get it"},
  {"noise.kind", KEY_WORD, offsetof(Config, noise.kind), .most = sizeof ((Config *)0)->noise.kind - 1, .choices = noises, .standard = "amplitude",
   .help = "which of the two the rate is"},
  {"noise.shift", KEY_PER_MODALITY, offsetof(Config, noise.shift), .least = 0, .most = 64, .standard = "0.0",
   .help = "images, spectrograms: pixels by which training pictures are moved at most, down and across, at random; whole pixels, edges repeat"},

  {"optimizer.type", KEY_CHOICE, offsetof(Config, optimizer.type), .choices = optimizers, .standard = "adam",
   .help = "rule of the update; adamw decays weights outside of the gradient"},
  {"optimizer.learning_rate", KEY_NUMBER, offsetof(Config, optimizer.learning_rate), .least = 0, .most = 1000, .above_least = true, .standard = "1.0e-3",
   .help = "step size at its highest"},
  {"optimizer.weight_decay", KEY_NUMBER, offsetof(Config, optimizer.weight_decay), .least = 0, .most = 1000, .standard = "0.0",
   .help = "pull of the weights towards 0"},
  {"optimizer.clip_norm", KEY_NUMBER, offsetof(Config, optimizer.clip_norm), .least = 0, .most = 1e9, .standard = "1.0",
   .help = "longer gradients are shortened to this norm; 0: never"},
  {"optimizer.momentum", KEY_NUMBER, offsetof(Config, optimizer.momentum), .least = 0, .most = 1, .below_most = true, .standard = "0.9",
   .help = "sgd: share of the last update that is kept"},
  {"optimizer.beta1", KEY_NUMBER, offsetof(Config, optimizer.beta1), .least = 0, .most = 1, .below_most = true, .standard = "0.9",
   .help = "adam, adamw: memory of the mean of gradients"},
  {"optimizer.beta2", KEY_NUMBER, offsetof(Config, optimizer.beta2), .least = 0, .most = 1, .below_most = true, .standard = "0.999",
   .help = "adam, adamw: memory of the mean of squared gradients"},
  {"optimizer.epsilon", KEY_NUMBER, offsetof(Config, optimizer.epsilon), .least = 0, .most = 1, .above_least = true, .standard = "1.0e-8",
   .help = "adam, adamw: keeps the divisor above 0"},
  {"optimizer.schedule.type", KEY_CHOICE, offsetof(Config, optimizer.schedule.type), .choices = schedules, .standard = "constant",
   .help = "course of the learning rate"},
  {"optimizer.schedule.warmup_epochs", KEY_NUMBER, offsetof(Config, optimizer.schedule.warmup_epochs), .least = 0, .most = EPOCHS_MOST, .standard = "0.0",
   .help = "epochs in which the rate rises from 0"},
  {"optimizer.schedule.gamma", KEY_NUMBER, offsetof(Config, optimizer.schedule.gamma), .least = 0, .most = 1, .above_least = true, .standard = "0.9",
   .help = "step, exponential: factor on the rate"},
  {"optimizer.schedule.step_epochs", KEY_WHOLE, offsetof(Config, optimizer.schedule.step_epochs), .least = 1, .most = EPOCHS_MOST, .standard = "10",
   .help = "step: epochs between factors"},

  {"train.epochs", KEY_WHOLE, offsetof(Config, train.epochs), .least = 1, .most = EPOCHS_MOST, .standard = "20",
   .help = "passes over the training split"},
  {"train.early_stop.metric", KEY_WORD, offsetof(Config, train.metric), .most = sizeof ((Config *)0)->train.metric - 1, .choices = metrics, .standard = "none",
   .help = "score that picks the best checkpoint and stops early"},
  {"train.early_stop.patience", KEY_WHOLE, offsetof(Config, train.patience), .least = 0, .most = EPOCHS_MOST, .standard = "0",
   .help = "epochs without a better score before the run stops; 0: never"},
  {"train.class_weights", KEY_WORD, offsetof(Config, train.class_weights), .most = sizeof ((Config *)0)->train.class_weights - 1, .choices = class_weights, .standard = "none",
   .help = "balanced: a class weighs in the loss as if all were equally frequent"},

  {"grid.modality_groups", KEY_WHOLE, offsetof(Config, grid.modality_groups), .least = 1, .most = MODALITIES_MOST, .word = "auto", .standard = "auto", .harmless = true,
   .help = "groups that the modalities are dealt to; changes speed, never results"},
  {"grid.data_shards", KEY_WHOLE, offsetof(Config, grid.data_shards), .least = 1, .most = SLICES_MOST, .word = "auto", .standard = "auto", .harmless = true,
   .help = "shares that a batch is cut into; changes speed, never results"},
  {"grid.slices", KEY_WHOLE, offsetof(Config, grid.slices), .least = 1, .most = SLICES_MOST, .standard = "8",
   .help = "pieces of a batch that are always computed whole: the most ranks that can share one, and the one number of the grid that results depend on"},
  {"grid.threads", KEY_WHOLE, offsetof(Config, grid.threads), .least = 1, .most = 256, .standard = "1", .harmless = true,
   .help = "threads of a rank; changes speed, never results"},
  {"grid.window", KEY_WORD, offsetof(Config, grid.window), .most = sizeof ((Config *)0)->grid.window - 1, .choices = windows, .standard = "auto", .harmless = true,
   .help = "whether ranks of a node share gradients and parameters in one piece of memory"},

  {"checkpoint.every_epochs", KEY_WHOLE, offsetof(Config, checkpoint.every_epochs), .least = 0, .most = EPOCHS_MOST, .standard = "1", .harmless = true,
   .help = "epochs between checkpoints; 0: not by epochs"},
  {"checkpoint.every_steps", KEY_WHOLE, offsetof(Config, checkpoint.every_steps), .least = 0, .most = 1000000000, .standard = "0", .harmless = true,
   .help = "steps between checkpoints; 0: not by steps"},
  {"checkpoint.every_minutes", KEY_NUMBER, offsetof(Config, checkpoint.every_minutes), .least = 0, .most = 1e6, .standard = "10.0", .harmless = true,
   .help = "minutes between checkpoints; 0: not by time"},
  {"checkpoint.keep", KEY_WHOLE, offsetof(Config, checkpoint.keep), .least = 1, .most = 1000000, .word = "all", .standard = "3", .harmless = true,
   .help = "newest checkpoints that are kept"},

  {"analysis.telemetry", KEY_BOOL, offsetof(Config, analysis.telemetry), .standard = "true", .harmless = true,
   .help = "whether metrics.jsonl tells what becomes of each modality while training: linear probes, similarity, discriminator, share of the gradient"},
  {"analysis.every_epochs", KEY_WHOLE, offsetof(Config, analysis.every_epochs), .least = 0, .most = EPOCHS_MOST, .standard = "0",
   .help = "epochs between measurements; 0: none while training"},
  {"analysis.measure", KEY_MEASURES, offsetof(Config, analysis), .longest = MEASURES_MOST, .choices = measures, .standard = "[rank, similarity]",
   .help = "what is measured"},
};
// clang-format on

const int key_count = sizeof key_table / sizeof *key_table;

const Key *key_find(const char *pattern) {
  for (int i = 0; i < key_count; i++)
    if (!strcmp(key_table[i].path, pattern))
      return &key_table[i];
  return NULL;
}

int key_index(const Key *key) { return (int)(key - key_table); }

bool key_is_per_modality(const Key *key) { return !strncmp(key->path, "modalities.*.", 13); }

void *key_field(const Key *key, Config *config, int modality) {
  char *base = key_is_per_modality(key) ? (char *)&config->modality[modality] : (char *)config;
  return base + key->offset;
}

int key_choices(const Key *key) {
  int count = 0;
  while (key->choices[count])
    count++;
  return count;
}

int key_children(const char *child[KEY_SIBLINGS_MOST], char space[KEY_SIBLINGS_MOST][KEY_PATH_MOST],
                 const char *pattern) {
  size_t length = strlen(pattern);
  int count = 0;
  for (int i = 0; i < key_count; i++) {
    const char *path = key_table[i].path;
    if (length && (strncmp(path, pattern, length) || path[length] != '.'))
      continue;
    const char *name = path + (length ? length + 1 : 0);
    int name_length = (int)strcspn(name, ".");
    if (count && (int)strlen(child[count - 1]) == name_length && !strncmp(child[count - 1], name, (size_t)name_length))
      continue;
    REQUIRE(count < KEY_SIBLINGS_MOST, "section %s has too many keys for its buffer", pattern);
    text_print(space[count], KEY_PATH_MOST, "%.*s", name_length, name);
    child[count] = space[count];
    count++;
  }
  return count;
}

static void list_choices(char *text, int size, const Key *key, const char *intro) {
  int at = snprintf(text, (size_t)size, "%s", intro);
  for (int i = 0; key->choices[i] && at < size; i++)
    at += snprintf(text + at, (size_t)(size - at), "%s%s", i ? ", " : "", key->choices[i]);
}

static void bounds(char *text, int size, const Key *key) {
  char low[40], high[40];
  text_print(low, sizeof low, "%.16g", key->least);
  text_print(high, sizeof high, "%.16g", key->most);
  text_print(text, (size_t)size, "%s %s %s %s", key->above_least ? "above" : "from", low,
             key->below_most ? "to below" : "to", high);
}

void key_wants(char *text, int size, const Key *key) {
  char range[120];
  bounds(range, sizeof range, key);
  size_t bytes = (size_t)size;
  switch (key->kind) {
  case KEY_WHOLE:
  case KEY_SEED:
    text_print(text, bytes, "a whole number %s%s%s", range, key->word ? ", or " : "", key->word ? key->word : "");
    break;
  case KEY_NUMBER:
    text_print(text, bytes, "a number %s%s%s", range, key->word ? ", or " : "", key->word ? key->word : "");
    break;
  case KEY_BOOL:
    text_print(text, bytes, "true or false");
    break;
  case KEY_TEXT:
    if (key->least > 0)
      text_print(text, bytes, "a text of %g to %g bytes", key->least, key->most);
    else
      text_print(text, bytes, "a text of at most %g bytes", key->most);
    break;
  case KEY_CHOICE:
  case KEY_WORD:
    list_choices(text, size, key, "one of ");
    break;
  case KEY_WHOLES:
    text_print(text, bytes, "a list of %d to %d whole numbers %s", key->fewest, key->longest, range);
    break;
  case KEY_NUMBERS:
    text_print(text, bytes, "a list of %d to %d numbers %s", key->fewest, key->longest, range);
    break;
  case KEY_PER_MODALITY:
    text_print(text, bytes, "a number %s for all, or a map {modality: number}", range);
    break;
  case KEY_MEASURES:
    list_choices(text, size, key, "a list out of ");
    break;
  case KEY_NAMES:
    text_print(text, bytes, "a list of modalities");
    break;
  }
}
