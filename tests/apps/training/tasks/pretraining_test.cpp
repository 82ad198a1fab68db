#include "tests/support/test.h"

#include <cmath>

#include "apps/training/tasks/pretraining.h"
#include "data/files/config_error.h"
#include "data/text/causal_lm.h"
#include "models/bert/bert.h"
#include "tests/apps/training/tasks/encoders_run.h"

namespace langzoo::test::pretraining_test {

namespace {

std::vector<std::string> names_of(const std::vector<LossTerm>& terms) {
  std::vector<std::string> names;
  for (const auto& term : terms) names.push_back(term.name);
  return names;
}

}  // namespace

TEST_CASE("each objective has its losses by name; a step counts hidden tokens and judged pairs") {
  const TempDir dir;
  const auto run = small_run(dir, pretraining_setup("bert", "mlm+nsp"), "nsp");
  run->prepare();
  auto& task = run->task();
  CHECK(names_of(task.loss_terms()) == std::vector<std::string>{"mlm", "nsp"});
  const auto batch = task.next();
  REQUIRE(batch.counts.size() == 2);
  CHECK(batch.counts[1] == 4);
  CHECK(batch.counts[0] >= 4);
  const auto sums = batch.loss_sums();
  CHECK(sums[1].item<double>() / 4 == Approx(std::log(2)).margin(0.2));
  task.model().eval();
  const auto metrics = task.evaluate();
  CHECK(metrics.at("loss").value ==
        Approx(std::log(metrics.at("perplexity").value) + metrics.at("sentence_loss").value));

  const auto sop = small_run(dir, pretraining_setup("albert", "mlm+sop"), "sop");
  sop->prepare();
  CHECK(names_of(sop->task().loss_terms()) == std::vector<std::string>{"mlm", "sop"});
  const auto mlm = small_run(dir, pretraining_setup("bert", "mlm"), "mlm", {{"data.whole_words", "true"}});
  mlm->prepare();
  CHECK(names_of(mlm->task().loss_terms()) == std::vector<std::string>{"mlm"});
}

TEST_CASE("what a run's masking cannot be is refused before anything is prepared") {
  const TempDir dir;
  const auto complete = [&](const RunSettings& settings) {
    small_run(dir, pretraining_setup("bert", "mlm+nsp"), "none", settings)->complete();
  };
  CHECK_THROWS_AS(complete({{"data.mask_replace_prob", "0.9"}, {"data.random_replace_prob", "0.2"}}), ConfigError);
  CHECK_THROWS_WITH(complete({{"data.examples", "pairs"}}), Catch::Contains("a run that judges pairs of segments"));
  CHECK_THROWS_WITH(complete({{"data.microworld_seed", "2"}}), Catch::Contains("data.microworld_seed"));
  const auto wide = small_run(dir, pretraining_setup("bert", "mlm"), "wide", {{"model.max_position_embeddings", "16"}});
  CHECK_THROWS_WITH(wide->prepare(), Catch::Contains("data.max_length = 20: the model takes 16 tokens"));
}

TEST_CASE("microworld tells documents of sentences, in both languages") {
  const TempDir dir;
  const auto told = [&](const std::string& out, const std::string& language) {
    const auto run = small_run(dir, pretraining_setup("bert", "mlm+nsp"), out,
                               {{"data.train", "microworld"},
                                {"data.tokenizer", "train:wordpiece:600"},
                                {"data.microworld_bytes", "3000"},
                                {"data.microworld_language", language}});
    run->prepare();
    return read_file(dir / out / "data/train.txt");
  };
  const auto english = told("english", "english");
  CHECK_THAT(english, Catch::Contains(".\n") && Catch::Contains("\n\n"));
  CHECK(told("korean", "korean") != english);
}

TEST_CASE("pairs of segments for a model that knows but one are refused") {
  const TempDir dir;
  const auto one = small_run(dir, pretraining_setup("bert", "mlm+nsp"), "nsp", {{"model.type_vocab_size", "1"}});
  CHECK_THROWS_WITH(one->prepare(), Catch::Contains("model.type_vocab_size = 1: examples of nsp are of two segments"));
}

TEST_CASE("keys are the masking's options") {
  MaskingKeys keys;
  keys.mask_probability = 0.2, keys.prefer_rare = 0.7, keys.max_ngram = 3, keys.whole_words = true;
  keys.examples = "pairs";
  const auto options = keys.options(SentenceTask::kPacked);
  CHECK(options.sentences == SentenceTask::kPair);
  CHECK(options.masking.probability == 0.2);
  CHECK(options.masking.max_ngram == 3);
  CHECK(options.masking.whole_words);
  CHECK(options.prefer_rare == 0.7);
  CHECK(keys.options(SentenceTask::kSentenceOrder).sentences == SentenceTask::kSentenceOrder);
  CHECK(fingerprint_of(options) != fingerprint_of(MaskingKeys().options(SentenceTask::kPair)));
}

}  // namespace langzoo::test::pretraining_test
