// Batch norm over planes has the bits of its definition on every instruction set, with and without the ReLU behind it.
#include "every_set.h"

#include "kernels/norm.h"

enum { LANES = 8, CHANNELS = 11 };

static double folded(const double lane[LANES]) {
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/// What happens to one channel, element by element.
static void twin(double *sums, float *y, float *dx, const float *dy, const float *x, const Norm *norm, int c) {
  double lane[4][LANES] = {{0}};
  for (int i = 0; i < norm->positions; i++) {
    const float centred = x[i] - norm->mean[c], h = centred * norm->factor[c] + norm->b[c];
    const double wide = (double)x[i] - (double)norm->mean[c];
    const float g = norm->relu && !(h > 0) ? 0 : dy[i];
    y[i] = norm->relu && h <= 0 ? 0 : h;
    dx[i] += norm->factor[c] * (g - norm->shift[c] - centred * norm->slope[c]);
    lane[0][i % LANES] += (double)x[i];
    lane[1][i % LANES] += wide * wide;
    lane[2][i % LANES] += (double)g;
    lane[3][i % LANES] += (double)g * wide;
  }
  for (int k = 0; k < 4; k++)
    sums[k * CHANNELS + c] += folded(lane[k]);
}

static void compare(int channels, int positions, bool relu, bool accumulate, unsigned *state) {
  const size_t n = (size_t)positions, all = CHANNELS * n;
  float *x = numbers(all, state), *dy = numbers(all, state), *y = numbers(all, state), *want_y = numbers(all, state);
  float *dx = numbers(all, state), *want_dx = calloc(all + 1, sizeof *want_dx), *number = numbers(5 * CHANNELS, state);
  CHECK(want_dx, "out of memory");
  double sums[4 * CHANNELS], want[4 * CHANNELS];
  for (int i = 0; i < 4 * CHANNELS; i++)
    sums[i] = want[i] = i;
  if (accumulate)
    memcpy(want_dx, dx, all * sizeof *dx);
  else
    memcpy(dx, dy, all * sizeof *dx); // in place
  const Norm norm = {.mean = number,
                     .factor = number + CHANNELS,
                     .b = number + 2 * CHANNELS,
                     .shift = number + 3 * CHANNELS,
                     .slope = number + 4 * CHANNELS,
                     .positions = positions,
                     .relu = relu};
  const int first = CHANNELS - channels; // channels in front are left alone
  for (int c = first; c < CHANNELS; c++) {
    const size_t at = (size_t)(c - first) * n;
    twin(want, want_y + at, want_dx + at, dy + at, x + at, &norm, c);
  }
  norm_sums(sums + first, x, channels, positions);
  norm_squares(sums + CHANNELS + first, x, norm.mean + first, channels, positions);
  norm_forward(y, x, &norm, first, channels);
  norm_moments(sums + 2 * CHANNELS + first, sums + 3 * CHANNELS + first, dy, x, &norm, first, channels);
  norm_backward(dx, accumulate ? dy : dx, x, &norm, first, channels, accumulate);
  const size_t bytes = (size_t)channels * n * sizeof(float);
  for (int i = 0; i < 4 * CHANNELS; i++)
    CHECK(sums[i] == want[i], "%s: sum %d of %d positions is %.17g, not %.17g", gemm_kernel(), i, positions, sums[i],
          want[i]);
  CHECK(memcmp(y, want_y, bytes) == 0, "%s: y, %d positions", gemm_kernel(), positions);
  CHECK(memcmp(dx, want_dx, bytes) == 0, "%s: dx, %d positions", gemm_kernel(), positions);
  free(x), free(dy), free(y), free(want_y), free(dx), free(want_dx), free(number);
}

static void test(void) {
  unsigned state = 11;
  for (int trial = 0; trial < 400; trial++)
    compare(1 + draw(&state, CHANNELS), 1 + draw(&state, trial % 2 ? 20 : 300), trial & 2, trial & 4, &state);
}

int main(void) { return every_set(test); }
