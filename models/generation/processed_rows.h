/// The rows of a decoding under way, as logits processors see them: internal to generate.cpp and search_rows.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "models/generation/generate.h"
#include "models/generation/logits_processors.h"

namespace langzoo {

/// Letters: R rows, at first one a prompt, V vocabulary.
class ProcessedRows {
 public:
  /// Throws std::invalid_argument where the options and the prompts do not fit. Both must outlive it.
  ProcessedRows(const PaddedPrompts& prompts, const DecodingOptions& options);

  /// What the processors leave of a step's logits. The first call throws std::invalid_argument for tokens that the
  /// options name and the model does not have. Shapes: (R,V) -> (R,V).
  torch::Tensor process(const torch::Tensor& logits);

  /// Whether process() returns logits as they are; false before its first call.
  bool changes_nothing() const { return processors_.empty() && !is_first_; }

  /// Row i goes on with what row `rows[i]` held. `index` is the same on the device.
  void reorder(const std::vector<std::int64_t>& rows, const torch::Tensor& index);

  /// Every row gets its next token. Shapes: tokens (R) int64.
  void append(const torch::Tensor& tokens);

  /// Tokens that each row has got.
  std::int64_t new_tokens() const { return rows_.new_tokens; }

 private:
  const DecodingOptions& options_;
  std::vector<std::int64_t> sources_, prompt_lengths_;
  DecodingRows rows_;
  LogitsProcessors processors_;  ///< made by the first process()
  bool is_first_ = true;
};

}  // namespace langzoo
