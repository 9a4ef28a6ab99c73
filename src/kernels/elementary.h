#ifndef KERNELS_ELEMENTARY_H
#define KERNELS_ELEMENTARY_H
// Elementary functions as chains of IEEE operations and fmaf() without branches, so that loops over them become vectors and
// every instruction set makes the same bits. Included by passes_body.h, which defines INLINE. Reductions are the usual ones:
//   exp(x) = 2^k exp(r), |r| <= log(2)/2, exp(r) by its Taylor series;    log(2^k m) = k log(2) + 2 atanh((m - 1) / (m + 1));
//   tanh(x) = q / (q + 2), q = exp(2|x|) - 1;    Q(a) = 1 - Phi(a) = exp(-a^2/2) G(a), Phi the normal distribution function.
// Polynomials with odd coefficients are minimax fits (relative error, by reweighted least squares at 4001 Chebyshev points).
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

INLINE uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

INLINE float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

INLINE float sign_like(float magnitude, float sign) {
  return float_of(bits_of(magnitude) | (bits_of(sign) & 0x80000000u));
}

/// log(2) in two pieces, the first with so few digits that products with exponents are exact.
#define LOG2_HIGH 0x1.62e4p-1f
#define LOG2_LOW 0x1.7f7d1cp-20f
#define LOG2_E 0x1.715476p+0f
/// Added to |x| < 2^22 it leaves the nearest integer in the lowest bits.
#define TO_INTEGER 0x1.8p+23f

/// exp(x) = scale (1 + rest) with scale = 2^power for -105 <= x <= 89 or NaN.
typedef struct Power {
  int32_t power;
  float rest;
} Power;

INLINE Power exp_reduced(float x) {
  const float shifted = fmaf(x, LOG2_E, TO_INTEGER), k = shifted - TO_INTEGER;
  const float r = fmaf(k, -LOG2_LOW, fmaf(k, -LOG2_HIGH, x));
  float sum = fmaf(r, 1.0f / 5040, 1.0f / 720);
  sum = fmaf(r, sum, 1.0f / 120);
  sum = fmaf(r, sum, 1.0f / 24);
  sum = fmaf(r, sum, 1.0f / 6);
  sum = fmaf(r, sum, 0.5f);
  return (Power){(int32_t)(bits_of(shifted) - bits_of(TO_INTEGER)), fmaf(r * r, sum, r)};
}

INLINE float two_to(int32_t power) { return float_of((uint32_t)(power + 127) << 23); }

INLINE float exp_of(float x) {
  x = x > 89.0f ? 89.0f : x;
  x = x < -105.0f ? -105.0f : x;
  const Power y = exp_reduced(x);
  // In two steps, since 2^128 is no float and 2^-150 none either; only the second one can round.
  const int32_t half = y.power >> 1;
  return (1.0f + y.rest) * two_to(half) * two_to(y.power - half);
}

/// 2 atanh(s), |s| <= 1/3.
INLINE float twice_atanh(float s) {
  const float z = s * s;
  float sum = fmaf(z, 0.140891662f, 0.139803019f);
  sum = fmaf(z, sum, 0.200124551f);
  sum = fmaf(z, sum, 0.333331573f);
  return fmaf(2 * s * z, sum, 2 * s);
}

INLINE float log_of(float x) {
  const bool tiny = x < 0x1p-126f;
  const float scaled = tiny ? x * 0x1p+23f : x;
  const uint32_t bits = bits_of(scaled) - bits_of(0x1.6a09e6p-1f); // the mantissa from sqrt(1/2) to sqrt(2)
  const int32_t power = (int32_t)bits >> 23;
  const float m = float_of(bits_of(scaled) - ((uint32_t)power << 23));
  const float k = (float)(tiny ? power - 23 : power);
  const float y = fmaf(k, LOG2_HIGH, fmaf(k, LOG2_LOW, twice_atanh((m - 1.0f) / (m + 1.0f))));
  const float high = x < INFINITY ? y : x;
  return x > 0 ? high : x == 0 ? -INFINITY : NAN;
}

INLINE float sigmoid_of(float x) {
  const float e = exp_of(-fabsf(x));
  return (x >= 0 ? 1.0f : e) / (1.0f + e);
}

/// log(1 + e^x) = max(x, 0) + log(1 + e), e = exp(-|x|); log(1 + e) = 2 atanh(e / (2 + e)).
INLINE float softplus_of(float x) {
  const float e = exp_of(-fabsf(x));
  return (x > 0 ? x : 0.0f) + twice_atanh(e / (2.0f + e));
}

INLINE float tanh_of(float x) {
  const float a = fabsf(x), most = a > 9.5f ? 9.5f : a;
  const Power e = exp_reduced(2 * most);
  const float scale = two_to(e.power), q = fmaf(scale, e.rest, scale - 1.0f);
  return sign_like(q / (q + 2.0f), x);
}

// What hangs on the normal distribution is computed in double and rounded once: in float, the rounding of a^2 alone would
// cost exp(-a^2/2) as many ulp as a^2 / 2.

/// exp(x), -700 <= x <= 700 or NaN, within 6e-9.
INLINE double exp_wide(double x) {
  const double shifted = fma(x, 1.4426950408889634, 0x1.8p+52), k = shifted - 0x1.8p+52;
  const double r = fma(k, -0.6931471805599453, x);
  double sum = fma(r, 1.0 / 5040, 1.0 / 720), scale;
  sum = fma(r, sum, 1.0 / 120);
  sum = fma(r, sum, 1.0 / 24);
  sum = fma(r, sum, 1.0 / 6);
  sum = fma(r, sum, 0.5);
  sum = fma(r, sum, 1.0);
  uint64_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 1023) << 52;
  memcpy(&scale, &bits, sizeof scale);
  return fma(r, sum, 1.0) * scale;
}

/// G(a), 0 <= a <= 15: G(a) (a + c) is nearly constant and a polynomial in (a - c) / (a + c) (Shepherd and Laframboise 1981).
INLINE double normal_ratio(double a) {
  const double u = 1.0 / (a + 3.25), t = fma(-6.5, u, 1.0);
  double sum = fma(t, 0.00012822520693, 0.00014480734402);
  sum = fma(t, sum, -0.0010514408771);
  sum = fma(t, sum, -0.0011649425894);
  sum = fma(t, sum, 0.0083040926235);
  sum = fma(t, sum, 0.0010975848258);
  sum = fma(t, sum, -0.08092443844);
  sum = fma(t, sum, 0.27445385463);
  sum = fma(t, sum, -0.53948672108);
  return fma(t, sum, 0.7374384006) * u;
}

/// x Phi(x); below -15 it is less than any float.
INLINE float gelu_of(float x) {
  const float low = x < -15.0f ? -15.0f : x, a = fabsf(low);
  const double most = a > 15.0f ? 15.0f : a, tail = exp_wide(-0.5 * most * most) * normal_ratio(most);
  return (float)(low * (x > 0 ? 1.0 - tail : tail));
}

/// Phi(x) + x phi(x) = v for x <= 0 and 1 - v else, v = exp(-a^2/2) (G(a) - a / sqrt(2 pi)), a = |x|.
INLINE float gelu_slope_of(float x) {
  const float a = fabsf(x);
  const double most = a > 15.0f ? 15.0f : a;
  const double v = exp_wide(-0.5 * most * most) * fma(most, -0.3989422804014327, normal_ratio(most));
  return (float)(x > 0 ? 1.0 - v : v);
}

/// 1 - 2 Q(a sqrt(2)), but a polynomial where that would cancel.
INLINE float erf_of(float x) {
  const float a = fabsf(x), most = a > 4.0f ? 4.0f : a, z = most * most;
  float sum = fmaf(z, 8.3823906e-05f, -0.000814559767f);
  sum = fmaf(z, sum, 0.00520128611f);
  sum = fmaf(z, sum, -0.0268595001f);
  sum = fmaf(z, sum, 0.112836973f);
  sum = fmaf(z, sum, -0.376126339f);
  const float small = fmaf(most, fmaf(z, sum, 0.128379167f), most);
  const double wide = most, tail = exp_wide(-wide * wide) * normal_ratio(wide * 1.4142135623730951);
  return sign_like(most < 0.9f ? small : (float)(1.0 - 2.0 * tail), x);
}

#endif
