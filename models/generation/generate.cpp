#include "models/generation/generate.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>

#include "data/random/philox.h"
#include "models/generation/processed_rows.h"

namespace langzoo {
namespace {

torch::Tensor row_indices(const std::vector<std::int64_t>& values, torch::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

/// The rows under way: slot i of the step function carries row `rows_[i]` of the result.
class Batch {
 public:
  Batch(StepFunction& step, const PaddedPrompts& prompts, const GenerateOptions& options, const OnToken& on_token);

  std::vector<std::vector<std::int32_t>> run(const torch::Tensor& prompt);

 private:
  torch::Tensor next_of(const torch::Tensor& ids);
  torch::Tensor choose(const torch::Tensor& raw);
  void record(const torch::Tensor& next);
  torch::Tensor regroup(const std::vector<std::int64_t>& slots);
  std::vector<std::int64_t> unfinished() const;

  StepFunction& step_;
  const GenerateOptions& options_;
  const OnToken& on_token_;
  torch::Device device_;
  ProcessedRows slots_;
  std::vector<std::int64_t> rows_;  ///< by slot
  std::vector<bool> finished_;      ///< by row
  std::vector<std::vector<std::int32_t>> result_;
};

Batch::Batch(StepFunction& step, const PaddedPrompts& prompts, const GenerateOptions& options, const OnToken& on_token)
    : step_(step), options_(options), on_token_(on_token), device_(prompts.ids.device()), slots_(prompts, options) {
  rows_.resize(prompts.ids.size(0) * options.num_return_sequences);
  for (std::size_t slot = 0; slot < rows_.size(); ++slot) rows_[slot] = static_cast<std::int64_t>(slot);
  finished_.resize(rows_.size());
  result_.resize(rows_.size());
}

/// The next token of every slot after `ids` (slots,1), (slots) int64.
torch::Tensor Batch::next_of(const torch::Tensor& ids) {
  const bool by_argmax = options_.sampling.is_greedy() && slots_.changes_nothing();
  return by_argmax ? step_.likeliest(ids) : choose(step_.step(ids));
}

/// The next token of every slot by the logits `raw` (slots,V), (slots) int64.
torch::Tensor Batch::choose(const torch::Tensor& raw) {
  const auto logits = slots_.process(raw);
  if (options_.sampling.is_greedy()) return likeliest(logits);
  const auto uniforms = at::empty({static_cast<std::int64_t>(rows_.size())}, at::kDouble);
  for (std::size_t slot = 0; slot < rows_.size(); ++slot) {
    const auto [sequence, sample] = std::div(rows_[slot], options_.num_return_sequences);
    uniforms.data_ptr<double>()[slot] =
        philox_uniform(options_.seed, options_.first_sequence + static_cast<std::uint64_t>(sequence),
                       static_cast<std::uint32_t>(sample), static_cast<std::uint32_t>(slots_.new_tokens()));
  }
  return draw(apply_filters(logits, options_.sampling), uniforms.to(device_));
}

/// Hands the new tokens to their rows and notes which rows end.
void Batch::record(const torch::Tensor& next) {
  const auto tokens = next.cpu();
  const auto& ends = options_.eos_token_ids;
  for (std::size_t slot = 0; slot < rows_.size(); ++slot) {
    const auto row = static_cast<std::size_t>(rows_[slot]);
    if (finished_[row]) continue;
    const auto id = static_cast<std::int32_t>(tokens.data_ptr<std::int64_t>()[slot]);
    if (id < 0) {
      throw std::runtime_error(fmt::format(
          "row {} has no token to choose after {} new ones: the model's logits are not numbers, or all are banned", row,
          result_[row].size()));
    }
    result_[row].push_back(id);
    const bool stop = on_token_ && on_token_(row, id);
    finished_[row] = stop || std::find(ends.begin(), ends.end(), id) != ends.end();
  }
}

/// Slot i goes on with what slot `slots[i]` held. Returns `slots` on the device.
torch::Tensor Batch::regroup(const std::vector<std::int64_t>& slots) {
  const auto index = row_indices(slots, device_);
  step_.reorder(index);
  slots_.reorder(slots, index);
  return index;
}

std::vector<std::int64_t> Batch::unfinished() const {
  std::vector<std::int64_t> slots;
  for (std::size_t slot = 0; slot < rows_.size(); ++slot) {
    if (!finished_[rows_[slot]]) slots.push_back(static_cast<std::int64_t>(slot));
  }
  return slots;
}

std::vector<std::vector<std::int32_t>> Batch::run(const torch::Tensor& prompt) {
  auto logits = step_.step(prompt);  // (B,V)
  if (const auto samples = options_.num_return_sequences; samples > 1) {
    auto slots = rows_;
    for (auto& slot : slots) slot /= samples;
    logits = logits.index_select(0, regroup(slots));
  }
  for (auto next = choose(logits);;) {
    record(next);
    const auto slots = unfinished();
    next = next.clamp_min(0);  // finished rows may have had nothing to choose
    slots_.append(next);
    if (slots_.new_tokens() == options_.max_new_tokens || slots.empty()) return std::move(result_);
    // A finished row costs its share of every step, dropping it one copy of what the model remembers of the others:
    // that pays once a quarter has finished. Until then its tokens are made and ignored.
    if (4 * slots.size() <= 3 * rows_.size()) {
      next = next.index_select(0, regroup(slots));
      std::vector<std::int64_t> rows;
      for (const auto slot : slots) rows.push_back(rows_[slot]);
      rows_ = std::move(rows);
    }
    next = next_of(next.unsqueeze(1));
  }
}

}  // namespace

PaddedPrompts pad_left(std::span<const std::vector<std::int32_t>> prompts, std::int32_t pad_id) {
  if (prompts.empty()) throw std::invalid_argument("there is no prompt");
  std::size_t longest = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (prompts[i].empty()) throw std::invalid_argument(fmt::format("prompt {} holds no token", i));
    longest = std::max(longest, prompts[i].size());
  }
  const auto rows = static_cast<std::int64_t>(prompts.size());
  PaddedPrompts padded{at::full({rows, static_cast<std::int64_t>(longest)}, pad_id, at::kLong),
                       at::zeros({rows, static_cast<std::int64_t>(longest)}, at::kBool)};
  auto* ids = padded.ids.data_ptr<std::int64_t>();
  auto* mask = padded.mask.data_ptr<bool>();
  for (const auto& prompt : prompts) {
    ids += longest, mask += longest;  // one past the row's end
    std::copy(prompt.begin(), prompt.end(), ids - prompt.size());
    std::fill(mask - prompt.size(), mask, true);
  }
  return padded;
}

void GenerateOptions::validate() const {
  sampling.validate();
  DecodingOptions::validate();
}

void check_capacity(const StepFunction& step, const PaddedPrompts& prompts, std::int64_t max_new_tokens) {
  const auto length = prompts.ids.size(1);
  if (length > step.capacity()) {
    throw std::invalid_argument(
        fmt::format("the prompt has {} tokens, the model's context holds {}", length, step.capacity()));
  }
  if (const auto needed = length + max_new_tokens - 1; needed > step.capacity()) {
    throw std::invalid_argument(
        fmt::format("a prompt of {} tokens and max_new_tokens {} need a context of {}, the model's holds {}", length,
                    max_new_tokens, needed, step.capacity()));
  }
}

std::vector<std::vector<std::int32_t>> generate(StepFunction& step, const PaddedPrompts& prompts,
                                                const GenerateOptions& options, const OnToken& on_token) {
  options.validate();
  check_capacity(step, prompts, options.max_new_tokens);
  const c10::InferenceMode guard;
  return Batch(step, prompts, options, on_token).run(prompts.ids);
}

}  // namespace langzoo
