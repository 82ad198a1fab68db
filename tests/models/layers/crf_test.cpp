#include "tests/support/test.h"

#include <cmath>

#include "models/layers/crf.h"

namespace langzoo::test::crf_test {
namespace {

using torch::Tensor;
using Path = std::vector<std::int64_t>;

LinearChainCrf crf_of(std::int64_t labels, double spread = 1, const CrfConstraints& constraints = {}) {
  LinearChainCrf crf(labels, constraints);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : crf->parameters()) {
    parameter.copy_(at::where(parameter.lt(-5000), parameter, torch::randn_like(parameter) * spread));
  }
  return crf;
}

/// s(y), as the header has it.
double score_of(const LinearChainCrf& crf, const Tensor& e, const Path& y) {
  double score = crf->start_transitions[y.front()].item<double>() + crf->end_transitions[y.back()].item<double>();
  for (std::size_t t = 0; t < y.size(); ++t) {
    score += e[static_cast<std::int64_t>(t)][y[t]].item<double>();
    if (t > 0) score += crf->transitions[y[t - 1]][y[t]].item<double>();
  }
  return score;
}

/// All label sequences of T tokens.
std::vector<Path> all_paths(std::int64_t T, std::int64_t N) {
  std::vector<Path> paths = {{}};
  for (std::int64_t t = 0; t < T; ++t) {
    std::vector<Path> longer;
    for (const auto& path : paths) {
      for (std::int64_t n = 0; n < N; ++n) longer.push_back(path), longer.back().push_back(n);
    }
    paths = longer;
  }
  return paths;
}

struct Enumerated {
  double log_z = 0;
  Path best;
  Tensor marginals;  ///< (T,N)
};
Enumerated enumerate(const LinearChainCrf& crf, const Tensor& e) {
  const auto T = e.size(0), N = e.size(1);
  Enumerated all;
  double largest = -1e300, z = 0;
  const auto paths = all_paths(T, N);
  std::vector<double> scores;
  for (const auto& path : paths) {
    scores.push_back(score_of(crf, e, path));
    if (scores.back() > largest) largest = scores.back(), all.best = path;
  }
  for (const auto score : scores) z += std::exp(score - largest);
  all.log_z = largest + std::log(z);
  all.marginals = torch::zeros({T, N}, torch::kFloat64);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    for (std::int64_t t = 0; t < T; ++t) {
      all.marginals[t][paths[i][static_cast<std::size_t>(t)]] += std::exp(scores[i] - all.log_z);
    }
  }
  return all;
}

Tensor labels_of(const std::vector<Path>& rows) {
  std::vector<Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(torch::tensor(row));
  return torch::stack(tensors);
}

/// The loss's gradients: of emissions, transitions, start, end.
std::vector<Tensor> gradients(LinearChainCrf crf, const Tensor& emissions, const Tensor& labels) {
  const auto e = emissions.detach().clone().requires_grad_();
  crf->zero_grad();
  (crf->loss_sum(e, labels) * 2).backward();
  return {e.grad(), crf->transitions.grad(), crf->start_transitions.grad(), crf->end_transitions.grad()};
}

}  // namespace

TEST_CASE("a CRF's sum, its probabilities and its best labels are those of all sequences written out") {
  torch::manual_seed(1);
  for (const auto& [T, N] : std::vector<std::pair<int, int>>{{1, 1}, {1, 4}, {2, 3}, {5, 4}, {4, 2}, {3, 9}}) {
    for (const double spread : {0.1, 3.0, 60.0}) {
      CAPTURE(T, N, spread);
      auto crf = crf_of(N, spread);
      const auto e = torch::randn({2, T, N}) * spread;
      const auto mask = torch::ones({2, T}, torch::kBool);
      const auto log_z = crf->log_partition(e, mask), marginals = crf->marginals(e, mask);
      for (std::int64_t b = 0; b < 2; ++b) {
        const auto all = enumerate(crf, e[b]);
        CHECK(log_z[b].item<double>() == Approx(all.log_z).epsilon(1e-6).margin(1e-5));
        CHECK(max_difference(marginals[b].to(torch::kFloat64), all.marginals) < 2e-5);
        CHECK(crf->best(e[b]) == all.best);
        const auto y = all_paths(T, N).at(1 % static_cast<std::size_t>(N));
        CHECK(crf->loss_sum(e.narrow(0, b, 1), labels_of({y})).item<double>() ==
              Approx(all.log_z - score_of(crf, e[b], y)).epsilon(1e-5).margin(1e-4));
      }
    }
  }
}

TEST_CASE("a CRF's gradients are those of torch's operators in float64, with scaled sums and without") {
  torch::manual_seed(2);
  for (const double spread : {1.0, 30.0, 200.0}) {  // beyond 300 by logarithms
    CAPTURE(spread);
    auto crf = crf_of(5, spread);
    const auto e = torch::randn({6, 7, 5}) * spread;
    auto labels = torch::randint(5, {6, 7});
    labels[1].narrow(0, 4, 3).fill_(-100);  // a shorter sentence
    labels[2][0] = labels[2][3] = -100;     // tokens that are none of the sentence
    labels[3].fill_(-100);                  // no sentence at all
    const auto ours = gradients(crf, e, labels);
    const auto loss = crf->loss_sum(e, labels).item<double>();
    crf->to(torch::kFloat64);
    const auto theirs = gradients(crf, e.to(torch::kFloat64), labels);
    CHECK(loss == Approx(crf->loss_sum(e.to(torch::kFloat64), labels).item<double>()).epsilon(1e-5));
    for (std::size_t i = 0; i < ours.size(); ++i) {
      CAPTURE(i);
      CHECK(max_difference(ours[i].to(torch::kFloat64), theirs[i]) < 2e-4);
    }
    CHECK(ours[0][3].abs().max().item<double>() == 0);
    CHECK(ours[0][2][0].abs().max().item<double>() == 0);
  }
}

TEST_CASE("a CRF's gradients are those of finite differences") {
  torch::manual_seed(3);
  auto crf = crf_of(3);
  crf->to(torch::kFloat64);
  const auto e = torch::randn({2, 4, 3}, torch::kFloat64);
  const auto labels = torch::randint(3, {2, 4});
  const auto found = gradients(crf, e, labels);
  const torch::NoGradGuard no_grad;
  const auto numeric = [&](Tensor of, std::int64_t i) {
    constexpr double kStep = 1e-5;
    auto place = of.view(-1)[i];
    const auto at = place.item<double>();
    place.fill_(at + kStep);
    const auto above = crf->loss_sum(e, labels).item<double>();
    place.fill_(at - kStep);
    const auto below = crf->loss_sum(e, labels).item<double>();
    place.fill_(at);
    return 2 * (above - below) / (2 * kStep);  // gradients() doubles the loss
  };
  const std::vector<Tensor> of = {e, crf->transitions, crf->start_transitions, crf->end_transitions};
  for (std::size_t k = 0; k < of.size(); ++k) {
    for (std::int64_t i = 0; i < of[k].numel(); ++i) {
      CHECK(found[k].view(-1)[i].item<double>() == Approx(numeric(of[k], i)).margin(1e-7));
    }
  }
}

TEST_CASE("what a CRF makes of a sentence depends neither on padding, nor on the batch, nor on threads") {
  torch::manual_seed(4);
  auto crf = crf_of(6);
  const auto e = torch::randn({9, 8, 6});
  auto labels = torch::randint(6, {9, 8});
  for (std::int64_t b = 0; b < 9; ++b) labels[b].narrow(0, b % 8 + 1, 7 - b % 8).fill_(-100);
  double sum = 0;
  for (std::int64_t b = 0; b < 9; ++b) {
    const auto length = b % 8 + 1;
    sum += crf->loss_sum(e[b].narrow(0, 0, length).unsqueeze(0), labels[b].narrow(0, 0, length).unsqueeze(0))
               .item<double>();
  }
  CHECK(crf->loss_sum(e, labels).item<double>() == Approx(sum).epsilon(1e-6));
  const auto threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = gradients(crf, e, labels);
  at::set_num_threads(2);
  const auto two = gradients(crf, e, labels);
  at::set_num_threads(threads);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(torch::equal(one[i], two[i]));
}

TEST_CASE("of BIO and IOBES tags a CRF chooses none that the scheme forbids, and its weights say so") {
  torch::manual_seed(5);
  const std::vector<std::string> bio = {"O", "B-LOC", "I-LOC", "B-PER", "I-PER"};
  const std::vector<std::string> iobes = {"O", "B-LOC", "E-LOC", "I-LOC", "S-LOC", "S-PER"};
  for (const auto& tags : {bio, iobes}) {
    const auto constraints = tag_constraints(tags);
    REQUIRE_FALSE(constraints.empty());
    const auto N = static_cast<std::int64_t>(tags.size());
    auto crf = crf_of(N, 0.5, constraints);
    const auto may = [&](const std::string& before, const std::string& tag) {  // "" at both ends
      const bool ends = tags == iobes;
      const auto open = [](const std::string& of) { return of.starts_with("B-") || of.starts_with("I-"); };
      if (tag.starts_with("I-") || tag.starts_with("E-")) return open(before) && before.substr(1) == tag.substr(1);
      return !ends || !open(before);
    };
    for (std::int64_t i = 0; i < N; ++i) {
      const auto& from = tags[static_cast<std::size_t>(i)];
      CHECK((crf->start_transitions[i].item<double>() == -10000) == !may("", from));
      CHECK((crf->end_transitions[i].item<double>() == -10000) == !may(from, ""));
      for (std::int64_t j = 0; j < N; ++j) {
        CAPTURE(from, tags[static_cast<std::size_t>(j)]);
        CHECK((crf->transitions[i][j].item<double>() == -10000) == !may(from, tags[static_cast<std::size_t>(j)]));
      }
    }
    for (int i = 0; i < 20; ++i) {
      const auto e = torch::randn({6, N}) * 3;
      const auto best = crf->best(e);
      std::string before;
      for (const auto label : best) {
        const auto& tag = tags[static_cast<std::size_t>(label)];
        CHECK(may(before, tag));
        before = tag;
      }
      CHECK(may(before, ""));
      if (i == 0) CHECK(best == enumerate(crf, e).best);
    }
    // Whatever an optimizer does to them, what is forbidden stays forbidden, and has no gradient.
    const auto e = torch::randn({2, 5, N});
    const auto labels = torch::zeros({2, 5}, torch::kInt64);
    const auto found = gradients(crf, e, labels);
    CHECK(found[1].masked_select(crf->transitions.lt(-5000)).abs().max().item<double>() == 0);
    {
      const torch::NoGradGuard no_grad;
      for (auto& parameter : crf->parameters()) parameter.mul_(0.1);
    }
    crf->loss_sum(e, labels);
    CHECK(crf->transitions.min().item<double>() == -10000);
    crf->to(torch::kFloat64);
    const auto theirs = gradients(crf, e.to(torch::kFloat64), labels);
    crf->to(torch::kFloat32);
    const auto ours = gradients(crf, e, labels);
    for (std::size_t i = 0; i < ours.size(); ++i) CHECK(max_difference(ours[i].to(torch::kFloat64), theirs[i]) < 1e-5);
  }
}

TEST_CASE("tags of no scheme, or of one that lacks a letter, are not constrained") {
  const auto free = [](const std::vector<std::string>& tags) { return tag_constraints(tags).empty(); };
  CHECK(free({"NOUN", "VERB"}));
  CHECK(free({"O", "I-LOC"}));                    // IO
  CHECK(free({"O", "B-LOC", "L-LOC", "U-LOC"}));  // BILOU
  CHECK(free({"O", "B-LOC", "S-LOC"}));           // a B that nothing ends
  CHECK(free({"O"}));
  CHECK(free({}));
  CHECK_FALSE(free({"O", "B-LOC"}));
  CHECK_FALSE(free({"O", "B", "I"}));
  CHECK_FALSE(free({"O", "S-LOC"}));
}

TEST_CASE("a CRF names what does not fit") {
  const LinearChainCrf crf(3);
  const auto e = torch::zeros({2, 4, 3});
  CHECK_THROWS_WITH(crf->loss_sum(e, torch::full({2, 4}, 3)), Catch::Contains("not in [0, 3)"));
  CHECK_THROWS_WITH(crf->loss_sum(e, torch::zeros({2, 5}, torch::kInt64)), Catch::Contains("(B,T)"));
  CHECK_THROWS_WITH(crf->loss_sum(torch::zeros({2, 4, 2}), torch::zeros({2, 4}, torch::kInt64)),
                    Catch::Contains("(B,T,N)"));
  CHECK_THROWS_WITH(LinearChainCrf(0), Catch::Contains("a label"));
  CHECK_THROWS_WITH(LinearChainCrf(2, tag_constraints(std::vector<std::string>{"O", "B", "I"})),
                    Catch::Contains("constraints"));
  CHECK(crf->best(torch::zeros({0, 3})).empty());
  CHECK(crf->loss_sum(torch::zeros({0, 4, 3}), torch::zeros({0, 4}, torch::kInt64)).item<double>() == 0);
  CHECK(std::isnan(crf->loss_sum(torch::full({1, 2, 3}, NAN), torch::zeros({1, 2}, torch::kInt64)).item<double>()));
}

}  // namespace langzoo::test::crf_test
