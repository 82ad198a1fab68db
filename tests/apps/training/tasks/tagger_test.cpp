#include "tests/support/test.h"

#include <algorithm>

#include "apps/training/stream_text.h"
#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/tagger.h"
#include "apps/training/tasks/tagging.h"
#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "models/io/safetensors.h"
#include "models/tagger/tagger.h"
#include "models/word_vectors/formats.h"

namespace langzoo::test::tagger_setup_test {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

/// Names are known by their neighbours and by how they are written.
std::string sentences(int n) {
  std::string text;
  const char* const names[] = {"Anna", "Maria", "Ben", "Lucy"};
  for (int i = 0; i < n; ++i) {
    text += std::string(names[i % 4]) + " B-PER\n" + (i % 3 == 0 ? "Smith I-PER\n" : "") + "met O\n" +
            (i % 2 == 0 ? "Mr O\nBrown B-PER\n" : "a O\ndog O\n") + ". O\n\n";
  }
  return text;
}

std::unique_ptr<TrainingRun> tagger_run(const TempDir& dir, const std::string& task, const std::string& out,
                                        const Settings& settings = {}) {
  const auto data = dir / (task == "tagging" ? "train.conll" : "train.csv");
  if (!std::filesystem::exists(data)) {
    std::string texts = "text,label\n";
    for (int i = 0; i < 40; ++i) texts += i % 2 == 0 ? "a fine film,good\n" : "a dull film,bad\n";
    write_file(data, task == "tagging" ? sentences(40) : texts);
  }
  auto run = std::make_unique<TrainingRun>("tagger", tagger_setup(task));
  run->open(dir / out);
  auto& config = run->config();
  const Settings small = {{"data.train", data.string()},       {"train.max_steps", "20"},  {"train.batch_size", "8"},
                          {"train.learning_rate", "0.02"},     {"model.hidden_size", "8"}, {"model.dropout", "0.2"},
                          {"model.character_hidden_size", "6"}};
  for (const auto& [key, value] : small) {
    if (key != "model.character_hidden_size") config.set(key, value, "test");
  }
  for (const auto& [key, value] : settings) config.set(key, value, "test");
  return run;
}

}  // namespace

TEST_CASE("a tagger with a CRF and characters learns, and what it saves evaluates to the same") {
  const TempDir dir;
  auto run = tagger_run(dir, "tagging", "run",
                        {{"model.crf", "true"},
                         {"model.characters", "cnn"},
                         {"model.embedding_size", "8"},
                         {"model.character_hidden_size", "6"},
                         {"train.max_steps", "60"}});
  const auto summary = run->train();
  CHECK(summary.valid.at("f1").value == 1);
  CHECK(summary.valid.at("accuracy").value == 1);
  const auto config = config_of<TaggerConfig>(dir / "run", TaggerForTokenClassificationImpl::pretrained_traits());
  CHECK(config.labels.id2label == std::map<std::int64_t, std::string>{{0, "O"}, {1, "B-PER"}, {2, "I-PER"}});
  CHECK(config.unk_token_id == 0);
  CHECK(config.alphabet.size() > 10);
  const auto all =
      evaluate_examples(tagging(), load_example_model(dir / "run", {}), dir / "run", (dir / "train.conll").string());
  CHECK(all.at("f1").value == 1);
}

TEST_CASE("resumed a run ends as uninterrupted, whatever is drawn on the way") {
  const TempDir dir;
  const Settings settings = {{"model.crf", "true"},          {"model.characters", "lstm"},
                             {"model.embedding_size", "8"},  {"model.variational_dropout", "true"},
                             {"train.save_every", "6"},      {"train.max_steps", "12"},
                             {"data.tag_spelling", "iobes"}, {"data.lowercase", "true"}};
  tagger_run(dir, "tagging", "whole", settings)->train();
  auto half = settings;
  half.emplace_back("train.max_steps", "6");
  half.emplace_back("train.schedule", "constant");
  auto full = settings;
  full.emplace_back("train.schedule", "constant");
  tagger_run(dir, "tagging", "constant", full)->train();
  tagger_run(dir, "tagging", "halves", half)->train();
  TrainingRun rest("tagger", tagger_setup("tagging"));
  rest.open(dir / "halves", /*resume=*/true);
  rest.config().set("train.max_steps", "12", "test");
  rest.train();
  CHECK(read_file(dir / "halves/model.safetensors") == read_file(dir / "constant/model.safetensors"));
  CHECK(tagger_task_of_run(dir / "halves") == "tagging");
  const auto labels =
      config_of<TaggerConfig>(dir / "whole", TaggerForTokenClassificationImpl::pretrained_traits()).labels.id2label;
  CHECK(labels == std::map<std::int64_t, std::string>{{0, "O"}, {1, "B-PER"}, {2, "E-PER"}, {3, "S-PER"}});
}

TEST_CASE("the embedding begins with word vectors, whose words the vocabulary has as well") {
  const TempDir dir;
  write_file(dir / "vectors.txt", "anna 1 2 3\nmet 4 5 6\nzebra 7 8 9\n");
  const auto vectors = (dir / "vectors.txt").string();
  std::vector<std::string> messages;
  auto run = tagger_run(dir, "tagging", "run",
                        {{"train.vectors", vectors}, {"train.freeze_embeddings", "true"}, {"train.max_steps", "3"}});
  run->train();
  const auto weights = load_safetensors(dir / "run/model.safetensors");
  CHECK(weights["embedding.weight"].size(1) == 3);
  const auto tokenizer = load_tokenizer(dir / "run");
  const auto row = [&](const std::string& word) { return weights["embedding.weight"][*tokenizer->token_to_id(word)]; };
  CHECK(torch::equal(row("Anna"), torch::tensor({1.F, 2.F, 3.F})));
  CHECK(torch::equal(row("met"), torch::tensor({4.F, 5.F, 6.F})));
  CHECK(torch::equal(row("zebra"), torch::tensor({7.F, 8.F, 9.F})));
  const auto fails = [&](const Settings& settings, const std::string& names) {
    CHECK_THROWS_WITH(tagger_run(dir, "tagging", "wrong", settings)->train(), Catch::Contains(names));
  };
  fails({{"train.vectors", vectors}, {"model.embedding_size", "5"}}, "model.embedding_size = 5");
  fails({{"train.vectors", (dir / "none.txt").string()}}, "none.txt");
  write_file(dir / "other.txt", "x 1 2\n");
  fails({{"train.vectors", (dir / "other.txt").string()}, {"data.vector_words", "0"}}, "has none of the");
  fails({{"data.vector_words", "10"}}, "data.vector_words");
  fails({{"train.freeze_embeddings", "true"}}, "train.freeze_embeddings = true: a run without train.vectors");
}

TEST_CASE("another model's features reach each token, and what is made of them depends on no batch") {
  struct WordLengths : TokenFeatures {
    std::int64_t layers() const override { return 2; }
    std::int64_t width() const override { return 1; }
    torch::Tensor of(std::span<const std::vector<std::string>> sentences) const override {
      std::size_t longest = 0;
      for (const auto& words : sentences) longest = std::max(longest, words.size());
      auto found = torch::zeros({2, std::ssize(sentences), static_cast<std::int64_t>(longest), 1});
      for (std::size_t b = 0; b < sentences.size(); ++b) {
        for (std::size_t t = 0; t < sentences[b].size(); ++t) {
          const auto place = found.select(1, static_cast<std::int64_t>(b)).select(1, static_cast<std::int64_t>(t));
          place[0] = static_cast<float>(sentences[b][t].size());
          place[1] = static_cast<float>(t);
        }
      }
      return found;
    }
  };
  const TempDir dir;
  ExampleOptions options(tagging().format());
  options.train = (dir / "train.conll").string();
  options.valid_fraction = 0;
  write_file(options.train, "Anna B-PER\nsees O\nMaría B-PER\n\nno O\n\na O\nb O\n");
  TaggerConfig config;
  config.features = "elmo:nowhere", config.feature_layers = 2, config.feature_width = 1;
  const auto held = ModelConfig::of(config);
  const auto data = open_examples(
      tagging(), options, *held, dir / "run", [](const std::string&) {},
      [](const TextSource&) {
        return word_tokenizer({{"sees", 3}, {"a", 1}}, 0);
      });
  complete_vocabulary(*held, "vocab_size", *data.tokenizer);
  TaggerForTokenClassification model(held->as<TaggerConfig>());
  model->set_features(std::make_shared<WordLengths>());
  model->eval();
  const auto encoded = encode_examples(tagging(), "train", *data.train, {*data.tokenizer, *model});
  CHECK(torch::equal(encoded.examples.features(0).select(2, 0), torch::tensor({{4.F, 4.F, 6.F}, {0.F, 1.F, 2.F}})));
  const auto together = logits_of_all(tagging(), *model, encoded, torch::kCPU).logits;
  const auto alone = logits_of_all(tagging(), *model, encoded, torch::kCPU, 1).logits;
  for (std::size_t i = 0; i < together.size(); ++i) CHECK(max_difference(together[i], alone[i]) < 1e-6);
}

TEST_CASE("classification takes every pooling, several labels, and whole words or others") {
  const TempDir dir;
  for (const std::string pooling : {"last", "mean", "max", "attention"}) {
    const auto summary = tagger_run(dir, "classification", "run-" + pooling,
                                    {{"model.pooling", pooling},
                                     {"model.embedding_size", "8"},
                                     {"data.tokenizer", pooling == "max" ? "words:20" : "train:word:20"}})
                             ->train();
    CHECK(summary.valid.at("accuracy").value == 1);
  }
  std::string several = "text\tlabel\n";
  for (int i = 0; i < 30; ++i)
    several += i % 2 == 0 ? "a fine film\t[\"good\"]\n" : "a dull play\t[\"bad\",\"play\"]\n";
  write_file(dir / "several.tsv", several);
  const auto summary = tagger_run(dir, "classification", "several",
                                  {{"data.train", (dir / "several.tsv").string()}, {"model.embedding_size", "8"}})
                           ->train();
  CHECK(summary.valid.at("accuracy").value == 1);
}

TEST_CASE("what would have no effect, or cannot be, is named") {
  const TempDir dir;
  const auto fails = [&](const std::string& task, const Settings& settings, const std::string& names) {
    CAPTURE(names);
    CHECK_THROWS_WITH(tagger_run(dir, task, "run", settings)->train(), Catch::Contains(names));
  };
  fails("tagging", {{"model.character_hidden_size", "10"}}, "model.character_hidden_size");
  fails("tagging", {{"model.characters", "lstm"}, {"model.character_width", "5"}}, "model.character_width");
  fails("tagging", {{"model.crf_constraints", "none"}}, "model.crf_constraints");
  fails("tagging", {{"model.crf", "true"}, {"train.label_smoothing", "0.1"}}, "train.label_smoothing");
  fails("tagging", {{"data.tokenizer", "train:word:50"}, {"data.lowercase", "true"}}, "data.lowercase");
  fails("tagging", {{"model.features", "bert:x"}}, "elmo:DIR");
  fails("tagging", {{"model.features", "elmo:" + (dir / "nowhere").string()}}, "nowhere");
  fails("tagging", {{"model.embedding_size", "0"}}, "embedding_size = 0");
  fails("tagging", {{"data.tokenizer", "words:2"}}, "words:2");
  write_file(dir / "iob1.conll", "Anna I-PER\nmet O\nBen I-PER\nLucy B-PER\n\n");
  const std::string iob1 = (dir / "iob1.conll").string();
  fails("tagging",
        {{"data.train", iob1}, {"data.valid", iob1}, {"model.crf", "true"}, {"data.tag_spelling", "as_written"}},
        "iob1.conll: line 1: the sentence has I-PER at its beginning, which model.crf_constraints = auto forbids");
  CHECK_THROWS_AS(tagger_setup("parsing"), ConfigError);
  CHECK_THROWS_WITH(tagger_run(dir, "classification", "run", {{"model.crf", "true"}}), Catch::Contains("model.crf"));
}

}  // namespace langzoo::test::tagger_setup_test
