/// Adafactor: adaptive learning rates whose memory is that of rows and columns, not of matrices (Shazeer and Stern
/// 2018, https://arxiv.org/abs/1804.04235, algorithms 4 and 5).
#pragma once

#include <optional>
#include <vector>

#include "models/io/config_fields.h"
#include "models/optim/optimizer.h"

namespace langzoo {

/// Names and defaults are transformers'; min_dim_size_to_factor is that of T5's own optimizer.
struct AdafactorOptions {
  double decay_rate = -0.8;     ///< of the second moments: beta2 at step t is 1 - t^decay_rate
  double clip_threshold = 1.0;  ///< an update whose root mean square is larger is scaled down to it
  double eps1 = 1e-30;          ///< added to squared gradients
  double eps2 = 1e-3;           ///< the least root mean square that a parameter counts as having
  bool scale_parameter = true;  ///< the learning rate is relative: times the root mean square of the parameter
  bool relative_step = true;    ///< at step t the learning rate is 1/sqrt(t) where that is less than the schedule's
  std::optional<double> beta1;  ///< decay of the mean of updates; none: no momentum, and no memory for it
  std::int64_t min_dim_size_to_factor = 128;  ///< smaller matrices keep second moments of every element

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming field and value.
  void validate() const;
};

/// Parameters of two dimensions or more keep the means of squared gradients over their last dimension and over the one
/// before, others all squared gradients. With relative_step the paper's step size is a constant schedule of 1e-2, its
/// warm-up one of 10,000 steps; T5's fine-tuning is relative_step false and a constant 1e-3.
///
/// Moments are float32, also of half-precision parameters. Weight decay is that of Loshchilov and Hutter, by the
/// parameter's own learning rate. A parameter that received no gradient since zero_grad() is skipped and its step count
/// stays. `parameters` must outlive the optimizer.
///
/// On the CPU a float32 matrix is read twice and its gradient three times, without copies of either, and the result
/// does not depend on the number of threads.
class Adafactor : public Optimizer {
 public:
  /// Throws std::invalid_argument naming field and value.
  Adafactor(FlatParameters& parameters, AdafactorOptions options, double weight_decay = 0.0);

  void step(double learning_rate, const torch::Tensor& divisor = {}, const torch::Tensor& found_inf = {}) override;

  /// `exp_avg_sq_row.<name>` and `exp_avg_sq_col.<name>`, or `exp_avg_sq.<name>`; `exp_avg.<name>` with momentum; and
  /// `step.<name>` (int64 scalars).
  NamedTensors state_dict() const override;

 private:
  struct Moments {
    torch::Tensor row, column;  // (...,M), (...,N) of a parameter (...,M,N)
    torch::Tensor all;          // of a parameter that is not factored
    torch::Tensor mean;         // of updates, where there is momentum
    torch::Tensor step;         // int64 scalar on the CPU
  };
  using Slot = FlatParameters::Slot;

  bool is_factored(const torch::Tensor& parameter) const;
  void step_matrix(const Slot& slot, Moments& moments, double rate, double decay, double divisor) const;
  void step_any(const Slot& slot, Moments& moments, double rate, double decay, const torch::Tensor& divisor,
                const torch::Tensor& found_inf) const;
  double beta2(const Moments& moments) const;

  FlatParameters& parameters_;
  AdafactorOptions options_;
  double weight_decay_;
  std::vector<std::vector<Moments>> moments_;  // by group and slot
};

}  // namespace langzoo
