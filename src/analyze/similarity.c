// cosine(a, b) = mean over the samples that show both of a.b / (|a| |b|)     where widths are equal; a zero vector gives 0
// CKA(A, B)    = |B'A|_F^2 / (|A'A|_F |B'B|_F), columns centred              always; Kornblith et al., ICML 2019
// for every pair of modalities, of what their encoders give (EBR: the latents g_i) and of what enters the fusion, and for every modality
// against the multimodal representation. Chaudhuri et al., ICML 2025, Figures 5 and 10, which name neither measure nor layer.
#include "analyze/figures.h"
#include "analyze/pooled.h"
#include "base/memory.h"
#include "base/text.h"
#include "metrics/representation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CKA_GROUPS = 10 };

typedef struct Pair {
  const View *a, *b;
  char name[160];
} Pair;

typedef struct Similarity {
  AnalyzeContext *context;
  Pair *pair; // owned
  int pairs;
  double *result; // owned [pairs][8]: cosine's n, sum, squares; CKA, low, high, n
  int *slice;     // owned
} Similarity;

enum { RESULTS = 7 };

static const char *short_name(const View *view) { return view->modality < 0 ? "fused" : strchr(view->name, '/') + 1; }

static void add_pair(Similarity *similarity, const View *a, const View *b, const char *kind) {
  Pair *pair = &similarity->pair[similarity->pairs];
  for (int k = 0; k < similarity->pairs; k++) // two names of one value: encoder and representation of a vanilla model
    if (similarity->pair[k].a->data == a->data && similarity->pair[k].b->data == b->data)
      return;
  *pair = (Pair){.a = a, .b = b};
  text_print(pair->name, sizeof pair->name, "%s: %s, %s", kind, short_name(a), short_name(b));
  similarity->pairs++;
}

static Status list_pairs(Similarity *similarity) {
  const AnalyzeContext *context = similarity->context;
  bool ebr = context->session->config.method.type == METHOD_EBR;
  int m = context->session->config.modalities;
  TRY(memory_take((void **)&similarity->pair, (size_t)(m * m + m), sizeof(Pair), "pairs of representations"));
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < m; i++)
      for (int j = i + 1; j < m; j++) {
        const char *what = kind ? "representation" : "encoder";
        const View *a = context_modality_view(context, what, i), *b = context_modality_view(context, what, j);
        if (a && b)
          add_pair(similarity, a, b, kind || !ebr ? "representation" : "latent");
      }
  const View *fused = context_view(context, "representation/fusion");
  for (int i = 0; fused && i < m; i++) {
    const View *view = context_modality_view(context, "representation", i);
    if (view)
      add_pair(similarity, view, fused, "multimodal");
  }
  TRY(memory_take((void **)&similarity->result, (size_t)similarity->pairs * RESULTS, sizeof(double), "similarities"));
  return pooled_slice(context, &similarity->slice);
}

static bool shows(const AnalyzeContext *context, const View *view, int64_t row) {
  return view->modality < 0 || context->mask[view->modality][row] != 0;
}

static Status add_cosines(Similarity *similarity) {
  const AnalyzeContext *context = similarity->context;
  int n = 3 * similarity->pairs;
  double *here, *total;
  TRY(comm_agree(context->comm, memory_take((void **)&here, (size_t)n * (size_t)(pooled_slices(context) + 1),
                                            sizeof *here, "sums of cosines")));
  total = here + (size_t)n * (size_t)pooled_slices(context);
  for (int k = 0; k < similarity->pairs; k++) {
    const View *a = similarity->pair[k].a, *b = similarity->pair[k].b;
    for (int64_t r = 0; a->width == b->width && r < context->rows; r++) {
      double *sum = here + (size_t)similarity->slice[r] * (size_t)n + 3 * k;
      if (!shows(context, a, r) || !shows(context, b, r))
        continue;
      double value = representation_cosine(a->data + r * a->width, b->data + r * b->width, a->width);
      sum[0]++;
      sum[1] += value;
      sum[2] += value * value;
    }
  }
  pooled_sum(context, total, here, n);
  for (int k = 0; k < similarity->pairs; k++)
    memcpy(similarity->result + (size_t)k * RESULTS, total + 3 * k, 3 * sizeof *total);
  free(here);
  return STATUS_OK;
}

// Rows of both that show both, packed; returns how many.
static int64_t pack(float *a, float *b, const Pair *pair, const uint8_t *shown_a, const uint8_t *shown_b, int64_t n) {
  size_t wa = (size_t)pair->a->width, wb = (size_t)pair->b->width;
  int64_t kept = 0;
  for (int64_t r = 0; r < n; r++) {
    if ((shown_a && !shown_a[r]) || (shown_b && !shown_b[r]))
      continue;
    memmove(a + (size_t)kept * wa, a + (size_t)r * wa, wa * sizeof *a);
    memmove(b + (size_t)kept * wb, b + (size_t)r * wb, wb * sizeof *b);
    kept++;
  }
  return kept;
}

static Status cka_here(double *result, const Pair *pair, float *a, float *b, const uint8_t *shown_a,
                       const uint8_t *shown_b, int64_t n) {
  Interval interval;
  int64_t kept = pack(a, b, pair, shown_a, shown_b, n);
  if (kept < 2)
    return STATUS_OK;
  TRY(representation_cka_interval(&result[0], &interval, a, pair->a->width, b, pair->b->width, kept, CKA_GROUPS,
                                  LEVEL));
  result[1] = interval.low;
  result[2] = interval.high;
  result[3] = (double)kept;
  for (int k = 0; k < 4; k++) // NaN does not survive a sum over ranks
    result[k] = isfinite(result[k]) ? result[k] : 0;
  return STATUS_OK;
}

// Every rank gets the whole matrices; pair k is rank k's work, in turn.
static Status add_cka(Similarity *similarity, int k) {
  AnalyzeContext *context = similarity->context;
  const Pair *pair = &similarity->pair[k];
  float *a = NULL, *b = NULL;
  uint8_t *shown_a = NULL, *shown_b = NULL;
  Status status = context_gather(context, pair->a, &a);
  if (status.code == 0)
    status = context_gather(context, pair->b, &b);
  if (status.code == 0 && pair->a->modality >= 0)
    status = context_gather_shown(context, pair->a->modality, &shown_a);
  if (status.code == 0 && pair->b->modality >= 0)
    status = context_gather_shown(context, pair->b->modality, &shown_b);
  if (status.code == 0 && k % context->comm->ranks == context->comm->rank)
    status = cka_here(similarity->result + (size_t)k * RESULTS + 3, pair, a, b, shown_a, shown_b, context->n);
  free(a);
  free(b);
  free(shown_a);
  free(shown_b);
  return comm_agree(context->comm, status);
}

static void report(Similarity *similarity, json_t *result) {
  json_t *cosines = json_object(), *alignments = json_object(), *figure = NULL;
  json_object_set_new(result, "cosine", cosines);
  json_object_set_new(result, "cka", alignments);
  for (int k = 0; k < similarity->pairs; k++) {
    const double *number = similarity->result + (size_t)k * RESULTS;
    if (number[0] == 0)
      continue;
    Summary summary = pooled_summary(number[0], number[1], number[2], LEVEL);
    if (!figure)
      figure = figure_add(result, "bars", "Cosine similarity", "mean cosine over samples", NULL,
                          "Where both have one width. Whiskers: 95 % (Student) over samples.");
    char item[200];
    text_print(item, sizeof item, "cosine %s", similarity->pair[k].name);
    figure_result(similarity->context, figure, cosines, item, similarity->pair[k].name,
                  (Estimate){summary.mean, summary.interval, summary.n});
  }
  figure = figure_add(result, "bars", "Linear CKA", "linear CKA, 0 to 1", NULL,
                      "Whiskers: 95 % (jackknife over ten groups of samples).");
  figure_axis(figure, 0, 1);
  for (int k = 0; k < similarity->pairs; k++) {
    const double *number = similarity->result + (size_t)k * RESULTS + 3;
    bool sure = number[1] != 0 || number[2] != 0;
    Interval interval = sure ? (Interval){fmax(number[1], 0), fmin(number[2], 1)} : (Interval){NAN, NAN};
    char item[200];
    text_print(item, sizeof item, "cka %s", similarity->pair[k].name);
    figure_result(similarity->context, figure, alignments, item, similarity->pair[k].name,
                  (Estimate){number[3] > 0 ? number[0] : NAN, interval, (int64_t)number[3]});
  }
}

static Status measure(Similarity *similarity, json_t *result) {
  TRY(comm_agree(similarity->context->comm, list_pairs(similarity)));
  TRY(add_cosines(similarity));
  for (int k = 0; k < similarity->pairs; k++)
    TRY(add_cka(similarity, k));
  for (int k = 0; k < similarity->pairs; k++)
    comm_gather_sums(similarity->context->comm, similarity->result + (size_t)k * RESULTS + 3, RESULTS - 3);
  report(similarity, result);
  return STATUS_OK;
}

Status measure_similarity(AnalyzeContext *context, json_t *result) {
  Similarity similarity = {.context = context};
  Status status = measure(&similarity, result);
  free(similarity.pair);
  free(similarity.result);
  free(similarity.slice);
  return status;
}
