/// A recurrent layer over a whole sequence on the CPU in float32, as one node of the graph.
///
/// What does not depend on the step before is done in single products over all steps: the input's share of the gates
/// by the caller, the gradients of W_hh here. A step is then one product with W_hh, arranged once for all steps, and
/// one pass over the gates.
#pragma once

#include <torch/types.h>

#include "models/layers/recurrent.h"

namespace langzoo {

struct RecurrentSequence {
  torch::Tensor output;        ///< (T,B,H), zeros beyond a row's length
  torch::Tensor hidden, cell;  ///< (B,H) after each row's last step; the cell of an LSTM only
};

/// One direction of a layer; differentiable once in everything of floating point. `gates` is W_ih x + b_ih (for cells
/// other than the GRU with b_hh too; the GRU's is `bias_hh`, or undefined). `hidden`, `cell` and `lengths` may be
/// undefined: zeros, zeros, all of T. Steps past a row's length leave its state alone.
/// Shapes: gates (T, B, G H), weight_hh (G H, H), bias_hh (G H), hidden and cell (B,H), lengths (B) int64 on the CPU.
RecurrentSequence recurrent_sequence_cpu(RecurrentCell kind, const torch::Tensor& gates, const torch::Tensor& weight_hh,
                                         const torch::Tensor& bias_hh, const torch::Tensor& hidden,
                                         const torch::Tensor& cell, const torch::Tensor& lengths, bool reverse);

/// One step of a cell from both shares of its gates; differentiable once. `bias_hh` is a GRU's or undefined, an
/// undefined cell is zero. Shapes: x = W_ih x + b, r = W_hh h (B, G H), state and result (B,H).
RecurrentState recurrent_cell_cpu(RecurrentCell kind, const torch::Tensor& x, const torch::Tensor& r,
                                  const torch::Tensor& bias_hh, const RecurrentState& state);

}  // namespace langzoo
