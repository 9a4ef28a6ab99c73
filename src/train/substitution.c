#include "train/substitution.h"

#include "metrics/representation.h"
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool substitution_wanted(const Config *config) {
  return config->missingness.fill == FILL_SUBSTITUTE && config->method.type == METHOD_EBR;
}

void substitution_declare(Parameters *state, int modalities) {
  parameters_declare(state, "substitution/similarity", (int[]){modalities, modalities}, 2, INIT_ZERO, 1);
  parameters_declare(state, "substitution/strength", (int[]){modalities}, 1, INIT_ZERO, 1);
}

// sums[slice][i][j][2]: cosine and count of the rows of one batch, added slice by slice so that no grid changes the sum.
static void add_batch(Session *session, double *sums) {
  const Batch *batch = &session->batch;
  int m = session->config.modalities, width = session->stages.width[0], first, rows, slice = 0;
  const float *z[MODALITIES_MOST];
  size_t at[MODALITIES_MOST] = {0};
  step_represent(session->step, batch, z, &first, &rows);
  for (int r = first; r < first + rows; r++) {
    const uint8_t *keep = batch->keep + (size_t)r * (size_t)m;
    while (r >= batch->slice_row[slice + 1])
      slice++;
    for (int i = 0; i < m; i++)
      for (int j = i; j < m; j++)
        if (keep[i] && keep[j]) {
          double *cell = sums + 2 * ((size_t)(slice * m + i) * (size_t)m + (size_t)j);
          cell[0] += representation_cosine(z[i] + at[i] * (size_t)width, z[j] + at[j] * (size_t)width, width);
          cell[1]++;
        }
    for (int i = 0; i < m; i++)
      at[i] += keep[i];
  }
}

static void measure_similarity(Session *session, const int64_t *order, int64_t n,
                               double (*similarity)[MODALITIES_MOST]) {
  int m = session->config.modalities, slices = session->config.grid.slices, cells = 2 * m * m;
  double *sums = calloc((size_t)(slices * cells), sizeof *sums);
  REQUIRE(sums, "out of memory for similarities");
  MaskProtocol everything = {.kind = MASK_NONE};
  for (int64_t begin = 0; begin < n; begin += session->batch.room) {
    int rows = (int)(n - begin < session->batch.room ? n - begin : session->batch.room);
    batch_make(&session->batch, &session->dataset, &everything, order + begin, rows, true);
    add_batch(session, sums);
  }
  comm_gather_sums(session->comm, sums, slices * cells);
  for (int i = 0; i < m; i++)
    for (int j = i; j < m; j++) {
      double sum = 0, count = 0;
      for (int s = 0; s < slices; s++) {
        sum += sums[s * cells + 2 * (i * m + j)];
        count += sums[s * cells + 2 * (i * m + j) + 1];
      }
      similarity[i][j] = similarity[j][i] = count > 0 ? sum / count : NAN;
    }
  free(sums);
}

// Sorts candidates of every modality by a distance, ties to the one that comes first in `rank`.
static void sort_candidates(Substitution *substitution, int m, double (*distance)[MODALITIES_MOST], const int *rank) {
  for (int i = 0; i < m; i++) {
    int *order = substitution->substitutes.order[i], count = 0;
    for (int j = 0; j < m; j++)
      if (j != i)
        order[count++] = j;
    for (int a = 1; a < count; a++) // insertion sort: there are few
      for (int b = a; b > 0; b--) {
        int x = order[b - 1], y = order[b];
        bool swap = distance[i][y] < distance[i][x] || (distance[i][y] == distance[i][x] && rank[y] < rank[x]);
        if (!swap)
          break;
        order[b - 1] = y;
        order[b] = x;
      }
  }
}

static double known(double value) { return isfinite(value) ? value : -2; } // below every cosine

static void set_order(const Session *session, Substitution *substitution) {
  int m = session->config.modalities, reference = 0, rank[MODALITIES_MOST];
  double distance[MODALITIES_MOST][MODALITIES_MOST];
  for (int i = 1; i < m; i++)
    if (substitution->strength[i] > substitution->strength[reference])
      reference = i;
  for (int i = 0; i < m; i++) {
    rank[i] = 0;
    for (int j = 0; j < m; j++) {
      double mine = i == reference ? 2 : known(substitution->similarity[reference][i]);
      double other = j == reference ? 2 : known(substitution->similarity[reference][j]);
      rank[i] += other > mine || (other == mine && j < i);
    }
  }
  for (int i = 0; i < m; i++)
    for (int j = 0; j < m; j++)
      distance[i][j] = strcmp(session->config.method.ebr.ranking, "list") ? -known(substitution->similarity[i][j])
                                                                          : abs(rank[i] - rank[j]);
  sort_candidates(substitution, m, distance, rank);
}

static float *state_at(const Session *session, const char *path) {
  int p = parameters_find(&session->stages.state, path);
  REQUIRE(p >= 0, "no %s in the state list", path);
  return session->state + session->stages.state.item[p].offset;
}

Status substitution_measure(Session *session, Substitution *substitution) {
  Split split = strcmp(session->config.method.ebr.ranking_split, "train") ? SPLIT_VALIDATION : SPLIT_TRAIN;
  int m = session->config.modalities;
  int64_t *order = NULL, n;
  step_substitute(session->step, NULL);
  TRY(comm_agree(session->comm, session_samples(session, split, &order, &n)));
  if (n == 0) {
    free(order);
    TRY(comm_agree(session->comm, session_samples(session, SPLIT_TRAIN, &order, &n)));
  }
  measure_similarity(session, order, n, substitution->similarity);
  Status status = evaluate_alone(session, order, n, substitution->strength);
  free(order);
  TRY(status);
  float *similarity = state_at(session, "substitution/similarity"),
        *strength = state_at(session, "substitution/strength");
  for (int i = 0; i < m; i++) {
    strength[i] = (float)substitution->strength[i];
    for (int j = 0; j < m; j++)
      similarity[i * m + j] = (float)known(substitution->similarity[i][j]);
  }
  substitution_recall(session, substitution); // from the rounded numbers, as a resumed run would
  return STATUS_OK;
}

void substitution_recall(const Session *session, Substitution *substitution) {
  int m = session->config.modalities;
  const float *similarity = state_at(session, "substitution/similarity"),
              *strength = state_at(session, "substitution/strength");
  for (int i = 0; i < m; i++) {
    substitution->strength[i] = (double)strength[i];
    for (int j = 0; j < m; j++)
      substitution->similarity[i][j] = (double)similarity[i * m + j];
  }
  set_order(session, substitution);
}
