/// The losses of texts that have one class, several, or a number.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <torch/types.h>

#include "models/losses/cross_entropy.h"

namespace langzoo {

/// What transformers' configs call problem_type.
enum class ProblemType {
  kSingleLabel,  ///< one class of several: softmax and cross-entropy
  kMultiLabel,   ///< any of several classes: a sigmoid and binary cross-entropy each
  kRegression,   ///< numbers: the squared error
};
/// In the order of ProblemType.
inline constexpr std::array<std::string_view, 3> kProblemTypeNames = {"single_label_classification",
                                                                      "multi_label_classification", "regression"};

/// -y log s(x) - (1-y) log(1 - s(x)), s being the sigmoid, summed over the elements where `mask`, if there is one, is
/// not 0. Shapes: logits and targets (...) of any numbers in [0,1], mask likewise -> scalar.
torch::Tensor binary_cross_entropy_sum(const torch::Tensor& logits, const torch::Tensor& targets,
                                       const torch::Tensor& mask = {});

/// Of a batch, summed over the texts: transformers' mean loss times B. Several labels and numbers count by their mean.
/// Shapes: logits (N,labels); targets (N) int64 or, of kMultiLabel and kRegression, (N,labels) numbers, of one label
/// also (N).
torch::Tensor sequence_loss_sum(const torch::Tensor& logits, const torch::Tensor& targets, ProblemType type,
                                const LabelSmoothing& smoothing = {});

}  // namespace langzoo
