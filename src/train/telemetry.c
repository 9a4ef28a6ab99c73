// probe_i         accuracy of a linear function of z_i, each row answered by a fit to the others     (metrics/probe.h)
// discriminator_i share of rows with argmax psi(z_i) = i
// similarity_i    mean cos(z_i, z_r) over rows that show both, r the modality with the best probe
// share_i         |dL/d(parameters of i)|^2 over the sum of all modalities
// z_i is what modality i sends to the fusion stage: f_i(x_i), with ebr the latent g_i(x).
#include "train/telemetry.h"

#include "base/memory.h"
#include "base/text.h"
#include "kernels/gemm.h"
#include "metrics/probe.h"
#include "metrics/representation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MOST = 256 };
static const double share_most = 0.025; // of an epoch's time
static const double slowness = 15;      // of a probe's multiply-add in double, against one of a matrix product

// The chosen rows of all modalities, whole on every rank.
typedef struct Sample {
  int rows, modalities;
  float *z[MODALITIES_MOST]; // owned [rows of modality i, width]: compact
  int *row[MODALITIES_MOST]; // owned [rows of modality i]: which of the chosen rows
  int count[MODALITIES_MOST];
  int32_t *label; // owned [rows]
} Sample;

// Multiply-adds of a probe: the smaller of the two matrices, its factor, and what is solved with it.
static double probe_cost(double rows, double width, double classes) {
  double m = fmin(rows, width + 1), other = fmax(rows, width + 1);
  return m * m * other / 2 + m * m * m / 6 + m * m * rows / 2 + rows * (m + width) * classes;
}

bool telemetry_due(const Session *session, const Progress *progress, int64_t samples) {
  const Stages *stages = &session->stages;
  double cost = 0, epoch = stages->fusion_cost;
  if (!session->config.analysis.telemetry)
    return false;
  for (int i = 0; i < stages->modalities; i++) {
    cost += stages->width[i] > 0 ? probe_cost(ROWS_MOST, stages->width[i], stages->outputs) : 0;
    epoch += stages->cost[i];
  }
  int64_t every = (int64_t)ceil(cost * slowness / (share_most * 3 * epoch * (double)samples));
  return progress->epoch % (every > 1 ? every : 1) == 0 || progress->epoch + 1 == progress->epochs;
}

static Status sample_open(Sample *sample, const Evaluator *evaluator) {
  const Stages *stages = &evaluator->session->stages;
  int rows_wanted = evaluator->n < ROWS_MOST ? (int)evaluator->n : ROWS_MOST;
  *sample = (Sample){.rows = rows_wanted, .modalities = stages->modalities};
  TRY(memory_take((void **)&sample->label, (size_t)sample->rows, sizeof(int32_t), "telemetry"));
  for (int i = 0; i < stages->modalities; i++) {
    size_t rows = (size_t)sample->rows;
    TRY(memory_take((void **)&sample->z[i], rows * (size_t)stages->width[i], sizeof(float), "telemetry"));
    TRY(memory_take((void **)&sample->row[i], rows, sizeof(int), "telemetry"));
  }
  return STATUS_OK;
}

static void sample_close(Sample *sample) {
  for (int i = 0; i < sample->modalities; i++) {
    free(sample->z[i]);
    free(sample->row[i]);
  }
  free(sample->label);
}

// Position k of n is chosen when it begins a new one of `rows` equal parts.
static bool chosen(int64_t k, int64_t n, int rows) { return (k + 1) * rows / n > k * rows / n; }

// Rows of one batch: who shows what is known everywhere, the vectors themselves to the rank that has the row.
static void take_batch(Sample *sample, Evaluator *evaluator, int index) {
  Session *session = evaluator->session;
  const Batch *batch = &session->batch;
  const float *z[MODALITIES_MOST];
  int first, here, at[MODALITIES_MOST] = {0}, m = sample->modalities;
  int64_t begin = (int64_t)index * batch->room;
  evaluator_represent(evaluator, index, z, &first, &here);
  for (int r = 0; r < batch->rows; r++) {
    const uint8_t *keep = batch->keep + (size_t)r * (size_t)m;
    bool mine = r >= first && r < first + here, take = chosen(begin + r, evaluator->n, sample->rows);
    int64_t place = (begin + r) * sample->rows / evaluator->n;
    for (int i = 0; i < m; i++) {
      size_t width = (size_t)session->stages.width[i];
      if (!keep[i] || width == 0)
        continue;
      float *to = sample->z[i] + (size_t)sample->count[i] * width;
      const float *from = mine ? z[i] + (size_t)at[i] * width : NULL;
      for (size_t j = 0; j < width && take && mine; j++)
        to[j] = from[j] + 0.0f; // turns -0 into +0, as the sum over ranks does
      at[i] += mine;
      if (take)
        sample->row[i][sample->count[i]++] = (int)place;
    }
    if (take)
      sample->label[place] = session->dataset.task[0].labels[batch->sample[r]];
  }
}

static void take_rows(Sample *sample, Evaluator *evaluator) {
  for (int index = 0; index < evaluator_batches(evaluator); index++)
    take_batch(sample, evaluator, index);
  for (int i = 0; i < sample->modalities; i++)
    exchange_collect(&evaluator->session->grid, sample->z[i],
                     (int64_t)sample->count[i] * evaluator->session->stages.width[i]);
}

// --- numbers of one modality: the rank whose turn it is works them out ----------------------------------------------------

static Status fit_probe(double *accuracy, const Sample *sample, const Session *session, int i) {
  int32_t label[ROWS_MOST];
  int classes = session->stages.binary ? 2 : session->stages.outputs;
  for (int r = 0; r < sample->count[i]; r++)
    label[r] = sample->label[sample->row[i][r]];
  return probe_leave_one_out(accuracy, NULL, sample->z[i], sample->count[i], session->stages.width[i], label, classes);
}

static const float *parameter_at(const Session *session, int layer, const char *kind, int *out) {
  const Parameters *parameters = &session->stages.parameters;
  char path[PARAMETER_PATH];
  text_print(path, sizeof path, "discriminator/%d/%s", layer, kind);
  int p = parameters_find(parameters, path);
  REQUIRE(p >= 0, "no parameter %s", path);
  *out = parameters->item[p].dim[0];
  return sums_parameters(session->sums) + parameters->item[p].offset;
}

static Status ask_discriminator(double *share, const Sample *sample, const Session *session, int i) {
  const IntList *hidden = &session->config.method.ebr.discriminator;
  int rows = sample->count[i], in = session->stages.width[i], wide = session->config.modalities, out = 0, hits = 0;
  float *block;
  for (int k = 0; k < hidden->count; k++)
    wide = hidden->item[k] > wide ? hidden->item[k] : wide;
  TRY(memory_take((void **)&block, 2 * (size_t)rows * (size_t)wide, sizeof(float), "telemetry"));
  const float *x = sample->z[i];
  for (int k = 0; k <= hidden->count; k++, in = out) {
    const float *weight = parameter_at(session, k, "weight", &out), *bias = parameter_at(session, k, "bias", &out);
    float *y = block + (size_t)(k % 2) * (size_t)rows * (size_t)wide;
    gemm_nt(y, out, x, in, weight, in, rows, out, in, false, 1);
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < out; c++) {
        float *value = &y[(size_t)r * (size_t)out + (size_t)c];
        *value += bias[c];
        if (k < hidden->count && *value < 0)
          *value = 0;
      }
    x = y;
  }
  for (int r = 0; r < rows; r++) {
    int best = 0;
    for (int c = 1; c < out; c++)
      if (x[(size_t)r * (size_t)out + (size_t)c] > x[(size_t)r * (size_t)out + (size_t)best])
        best = c;
    hits += best == i;
  }
  *share = rows ? (double)hits / rows : NAN;
  free(block);
  return STATUS_OK;
}

static Status measure_own(double *probe, double *discriminator, const Sample *sample, const Session *session) {
  const Comm *comm = session->comm;
  for (int i = comm->rank; i < sample->modalities; i += comm->ranks) {
    if (session->stages.width[i] > 0 && sample->count[i] > 1)
      TRY(fit_probe(&probe[i], sample, session, i));
    if (session->stages.encoder[i].index >= 0) // it faces the discriminator
      TRY(ask_discriminator(&discriminator[i], sample, session, i));
  }
  return STATUS_OK;
}

// --- numbers of pairs -------------------------------------------------------------------------------------------------------

static double compare(const Sample *sample, int i, int j, int width) {
  double sum = 0;
  int count = 0;
  for (int a = 0, b = 0; a < sample->count[i] && b < sample->count[j];) {
    int row = sample->row[i][a], other = sample->row[j][b];
    if (row == other) {
      sum += representation_cosine(sample->z[i] + (size_t)a * (size_t)width, sample->z[j] + (size_t)b * (size_t)width,
                                   width);
      count++;
    }
    a += row <= other;
    b += other <= row;
  }
  return count ? sum / count : NAN;
}

static void compare_all(Telemetry *telemetry, const Sample *sample, const Session *session) {
  const int *width = session->stages.width;
  int best = 0;
  for (int i = 1; i < sample->modalities; i++)
    if (telemetry->probe[i] > telemetry->probe[best] || isnan(telemetry->probe[best]))
      best = i;
  for (int i = 0; i < sample->modalities; i++)
    telemetry->similarity[i] = width[i] == width[best] && width[i] > 0 ? compare(sample, i, best, width[i]) : NAN;
}

// Numbers of all ranks; what is not known travels as -1.
static void share_numbers(const Session *session, double *value, int n) {
  for (int i = session->comm->rank; i < n; i += session->comm->ranks)
    value[i] = isnan(value[i]) ? -1 : value[i];
  comm_gather_sums(session->comm, value, n);
  for (int i = 0; i < n; i++)
    value[i] = value[i] < 0 ? NAN : value[i];
}

static void blank(Telemetry *telemetry, const Session *session) {
  for (int i = session->comm->rank; i < session->config.modalities; i += session->comm->ranks)
    telemetry->probe[i] = telemetry->discriminator[i] = NAN;
}

Status telemetry_measure(Telemetry *telemetry, Evaluator *evaluator) {
  const Session *session = evaluator->session;
  Sample sample = {0};
  *telemetry = (Telemetry){0};
  blank(telemetry, session);
  Status status = comm_agree(session->comm, sample_open(&sample, evaluator));
  if (status.code == 0) {
    take_rows(&sample, evaluator);
    status = comm_agree(session->comm, measure_own(telemetry->probe, telemetry->discriminator, &sample, session));
  }
  if (status.code == 0) {
    share_numbers(session, telemetry->probe, sample.modalities);
    share_numbers(session, telemetry->discriminator, sample.modalities);
    compare_all(telemetry, &sample, session);
    telemetry->rows = sample.rows;
  }
  sample_close(&sample);
  return status;
}

static void log_family(MetricsLog *log, const Config *config, const char *prefix, const double *value) {
  for (int i = 0; i < config->modalities; i++) {
    char key[NAME_MOST + 32];
    text_print(key, sizeof key, "%s.%s", prefix, config->modality[i].name);
    if (isfinite(value[i]))
      metrics_log_number(log, key, value[i]);
  }
}

void telemetry_log(const Telemetry *telemetry, const Config *config, MetricsLog *log) {
  log_family(log, config, "probe", telemetry->probe);
  log_family(log, config, "similarity", telemetry->similarity);
  if (config->method.type != METHOD_EBR)
    return;
  log_family(log, config, "discriminator", telemetry->discriminator);
  metrics_log_number(log, "discriminator_chance", 1.0 / config->modalities);
}

void telemetry_log_shares(const Session *session, const Optimizer *optimizer, MetricsLog *log) {
  const Parameters *parameters = &session->stages.parameters;
  double share[MODALITIES_MOST] = {0}, all = 0;
  int units, first, end;
  const SumUnit *unit = sums_units(session->sums, &units, &first, &end);
  for (int u = 0; u < units; u++) {
    const char *path = parameters->item[unit[u].parameter].path, *name = strchr(path, '/');
    if (!name || (strncmp(path, "encoders/", 9) && strncmp(path, "factor/", 7)) ||
        parameters->item[unit[u].parameter].frozen)
      continue;
    for (int i = 0; i < session->config.modalities; i++) {
      size_t length = strlen(session->config.modality[i].name);
      if (!strncmp(name + 1, session->config.modality[i].name, length) && name[1 + length] == '/') {
        share[i] += optimizer->squares[u];
        all += optimizer->squares[u];
      }
    }
  }
  for (int i = 0; i < session->config.modalities; i++)
    share[i] = all > 0 ? share[i] / all : NAN;
  log_family(log, &session->config, "gradient_share", share);
}
