#include "tests/support/test.h"

#include <cmath>
#include <set>

#include "apps/training/families.h"
#include "apps/training/tasks/causal_lm.h"
#include "apps/training/tasks/translation.h"
#include "apps/training/training_run.h"
#include "data/files/files.h"
#include "data/words/vocabulary.h"
#include "models/gpt/gpt.h"
#include "models/word2vec/word2vec.h"

namespace langzoo::test {

namespace {

namespace fs = std::filesystem;

std::string sentences(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "Anna has " + std::to_string(i % 7) + " apples and a dog.\n";
  return text;
}

std::string reversed_pairs(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) {
    const auto number = std::to_string(100 + i % 50);
    text += number + '\t' + std::string(number.rbegin(), number.rend()) + '\n';
  }
  return text;
}

std::string labelled(int n) {
  std::string text = "text\tlabel\n";
  for (int i = 0; i < n; ++i) text += i % 2 == 0 ? "a fine film\tgood\n" : "a dull film\tbad\n";
  return text;
}

/// A model folder of the family, trained for some steps with settings that make it small.
fs::path trained(const Family& family, const TempDir& dir, std::int64_t steps) {
  const bool text = family.task == "causal-lm";
  const auto data = dir / (text ? "text.txt" : "pairs.tsv");
  write_file(data, text ? sentences(200) : family.task == "classification" ? labelled(200) : reversed_pairs(200));
  const auto out = dir / std::string(family.program);
  TrainingRun run(std::string(family.program), family.setup());
  run.open(out);
  auto& config = run.config();
  config.set("data.train", data.string(), "test");
  config.set("data.tokenizer", "char", "test");
  config.set("train.max_steps", std::to_string(steps), "test");
  config.set("train.batch_size", "8", "test");
  config.set("train.learning_rate", "0.01", "test");
  for (const auto& [key, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"model.n_layer", "1"},
                                                                  {"model.n_head", "2"},
                                                                  {"model.n_embd", "16"},
                                                                  {"model.n_positions", "16"},
                                                                  {"model.hidden_size", "16"},
                                                                  {"model.embedding_size", "16"},
                                                                  {"model.num_layers", "1"}}) {
    if (config.has(key)) config.set(key, value, "test");
  }
  run.prepare();
  CHECK(run.train().step == steps);
  return out;
}

}  // namespace

TEST_CASE("every family is a registered model that its default config makes") {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const auto& family : families()) {
    CAPTURE(std::string(family.architecture));
    CHECK(seen.emplace(family.model_type, family.architecture).second);
    CHECK(family.model().program == "langzoo-" + std::string(family.program));
    const auto config = family.default_config();
    REQUIRE(config != nullptr);
    if (family.setup != nullptr) {
      const auto fields = fields_in(*config);
      for (const auto* const name : {"vocab_size", "source_vocab_size", "target_vocab_size"}) {
        fill_field(fields, name, 10);
      }
      for (const auto* const name : {"decoder_start_token_id", "eos_token_id"}) fill_field(fields, name, 1);
      CHECK(family.model().make(config->to_json(), "defaults") != nullptr);
    }
    CHECK(family.evaluate != nullptr);
    CHECK((family.setup == nullptr) == (family.task == "word-vectors"));
    CHECK(family_of_program(family.program).program == family.program);
  }
  // Of each type that can be opened one can be trained.
  for (const auto& model : registered_models()) {
    CHECK(std::any_of(families().begin(), families().end(),
                      [&](const Family& family) { return family.model_type == model.model_type; }));
  }
  CHECK_THROWS_WITH(family_of_program("t5"), "no family has the program t5");
}

TEST_CASE("one loop over the table trains, loads and evaluates every family that has a setup") {
  for (const auto& family : families()) {
    if (family.setup == nullptr) continue;
    CAPTURE(std::string(family.architecture));
    const TempDir dir;
    const auto out = trained(family, dir, 30);
    CHECK(&family_in(out) == &family);
    CHECK(family.model().load(out, nullptr, PretrainedOptions()) != nullptr);
    const auto data = dir / (family.task == "causal-lm" ? "text.txt" : "pairs.tsv");
    const auto metrics = evaluate(out, data.string());
    REQUIRE(metrics.count("loss") == 1);
    CHECK(std::isfinite(metrics.at("loss").value));
    if (family.task == "classification") {
      CHECK(metrics.at("accuracy").value == 1);
      CHECK(metrics.at("accuracy").direction == Direction::kHigherIsBetter);
      continue;
    }
    CHECK(metrics.at("perplexity").value == Approx(std::exp(metrics.at("loss").value)));
    if (family.task == "translation") {
      CHECK(metrics.at("bleu").direction == Direction::kHigherIsBetter);
      CHECK(metrics.count("chrf") + metrics.count("exact_match") == 2);
    } else {
      CHECK(metrics.count("bits_per_byte") == 1);
    }
  }
}

TEST_CASE("training lowers the loss that the table's evaluation measures, and the models write text") {
  const TempDir dir, longer;
  const auto& gpt = family_of_program("gpt");
  const auto text = (dir / "text.txt").string();
  const auto little = evaluate(trained(gpt, dir, 1), text).at("loss").value;
  const auto more = trained(gpt, longer, 150);
  CHECK(evaluate(more, text).at("loss").value < little - 0.5);
  const auto lm = load_causal_lm(more);
  GenerateOptions options;
  options.max_new_tokens = 6;
  options.num_return_sequences = 2;
  const auto continued = continue_text(lm, "Anna has", options);
  REQUIRE(continued.size() == 2);
  CHECK(continued[0].size() == 6);
  options.sampling.greedy = true;
  options.num_return_sequences = 1;
  options.max_new_tokens = 100;  // the context ends it: 16 positions, and the token after them
  CHECK(continue_text(lm, "Anna has", options).at(0).size() == 9);

  const auto translator = load_translator(trained(family_of_program("seq2seq"), dir, 5));
  const auto texts = translate(translator, {"123", " ", "101"}, {});
  REQUIRE(texts.size() == 3);
  CHECK(texts[1].empty());
}

TEST_CASE("word vectors of every family are measured by analogies and by judged pairs") {
  const TempDir dir;
  const Vocabulary vocabulary({"man", "king", "woman", "queen", "lamp"}, {5, 4, 3, 2, 1});
  Word2VecConfig config;
  config.vocab_size = 5, config.dim = 2;
  const Word2Vec model(config);
  const auto rows = torch::tensor({{1.0, 0.0}, {1.0, 1.0}, {-1.0, 0.1}, {-1.0, 1.0}, {0.2, -1.0}});
  {
    const torch::NoGradGuard no_grad;
    model->embeddings().copy_(rows);
  }
  save_pretrained(*model, config, Word2VecImpl::pretrained_traits(), dir / "words");
  vocabulary.save(dir / "words" / "vocab.tsv");
  CHECK(family_in(dir / "words").task == "word-vectors");

  const auto analogies = dir / "analogies.txt", pairs = dir / "pairs.tsv";
  write_file(analogies, "\n: royal\nman king woman Queen\nman king woman unknown\n");
  const auto answered = evaluate(dir / "words", analogies.string());
  CHECK(values_of(answered) == std::map<std::string, double>{{"3cosadd", 1}, {"3cosmul", 1}});
  CHECK(answered.at("3cosadd").direction == Direction::kHigherIsBetter);
  write_file(pairs, "man\tking\t9\nman\tlamp\t5\nman\twoman\t1\nman\tunknown\t9\n");
  const auto judged = evaluate(dir / "words", pairs.string());
  CHECK(judged.size() == 2);
  CHECK(judged.at("spearman").value == Approx(1));

  write_file(analogies, ": none\na b c d\n");
  CHECK_THROWS_WITH(evaluate(dir / "words", analogies.string()),
                    analogies.string() + ": no question whose words the vectors know");
  write_file(pairs, "man\tking\t9\n");
  CHECK_THROWS_WITH(evaluate(dir / "words", pairs.string()), pairs.string() + ": 1 pairs whose words the vectors know");
  CHECK_THROWS_AS(evaluate(dir / "words", (dir / "none").string()), FileError);
}

TEST_CASE("a folder is refused by tasks that its model does not learn") {
  const TempDir dir;
  Gpt2Config config;
  config.vocab_size = 11, config.n_positions = 8, config.n_embd = 4, config.n_layer = 1, config.n_head = 2;
  config.bos_token_id = config.eos_token_id = 0;
  Gpt2LmHeadModel(config)->save_pretrained(dir / "gpt");
  CHECK_THROWS_WITH(load_translator(dir / "gpt"),
                    Catch::StartsWith((dir / "gpt").string()) && Catch::Contains("GPT2LMHeadModel is no model"));
  // Without a head: the head is what loading misses, or the tied embedding.
  Gpt2Model base(config);
  save_pretrained(*base, config, Gpt2ModelImpl::pretrained_traits(), dir / "base");
  CHECK(family_in(dir / "base").architecture == "GPT2LMHeadModel");
  CHECK_THROWS_AS(evaluate(dir / "none", "text.txt"), FileError);
}

}  // namespace langzoo::test
