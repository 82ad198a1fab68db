#include "tests/support/test.h"

#include "models/optim/schedule.h"

namespace langzoo {

TEST_CASE("The inverse square root schedule has the Transformer's values") {
  // Vaswani et al. 2017, equation 3: d_model^-0.5 * min(s^-0.5, s * warmup^-1.5), d_model 512, warmup 4000.
  const Schedule noam{ScheduleKind::kInverseSqrt, std::pow(512.0 * 4000.0, -0.5), 0.0, 4000, 100000};
  CHECK(noam.at(1) == Approx(1.747e-7).epsilon(1e-3));
  CHECK(noam.at(2000) == Approx(3.494e-4).epsilon(1e-3));
  CHECK(noam.at(4000) == Approx(6.9877e-4).epsilon(1e-4));
  CHECK(noam.at(100000) == Approx(1.398e-4).epsilon(1e-3));
  for (const std::int64_t s : {1, 10, 3999, 4001, 12345}) {
    const auto step = static_cast<double>(s);
    CHECK(noam.at(s) ==
          Approx(std::pow(512.0, -0.5) * std::min(std::pow(step, -0.5), step * std::pow(4000.0, -1.5))).epsilon(1e-12));
  }
  const Schedule floored{ScheduleKind::kInverseSqrt, 1.0, 0.25, 0, 100};
  CHECK(floored.at(1) == 1.0);
  CHECK(floored.at(4) == Approx(0.5));
  CHECK(floored.at(1000) == 0.25);
}

TEST_CASE("Falling schedules: warm-up, peak, half way, end and after") {
  Schedule schedule{ScheduleKind::kCosine, 1.0, 0.1, 10, 110};
  CHECK(schedule.at(1) == Approx(0.1));
  CHECK(schedule.at(5) == Approx(0.5));
  CHECK(schedule.at(10) == Approx(1.0));
  CHECK(schedule.at(60) == Approx(0.55));
  CHECK(schedule.at(35) == Approx(0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5))));
  CHECK(schedule.at(110) == Approx(0.1));
  CHECK(schedule.at(500) == Approx(0.1));
  schedule.kind = ScheduleKind::kLinear;
  CHECK(schedule.at(10) == Approx(1.0));
  CHECK(schedule.at(35) == Approx(0.775));
  CHECK(schedule.at(110) == Approx(0.1));
  CHECK(schedule.at(111) == Approx(0.1));
  schedule.kind = ScheduleKind::kLinearFromStart;
  CHECK(schedule.at(5) == Approx(0.5));
  CHECK(schedule.at(11) == Approx(0.91));
  CHECK(schedule.at(55) == Approx(0.55));
  CHECK(schedule.at(110) == Approx(0.1));
  schedule.kind = ScheduleKind::kConstant;
  CHECK(schedule.at(5) == Approx(0.5));
  CHECK(schedule.at(110) == 1.0);
  schedule.kind = ScheduleKind::kWsd;
  schedule.decay_fraction = 0.5;  // from step 55
  CHECK(schedule.at(5) == Approx(0.5));
  CHECK(schedule.at(55) == Approx(1.0));
  CHECK(schedule.at(66) == Approx(0.82));
  CHECK(schedule.at(110) == Approx(0.1));
  schedule.decay_fraction = 0.0;
  CHECK(schedule.at(109) == 1.0);
  CHECK(schedule.at(110) == 1.0);
}

TEST_CASE("A run shorter than its warm-up, or of one step") {
  CHECK(Schedule{ScheduleKind::kCosine, 1.0, 0.0, 100, 10}.at(10) == Approx(0.1));
  CHECK(Schedule{ScheduleKind::kCosine, 1.0, 0.0, 100, 10}.at(100) == Approx(0.0));
  CHECK(Schedule{ScheduleKind::kLinear, 1.0, 0.5, 0, 1}.at(1) == Approx(0.5));
}

TEST_CASE("Before the first step a schedule is where it begins") {
  for (const auto kind : {ScheduleKind::kConstant, ScheduleKind::kLinear, ScheduleKind::kCosine,
                          ScheduleKind::kInverseSqrt, ScheduleKind::kWsd, ScheduleKind::kLinearFromStart}) {
    CHECK(Schedule{kind, 1.0, 0.5, 0, 1}.at(0) == 1.0);
    CHECK(Schedule{kind, 1.0, 0.5, 4, 8}.at(0) == 0.0);
  }
}

TEST_CASE("Impossible schedules are named") {
  CHECK_THROWS_WITH(schedule_kind("cosin"), Catch::Contains("'cosin'") && Catch::Contains("cosine"));
  CHECK(schedule_kind("wsd") == ScheduleKind::kWsd);
  CHECK_THROWS_WITH((Schedule{ScheduleKind::kLinear, 1.0, 2.0}.validate()), Catch::Contains("minimum is 2"));
  CHECK_THROWS_WITH((Schedule{ScheduleKind::kLinear, std::nan("")}.validate()), Catch::Contains("peak is nan"));
  CHECK_THROWS_WITH((Schedule{ScheduleKind::kLinear, 1.0, 0.0, -1}.validate()), Catch::Contains("warmup_steps is -1"));
}

}  // namespace langzoo
