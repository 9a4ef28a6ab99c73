#include "cli/command.h"

#include "base/memory.h"
#include "base/random.h"
#include "metrics/classification.h"
#include "train/evaluate.h"
#include "train/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct PredictState {
  CommonOptions common;
  const char *run;
  char *data, *out;
  Status probe;
} PredictState;

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  PredictState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  const struct poptOption table[] = {
      {"data", 0, POPT_ARG_STRING, &state->data, 0, "the samples to score (default: the run's own data set)",
       "FILE.h5"},
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "CSV file to write; - is standard output (default)", "FILE.csv"},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(argc, argv, table, "RUN_DIR", "  rebasis predict runs/avmnist --data new.h5 -o scores.csv\n",
                    &state->common, NULL, state, &words, done));
  if (*done)
    return STATUS_OK;
  if (words_count(words) != 1)
    return status_error(EXIT_USAGE, "predict: name one run directory; see rebasis predict --help");
  state->run = words[0];
  if (state->data)
    state->probe = data_probe(state->data);
  return STATUS_OK;
}

// As RFC 4180 has it.
static void write_cell(FILE *file, const char *text) {
  if (!text[strcspn(text, ",\"\r\n")]) {
    fputs(text, file);
    return;
  }
  fputc('"', file);
  for (; *text; text++) {
    if (*text == '"')
      fputc('"', file);
    fputc(*text, file);
  }
  fputc('"', file);
}

// One row a sample: its number, its id, the predicted class, one probability a class; empty scores where nothing is present.
static Status write_rows(const Session *session, const char *path, const double *probability, const int32_t *predicted,
                         const uint8_t *shown) {
  bool console = !path || !strcmp(path, "-");
  FILE *file = console ? stdout : fopen(path, "w");
  int outputs = session->stages.outputs;
  if (!file)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot be created: %s", path, strerror(errno));
  fprintf(file, "sample,id,prediction");
  for (int c = 0; c < outputs; c++)
    fprintf(file, session->stages.binary ? ",probability" : ",probability_%d", c);
  fprintf(file, "\n");
  for (int64_t r = 0; r < session->dataset.samples; r++) {
    fprintf(file, "%lld,", (long long)r);
    write_cell(file, session->dataset.ids ? session->dataset.ids[r] : "");
    fputc(',', file);
    if (shown[r])
      fprintf(file, "%d", predicted[r]);
    for (int c = 0; c < outputs; c++)
      if (shown[r])
        fprintf(file, ",%.9g", probability[r * outputs + c]);
      else
        fprintf(file, ",");
    fprintf(file, "\n");
  }
  bool good = fflush(file) == 0 && !ferror(file);
  good = (console || fclose(file) == 0) && good;
  return good ? STATUS_OK
              : status_error(EXIT_IO, "%s: cannot be written; is the disk full?", console ? "standard output" : path);
}

static Status write_scores(const Session *session, const PredictState *state, const Evaluator *evaluator) {
  int64_t n = evaluator->n;
  int outputs = session->stages.outputs;
  double *probability;
  int32_t *predicted = NULL;
  Status status = memory_take((void **)&probability, (size_t)(n * outputs), sizeof *probability, "scores");
  if (status.code == 0)
    status = memory_take((void **)&predicted, (size_t)n, sizeof *predicted, "scores");
  if (status.code == 0) {
    classification_predict(predicted, evaluator->logits, n, outputs);
    classification_probabilities(probability, evaluator->logits, n, outputs);
    status = write_rows(session, state->out, probability, predicted, evaluator->shown);
  }
  free(probability);
  free(predicted);
  return status;
}

static Status predict(const Comm *comm, const PredictState *state, Session *session, Evaluator *evaluator) {
  TRY(run_open(session, comm, state->run, state->data, NULL, 0));
  int64_t n = session->dataset.samples, *order;
  TRY(comm_agree(comm, memory_take((void **)&order, (size_t)n, sizeof *order, "row numbers")));
  for (int64_t r = 0; r < n; r++)
    order[r] = r;
  Status status = evaluator_open(evaluator, session, order, n, false);
  free(order);
  TRY(status);
  MaskProtocol mask = {.kind = MASK_NONE, .seed = session->config.run.seed, .epoch = RANDOM_EVALUATION};
  evaluator_logits(evaluator, &mask);
  return comm_agree(comm, comm_is_root(comm) ? write_scores(session, state, evaluator) : STATUS_OK);
}

static Status run(const Comm *comm, void *user) {
  PredictState *state = user;
  Session session = {0};
  TRY(comm_agree(comm, state->probe));
  Evaluator evaluator = {.session = &session};
  Status status = predict(comm, state, &session, &evaluator);
  evaluator_close(&evaluator);
  session_close(&session);
  return status;
}

const Command command_predict = {"predict", "write one row of scores per sample", prepare, run};
