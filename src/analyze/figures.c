#include "analyze/figures.h"

#include <math.h>

static json_t *some(json_t *made) {
  REQUIRE(made, "out of memory for a result, or a name that is not UTF-8");
  return made;
}

json_t *estimate_json(Estimate estimate) {
  return some(json_pack("{s:o, s:o, s:o, s:I}", "value", context_number(estimate.value), "low",
                        context_number(estimate.interval.low), "high", context_number(estimate.interval.high), "n",
                        (json_int_t)estimate.n));
}

json_t *figure_add(json_t *result, const char *kind, const char *title, const char *x, const char *y,
                   const char *caption) {
  json_t *all = json_object_get(result, "figures");
  if (!all) {
    all = some(json_array());
    json_object_set_new(result, "figures", all);
  }
  bool bars = y == NULL;
  json_t *figure = some(json_pack("{s:s, s:s, s:s, s:s, s:o}", "kind", kind, "title", title, "x", x, "caption", caption,
                                  bars ? "bars" : "series", some(json_array())));
  if (y)
    json_object_set_new(figure, "y", json_string(y));
  json_array_append_new(all, figure);
  return figure;
}

void figure_axis(json_t *figure, double low, double high) {
  json_object_set_new(figure, "x_low", context_number(low));
  json_object_set_new(figure, "x_high", context_number(high));
}

void figure_rule(json_t *figure, double value, const char *name) {
  json_object_set_new(figure, "rule", context_number(value));
  json_object_set_new(figure, "rule_name", some(json_string(name)));
}

void figure_bar(json_t *figure, const char *name, Estimate estimate) {
  json_t *bar = estimate_json(estimate);
  json_object_set_new(bar, "name", some(json_string(name)));
  json_array_append_new(json_object_get(figure, "bars"), bar);
}

static json_t *numbers(const double *value, int n) {
  json_t *array = some(json_array());
  for (int i = 0; i < n; i++)
    json_array_append_new(array, context_number(value[i]));
  return array;
}

void figure_series(json_t *figure, const char *name, int points, const double *x, const double *y, const double *low,
                   const double *high) {
  json_t *series = some(json_pack("{s:s, s:o, s:o}", "name", name, "x", numbers(x, points), "y", numbers(y, points)));
  if (low && high) {
    json_object_set_new(series, "low", numbers(low, points));
    json_object_set_new(series, "high", numbers(high, points));
  }
  json_array_append_new(json_object_get(figure, "series"), series);
}

void figure_result(AnalyzeContext *context, json_t *figure, json_t *object, const char *item, const char *name,
                   Estimate estimate) {
  static const char *const keys[] = {"value", "low", "high", "n"};
  bool sure = isfinite(estimate.interval.low);
  const char *short_keys[] = {keys[0], keys[3]};
  if (figure)
    figure_bar(figure, name, estimate);
  json_object_set_new(object, name, estimate_json(estimate));
  if (sure)
    context_row(context, item, 4, keys,
                (double[]){estimate.value, estimate.interval.low, estimate.interval.high, (double)estimate.n});
  else
    context_row(context, item, 2, short_keys, (double[]){estimate.value, (double)estimate.n});
}
