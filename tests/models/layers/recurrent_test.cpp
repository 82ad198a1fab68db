#include "tests/support/test.h"

#include "models/io/safetensors.h"
#include "models/io/state_dict.h"
#include "models/layers/recurrent.h"

namespace langzoo::test::recurrent_test {
namespace {

using torch::Tensor;

const char* const kCells[] = {"rnn_tanh", "rnn_relu", "lstm", "gru"};

RecurrentOptions options_of(const std::string& cell, bool bidirectional) {
  RecurrentOptions options;
  options.cell = recurrent_cell_from_name(cell);
  options.input_size = 5;
  options.hidden_size = 7;
  options.num_layers = 2;
  options.bidirectional = bidirectional;
  return options;
}

/// torch.nn's parameters under torch.nn's names.
void load_parameters(Recurrent& module, const StateDict& golden) {
  StateDict parameters;
  for (const auto& item : module->named_parameters()) parameters.insert(item.key(), golden[item.key()]);
  load_state_dict(*module, parameters);
}

Tensor leaf(const Tensor& x) {
  return x.detach().clone().requires_grad_();
}

/// A stack as the header's equations say it, one row and one step at a time, in any dtype.
struct Loop {
  RecurrentOptions options;
  std::map<std::string, Tensor> parameters;

  explicit Loop(const Recurrent& module) : options(module->options()) {
    for (const auto& item : module->named_parameters()) parameters[item.key()] = item.value();
  }

  /// x (C), h and c (H)
  std::pair<Tensor, Tensor> step(const std::string& suffix, const Tensor& x, const Tensor& h, const Tensor& c) const {
    const auto a_x = parameters.at("weight_ih" + suffix).mv(x) + parameters.at("bias_ih" + suffix);
    auto a_h = parameters.at("weight_hh" + suffix).mv(h);
    if (options.recurrent_bias) a_h = a_h + parameters.at("bias_hh" + suffix);
    const auto H = options.hidden_size;
    const auto gate = [&](const Tensor& a, std::int64_t i) { return a.narrow(0, i * H, H); };
    switch (options.cell) {
      case RecurrentCell::kRnnTanh:
        return {(a_x + a_h).tanh(), c};
      case RecurrentCell::kRnnRelu:
        return {(a_x + a_h).relu(), c};
      case RecurrentCell::kGru: {
        const auto r = (gate(a_x, 0) + gate(a_h, 0)).sigmoid(), z = (gate(a_x, 1) + gate(a_h, 1)).sigmoid();
        const auto n = (gate(a_x, 2) + r * gate(a_h, 2)).tanh();
        return {(1 - z) * n + z * h, c};
      }
      case RecurrentCell::kLstm:
        break;
    }
    const auto a = a_x + a_h;
    const auto next = gate(a, 1).sigmoid() * c + gate(a, 0).sigmoid() * gate(a, 2).tanh();
    return {gate(a, 3).sigmoid() * next.tanh(), next};
  }

  /// The top outputs of one row, x (T,C), from zero states; context (T,X) or undefined.
  Tensor row(const Tensor& x, const Tensor& context) const {
    std::vector<Tensor> y = x.unbind(0);
    const auto D = options.bidirectional ? 2 : 1;
    const auto T = static_cast<std::int64_t>(y.size());
    for (std::int64_t layer = 0; layer < options.num_layers; ++layer) {
      std::vector<Tensor> outputs(y.size());
      for (int direction = 0; direction < D; ++direction) {
        auto h = torch::zeros({options.hidden_size}, x.options()), c = h;
        for (std::int64_t k = 0; k < T; ++k) {
          const auto t = direction == 0 ? k : T - 1 - k;
          auto& output = outputs[static_cast<std::size_t>(t)];
          auto in = y[static_cast<std::size_t>(t)];
          if (context.defined() && (layer == 0 || options.context_in_all_layers)) in = torch::cat({context[t], in});
          std::tie(h, c) = step("_l" + std::to_string(layer) + (direction == 1 ? "_reverse" : ""), in, h, c);
          output = direction == 0 ? h : torch::cat({output, h});
        }
      }
      for (std::size_t t = 0; t < y.size(); ++t) {
        const bool residual = options.residual_from > 0 && layer + 1 >= options.residual_from;
        y[t] = residual ? y[t] + outputs[t] : outputs[t];
      }
    }
    return torch::stack(y);
  }
};

}  // namespace

TEST_CASE("torch.nn's state dicts load and give its outputs, states and gradients") {
  for (const std::string cell : kCells) {
    for (const bool bidirectional : {false, true}) {
      for (const bool kernel : {true, false}) {
        INFO(cell << (bidirectional ? " bidirectional" : "") << (kernel ? " by our kernel" : " by torch"));
        const auto golden =
            load_safetensors(fixture("recurrent/" + cell + (bidirectional ? "_bi" : "_uni") + ".safetensors"));
        Recurrent module(options_of(cell, bidirectional));
        load_parameters(module, golden);
        if (!kernel) module->to(torch::kFloat64);
        const auto dtype = kernel ? torch::kFloat32 : torch::kFloat64;
        const double tolerance = 2e-5;
        const bool lstm = cell == "lstm";
        const auto x = leaf(golden["x"].to(dtype)), h0 = leaf(golden["h0"].to(dtype)),
                   c0 = leaf(golden["c0"].to(dtype));
        const RecurrentState start{h0, lstm ? c0 : Tensor()};

        const auto whole = module(x, RecurrentInputs{.state = start});
        CHECK(max_difference(whole.output, golden["output"]) < tolerance);
        CHECK(max_difference(whole.state.hidden, golden["h"]) < tolerance);
        const auto packed = module(x, RecurrentInputs{.state = start, .lengths = golden["lengths"]});
        CHECK(max_difference(packed.output, golden["packed_output"]) < tolerance);
        CHECK(max_difference(packed.state.hidden, golden["packed_h"]) < tolerance);
        auto loss = packed.output.square().sum() + packed.state.hidden.sum();
        if (lstm) {
          CHECK(max_difference(whole.state.cell, golden["c"]) < tolerance);
          CHECK(max_difference(packed.state.cell, golden["packed_c"]) < tolerance);
          loss = loss + packed.state.cell.square().sum();
        } else {
          CHECK_FALSE(packed.state.cell.defined());
        }
        loss.backward();
        for (const auto& item : module->named_parameters()) {
          INFO(item.key());
          CHECK(max_difference(item.value().grad(), golden["grad." + item.key()]) < 10 * tolerance);
        }
        CHECK(max_difference(x.grad(), golden["grad.x"]) < 10 * tolerance);
        CHECK(max_difference(h0.grad(), golden["grad.h0"]) < 10 * tolerance);
        if (lstm) CHECK(max_difference(c0.grad(), golden["grad.c0"]) < 10 * tolerance);
      }
    }
  }
}

TEST_CASE("a stack with context, residuals and one bias is the loop over rows and steps") {
  torch::manual_seed(3);
  for (const std::string cell : kCells) {
    for (const int variant : {0, 1, 2}) {
      for (const bool kernel : {true, false}) {
        INFO(cell << " variant " << variant << (kernel ? " by our kernel" : " by torch"));
        auto options = options_of(cell, variant == 2);
        options.num_layers = 3;
        options.recurrent_bias = variant != 0;
        options.residual_from = 2;
        options.context_size = variant == 2 ? 0 : 3;
        options.context_in_all_layers = variant == 0;
        Recurrent module(options);
        if (!kernel) module->to(torch::kFloat64);
        const auto dtype = kernel ? torch::kFloat32 : torch::kFloat64;
        const auto x = torch::randn({5, 3, 5}, dtype), lengths = torch::tensor({2, 5, 4});
        const auto context = variant == 2   ? Tensor()
                             : variant == 1 ? torch::randn({3, 3}, dtype)
                                            : torch::randn({5, 3, 3}, dtype);
        const auto result = module(x, RecurrentInputs{.lengths = lengths, .context = context});
        const Loop loop(module);
        for (std::int64_t b = 0; b < 3; ++b) {
          const auto n = lengths[b].item<std::int64_t>();
          Tensor own_context;
          if (context.defined())
            own_context = variant == 1 ? context[b].expand({n, 3}) : context.select(1, b).narrow(0, 0, n);
          const auto expected = loop.row(x.select(1, b).narrow(0, 0, n), own_context);
          CHECK(max_difference(result.output.select(1, b).narrow(0, 0, n), expected) < 1e-5);
        }
      }
    }
  }
}

TEST_CASE("padding and the other rows change nothing") {
  torch::manual_seed(4);
  for (const std::string cell : kCells) {
    Recurrent module(options_of(cell, true));
    const auto x = torch::randn({6, 3, 5}), lengths = torch::tensor({4, 6, 1});
    const auto together = module(x, RecurrentInputs{.lengths = lengths});
    auto other = x.clone();
    other.narrow(0, 4, 2).select(1, 0).fill_(1e3);
    const auto padded = module(torch::cat({other, torch::full({2, 3, 5}, -7.0)}), RecurrentInputs{.lengths = lengths});
    for (std::int64_t b = 0; b < 3; ++b) {
      const auto n = lengths[b].item<std::int64_t>();
      const auto alone = module(x.narrow(0, 0, n).narrow(1, b, 1));
      CHECK(max_difference(together.output.narrow(0, 0, n).narrow(1, b, 1), alone.output) < 1e-6);
      CHECK(max_difference(together.state.hidden.narrow(1, b, 1), alone.state.hidden) < 1e-6);
      CHECK(max_difference(padded.output.narrow(0, 0, n).narrow(1, b, 1), alone.output) < 1e-6);
      CHECK(max_difference(padded.state.hidden.narrow(1, b, 1), alone.state.hidden) < 1e-6);
      CHECK(padded.output.select(1, b).narrow(0, n, 8 - n).eq(0).all().item<bool>());
    }
  }
}

TEST_CASE("steps from input gates are the sequence") {
  torch::manual_seed(5);
  for (const std::string cell : kCells) {
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      auto options = options_of(cell, false);
      options.num_layers = 1;
      options.context_size = 2;
      Recurrent module(options);
      module->to(dtype);
      const auto x = torch::randn({4, 3, 5}, dtype), context = torch::randn({4, 3, 2}, dtype);
      const auto whole = module(x, RecurrentInputs{.context = context});
      RecurrentState state{torch::zeros({3, 7}, dtype), {}};
      const auto gates = module->input_gates(0, x);
      const auto step = module->steps(0);
      for (std::int64_t t = 0; t < 4; ++t) {
        state = step(gates[t], context[t], state);
        CHECK(max_difference(state.hidden, whole.output[t]) < 1e-6);
      }
    }
  }
}

TEST_CASE("the kernel's gradients are torch's at sizes that its packed products and threads see") {
  torch::manual_seed(6);
  for (const std::string cell : {"lstm", "gru"}) {
    RecurrentOptions options;
    options.cell = recurrent_cell_from_name(cell);
    options.input_size = 48;
    options.hidden_size = 80;
    Recurrent module(options), precise(options);
    load_state_dict(*precise, state_dict(*module));
    precise->to(torch::kFloat64);
    const auto lengths = torch::randint(1, 13, {33});
    const auto x = torch::randn({12, 33, 48}), weights = torch::randn({12, 33, 80});
    const auto run = [&](Recurrent& which, torch::ScalarType dtype) {
      const auto in = leaf(x.to(dtype));
      const auto result = which(in, RecurrentInputs{.lengths = lengths});
      ((result.output * weights.to(dtype)).sum() + result.state.hidden.square().sum()).backward();
      return std::pair(result.output.detach(), in.grad());
    };
    const auto [output, dx] = run(module, torch::kFloat32);
    const auto [expected, expected_dx] = run(precise, torch::kFloat64);
    CHECK(max_difference(output, expected) < 1e-5);
    CHECK(max_difference(dx, expected_dx) < 1e-4);
    for (const auto& item : module->named_parameters()) {
      const auto& gradient = precise->named_parameters()[item.key()].grad();
      CHECK(max_difference(item.value().grad(), gradient) < 1e-5 * (1 + gradient.abs().max().item<double>()));
    }
  }
}

TEST_CASE("rows turn around within their lengths, and back") {
  const auto x = torch::tensor({{1, 2, 3, 0, 0}, {4, 5, 6, 7, 8}, {9, 0, 0, 0, 0}}), lengths = torch::tensor({3, 5, 1});
  const auto reversed = reverse_padded(x, lengths);
  CHECK(reversed.equal(torch::tensor({{3, 2, 1, 0, 0}, {8, 7, 6, 5, 4}, {9, 0, 0, 0, 0}})));
  CHECK(reverse_padded(reversed, lengths).equal(x));
  const auto wide = torch::stack({x, 10 * x}, 2);
  CHECK(reverse_padded(wide, lengths).select(2, 1).equal(10 * reversed));
}

TEST_CASE("recurrent layers refuse what does not fit") {
  CHECK_THROWS_WITH(recurrent_cell_from_name("lstmp"), Catch::Contains("\"lstmp\"") && Catch::Contains("gru"));
  Recurrent module(options_of("lstm", false));
  const auto x = torch::zeros({3, 2, 5});
  CHECK_THROWS_WITH(module(torch::zeros({3, 2, 4})), Catch::Contains("[3, 2, 4]"));
  CHECK_THROWS_WITH(module(x, RecurrentInputs{.lengths = torch::tensor({1, 4})}),
                    Catch::Contains("1 to 4") && Catch::Contains("T = 3"));
  CHECK_THROWS_WITH(module(x, RecurrentInputs{.lengths = torch::tensor({0, 3})}), Catch::Contains("0 to 3"));
  CHECK_THROWS_WITH(module(x, RecurrentInputs{.lengths = torch::tensor({3})}), Catch::Contains("[1]"));
  CHECK_THROWS_WITH(module(x, RecurrentInputs{.context = torch::zeros({2, 4})}), Catch::Contains("context"));
  auto options = options_of("gru", false);
  options.dropout = 1.0;
  CHECK_THROWS_WITH(Recurrent(options), Catch::Contains("dropout = 1"));
  options = options_of("gru", false);
  options.residual_from = 1;
  CHECK_THROWS_WITH(Recurrent(options), Catch::Contains("residual_from = 1"));
}

}  // namespace langzoo::test::recurrent_test
