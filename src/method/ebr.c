// Explicit basis reallocation. For every modality i
//     u_i = fbar_i(x_i)          the original encoder
//     g_i(x) = h_i(u_i)          a latent of one width L for all modalities
//     f_i(x) = h_i^-1(g_i(x))    feeds the fusion instead of u_i
//     psi(g_i(x)) -> m logits    one discriminator, to tell which modality a latent came from
// with  L_md = sum_i mean CE(psi(g_i(x)), i)   and   L_sem = mean CE(yhat, y),   where the mean of i is over the rows that show i:
//     psi  descends L_md,   g_i (fbar_i and h_i) descends L_sem - weight L_md,   h_i^-1 and phi descend L_sem.
// One backward pass does all three: a gradient reversal stands between g_i and psi, so that weight does not slow psi down.
// Optional, from the authors' talk, not in the paper's text; d_i is the width of u_i:
//     reconstruction   sum_i mean |h_i^-1(g_i) - u_i|^2 / d_i,  u_i held fixed: h_i^-1 becomes an inverse by more than name
//     latent_task      sum_i mean CE(c(g_i), y),  one linear c for all modalities: the latent itself must keep what the task needs
// Chaudhuri et al., "A Closer Look at Multimodal Representation Collapse", ICML 2025, sections 3.4 and C.1;
// the reversal and the schedule of `dann`: Ganin et al., JMLR 2016.
#include "base/text.h"
#include "method/method.h"
#include "model/encoder.h"
#include "model/fusion.h"

#include <math.h>

static void named_path(char path[PARAMETER_PATH], const char *prefix, const char *name) {
  REQUIRE(text_print(path, PARAMETER_PATH, "%s/%s", prefix, name), "a path is too long: %s/%s", prefix, name);
}

// x_i -> u_i -> g_i, and psi behind a reversal. What travels to the fusion is the latent.
static void build_encoder(EncoderStage *stage, const Config *config, int i, const DatasetModality *modality,
                          int outputs) {
  const EbrConfig *ebr = &config->method.ebr;
  Graph *graph = stage->graph;
  char path[PARAMETER_PATH];
  Value u = encoder_build(graph, &stage->input, &config->modality[i], modality);
  int width = (int)graph_width(graph, u);
  named_path(path, "factor", config->modality[i].name);
  Value g = encoder_mlp(graph, u, &ebr->factor, ebr->latent, ebr->dropout, path);
  stage->output = g;
  Value psi = encoder_mlp(graph, graph_reverse(graph, g), &ebr->discriminator, config->modalities, 0, "discriminator");
  stage->index = graph_input_labels(graph);
  stage->loss[stage->losses++] =
      (StageLoss){"discriminator", graph_cross_entropy(graph, psi, stage->index), 1, COUNT_PRESENT, 0};
  if (ebr->reconstruction > 0) { // h^-1 shall undo h: |h^-1(g_i) - u_i|^2, with u_i as the target
    named_path(path, "inverse", config->modality[i].name);
    Value again = encoder_mlp(graph, g, &ebr->inverse, width, 0, path);
    Value loss = graph_mse(graph, again, graph_detach(graph, u));
    stage->loss[stage->losses++] = (StageLoss){"reconstruction", loss, ebr->reconstruction, COUNT_PRESENT, 0};
  }
  if (ebr->latent_task > 0) { // every latent shall name the class by itself, through one head for all modalities
    stage->labels = graph_input_labels(graph);
    Value logits = graph_linear(graph, g, outputs, true, "latent_head");
    Value loss = outputs == 1 ? graph_binary_cross_entropy(graph, logits, stage->labels)
                              : graph_cross_entropy(graph, logits, stage->labels);
    stage->loss[stage->losses++] = (StageLoss){"latent_task", loss, ebr->latent_task, COUNT_LABELLED, 0};
  }
}

// Whether modality i gets h and h^-1.
static bool reallocated(const Config *config, int i) {
  bool named = false;
  for (int j = 0; j < config->modalities; j++)
    named |= config->method.ebr.reallocated[j];
  return !named || config->method.ebr.reallocated[i];
}

// h_i^-1 on the latents that arrive.
static Value build_inverse(Stages *stages, int i, int width) {
  const EbrConfig *ebr = &stages->config->method.ebr;
  FusionStage *fusion = &stages->fusion;
  char path[PARAMETER_PATH];
  named_path(path, "inverse", stages->config->modality[i].name);
  Value f = encoder_mlp(fusion->graph, fusion->input[i], &ebr->inverse, width, ebr->dropout, path);
  stages->cost[i] += (double)width * ebr->latent * 4;
  stages->fusion_cost += (double)width * ebr->latent * 2;
  // h^-1 of a zero latent is its bias: a modality that is not there must still enter as zeros.
  return graph_multiply(fusion->graph, f, fusion->mask[i]);
}

void ebr_build(Stages *stages, const Dataset *dataset) {
  const Config *config = stages->config;
  FusionStage *fusion = &stages->fusion;
  Value z[MODALITIES_MOST];
  for (int i = 0; i < stages->modalities; i++) {
    EncoderStage *encoder = &stages->encoder[i];
    bool whole = reallocated(config, i);
    int width = representation_width(&config->modality[i], &dataset->modality[i]);
    if (whole)
      build_encoder(encoder, config, i, &dataset->modality[i], stages->outputs);
    else
      encoder->output = encoder_build(encoder->graph, &encoder->input, &config->modality[i], &dataset->modality[i]);
    fusion->input[i] = graph_input(fusion->graph, (Shape){1, {whole ? config->method.ebr.latent : width}});
    fusion->mask[i] = graph_input(fusion->graph, (Shape){1, {1}});
    Value f = whole ? build_inverse(stages, i, width) : fusion->input[i];
    z[i] = fusion_fill(fusion->graph, config, i, f, fusion->mask[i]);
  }
  stages_fuse(stages, z);
}

void ebr_schedule(Stages *stages, const Progress *progress) {
  const EbrConfig *ebr = &stages->config->method.ebr;
  double reversed = ebr->weight, discriminator = 1, semantic = 1;
  bool first = ebr->period > 0 && progress->epoch / ebr->period % 2 == 0; // of two blocks
  if (ebr->schedule == ADVERSARIAL_INTERLEAVE)                            // L_sem only, then both
    discriminator = first ? 0 : 1;
  if (ebr->schedule == ADVERSARIAL_ALTERNATE) { // L_sem only, then L_md only; the optional terms and fusion.own stay
    discriminator = first ? 0 : 1;
    semantic = first ? 1 : 0;
  }
  if (ebr->schedule == ADVERSARIAL_DANN) {
    double p = // of the way gone
        ((double)progress->epoch + (double)progress->batch / (double)progress->batches) / (double)progress->epochs;
    reversed *= 2 / (1 + exp(-10 * p)) - 1;
  }
  if (progress->stopped) { // L_sem only, for good
    discriminator = 0;
    semantic = 1;
  }
  for (int i = 0; i < stages->modalities; i++)
    if (reallocated(stages->config, i)) {
      stages->encoder[i].loss[0].weight = discriminator; // L_md, first in build_encoder
      graph_reverse_weight(stages->encoder[i].graph, reversed);
    }
  stages->fusion.loss[0].weight = semantic; // L_sem, first in stages_fuse
}
