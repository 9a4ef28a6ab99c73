#include "analyze/tail.h"

#include "base/random.h"
#include "model/fusion.h"

#include <string.h>

Status tail_open(Tail *tail, const AnalyzeContext *context, int room) {
  Session *session = context->session; // declares only what is declared already
  const Stages *stages = &session->stages;
  Value representation;
  *tail = (Tail){
      .context = context, .graph = graph_open(&session->stages.parameters, &session->stages.state), .room = room};
  for (int i = 0; i < stages->modalities; i++) {
    tail->z[i] = graph_input(tail->graph, (Shape){1, {context_modality_view(context, "representation", i)->width}});
    tail->mask[i] = graph_input(tail->graph, (Shape){1, {1}});
  }
  tail->logits = fusion_build(tail->graph, &session->config, tail->z, tail->mask, stages->outputs, &representation);
  return graph_plan(tail->graph, room, false, session->config.grid.threads);
}

void tail_close(Tail *tail) {
  if (tail->graph)
    graph_close(tail->graph);
}

void tail_logits(Tail *tail, float *logits, float *const *z, float *const *mask, int rows) {
  const Session *session = tail->context->session;
  Pass pass = {.parameters = sums_parameters(session->sums),
               .state = session->state,
               .rows = rows,
               .slices = {.total = 1, .count = 1, .row = {0, rows}},
               .seed = session->config.run.seed,
               .epoch = RANDOM_EVALUATION,
               .threads = session->config.grid.threads};
  for (int i = 0; i < session->stages.modalities; i++) {
    graph_bind(tail->graph, tail->z[i], z[i]);
    graph_bind(tail->graph, tail->mask[i], mask[i]);
  }
  graph_forward(tail->graph, &pass);
  memcpy(logits, graph_data(tail->graph, tail->logits),
         (size_t)rows * (size_t)session->stages.outputs * sizeof *logits);
}
