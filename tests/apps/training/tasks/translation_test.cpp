#include "tests/support/test.h"

#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "apps/training/tasks/translation.h"
#include "data/files/files.h"
#include "models/seq2seq/seq2seq.h"

namespace langzoo::test::translation_test {

namespace {

/// A random model, saved beside the tokenizer of digits and letters that both sides share.
struct Model {
  /// `ends`: what may end a target beside the tokenizer's end token; nullopt: not even that may.
  explicit Model(std::optional<std::vector<std::int64_t>> ends = std::vector<std::int64_t>()) {
    const TextSource signs = [once = true](std::string& text) mutable {
      text = "0123456789 abcdefghij";
      return std::exchange(once, false);
    };
    const TokenizerNeeds needs{.special_tokens = {"<s>", "</s>"}};
    auto tokenizer = make_tokenizer(parse_tokenizer_spec("char", "data.tokenizer"), signs, needs, [](const auto&) {});
    auto config = Seq2SeqConfig::preset("luong");
    config.source_vocab_size = config.target_vocab_size = static_cast<std::int64_t>(tokenizer->vocab_size());
    config.embedding_size = config.hidden_size = 8;
    config.decoder_start_token_id = start_token_of(*tokenizer, "data.tokenizer");
    config.eos_token_id.clear();
    if (ends) {
      config.eos_token_id = {end_token_of(*tokenizer, "data.tokenizer")};
      config.eos_token_id.insert(config.eos_token_id.end(), ends->begin(), ends->end());
    }
    torch::manual_seed(1);
    Seq2Seq(config)->save_pretrained(dir / "model");
    TranslationTokenizers(std::move(tokenizer), nullptr).save(dir / "model");
  }
  TempDir dir;
};

}  // namespace

TEST_CASE("a saved translator has its special tokens; one whose model never ends is refused") {
  const Model model;
  const auto translator = load_translator(model.dir / "model");
  CHECK(translator.special.start == translator.model->start_token());
  CHECK(translator.special.target_end == translator.model->end_token());
  CHECK(translator.special.source_end);
  const Model endless(std::nullopt);
  CHECK_THROWS_WITH(
      load_translator(endless.dir / "model"),
      Catch::Contains("config.json") && Catch::Contains("eos_token_id is null: a translation has no end"));
}

TEST_CASE("pairs of which a side is empty are not measured, but keep their place") {
  const Model model;
  const auto translator = load_translator(model.dir / "model");
  const auto file = model.dir / "pairs.tsv";
  write_file(file, "12\tab\n \tc\n3\t\n45\tde\n");
  auto options = evaluation_pairs_defaults();
  options.data = file.string();
  const auto pairs = open_evaluation_pairs(options, translator.tokenizers);
  CHECK(pairs.all.size() == 4);
  CHECK(pairs.corpus.size() == 2);
  REQUIRE(pairs.sources.size() == 4);
  CHECK(pairs.sources[1].empty());
  CHECK_FALSE(pairs.sources[2].empty());
  CHECK(pairs.measured == std::vector<std::size_t>{0, 3});
  CHECK(pairs.references == std::vector<std::string>{"ab", "de"});
  write_file(file, " \tc\n");
  CHECK_THROWS_WITH(open_evaluation_pairs(options, translator.tokenizers), Catch::Contains("no pair to measure"));
}

TEST_CASE("the nats of targets are those of each token given the true ones before it, end tokens included") {
  const Model model;
  const auto translator = load_translator(model.dir / "model");
  const auto file = model.dir / "pairs.tsv";
  write_file(file, "12\tab\n345\tcde\n");
  auto options = evaluation_pairs_defaults();
  options.data = file.string();
  const auto pairs = open_evaluation_pairs(options, translator.tokenizers);
  const auto nats = target_nats(*translator.model, pairs.corpus, translator.special, translator.device);
  CHECK(nats.tokens == 2 + 3 + 2);

  const torch::NoGradGuard no_grad;
  auto& seq2seq = dynamic_cast<Seq2SeqImpl&>(translator.model->module());
  double expected = 0;
  for (std::int64_t pair = 0; pair < 2; ++pair) {
    const auto batch = parallel_batch(pairs.corpus, {pair}, translator.special);
    const auto logits = seq2seq.forward(batch.source, batch.source_lengths, batch.decoder_input).logits[0];
    expected -= logits.log_softmax(1).gather(1, batch.labels[0].unsqueeze(1)).sum().item<double>();
  }
  CHECK(nats.nats == Approx(expected).epsilon(1e-5));
  CHECK(nats.metrics().at("perplexity").value == Approx(std::exp(expected / 7)).epsilon(1e-5));
}

TEST_CASE("a translation depends on its sentence alone, and an empty one stays empty") {
  const Model model;
  const auto translator = load_translator(model.dir / "model");
  BeamSearchOptions options;
  options.num_beams = 3;
  options.max_new_tokens = 6;
  const std::vector<std::string> sentences = {"123", "", "4", "98765", "  "};
  const auto together = translate(translator, sentences, options);
  REQUIRE(together.size() == sentences.size());
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    CAPTURE(sentences[i]);
    CHECK(translate(translator, {sentences[i]}, options).at(0) == together[i]);
  }
  CHECK(together[1].empty());
  CHECK(together[4].empty());
}

TEST_CASE("any of the config's end tokens ends a translation, also of a model that no folder describes") {
  const std::vector<std::vector<TokenId>> sources = {{4, 5, 6}};
  BeamSearchOptions options;
  options.num_beams = 1;
  options.max_new_tokens = 8;
  const auto greedy = [&](const Translator& translator) {
    return decode_sources(translator, sources, options, 1)[0][0].ids;
  };
  const auto load = [](const Model& model) { return load_translator(model.dir / "model"); };
  const auto one_end = greedy(load(Model()));
  REQUIRE(one_end.size() > 1);
  auto several = load(Model(std::vector<std::int64_t>{one_end[0]}));
  CHECK(several.special.target_end == load(Model()).special.target_end);
  CHECK(greedy(several) == std::vector{one_end[0]});
  several.model->generation_config = {};
  CHECK(greedy(several) == std::vector{one_end[0]});
}

TEST_CASE("decoding begins with the start token of generation_config.json, losses with that of config.json") {
  const std::vector<std::vector<TokenId>> sources = {{4, 5, 6}};
  BeamSearchOptions options;
  options.max_new_tokens = 8;
  const Model model;
  const auto dir = model.dir / "model";
  const auto of = [&](const Translator& translator) {
    return decode_sources(translator, sources, options, 1)[0][0].log_probability;
  };
  const auto load = [&](const std::string& generation_config) {
    write_file(dir / "generation_config.json", generation_config);
    return load_translator(dir);
  };
  const auto own = of(load("{}")), other = of(load(R"({"decoder_start_token_id": 9})"));
  CHECK(own != other);
  CHECK(own == of(load(R"({"decoder_start_token_id": null})")));
  CHECK(load(R"({"decoder_start_token_id": 9})").special.start != 9);
  auto config = nlohmann::json::parse(read_file(dir / "config.json"));
  config["decoder_start_token_id"] = 9;
  write_file(dir / "config.json", config.dump());
  CHECK(of(load("{}")) == other);
  CHECK_THROWS_WITH(load(R"({"decoder_start_token_id": 900})"),
                    Catch::Contains("generation_config.json: decoder_start_token_id = 900"));
}

TEST_CASE("texts are scored in per cent, exact matches to the letter") {
  const std::string sentence = "the lamp is on the table";
  const auto scores = text_scores({sentence, sentence + " "}, {sentence, sentence}, {});
  CHECK(scores.exact_match == Approx(50));
  CHECK(scores.bleu.score == Approx(100));
  CHECK(scores.chrf == Approx(100));
  EvalMetrics metrics;
  scores.add_to(metrics);
  CHECK(metrics.at("exact_match").value == Approx(50));
  CHECK(metrics.at("bleu").direction == Direction::kHigherIsBetter);
}

}  // namespace langzoo::test::translation_test
