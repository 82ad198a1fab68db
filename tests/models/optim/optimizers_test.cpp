#include "tests/support/test.h"

#include "models/optim/adamw.h"
#include "models/optim/clip.h"
#include "models/optim/optimizers.h"
#include "models/optim/sgd.h"

namespace langzoo::optimizers_test {
namespace {

using test::max_difference;

/// Adafactor without momentum (Shazeer and Stern 2018, algorithm 4): of a matrix it keeps the means of rows and
/// columns, so its state has other shapes than the parameters and every parameter is treated by itself. Here to see
/// that such optimizers fit.
class Factored : public Optimizer {
 public:
  Factored(FlatParameters& parameters, double decay) : parameters_(parameters), decay_(decay) {
    for (const auto& group : parameters.groups()) {
      for (const auto& slot : group.slots) {
        const auto sizes = slot.parameter.sizes();
        if (sizes.size() == 2) {
          state_.insert("row." + slot.name, torch::zeros({sizes[0]}));
          state_.insert("column." + slot.name, torch::zeros({sizes[1]}));
        } else {
          state_.insert("square." + slot.name, torch::zeros(sizes));
        }
      }
    }
  }

  void step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& /*found_inf*/) override {
    const torch::NoGradGuard no_grad;
    parameters_.gather();
    for (const auto& group : parameters_.groups()) {
      for (const auto& slot : group.slots) {
        if (!slot.has_grad) continue;
        const auto grad = divisor.defined() ? slot.grad / divisor : slot.grad;
        const auto square = grad.pow(2) + 1e-30;
        torch::Tensor mean;
        if (grad.dim() == 2) {
          auto& row = state_["row." + slot.name];
          auto& column = state_["column." + slot.name];
          row.lerp_(square.mean(1), 1 - decay_);
          column.lerp_(square.mean(0), 1 - decay_);
          mean = at::outer(row, column) / row.mean();
        } else {
          mean = state_["square." + slot.name].lerp_(square, 1 - decay_);
        }
        slot.parameter.detach().sub_(grad / mean.sqrt(), learning_rate * group.lr_scale);
      }
    }
    parameters_.mark_changed();
  }
  NamedTensors state_dict() const override { return state_; }

 private:
  FlatParameters& parameters_;
  double decay_;
  NamedTensors state_;
};

struct Weights {
  explicit Weights(std::uint64_t seed = 1) {
    torch::manual_seed(seed);
    for (const auto& [name, shape] : std::vector<std::pair<std::string, std::vector<std::int64_t>>>{
             {"layer.1.weight", {4, 3}}, {"layer.10.weight", {4, 3}}, {"layer.1.bias", {4}}, {"head.weight", {2, 4}}})
      named.insert(name, torch::randn(shape).requires_grad_());
    named.insert("embedding.weight", named["head.weight"]);  // tied
  }
  void backward() {
    auto loss = torch::zeros({});
    for (const auto& item : named)
      if (item.value().requires_grad()) loss = loss + item.value().pow(2).sum() + item.value().sum();
    loss.backward();
  }
  NamedTensors named;
};

const OptimizerOptions kOptions{.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-12, .weight_decay = 0.5};

}  // namespace

TEST_CASE("the table makes the built-in optimizers by name, and names them where one is unknown") {
  const auto names = optimizer_names();
  REQUIRE(names.size() >= 2);
  CHECK(names[0] == "adamw");
  CHECK(names[1] == "sgd");
  Weights ours, theirs, plain;
  FlatParameters a(ours.named), b(theirs.named), c(plain.named);
  const auto made = make_optimizer("adamw", a, kOptions);
  AdamW direct(b, {kOptions.beta1, kOptions.beta2, kOptions.epsilon, kOptions.weight_decay});
  for (int i = 0; i < 3; ++i) {
    for (auto* w : {&ours, &theirs}) w->backward();
    made->step(0.1);
    direct.step(0.1);
  }
  for (const auto& item : ours.named) CHECK(torch::equal(item.value(), theirs.named[item.key()]));
  CHECK(dynamic_cast<Sgd*>(make_optimizer("sgd", c, kOptions).get()) != nullptr);
  CHECK(unread_optimizer_options("sgd").size() == 5);
  CHECK(unread_optimizer_options("adamw").empty());
  CHECK_THROWS_WITH(make_optimizer("lion", c, kOptions), Catch::Contains("'lion'") && Catch::Contains("adamw, sgd"));
}

TEST_CASE("an optimizer whose state has other shapes than the parameters is registered, learns, and goes on the same") {
  register_optimizer("test_factored", [](FlatParameters& parameters, const OptimizerOptions& options) {
    return std::make_unique<Factored>(parameters, options.beta2);
  });
  CHECK(optimizer_names().back() == "test_factored");
  for (const char* taken : {"test_factored", "adamw", "own", ""}) {
    CHECK_THROWS_AS(
        register_optimizer(taken, [](FlatParameters& parameters,
                                     const OptimizerOptions&) { return std::make_unique<Sgd>(parameters); }),
        std::invalid_argument);
  }
  CHECK_THROWS_AS(register_optimizer("test_nothing", nullptr), std::invalid_argument);

  const auto train = [](Weights& weights, FlatParameters& parameters, Optimizer& optimizer, int steps) {
    for (int i = 0; i < steps; ++i) {
      parameters.zero_grad();
      weights.backward();
      optimizer.step(0.02, clip_divisor(parameters.grad_norm(), 1.0));
    }
  };
  Weights whole, parts;
  FlatParameters a(whole.named, {{.pattern = "head*", .lr_scale = 0.5}});
  const auto uninterrupted = make_optimizer("test_factored", a, kOptions);
  train(whole, a, *uninterrupted, 6);
  CHECK(max_difference(whole.named["layer.1.weight"], Weights().named["layer.1.weight"]) > 0.05);

  FlatParameters b(parts.named, {{.pattern = "head*", .lr_scale = 0.5}});
  const auto first = make_optimizer("test_factored", b, kOptions);
  train(parts, b, *first, 3);
  NamedTensors saved;
  for (const auto& item : first->state_dict()) saved.insert(item.key(), item.value().clone());
  CHECK(saved["row.head.weight"].sizes() == at::IntArrayRef{2});
  const auto second = make_optimizer("test_factored", b, kOptions);
  second->load_state_dict(saved);
  train(parts, b, *second, 3);
  for (const auto& item : whole.named) CHECK(torch::equal(item.value(), parts.named[item.key()]));

  NamedTensors odd;
  for (const auto& item : saved) odd.insert(item.key() == "row.head.weight" ? "row.other" : item.key(), item.value());
  CHECK_THROWS_WITH(second->load_state_dict(odd), Catch::Contains("row.head.weight is missing"));
  odd.insert("row.head.weight", torch::zeros({2}));
  CHECK_THROWS_WITH(second->load_state_dict(odd), Catch::Contains("row.other is not known"));
}

TEST_CASE("of several rules the first that matches holds; tied weights match by any name") {
  const Weights w;
  const std::vector<ParameterRule> rules = {{.pattern = "layer.1.*", .lr_scale = 0.5},
                                            {.pattern = "layer.*", .lr_scale = 0.25},
                                            {.pattern = "embedding.*", .lr_scale = 0.125}};
  const auto matched = match_rules(w.named, rules);
  REQUIRE(matched.size() == 5);
  CHECK(matched[0] == &rules[0]);
  CHECK(matched[1] == &rules[1]);  // layer.10 is not layer.1
  CHECK(matched[2] == &rules[0]);
  CHECK(matched[3] == &rules[2]);
  CHECK(matched[4] == &rules[2]);
  CHECK(match_rules(w.named, {})[0] == nullptr);
  CHECK(match_rules(w.named, {{.pattern = "*.1.bias"}})[3] == nullptr);
  CHECK_THROWS_WITH(match_rules(w.named, {{.pattern = "*"}, {.pattern = "layer.2.*"}}),
                    "parameter rule 'layer.2.*' matches no parameter");
  CHECK_THROWS_WITH(match_rules(w.named, {{.pattern = "layer"}}), Catch::Contains("'layer'"));  // the whole name
  CHECK_THROWS_WITH(match_rules(w.named, {{.pattern = "*", .lr_scale = 0}}), Catch::Contains("lr_scale is 0"));
  CHECK_THROWS_WITH(match_rules(w.named, {{.pattern = "*", .weight_decay = -1}}),
                    Catch::Contains("weight_decay is -1"));
}

TEST_CASE("rules scale the learning rate and the decay of a group, in every optimizer of the table") {
  const std::vector<ParameterRule> rules = {{.pattern = "layer.1.*", .lr_scale = 0.5, .weight_decay = 0.0},
                                            {.pattern = "head.*", .lr_scale = 0.5}};
  const Weights before;
  Weights decayed, scaled;
  FlatParameters parameters(decayed.named, rules);
  CHECK(parameters.groups().size() == 3);  // layer.1, whose bias does not decay either; layer.10; head
  const auto adamw = make_optimizer("adamw", parameters, kOptions);
  parameters.zero_grad();
  (decayed.named["layer.1.weight"].sum() + decayed.named["layer.10.weight"].sum() + decayed.named["head.weight"].sum())
      .backward();
  adamw->step(0.1);  // the first step: the rate times the sign, after the decay
  const auto expect = [&](const std::string& name, double rate, double decay) {
    CHECK(max_difference(decayed.named[name], before.named[name] * (1 - rate * decay) - rate) < 1e-5);
  };
  expect("layer.1.weight", 0.05, 0);
  expect("layer.10.weight", 0.1, 0.5);
  expect("head.weight", 0.05, 0.5);

  FlatParameters others(scaled.named, rules);
  const auto sgd = make_optimizer("sgd", others, kOptions);
  others.zero_grad();
  scaled.named["layer.1.bias"].sum().backward();
  scaled.named["layer.10.weight"].sum().backward();
  sgd->step(0.1);
  CHECK(max_difference(scaled.named["layer.1.bias"], before.named["layer.1.bias"] - 0.05) < 1e-6);
  CHECK(max_difference(scaled.named["layer.10.weight"], before.named["layer.10.weight"] - 0.1) < 1e-6);
}

TEST_CASE("what a rule freezes gets no gradient and no state, and all frozen is nothing to train") {
  const Weights before;
  Weights w;
  w.backward();  // gradients from before
  FlatParameters parameters(w.named, {{.pattern = "embedding.*", .frozen = true}});
  CHECK_FALSE(w.named["head.weight"].requires_grad());
  CHECK_FALSE(w.named["head.weight"].grad().defined());
  AdamW optimizer(parameters, {});
  for (const auto& item : optimizer.state_dict()) CHECK(item.key().find("head") == std::string::npos);
  parameters.zero_grad();
  w.backward();
  optimizer.step(0.1);
  CHECK(torch::equal(w.named["head.weight"], before.named["head.weight"]));
  CHECK(max_difference(w.named["layer.1.weight"], before.named["layer.1.weight"]) > 0.05);
  Weights all;
  CHECK_THROWS_WITH(FlatParameters(all.named, {{.pattern = "*", .frozen = true}}), "no trainable parameters");
  // A rule that matches nothing is found before anything is frozen.
  Weights untouched;
  CHECK_THROWS_AS(FlatParameters(untouched.named, {{.pattern = "*", .frozen = true}, {.pattern = "x"}}),
                  std::invalid_argument);
  CHECK(untouched.named["head.weight"].requires_grad());
}

TEST_CASE("rules for everything that say nothing change no bit") {
  Weights with, without;
  FlatParameters a(with.named, {{.pattern = "*"}}), b(without.named);
  AdamW ours(a, {}), theirs(b, {});
  for (int i = 0; i < 5; ++i) {
    for (auto* flat : {&a, &b}) flat->zero_grad();
    for (auto* w : {&with, &without}) w->backward();
    ours.step(0.01, clip_divisor(a.grad_norm(), 0.5));
    theirs.step(0.01, clip_divisor(b.grad_norm(), 0.5));
  }
  for (const auto& item : with.named) CHECK(torch::equal(item.value(), without.named[item.key()]));
}

namespace {

struct ScaledOptions {
  double scale = 1;
  bool backwards = false;
  void for_each_field(FieldVisitor& visit) {
    visit("scale", scale, {.above = 0, .help = "of the learning rate"});
    visit("backwards", backwards);
  }
};

/// Gradient descent with options of its own.
class ScaledSgd : public Sgd {
 public:
  ScaledSgd(FlatParameters& parameters, const ScaledOptions& options)
      : Sgd(parameters), factor_(options.scale * (options.backwards ? -1 : 1)) {}
  void step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& found_inf) override {
    Sgd::step(factor_ * learning_rate, divisor, found_inf);
  }

 private:
  double factor_;
};

}  // namespace

TEST_CASE("an optimizer brings options of its own, which are read, checked and written with the others") {
  const OptimizerOptions older;
  register_optimizer("test_scaled", ScaledOptions{.scale = 2},
                     [](FlatParameters& parameters, const OptimizerOptions&, const ScaledOptions& own) {
                       return std::make_unique<ScaledSgd>(parameters, own);
                     });
  const auto moved = [](const OptimizerOptions& options) {
    Weights weights;
    FlatParameters parameters(weights.named);
    const auto before = weights.named["layer.1.bias"].detach().clone();
    parameters.zero_grad();
    weights.backward();
    make_optimizer("test_scaled", parameters, options)->step(0.01, {});
    return (weights.named["layer.1.bias"].detach() - before).sum().item<double>();
  };
  OptimizerOptions options;
  const double by_default = moved(options);
  CHECK(by_default != 0);
  CHECK(moved(older) == by_default);
  CHECK(read_fields(options, R"({"beta1": 0.5, "test_scaled": {"scale": 6}})", "options").empty());
  CHECK(options.beta1 == 0.5);
  CHECK(moved(options) == Approx(3 * by_default));
  const auto copy = options;
  CHECK(find_field(fields_in(options), "test_scaled.backwards")->set("true"));
  CHECK(moved(options) == Approx(-3 * by_default));
  CHECK(moved(copy) == Approx(3 * by_default));
  CHECK_THAT(write_fields(options), Catch::Contains("\"scale\": 6.0"));
  CHECK_FALSE(find_field(fields_in(options), "test_scaled.scale")->set("0"));

  CHECK_NOTHROW(options.refuse_unread("test_scaled"));
  CHECK_NOTHROW(OptimizerOptions().refuse_unread("adamw"));
  CHECK_THROWS_WITH(options.refuse_unread("adamw"), Catch::Contains("test_scaled") && Catch::Contains("adamw"));
}

}  // namespace langzoo::optimizers_test
