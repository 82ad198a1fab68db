// Opus-MT folders by make_marian.py: from text to transformers' translations.
#include "tests/support/test.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "apps/training/tasks/translation.h"
#include "models/registry.h"

namespace langzoo::test::marian_folder_test {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

/// What `settings`, under transformers' names, leave of the folder's own.
BeamSearchOptions options_of(GenerationConfig folder, const json& settings) {
  BeamSearchOptions options;
  options.num_beams = 1;
  if (settings.contains("num_beams")) folder.num_beams = settings["num_beams"];
  if (settings.contains("num_return_sequences")) folder.num_return_sequences = settings["num_return_sequences"];
  if (settings.contains("repetition_penalty")) folder.repetition_penalty = settings["repetition_penalty"];
  if (settings.contains("no_repeat_ngram_size")) folder.no_repeat_ngram_size = settings["no_repeat_ngram_size"];
  if (settings.contains("length_penalty")) folder.length_penalty = settings["length_penalty"];
  if (settings.contains("early_stopping")) folder.early_stopping = settings["early_stopping"];
  if (settings.contains("min_new_tokens")) folder.min_new_tokens = settings["min_new_tokens"];
  if (folder.max_length) options.max_new_tokens = *folder.max_length - 1;
  if (settings.contains("max_new_tokens")) folder.max_new_tokens = settings["max_new_tokens"];
  folder.apply_to(options);
  return options;
}

}  // namespace

TEST_CASE("an Opus-MT folder translates with the ids, scores and text that transformers gives") {
  for (const std::string name : {"opus", "multilingual", "separate"}) {
    const auto dir = fixture("marian/" + name);
    LoadReport report;
    const auto translator = load_translator(registered_model(dir), dir, {}, &report);
    CHECK(report.missing.empty());
    CHECK(report.unexpected.empty());
    const auto cases = json::parse(read_file(dir / "cases.json"))["translations"];
    REQUIRE(cases.size() > 60);
    for (std::size_t first = 0, end = 0; first < cases.size(); first = end) {
      const auto settings = cases[first]["settings"];
      const auto options = options_of(translator.model->generation_config, settings);
      const auto n_best = static_cast<std::size_t>(options.num_return_sequences);
      std::vector<std::vector<TokenId>> sources;
      for (; end < cases.size() && cases[end]["settings"] == settings; end += n_best) {
        translator.tokenizers.source().encode(cases[end]["text"].get<std::string>(), sources.emplace_back());
      }
      const auto found = decode_sources(translator, sources, options, 8);
      for (std::size_t i = first; i < end; ++i) {
        const auto& expected = cases[i];
        CAPTURE(name, settings.dump(), expected["text"].get<std::string>());
        const auto& of_source = found[(i - first) / n_best];
        REQUIRE(of_source.size() == n_best);
        const auto& hypothesis = of_source[(i - first) % n_best];
        CHECK(hypothesis.ids == expected["ids"].get<Ids>());
        CHECK(text_of(translator.tokenizers, hypothesis) == expected["translation"].get<std::string>());
        if (expected["score"].is_null()) continue;
        CHECK(hypothesis.score == Approx(expected["score"].get<double>()).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("a translator of a Marian folder has its special tokens and saves its files") {
  for (const std::string name : {"multilingual", "separate"}) {
    const auto dir = fixture("marian/" + name);
    const auto translator = load_translator(dir);
    CHECK(translator.special.source_end == 0);
    CHECK(translator.special.target_end == 0);
    CHECK(translator.special.start == translator.tokenizers.target().special_tokens().pad);
    CHECK(translator.tokenizers.one_vocabulary() == (name == "multilingual"));
    const TempDir saved;
    translator.tokenizers.save(saved.path());
    CHECK_FALSE(std::filesystem::exists(saved / kTargetTokenizerDir));
    const auto again = TranslationTokenizers::load(saved.path());
    CHECK(again.target().vocab_size() == translator.tokenizers.target().vocab_size());
    CHECK(is_tokenizer_in(saved.path(), dir.string()));
    CHECK_FALSE(is_tokenizer_in(saved.path(), fixture("marian/opus").string()));
  }
  // A side of one folder beside another tokenizer.
  const TempDir mixed;
  auto source = TranslationTokenizers::open(fixture("tokenizers/byte_level.json"));
  const auto size = source.source().vocab_size();
  TranslationTokenizers(load_tokenizer(fixture("tokenizers/byte_level.json")),
                        load_target_tokenizer(fixture("marian/separate")))
      .save(mixed.path());
  const auto again = TranslationTokenizers::load(mixed.path());
  CHECK(again.source().vocab_size() == size);
  CHECK(again.target().vocab_size() == load_target_tokenizer(fixture("marian/separate"))->vocab_size());
}

}  // namespace langzoo::test::marian_folder_test
