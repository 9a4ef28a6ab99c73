#ifndef GRAPH_LANES_H
#define GRAPH_LANES_H
/// Sums within a row: eight interleaved chains of additions in double, then their sum. The order depends on n alone.

static inline double lanes_fold(const double lane[8]) {
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/// Sum of x[n].
static inline double lanes_sum(const float *x, int n) {
  double lane[8] = {0};
  for (int i = 0; i + 8 <= n; i += 8)
    for (int l = 0; l < 8; l++)
      lane[l] += (double)x[i + l];
  for (int i = n / 8 * 8; i < n; i++)
    lane[i % 8] += (double)x[i];
  return lanes_fold(lane);
}

/// Sum of (a - a0) (b - b0).
static inline double lanes_products(const float *a, double a0, const float *b, double b0, int n) {
  double lane[8] = {0};
  for (int i = 0; i + 8 <= n; i += 8)
    for (int l = 0; l < 8; l++)
      lane[l] += ((double)a[i + l] - a0) * ((double)b[i + l] - b0);
  for (int i = n / 8 * 8; i < n; i++)
    lane[i % 8] += ((double)a[i] - a0) * ((double)b[i] - b0);
  return lanes_fold(lane);
}

/// The same in float, of products: quicker, for short rows.
static inline float lanes_dot(const float *a, const float *b, int n) {
  float lane[8] = {0};
  for (int i = 0; i + 8 <= n; i += 8)
    for (int l = 0; l < 8; l++)
      lane[l] += a[i + l] * b[i + l];
  for (int i = n / 8 * 8; i < n; i++)
    lane[i % 8] += a[i] * b[i];
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

#endif
