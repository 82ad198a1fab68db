#include "models/generation_config.h"

#include <algorithm>
#include <limits>
#include <set>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxBytes = 10'000'000;

/// Keys that change no id.
bool is_harmless(std::string_view key) {
  static const std::set<std::string_view> keys = {
      "bos_token_id",         "cache_config", "cache_implementation", "compile_config",          "disable_compile",
      "max_cache_len",        "pad_token_id", "prefill_chunk_size",   "return_dict_in_generate", "return_legacy_cache",
      "transformers_version", "use_cache"};
  return keys.contains(key) || key.starts_with('_') || key.starts_with("output_") || key.starts_with("assistant_") ||
         key.starts_with("num_assistant_tokens") || key.ends_with("_lookbehind");
}

/// Values that ask for nothing.
bool is_neutral(std::string_view key, const nlohmann::json& value) {
  const bool factor = key == "typical_p" || key == "encoder_repetition_penalty" || key == "guidance_scale";
  return value.is_null() || value == false || value == (factor ? 1 : 0) || (value.is_structured() && value.empty());
}

template <class T, class Value>
void take(T& field, const std::optional<Value>& value) {
  if (value) field = static_cast<T>(*value);
}

}  // namespace

void GenerationConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kMost = std::numeric_limits<std::int32_t>::max();
  const FieldRules count{.least = 1, .most = kMost}, length{.least = 0, .most = kMost};
  const FieldRules token{.least = -1, .most = kMost}, tokens{.least = -1, .most = kMost, .one_or_more = true};
  visit("max_length", max_length, count);
  visit("max_new_tokens", max_new_tokens, count);
  visit("min_length", min_length, length);
  visit("min_new_tokens", min_new_tokens, length);
  visit("num_return_sequences", num_return_sequences, count);
  visit("stop_strings", stop_strings, {.one_or_more = true});
  visit("do_sample", do_sample);
  visit("renormalize_logits", renormalize_logits);
  visit("temperature", temperature, {.least = 0});
  visit("top_k", top_k, length);
  visit("top_p", top_p, {.most = 1, .above = 0});
  visit("repetition_penalty", repetition_penalty, {.above = 0});
  visit("no_repeat_ngram_size", no_repeat_ngram_size, length);
  visit("num_beams", num_beams, count);
  visit("num_beam_groups", num_beam_groups, count);
  visit("length_penalty", length_penalty);
  visit("diversity_penalty", diversity_penalty, {.least = 0});
  visit("early_stopping", early_stopping, {.choices = {"false", "true", "never"}});
  visit("bad_words_ids", bad_words_ids, length);
  visit("decoder_start_token_id", decoder_start_token_id, token);
  visit("forced_bos_token_id", forced_bos_token_id, token);
  visit("eos_token_id", eos_token_id, tokens);
  visit("forced_eos_token_id", forced_eos_token_id, tokens);
  visit("suppress_tokens", suppress_tokens, tokens);
  visit("begin_suppress_tokens", begin_suppress_tokens, tokens);
}

void GenerationConfig::apply_to(DecodingOptions& options) const {
  take(options.max_new_tokens, max_new_tokens);
  take(options.min_new_tokens, min_new_tokens);
  take(options.min_length, min_length);
  take(options.num_return_sequences, num_return_sequences);
  take(options.repetition_penalty, repetition_penalty);
  take(options.no_repeat_ngram_size, no_repeat_ngram_size);
  apply_constraints_to(options);
}

void GenerationConfig::apply_constraints_to(DecodingOptions& options) const {
  const auto take_tokens = [](std::vector<std::int32_t>& field, const std::vector<std::int64_t>& ids) {
    if (auto tokens = token_ids(ids); !tokens.empty()) field = std::move(tokens);
  };
  if (!bad_words_ids.empty()) options.bad_words_ids.clear();
  for (const auto& word : bad_words_ids) options.bad_words_ids.push_back(token_ids(word));
  if (forced_bos_token_id && *forced_bos_token_id >= 0) take(options.forced_bos_token_id, forced_bos_token_id);
  take_tokens(options.forced_eos_token_id, forced_eos_token_id);
  take_tokens(options.suppress_tokens, suppress_tokens);
  take_tokens(options.begin_suppress_tokens, begin_suppress_tokens);
  take(options.renormalize_logits, renormalize_logits);
}

void GenerationConfig::apply_to(GenerateOptions& options) const {
  apply_to(static_cast<DecodingOptions&>(options));
  if (do_sample) options.sampling.greedy = !*do_sample;
  take(options.sampling.temperature, temperature);
  take(options.sampling.top_k, top_k);
  take(options.sampling.top_p, top_p);
}

void GenerationConfig::apply_to(BeamSearchOptions& options) const {
  apply_to(static_cast<DecodingOptions&>(options));
  take(options.num_beams, num_beams);
  take(options.num_beam_groups, num_beam_groups);
  take(options.length_penalty, length_penalty);
  take(options.diversity_penalty, diversity_penalty);
  if (!early_stopping) return;
  options.early_stopping = *early_stopping == "never"  ? EarlyStopping::kNever
                           : *early_stopping == "true" ? EarlyStopping::kTrue
                                                       : EarlyStopping::kFalse;
}

GenerationConfig generation_config_of(const fs::path& dir) {
  GenerationConfig config;
  const auto read = [&](const fs::path& path, const std::string& text) {
    auto others = read_fields(config, text, path.string());
    const auto refuse_empty = [&](const char* key, const auto& values) {
      const bool holds = std::any_of(values.begin(), values.end(), [](const auto& value) { return value.empty(); });
      if (holds) throw std::runtime_error(fmt::format("{}: {}: one of them is empty", path.string(), key));
    };
    refuse_empty("stop_strings", config.stop_strings);
    refuse_empty("bad_words_ids", config.bad_words_ids);
    return others;
  };
  const fs::path path = dir / "generation_config.json", old = dir / "config.json";
  if (!fs::exists(path)) {
    const auto text = read_file(old, kMaxBytes);
    read(old, text);
    const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    // transformers' MarianConfig has it where the file does not say.
    const bool marian = json.is_object() && json.value("model_type", nlohmann::json()) == "marian";
    if (marian && !json.contains("forced_eos_token_id")) {
      config.forced_eos_token_id = {0};
    }
    return config;
  }
  config.file = read_file(path, kMaxBytes);
  const auto others = read(path, config.file);
  const auto json = nlohmann::json::parse(config.file);
  for (const auto& key : others) {
    const auto& value = json[key];
    if (is_harmless(key) || is_neutral(key, value)) continue;
    constexpr std::size_t kShown = 40;
    const auto text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    config.not_done.push_back(key + " = " + (text.size() > kShown ? text.substr(0, kShown - 3) + "..." : text));
  }
  return config;
}

void remove_generation_keys(std::vector<std::string>& keys) {
  GenerationConfig config;
  for (const auto& field : fields_of(fields_in(config))) std::erase(keys, field.name);
}

std::vector<std::int32_t> token_ids(const std::vector<std::int64_t>& ids) {
  std::vector<std::int32_t> tokens;
  for (const auto id : ids) {
    if (id >= 0) tokens.push_back(static_cast<std::int32_t>(id));
  }
  return tokens;
}

std::optional<std::int32_t> first_token(const std::vector<std::int64_t>& ids, std::int64_t vocab_size) {
  for (const auto id : ids) {
    if (id >= 0 && id < vocab_size) return static_cast<std::int32_t>(id);
  }
  return std::nullopt;
}

void check_end_tokens(const std::string& what, const std::vector<std::int64_t>& ids, std::int64_t vocab_size) {
  if (ids.empty() || first_token(ids, vocab_size)) return;
  const auto shown = ids.size() == 1 ? std::to_string(ids[0]) : fmt::format("[{}]", fmt::join(ids, ", "));
  throw std::invalid_argument(fmt::format("{}: eos_token_id = {} must be in [0, {})", what, shown, vocab_size));
}

}  // namespace langzoo
