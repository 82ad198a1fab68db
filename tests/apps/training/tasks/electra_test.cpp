#include "tests/support/test.h"

#include "apps/training/tasks/electra.h"
#include "tests/apps/training/tasks/encoders_run.h"

namespace langzoo::test::electra_test {

TEST_CASE("a generator and a discriminator learn together; what validation draws is the same every time") {
  const TempDir dir;
  const auto run = small_run(dir, pretraining_setup("electra", "electra"), "run",
                             {{"train.discriminator_weight", "7"}, {"model.generator_fraction", "0.5"}});
  run->prepare();
  auto& task = run->task();
  const auto terms = task.loss_terms();
  REQUIRE(terms.size() == 2);
  CHECK(terms[1].weight == 7);
  const auto batch = task.next();
  CHECK(batch.counts[1] == batch.num_tokens);
  CHECK(batch.counts[0] < batch.counts[1]);
  CHECK(batch.loss_sums().size() == 2);
  task.model().eval();
  torch::manual_seed(5);
  const auto before = torch::rand({1}).item<float>();
  torch::manual_seed(5);
  const auto first = task.evaluate(), again = task.evaluate();
  CHECK(torch::rand({1}).item<float>() == before);  // as if nothing had been drawn
  CHECK(values_of(first) == values_of(again));
  CHECK(first.at("loss").value == Approx(first.at("generator_loss").value + 7 * first.at("discriminator_loss").value));
}

TEST_CASE("layers of both are frozen, or learn more slowly, by their depth") {
  const TempDir dir;
  const auto run = small_run(dir, pretraining_setup("electra", "electra"), "run",
                             {{"train.freeze_layers", "1"}, {"train.gradient_checkpointing", "true"}});
  run->prepare();
  auto& model = run->task().model();
  const auto rules = run->task().parameter_rules();
  const auto parameters = model.named_parameters();
  const auto matched = match_rules(parameters, rules);
  for (std::size_t i = 0; i < matched.size(); ++i) {
    const auto& name = parameters[i].key();
    INFO(name);
    const bool below = name.find("embedding") != name.npos || name.find("layer.0.") != name.npos;
    CHECK((matched[i] != nullptr && matched[i]->frozen) == below);
  }
  CHECK_NOTHROW(run->train());
}

}  // namespace langzoo::test::electra_test
