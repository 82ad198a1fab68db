/// What a recurrent cell does to one row in one step, beside the products: float32 loops over its units.
#pragma once

#include <cstdint>

#include "models/layers/recurrent.h"

namespace langzoo {

/// One row of one step. `x` and `r` are the input's and the recurrent share of the gates, `saved` is what the backward
/// pass needs: the gates after their nonlinearities, of a GRU also the recurrent share of n. All have n = H units a
/// gate.
struct RecurrentForwardRow {
  const float *x, *r, *bias, *h_before, *c_before;
  float *saved, *h, *c, *output;
};

/// The same backwards. `through_product` is the gradient that reached h by the next step's product, `dh` the one that
/// reached it otherwise; it becomes what passes on to the step before beside the product. `dc` likewise. `dx` is the
/// gradient of the gates, `dr` of the recurrent share (a GRU's n; for the rest it is dx).
struct RecurrentBackwardRow {
  const float *saved, *h, *h_before, *c, *c_before, *through_product, *doutput;
  float *dx, *dr, *dh, *dc;
};

struct RecurrentCellKernel {
  void (*forward)(const RecurrentForwardRow&, std::int64_t units);
  void (*backward)(const RecurrentBackwardRow&, std::int64_t units);
  std::int64_t gates, saved;  ///< units of G H and of what is saved, in H
};

RecurrentCellKernel recurrent_cell_kernel(RecurrentCell kind);

}  // namespace langzoo
