/// Learning-rate schedules: pure functions of the step.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace langzoo {

enum class ScheduleKind { kConstant, kLinear, kCosine, kInverseSqrt, kWsd, kPlateau, kLinearFromStart };

/// In the order of ScheduleKind.
inline constexpr std::array<std::string_view, 7> kScheduleNames = {
    "constant", "linear", "cosine", "inverse_sqrt", "wsd", "plateau", "linear_from_start"};

/// One of kScheduleNames; throws std::invalid_argument naming the known ones.
ScheduleKind schedule_kind(std::string_view name);

/// Every schedule rises linearly to `peak` over `warmup_steps` (step s of them has peak * s / warmup_steps), and then
///   constant      stays;
///   linear        falls in a straight line to `minimum`, reached at `total_steps`;
///   cosine        falls along half a cosine to `minimum`, reached at `total_steps` (Loshchilov and Hutter 2017);
///   inverse_sqrt  is peak * sqrt(warmup_steps / s) (Vaswani et al. 2017, section 5.3: peak = (d_model * warmup)^-0.5),
///                 never below `minimum`; without warm-up as if warmup_steps were 1;
///   wsd           stays, then falls in a straight line to `minimum` over the last `decay_fraction` of `total_steps`
///                 (Hu et al. 2024, MiniCPM; Hägele et al. 2024).
///   plateau       stays; whoever evaluates lowers it where that shows no improvement (TrainerOptions::plateau_factor);
///   linear_from_start  is on the line that falls from `peak` at step 0 to `minimum` at `total_steps`, to which it
///                 drops behind the warm-up (create_optimizer of BERT's and ALBERT's released code).
/// After `total_steps` the falling ones stay at `minimum`.
struct Schedule {
  ScheduleKind kind = ScheduleKind::kCosine;
  double peak = 1e-3;
  double minimum = 0.0;
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 1000;
  double decay_fraction = 0.2;

  /// Throws std::invalid_argument naming field and value.
  void validate() const;
  /// The learning rate of update `step`, the first being 1; at 0, that before the first.
  double at(std::int64_t step) const;
};

}  // namespace langzoo
