// VIF_j = 1 / (1 - R_j^2), R_j^2 of regressing feature j of a representation on its others: how much its features repeat each other.
// A. Chaudhuri et al., ICML 2025, Table 7 (the mean over features). Correlations get a ridge of 1e-8, so a feature that is a combination of others
// has 1e8 at most; constant features (dead units) are left out. The median and quartiles say more than the mean when some are that large.
#include "analyze/figures.h"
#include "analyze/pooled.h"
#include "base/memory.h"
#include "metrics/representation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 7 }; // samples, mean, median, quartiles, features kept, share above 10
static const double RIDGE = 1e-8, HIGH = 10;

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static Status inflate(double *number, const float *x, int64_t n, int d) {
  double *vif;
  int kept = 0;
  TRY(memory_take((void **)&vif, (size_t)d, sizeof *vif, "variance inflation factors"));
  Status status = representation_vif(&number[1], vif, x, n, d, RIDGE);
  for (int j = 0; status.code == 0 && j < d; j++)
    if (!isnan(vif[j]))
      vif[kept++] = vif[j];
  if (status.code == 0 && kept) {
    double high = 0;
    for (int j = 0; j < kept; j++)
      high += vif[j] > HIGH;
    qsort(vif, (size_t)kept, sizeof *vif, ascending);
    number[0] = (double)n;
    number[2] = summary_quantile(vif, kept, 0.5);
    number[3] = summary_quantile(vif, kept, 0.25);
    number[4] = summary_quantile(vif, kept, 0.75);
    number[5] = kept;
    number[6] = high / kept;
  } else
    memset(number, 0, NUMBERS * sizeof *number);
  free(vif);
  return status;
}

static Status measure_view(AnalyzeContext *context, const View *view, double *number, bool mine) {
  float *x = NULL;
  uint8_t *shown = NULL;
  int64_t n = 0;
  Status status = context_gather(context, view, &x);
  if (status.code == 0 && view->modality >= 0)
    status = context_gather_shown(context, view->modality, &shown);
  for (int64_t r = 0; status.code == 0 && r < context->n; r++)
    if (!shown || shown[r])
      memmove(x + view->width * n++, x + view->width * r, (size_t)view->width * sizeof *x);
  if (status.code == 0 && mine && n >= 2)
    status = inflate(number, x, n, view->width);
  free(x);
  free(shown);
  return comm_agree(context->comm, status);
}

static void report(AnalyzeContext *context, const View *const *view, const double *number, int views, json_t *result) {
  json_t *object = json_object();
  json_t *figure =
      figure_add(result, "bars", "Multicollinearity", "VIF, median over features", NULL,
                 "1: features are uncorrelated. n: features that vary. Whiskers: quartiles over features.");
  json_object_set_new(result, "vif", object);
  for (int k = 0; k < views; k++, number += NUMBERS) {
    bool none = number[0] == 0;
    Estimate estimate = {none ? NAN : number[2], none ? (Interval){NAN, NAN} : (Interval){number[3], number[4]},
                         (int64_t)number[5]};
    figure_result(context, figure, object, view[k]->name, view[k]->name, estimate);
    json_t *entry = json_object_get(object, view[k]->name);
    json_object_set_new(entry, "mean", context_number(none ? NAN : number[1]));
    json_object_set_new(entry, "share_above_10", context_number(none ? NAN : number[6]));
    json_object_set_new(entry, "samples", json_integer((json_int_t)number[0]));
  }
}

Status measure_vif(AnalyzeContext *context, json_t *result) {
  const View **view;
  double *number = NULL;
  int views = 0;
  Status status = memory_take((void **)&view, (size_t)context->views, sizeof *view, "representations");
  if (status.code == 0)
    status = memory_take((void **)&number, (size_t)context->views * NUMBERS, sizeof *number, "inflation factors");
  status = comm_agree(context->comm, status);
  for (int k = 0; status.code == 0 && k < context->views; k++) {
    const View *one = &context->view[k];
    bool repeated = strncmp(one->name, "input/", 6) == 0 || !strcmp(one->name, "logits");
    for (int j = 0; j < views; j++)
      repeated |= view[j]->data == one->data;
    if (repeated)
      continue;
    view[views] = one;
    status = measure_view(context, one, number + views * NUMBERS, views % context->comm->ranks == context->comm->rank);
    views++;
  }
  if (status.code == 0) {
    comm_gather_sums(context->comm, number, views * NUMBERS);
    report(context, view, number, views, result);
  }
  free(view);
  free(number);
  return status;
}
