#include "models/generation/processed_rows.h"

#include <ATen/ATen.h>
#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace langzoo {

ProcessedRows::ProcessedRows(const PaddedPrompts& prompts, const DecodingOptions& options) : options_(options) {
  const auto sources = prompts.ids.size(0);
  if (!options.prefixes.empty() && std::ssize(options.prefixes) != sources) {
    throw std::invalid_argument(fmt::format("prefixes: {} for {} sources", options.prefixes.size(), sources));
  }
  const auto lengths = prompts.mask.sum(1).cpu();
  prompt_lengths_.assign(lengths.const_data_ptr<std::int64_t>(), lengths.const_data_ptr<std::int64_t>() + sources);
  for (std::size_t b = 0; b < options.prefixes.size(); ++b) {
    const auto& prefix = options.prefixes[b];
    if (options.forced_bos_token_id && prompt_lengths_[b] == 1 && !prefix.empty() &&
        prefix[0] != *options.forced_bos_token_id) {
      throw std::invalid_argument(fmt::format("prefixes: that of source {} begins with {}; forced_bos_token_id is {}",
                                              b, prefix[0], *options.forced_bos_token_id));
    }
  }
  sources_.resize(static_cast<std::size_t>(sources));
  std::iota(sources_.begin(), sources_.end(), 0);
  rows_.ids = prompts.ids;
  rows_.mask = prompts.mask;
}

torch::Tensor ProcessedRows::process(const torch::Tensor& logits) {
  if (std::exchange(is_first_, false)) {
    processors_ = logits_processors(options_, logits);
    if (std::none_of(processors_.begin(), processors_.end(), [](const auto& p) { return p->reads_ids(); })) {
      rows_.ids = rows_.mask = torch::Tensor();
    }
  }
  rows_.unprocessed = logits;
  rows_.sources = sources_;
  rows_.prompt_lengths = prompt_lengths_;
  auto result = logits;
  for (const auto& processor : processors_) {
    result = processor->process(result, rows_);
    if (!result.defined() || result.sizes() != logits.sizes()) {
      throw std::invalid_argument(fmt::format("a logits processor's result is not shaped as the logits ({},{})",
                                              logits.size(0), logits.size(1)));
    }
  }
  rows_.unprocessed = torch::Tensor();
  return result;
}

void ProcessedRows::reorder(const std::vector<std::int64_t>& rows, const torch::Tensor& index) {
  std::vector<std::int64_t> sources;
  for (const auto row : rows) sources.push_back(sources_[row]);
  sources_ = std::move(sources);
  if (!rows_.ids.defined()) return;
  rows_.ids = rows_.ids.index_select(0, index);
  rows_.mask = rows_.mask.index_select(0, index);
}

void ProcessedRows::append(const torch::Tensor& tokens) {
  ++rows_.new_tokens;
  if (!rows_.ids.defined()) return;
  rows_.ids = at::cat({rows_.ids, tokens.unsqueeze(1)}, 1);
  rows_.mask = at::constant_pad_nd(rows_.mask, {0, 1}, 1);
}

}  // namespace langzoo
