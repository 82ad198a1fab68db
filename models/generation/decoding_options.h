/// What every way of decoding may be asked, sampling and beam search alike.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace langzoo {

class LogitsProcessor;
using LogitsProcessors = std::vector<std::shared_ptr<const LogitsProcessor>>;

/// When sequences end and which tokens may come: fields are the keys of Hugging Face's generation_config.json, with
/// their meaning there. Lengths are a row's own, without its padding.
struct DecodingOptions {
  std::int64_t max_new_tokens = 128;        ///< the end token included
  std::int64_t min_new_tokens = 0;          ///< no end token before that many
  std::int64_t min_length = 0;              ///< likewise, the prompt's counted as well; min_new_tokens goes before it
  std::int64_t num_return_sequences = 1;    ///< samples or hypotheses of each prompt
  std::vector<std::int32_t> eos_token_ids;  ///< any of them ends a sequence; one beyond the vocabulary is never met

  double repetition_penalty = 1.0;        ///< 1 = off
  std::int64_t no_repeat_ngram_size = 0;  ///< 0 = off
  /// Sequences of tokens that must not come. One that is an end token alone does not count.
  std::vector<std::vector<std::int32_t>> bad_words_ids;
  std::optional<std::int32_t> forced_bos_token_id;  ///< follows a prompt of one token: a decoder's start token
  std::vector<std::int32_t> forced_eos_token_id;    ///< the last of max_new_tokens is one of these; empty: any
  std::vector<std::int32_t> suppress_tokens;
  std::vector<std::int32_t> begin_suppress_tokens;  ///< not the first new token; after a forced one, not the second

  /// Tokens that what follows prompt (or source) b must begin with: no entry at all, or one (which may be empty) a
  /// prompt. They are new tokens as others: they count to max_new_tokens, and with their probabilities as the model has
  /// them (1 where they are forced_bos_token_id, which none may contradict). Penalties, n-grams, bad words and minimum
  /// lengths do not concern them. validate() refuses prefixes with end tokens or with suppress_tokens in them; where
  /// begin_suppress_tokens or the caller's own processors forbid one, decoding throws, for no token is left.
  std::vector<std::vector<std::int32_t>> prefixes;

  LogitsProcessors processors;      ///< the caller's own, after all of these
  bool renormalize_logits = false;  ///< last of all: probabilities sum to 1 again, which scores of beams show

  /// Throws std::invalid_argument naming the field and its value.
  void validate() const;

  /// Throws std::invalid_argument naming the field and the token that a model of `vocabulary` tokens does not have. End
  /// tokens are not looked at: one that cannot come ends nothing.
  void check_vocabulary(std::int64_t vocabulary) const;
};

}  // namespace langzoo
