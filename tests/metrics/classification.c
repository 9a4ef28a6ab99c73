// Scores of a classifier have their closed forms, leave unlabelled samples out, and do not overflow.
#include "metrics/classification.h"

#include "check.h"

#include <float.h>
#include <math.h>
#include <string.h>

static void check_small(void) {
  // Four samples of three classes and one without a label; class 2 occurs nowhere.
  const float logits[5][3] = {{2, 1, 0}, {0, 3, 0}, {1, 1, 0}, {5, 0, 0}, {0, 0, 9}};
  const int32_t label[5] = {0, 1, 1, 0, -1};
  const int32_t wanted[5] = {0, 1, 0, 0, 2}; // equal logits: the lowest class
  int32_t predicted[5];
  double recall[3], f1;
  classification_predict(predicted, logits[0], 5, 3);
  CHECK(memcmp(predicted, wanted, sizeof wanted) == 0, "predictions differ");
  CHECK(classification_accuracy(predicted, label, 5) == 0.75, "accuracy");
  CHECK(classification_recall(recall, predicted, label, 5, 3).code == 0, "recall failed");
  CHECK(recall[0] == 1 && recall[1] == 0.5 && isnan(recall[2]), "recall %g %g %g", recall[0], recall[1], recall[2]);
  CHECK(classification_macro_f1(&f1, predicted, label, 5, 3).code == 0, "F1 failed");
  CHECK(fabs(f1 - (4.0 / 5 + 2.0 / 3) / 2) < 1e-15, "macro F1 %g", f1);
}

static void check_entropy(void) {
  // Equal logits: log of the number of classes, whatever their size.
  const float equal[2][4] = {{7, 7, 7, 7}, {FLT_MAX, FLT_MAX, FLT_MAX, FLT_MAX}};
  const int32_t label[2] = {3, 0};
  CHECK(fabs(classification_cross_entropy(equal[0], label, 2, 4) - log(4)) < 1e-15, "equal logits");
  const float far[1][2] = {{-1e30f, 1e30f}};
  const int32_t wrong[1] = {0};
  CHECK(fabs(classification_cross_entropy(far[0], wrong, 1, 2) - 2 * (double)1e30f) < 1e15, "far logits");
  // One logit z says the same as the two logits 0 and z.
  for (int i = -300; i <= 300; i++) {
    const float one = (float)i / 4, two[2] = {0, one};
    for (int32_t y = 0; y < 2; y++) {
      double a = classification_cross_entropy(&one, &y, 1, 1), b = classification_cross_entropy(two, &y, 1, 2);
      CHECK(fabs(a - b) <= 1e-13 * fmax(1, b), "logit %g, label %d: %g, not %g", one, y, a, b);
      a = classification_calibration_error(&one, &y, 1, 1, 15), b = classification_calibration_error(two, &y, 1, 2, 15);
      CHECK(i == 0 || fabs(a - b) <= 1e-13, "calibration at logit %g, label %d: %g, not %g", one, y, a, b);
    }
    double p1, p2[2];
    classification_probabilities(&p1, &one, 1, 1);
    classification_probabilities(p2, two, 1, 2);
    CHECK(fabs(p1 - p2[1]) < 1e-15 && fabs(p2[0] + p2[1] - 1) < 1e-15, "probabilities at logit %g", one);
  }
}

static void check_nothing(void) {
  const float logits[2] = {1, 2};
  const int32_t none[1] = {-1}, predicted[1] = {1};
  double f1;
  CHECK(isnan(classification_accuracy(predicted, none, 1)), "accuracy of nothing");
  CHECK(isnan(classification_cross_entropy(logits, none, 1, 2)), "cross-entropy of nothing");
  CHECK(isnan(classification_calibration_error(logits, none, 1, 2, 15)), "calibration of nothing");
  CHECK(classification_macro_f1(&f1, predicted, none, 0, 2).code == 0 && isnan(f1), "F1 of nothing");
  const float bad[2] = {NAN, 0};
  const int32_t label[1] = {1};
  CHECK(isnan(classification_cross_entropy(bad, label, 1, 2)), "a NaN logit must not vanish in the cross-entropy");
  CHECK(isnan(classification_calibration_error(bad, label, 1, 2, 15)),
        "a NaN logit must not vanish in the calibration error");
}

static void check_calibration(void) {
  // A hundred samples of confidence 1/(1+e^-1), of which 60 are right: one bin, one difference.
  float logit[100];
  int32_t label[100];
  for (int i = 0; i < 100; i++) {
    logit[i] = 1;
    label[i] = i < 60;
  }
  double wanted = 1 / (1 + exp(-1)) - 0.6, got = classification_calibration_error(logit, label, 100, 1, 15);
  CHECK(fabs(got - wanted) < 1e-12, "got %g, not %g", got, wanted);
}

int main(void) {
  check_small();
  check_entropy();
  check_nothing();
  check_calibration();
  return 0;
}
