// Pairs of features drawn at random are of two modalities as often as the closed form says, and never less than the bound.
#include "check.h"
#include "metrics/polysemanticity.h"

#include <math.h>

static void check_equal(void) {
  // m equal widths: the bound is reached, (m - 1) / m.
  for (int m = 1; m <= 8; m++) {
    int width[8];
    for (int i = 0; i < m; i++)
      width[i] = 5;
    CHECK(fabs(collision_bound(width, m) - (m - 1.0) / m) < 1e-15, "bound for %d: %g", m, collision_bound(width, m));
    CHECK(fabs(collision_chance(width, m) - (m - 1.0) / m) < 1e-15, "chance for %d: %g", m, collision_chance(width, m));
  }
}

static void check_drawn(const int *width, int m) {
  enum { DRAWS = 200000 };
  double chance = collision_chance(width, m), seen = (double)collision_draw(width, m, DRAWS, 7) / DRAWS;
  double error = sqrt(chance * (1 - chance) / DRAWS);
  CHECK(fabs(seen - chance) <= 4 * error, "%d modalities: drawn %g, chance %g, standard error %g", m, seen, chance,
        error);
  CHECK(collision_bound(width, m) <= chance + 1e-15, "bound %g above %g", collision_bound(width, m), chance);
}

int main(void) {
  check_equal();
  check_drawn((int[]){160, 320}, 2);
  check_drawn((int[]){1, 1, 1000}, 3);
  check_drawn((int[]){216, 76, 64, 6, 240, 47}, 6);
  CHECK(collision_draw((int[]){7}, 1, 1000, 1) == 0, "one modality cannot collide");
  const double gram[4] = {0, 0, 0, 4}; // a column of zeros and one of length 2
  double capacity[2], foreign[2], none[2] = {0, 0}, energy[2];
  weight_capacity(capacity, foreign, gram, 2, (int[]){0, 1, 2}, 2);
  CHECK(capacity[0] == 0 && capacity[1] == 1 && foreign[0] == 0 && foreign[1] == 0, "capacity of zeros");
  modality_energy(energy, none, (int[]){0, 1, 2}, 2);
  CHECK(isnan(share_entropy(energy, 2)), "entropy of nothing");
  CHECK(fabs(share_entropy((const double[]){0.25, 0.25, 0.25, 0.25}, 4) - log(4)) < 1e-15, "entropy of equal shares");
  return 0;
}
