#include "models/layers/crf.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/crf_kernel.h"
#include "models/layers/init.h"
#include "models/layers/parallel_for.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kIgnored = -100;
/// Sentences whose counts are summed together: sums do not depend on the number of threads.
constexpr std::int64_t kSentencesAtOnce = 4;

Tensor on_cpu(const Tensor& tensor) {
  return tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
}

struct CrfWeights {
  Tensor transitions, start, end;  ///< on the CPU

  CrfKernel kernel() const {
    return {transitions.data_ptr<float>(), start.data_ptr<float>(), end.data_ptr<float>(), transitions.size(0)};
  }
};

struct CrfSums {
  Tensor log_partition;                       ///< (B) float64
  Tensor score;                               ///< (B) float64, of the labels, where there are some
  Tensor marginals, transitions, start, end;  ///< with gradients those of the loss; else marginals alone, or nothing
};

enum class CrfWanted { kSums, kMarginals, kGradients };

/// A sentence is its tokens that have a label; without `labels` those of `mask`. Shapes: emissions (B,T,N) float32.
CrfSums crf_sums(const Tensor& emissions, const Tensor& labels, const Tensor& mask, const CrfWeights& weights,
                 CrfWanted wanted) {
  const auto B = emissions.size(0), T = emissions.size(1), N = emissions.size(2);
  const auto kernel = weights.kernel();
  const bool gradients = wanted == CrfWanted::kGradients;
  CrfSums sums;
  sums.log_partition = at::zeros({B}, torch::kFloat64);
  if (labels.defined()) sums.score = at::zeros({B}, torch::kFloat64);
  if (wanted != CrfWanted::kSums) sums.marginals = at::zeros_like(emissions);
  const auto* const from = emissions.data_ptr<float>();
  const auto* const of = labels.defined() ? labels.data_ptr<std::int64_t>() : nullptr;
  const auto* const kept = mask.defined() ? mask.data_ptr<bool>() : nullptr;
  auto* const log_z = sums.log_partition.data_ptr<double>();
  auto* const score = labels.defined() ? sums.score.data_ptr<double>() : nullptr;
  auto* const marginals = sums.marginals.defined() ? sums.marginals.data_ptr<float>() : nullptr;

  const auto groups = (B + kSentencesAtOnce - 1) / kSentencesAtOnce;
  std::vector<std::optional<CrfKernel::Counts>> counts(gradients ? static_cast<std::size_t>(groups) : 0);
  parallel_for(groups, 1, [&](std::int64_t begin, std::int64_t end) {
    CrfKernel::Workspace work;
    std::vector<const float*> rows;
    std::vector<float*> to;
    std::vector<std::int64_t> path;
    for (std::int64_t group = begin; group < end; ++group) {
      CrfKernel::Counts* own = nullptr;
      if (gradients) own = &counts[static_cast<std::size_t>(group)].emplace(N);
      for (auto b = group * kSentencesAtOnce; b < std::min(B, (group + 1) * kSentencesAtOnce); ++b) {
        rows.clear(), to.clear(), path.clear();
        for (auto i = b * T; i < (b + 1) * T; ++i) {
          if (of != nullptr ? of[i] == kIgnored : !kept[i]) continue;
          rows.push_back(from + i * N);
          if (marginals != nullptr) to.push_back(marginals + i * N);
          if (of != nullptr) path.push_back(of[i]);
        }
        if (rows.empty()) continue;
        log_z[b] = kernel.log_partition(rows, to, own, work);
        if (of == nullptr) continue;
        score[b] = kernel.score(rows, path);
        if (!gradients) continue;
        for (std::size_t t = 0; t < path.size(); ++t) {
          to[t][path[t]] -= 1;
          if (t > 0) own->transitions[static_cast<std::size_t>(path[t - 1] * N + path[t])] -= 1;
        }
        own->start[static_cast<std::size_t>(path.front())] -= 1;
        own->end[static_cast<std::size_t>(path.back())] -= 1;
      }
    }
  });
  if (!gradients) return sums;
  CrfKernel::Counts all(N);
  for (const auto& part : counts) {
    const auto add = [](std::vector<double>& to, const std::vector<double>& more) {
      for (std::size_t i = 0; i < to.size(); ++i) to[i] += more[i];
    };
    add(all.transitions, part->transitions), add(all.start, part->start), add(all.end, part->end);
  }
  const auto tensor = [](const std::vector<double>& values, at::IntArrayRef sizes) {
    return at::tensor(values, torch::kFloat64).to(torch::kFloat32).view(sizes);
  };
  sums.transitions = tensor(all.transitions, {N, N});
  sums.start = tensor(all.start, {N});
  sums.end = tensor(all.end, {N});
  return sums;
}

/// Which weights have no gradient; undefined: all have one. A struct, because a list would be taken for inputs.
struct CrfForbidden {
  Tensor transitions, start, end;
};

class CrfLoss : public torch::autograd::Function<CrfLoss> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& emissions, const Tensor& transitions, const Tensor& start,
                        const Tensor& end, const Tensor& labels, const CrfForbidden& forbidden, bool graph) {
    auto sums = crf_sums(emissions, labels, {}, {on_cpu(transitions), on_cpu(start), on_cpu(end)},
                         graph ? CrfWanted::kGradients : CrfWanted::kSums);
    if (graph) {
      if (forbidden.transitions.defined()) {
        sums.transitions.masked_fill_(forbidden.transitions, 0);
        sums.start.masked_fill_(forbidden.start, 0);
        sums.end.masked_fill_(forbidden.end, 0);
      }
      ctx->save_for_backward({sums.marginals, sums.transitions, sums.start, sums.end});
    }
    return (sums.log_partition - sums.score).sum().to(torch::kFloat32);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    variable_list result(7);
    const auto saved = ctx->get_saved_variables();
    for (std::size_t i = 0; i < saved.size(); ++i) result[i] = saved[i] * grads[0];
    return result;
  }
};

void crf_require(bool holds, const char* what, at::IntArrayRef sizes) {
  if (!holds) throw std::invalid_argument(c10::str("crf: ", what, ", is ", sizes));
}

/// Of a tag "B-PER": its letter, and what stands behind it.
char letter_of(const std::string& tag) {
  return tag.empty() ? ' ' : tag[0];
}

}  // namespace

CrfConstraints tag_constraints(std::span<const std::string> tags) {
  std::map<std::string, std::set<char>> letters;  // of each type
  bool ends = false;
  for (const auto& tag : tags) {
    if (tag == "O") continue;
    const auto letter = letter_of(tag);
    if (std::string_view("BIES").find(letter) == std::string_view::npos) return {};
    if (tag.size() > 1 && (tag[1] != '-' || tag.size() == 2)) return {};
    letters[tag.substr(1)].insert(letter);
    ends = ends || letter == 'E' || letter == 'S';
  }
  if (letters.empty()) return {};
  for (const auto& [type, of] : letters) {
    // An entity that can be gone on with has to have begun, and of IOBES one that begins has to end.
    if ((of.contains('I') || of.contains('E')) && !of.contains('B')) return {};
    if (ends && of.contains('B') && !of.contains('E')) return {};
  }
  const auto begins = [](const std::string& tag) { return tag == "O" || tag[0] == 'B' || tag[0] == 'S'; };
  const auto is_open = [&](const std::string& tag) { return tag != "O" && (tag[0] == 'B' || tag[0] == 'I'); };
  const auto may_follow = [&](const std::string& from, const std::string& to) {
    const bool goes_on = !begins(to);
    if (goes_on) return is_open(from) && from.substr(1) == to.substr(1);
    return !ends || !is_open(from);
  };
  CrfConstraints constraints;
  for (const auto& from : tags) {
    for (const auto& to : tags) constraints.allowed.push_back(may_follow(from, to));
    constraints.start.push_back(begins(from));
    constraints.end.push_back(!ends || !is_open(from));
  }
  return constraints;
}

LinearChainCrfImpl::LinearChainCrfImpl(std::int64_t labels, const CrfConstraints& constraints) {
  if (labels < 1) throw std::invalid_argument("crf: there must be a label");
  transitions = register_parameter("transitions", torch::empty({labels, labels}));
  start_transitions = register_parameter("start_transitions", torch::empty({labels}));
  end_transitions = register_parameter("end_transitions", torch::empty({labels}));
  if (!constraints.empty()) {
    const auto forbidden = [&](const std::vector<bool>& allowed, at::IntArrayRef sizes) {
      const auto tensor = torch::empty(sizes, torch::kBool);
      if (static_cast<std::int64_t>(allowed.size()) != tensor.numel())
        throw std::invalid_argument(
            c10::str("crf: constraints of ", allowed.size(), " where there are ", labels, " labels"));
      auto* const to = tensor.data_ptr<bool>();
      for (std::size_t i = 0; i < allowed.size(); ++i) to[i] = !allowed[i];
      return tensor;
    };
    forbidden_ = forbidden(constraints.allowed, {labels, labels});
    forbidden_start_ = forbidden(constraints.start, {labels});
    forbidden_end_ = forbidden(constraints.end, {labels});
  }
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  for (const auto& parameter : {transitions, start_transitions, end_transitions}) Tensor(parameter).uniform_(-0.1, 0.1);
  hold_constraints();
}

/// An optimizer's weight decay would move them.
void LinearChainCrfImpl::hold_constraints() const {
  if (!forbidden_.defined()) return;
  const torch::NoGradGuard no_grad;
  const auto hold = [](Tensor weights, const Tensor& forbidden) {
    weights.masked_fill_(forbidden.to(weights.device()), kForbidden);
  };
  hold(transitions, forbidden_);
  hold(start_transitions, forbidden_start_);
  hold(end_transitions, forbidden_end_);
}

Tensor LinearChainCrfImpl::loss_sum(const Tensor& emissions, const Tensor& given) const {
  crf_require(emissions.dim() == 3 && emissions.size(2) == labels(), "emissions must be (B,T,N) with N labels",
              emissions.sizes());
  crf_require(given.sizes() == emissions.sizes().slice(0, 2), "labels must be (B,T)", given.sizes());
  const auto own = given.to(torch::kCPU, torch::kInt64).contiguous();
  const auto wrong = own.ne(kIgnored).logical_and_(own.lt(0).logical_or_(own.ge(labels())));
  if (own.numel() > 0 && wrong.any().item<bool>())
    throw std::invalid_argument(c10::str("crf: a label is not in [0, ", labels(), ")"));
  if (is_training()) hold_constraints();
  if (!emissions.is_cpu() || emissions.scalar_type() == torch::kFloat64) return loss_by_torch(emissions, own);
  const bool graph =
      at::GradMode::is_enabled() && (emissions.requires_grad() || transitions.requires_grad() ||
                                     start_transitions.requires_grad() || end_transitions.requires_grad());
  return CrfLoss::apply(emissions.to(torch::kFloat32).contiguous(), transitions, start_transitions, end_transitions,
                        own, CrfForbidden{forbidden_, forbidden_start_, forbidden_end_}, graph);
}

Tensor LinearChainCrfImpl::loss_by_torch(const Tensor& emissions, const Tensor& given) const {
  const auto lengths = given.ne(kIgnored).sum(1);
  const auto rows = lengths.nonzero().squeeze(1);
  const auto dtype = emissions.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const auto weight = [&](const Tensor& of, const Tensor& forbidden) {
    const auto w = of.to(dtype);
    return forbidden.defined() ? w.masked_fill(forbidden.to(w.device()), kForbidden) : w;
  };
  const auto A = weight(transitions, forbidden_);
  const auto start = weight(start_transitions, forbidden_start_), end = weight(end_transitions, forbidden_end_);
  if (rows.numel() == 0) return (emissions.sum() + A.sum() + start.sum() + end.sum()) * 0;
  // The tokens that have a label, in their order, come first.
  const auto chosen = given.index_select(0, rows);
  const auto order = std::get<1>(chosen.eq(kIgnored).to(torch::kUInt8).sort(/*stable=*/std::optional(true), /*dim=*/1));
  const auto device = emissions.device();
  const auto length = lengths.index_select(0, rows).to(device);
  const auto y = chosen.gather(1, order).clamp_min(0).to(device);  // (B,T)
  const auto N = labels();
  const auto e = emissions.to(dtype)
                     .index_select(0, rows.to(device))
                     .gather(1, order.to(device).unsqueeze(-1).expand({-1, -1, N}));  // (B,T,N)
  auto score = start.index_select(0, y.select(1, 0)) + e.select(1, 0).gather(1, y.narrow(1, 0, 1)).squeeze(1);
  auto sums = start + e.select(1, 0);  // (B,N)
  for (std::int64_t t = 1; t < length.max().item<std::int64_t>(); ++t) {
    const auto inside = length.gt(t);
    const auto now = y.select(1, t);
    const auto step = A.index({y.select(1, t - 1), now}) + e.select(1, t).gather(1, now.unsqueeze(1)).squeeze(1);
    score = score + at::where(inside, step, at::zeros_like(step));
    const auto next = (sums.unsqueeze(2) + A).logsumexp(1) + e.select(1, t);
    sums = at::where(inside.unsqueeze(1), next, sums);
  }
  const auto last = y.gather(1, (length - 1).unsqueeze(1)).squeeze(1);
  return ((sums + end).logsumexp(1) - score - end.index_select(0, last)).sum();
}

Tensor LinearChainCrfImpl::log_partition(const Tensor& emissions, const Tensor& mask) const {
  crf_require(emissions.dim() == 3 && emissions.size(2) == labels(), "emissions must be (B,T,N)", emissions.sizes());
  crf_require(mask.sizes() == emissions.sizes().slice(0, 2), "the mask must be (B,T)", mask.sizes());
  return crf_sums(on_cpu(emissions), {}, mask.to(torch::kCPU, torch::kBool).contiguous(),
                  {on_cpu(transitions), on_cpu(start_transitions), on_cpu(end_transitions)}, CrfWanted::kSums)
      .log_partition;
}

Tensor LinearChainCrfImpl::marginals(const Tensor& emissions, const Tensor& mask) const {
  crf_require(emissions.dim() == 3 && emissions.size(2) == labels(), "emissions must be (B,T,N)", emissions.sizes());
  crf_require(mask.sizes() == emissions.sizes().slice(0, 2), "the mask must be (B,T)", mask.sizes());
  return crf_sums(on_cpu(emissions), {}, mask.to(torch::kCPU, torch::kBool).contiguous(),
                  {on_cpu(transitions), on_cpu(start_transitions), on_cpu(end_transitions)}, CrfWanted::kMarginals)
      .marginals;
}

std::vector<std::int64_t> LinearChainCrfImpl::best(const Tensor& emissions) const {
  crf_require(emissions.dim() == 2 && emissions.size(1) == labels(), "emissions must be (T,N)", emissions.sizes());
  if (emissions.size(0) == 0) return {};
  const CrfWeights weights{on_cpu(transitions), on_cpu(start_transitions), on_cpu(end_transitions)};
  const auto own = on_cpu(emissions);
  std::vector<const float*> rows;
  for (std::int64_t t = 0; t < own.size(0); ++t) rows.push_back(own.data_ptr<float>() + t * own.size(1));
  return weights.kernel().best(rows);
}

}  // namespace langzoo
