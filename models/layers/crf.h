/// A linear-chain conditional random field (Lafferty, McCallum and Pereira 2001) over the labels of a sentence, as
/// taggers have it above their scores: Lample et al. 2016, section 2.2, https://arxiv.org/abs/1603.01360.
///
///     s(y) = start[y_1] + sum_t e_t[y_t] + sum_t A[y_t-1, y_t] + end[y_T]        e_t: scores of token t
///     p(y) = exp(s(y)) / Z,  Z = sum over all y' of exp(s(y'))
///
/// Parameters are named as pytorch-crf's: transitions (from, to), start_transitions, end_transitions.
///
/// Letters: B sentences, T tokens, N labels.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

namespace langzoo {

/// Which labels may stand where; empty lists allow all.
struct CrfConstraints {
  std::vector<bool> allowed = {};          ///< (N N), by from and to
  std::vector<bool> start = {}, end = {};  ///< (N) each

  bool empty() const { return allowed.empty(); }
};

/// What the tags' scheme allows: of BIO an I-X only behind a B-X or I-X; of IOBES entities that are either S-X, or B-X,
/// any number of I-X and E-X. Empty where the tags, in the order of their ids, are of neither scheme: parts of speech,
/// IO, or others than O, B, I, E and S.
CrfConstraints tag_constraints(std::span<const std::string> tags);

/// What is not allowed has a weight of -10000, which stays: whoever reads the parameters needs no list. Training and
/// the best labels know no other rule.
class LinearChainCrfImpl : public torch::nn::Module {
 public:
  static constexpr double kForbidden = -10000;

  /// Initialised as pytorch-crf, U(-0.1, 0.1). Throws std::invalid_argument for constraints of another size.
  explicit LinearChainCrfImpl(std::int64_t labels, const CrfConstraints& constraints = {});

  /// -ln p of the labels, summed over the sentences. A token whose label is -100 is not in its sentence; one without
  /// tokens counts nothing. On the CPU in float32 by sums of our own, differentiable once; else by torch's operators.
  /// Throws std::invalid_argument for shapes that do not fit and labels that there are not.
  /// Shapes: emissions (B,T,N), labels (B,T) int64 -> scalar.
  torch::Tensor loss_sum(const torch::Tensor& emissions, const torch::Tensor& labels) const;
  /// ln Z of each sentence, 0 of one without tokens. Not differentiable. Shapes: mask (B,T) bool -> (B) float64.
  torch::Tensor log_partition(const torch::Tensor& emissions, const torch::Tensor& mask) const;
  /// p(y_t = n), 0 outside the sentences. Not differentiable. Shapes: mask (B,T) bool -> (B,T,N).
  torch::Tensor marginals(const torch::Tensor& emissions, const torch::Tensor& mask) const;
  /// The most probable labels of one sentence (Viterbi). Shapes: emissions (T,N) -> T.
  std::vector<std::int64_t> best(const torch::Tensor& emissions) const;

  torch::Tensor transitions, start_transitions, end_transitions;

 private:
  std::int64_t labels() const { return transitions.size(0); }
  torch::Tensor loss_by_torch(const torch::Tensor& emissions, const torch::Tensor& labels) const;
  void hold_constraints() const;

  torch::Tensor forbidden_, forbidden_start_, forbidden_end_;  ///< bool; undefined: none is
};
TORCH_MODULE(LinearChainCrf);

}  // namespace langzoo
