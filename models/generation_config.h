/// What a model folder says of generating: its generation_config.json, as transformers 5.23 takes it.
///
///     auto lm = langzoo::load_causal_lm("run");
///     langzoo::GenerateOptions options;
///     lm.model->generation_config.apply_to(options);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "models/generation/beam_search.h"
#include "models/io/config_fields.h"

namespace langzoo {

/// Fields are the file's keys, with their meaning there; what it does not say is empty.
struct GenerationConfig {
  std::optional<std::int64_t> max_length;  ///< of prompt and text together; max_new_tokens goes before it
  std::optional<std::int64_t> max_new_tokens, min_length, min_new_tokens, num_return_sequences;
  std::vector<std::string> stop_strings;
  std::optional<bool> do_sample, renormalize_logits;
  std::optional<double> temperature, top_p, repetition_penalty;
  std::optional<std::int64_t> top_k, no_repeat_ngram_size;
  std::optional<std::int64_t> num_beams, num_beam_groups;
  std::optional<double> length_penalty, diversity_penalty;
  std::optional<std::string> early_stopping;  ///< "false", "true" or "never"
  std::vector<std::vector<std::int64_t>> bad_words_ids;
  std::optional<std::int64_t> decoder_start_token_id;  ///< what decoding gives the decoder first, whatever training did
  std::optional<std::int64_t> forced_bos_token_id;
  std::vector<std::int64_t> eos_token_id, forced_eos_token_id, suppress_tokens, begin_suppress_tokens;

  /// What it asks for and langzoo does not do: "min_p = 0.05".
  std::vector<std::string> not_done;
  /// The text of generation_config.json, which saving the model writes again; empty where there is none.
  std::string file;

  void for_each_field(FieldVisitor& visit);

  /// Sets in `options` what it says, but for eos_token_id, decoder_start_token_id, max_length, stop_strings and which
  /// way of decoding it asks for. Values are not checked against each other: validate() of the options does.
  void apply_to(DecodingOptions& options) const;
  /// Of that what is no default, and holds whatever a caller chooses: bad words, forced and suppressed tokens, and
  /// renormalize_logits.
  void apply_constraints_to(DecodingOptions& options) const;
  /// The same, with do_sample, temperature, top_k and top_p.
  void apply_to(GenerateOptions& options) const;
  /// The same, with what is said of beams.
  void apply_to(BeamSearchOptions& options) const;
};

/// That of `dir`. Where there is no generation_config.json it is what an older config.json says under the same keys;
/// where there is one it says all, and config.json's end tokens do not count either. Throws FileError for a file that
/// cannot be read, std::runtime_error naming file and key for a broken one.
GenerationConfig generation_config_of(const std::filesystem::path& dir);

/// Takes out of `keys` those that a generation config has.
void remove_generation_keys(std::vector<std::string>& keys);

/// Those of `ids` that are tokens, none below 0: transformers lets -1 stand for none.
std::vector<std::int32_t> token_ids(const std::vector<std::int64_t>& ids);
/// The first of `ids` that is a token of a vocabulary of that size.
std::optional<std::int32_t> first_token(const std::vector<std::int64_t>& ids, std::int64_t vocab_size);
/// Throws std::invalid_argument "WHAT: eos_token_id = IDS must be ..." where there are ids and none is in the
/// vocabulary: of several some may be of a larger one, and are never met.
void check_end_tokens(const std::string& what, const std::vector<std::int64_t>& ids, std::int64_t vocab_size);

}  // namespace langzoo
