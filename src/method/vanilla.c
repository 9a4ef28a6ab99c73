// yhat = g(phi(f_1(x_1), …, f_m(x_m))), all trained together on L_sem = CE(yhat, y).
// Chaudhuri et al., "A Closer Look at Multimodal Representation Collapse", ICML 2025, section 3.
#include "method/method.h"
#include "model/encoder.h"
#include "model/fusion.h"

void vanilla_build(Stages *stages, const Dataset *dataset) {
  const Config *config = stages->config;
  FusionStage *fusion = &stages->fusion;
  Value z[MODALITIES_MOST];
  for (int i = 0; i < stages->modalities; i++) {
    EncoderStage *encoder = &stages->encoder[i];
    encoder->output = encoder_build(encoder->graph, &encoder->input, &config->modality[i], &dataset->modality[i]);
    encoder->frozen = config->method.type == METHOD_KD && config->method.kd.frozen[i];
    if (encoder->frozen)
      stages_freeze(stages, "encoders", config->modality[i].name);
    int width = (int)graph_width(encoder->graph, encoder->output);
    fusion->input[i] = graph_input(fusion->graph, (Shape){1, {width}});
    fusion->mask[i] = graph_input(fusion->graph, (Shape){1, {1}});
    z[i] = fusion_fill(fusion->graph, config, i, fusion->input[i], fusion->mask[i]);
  }
  stages_fuse(stages, z);
}
