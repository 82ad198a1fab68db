#include "tests/support/test.h"

#include <cmath>
#include <set>

#include "apps/training/families.h"
#include "apps/training/tasks/causal_lm.h"
#include "apps/training/tasks/translation.h"
#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "data/words/vocabulary.h"
#include "models/gpt/gpt.h"
#include "models/word2vec/word2vec.h"

namespace langzoo::test::families_test {

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

/// Whether all is computed in one step, without batches or gradients.
bool takes_one_step(const Family& family) {
  return family.architecture == "PpmiSvd" || family.architecture == "NoisyChannel" || family.architecture == "NGramLM";
}

/// Whether its data is made up, and neither text nor file.
bool learns_bits(const Family& family) {
  return family.task == "bit-sequences";
}

std::string choices(int n) {
  std::string text = "premise\tchoice1\tchoice2\tlabel\n";
  for (int i = 0; i < n; ++i)
    text += i % 2 == 0 ? "Anna eats\tan apple\ta door\t0\n" : "Anna eats\ta door\ta pear\t1\n";
  return text;
}

std::string tagged(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += i % 2 == 0 ? "Anna B-PER\nsleeps O\n\n" : "the O\ndog O\n\n";
  return text;
}

std::string questions(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) {
    text += R"({"question": "Who?", "context": "It was Anna.", "answers": [{"text": "Anna", "answer_start": 7}]})";
    text += '\n';
  }
  return text;
}

std::string facts() {
  std::string text;
  for (int i = 0; i < 12; ++i)
    text += "Anna\tknows\tn" + std::to_string(i) + "\nn" + std::to_string(i) + "\teats\tapple\n";
  return text;
}

std::string named(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) {
    text += R"({"text": "Anna eats an apple", "ents": [["Anna", 0, 4], ["apple", 13, 18]], "label": ")" +
            std::string(i % 2 == 0 ? "good" : "bad") + "\"}\n";
  }
  return text;
}

/// Whether it knows a graph beside its data.
bool knows_graph(const Family& family) {
  return family.program == "ernie" || family.program == "kagnet";
}

/// What a task learns from: a file's name and contents.
std::pair<std::string, std::string> data_of(std::string_view task) {
  if (task == "translation" || task == "text-to-text") return {"pairs.tsv", reversed_pairs(200)};
  if (task == "classification") return {"labelled.tsv", labelled(200)};
  if (task == "tagging") return {"tagged.conll", tagged(60)};
  if (task == "question-answering") return {"questions.jsonl", questions(40)};
  if (task == "multiple-choice" || task == "graph-choice") return {"choices.tsv", choices(60)};
  if (task == "captioning" || task == "image-generation") return {"microworld", ""};
  if (task == "link-prediction") return {"facts.tsv", facts()};
  if (task == "entity-typing" || task == "relation-classification") return {"named.jsonl", named(60)};
  return {"text.txt", sentences(200)};
}

using Settings = std::vector<std::pair<std::string, std::string>>;

/// Whether it is another model with a head for a task: what these learn is tested elsewhere.
bool has_head(const Family& family) {
  return family.program == "bert" || family.program == "tagger" || knows_graph(family) ||
         (family.program == "gpt" && family.task != "causal-lm");
}

/// A run of the family in `dir` with settings that make it small.
std::unique_ptr<TrainingRun> small_run(const Family& family, const TempDir& dir, std::int64_t steps,
                                       const Settings& settings = {}) {
  const bool words = family.task == "word-vectors";
  const auto [file, contents] = data_of(family.task);
  const bool drawn = contents.empty();
  const auto data = drawn ? fs::path(file) : dir / file;
  if (!drawn) write_file(data, contents);
  const auto out = dir / std::string(family.program);
  const auto graph = (dir / "graph.tsv").string();
  if (knows_graph(family)) write_file(graph, facts());
  auto run = std::make_unique<TrainingRun>(std::string(family.program), family.setup());
  run->open(out);
  auto& config = run->config();
  config.set("data.train", learns_bits(family) ? "copy" : data.string(), "test");
  config.set("train.max_steps", std::to_string(steps), "test");
  if (words) {
    config.set("model.dim", "4", "test");
    config.set("train.max_epochs", "0", "test");
  } else if (!takes_one_step(family)) {
    const bool pieces = family.program == "bert" || knows_graph(family);
    const bool reads_words = family.architecture == "ElmoLM";
    if (config.has("data.tokenizer") && !drawn)
      config.set("data.tokenizer", pieces ? "train:wordpiece:70" : reads_words ? "words" : "char", "test");
    config.set("train.batch_size", "8", "test");
    config.set("train.learning_rate", "0.01", "test");
  }
  for (const auto& [key, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"model.n_layer", "1"},
                                                                  {"model.n_head", "2"},
                                                                  {"model.d_model", "16"},
                                                                  {"model.d_kv", "8"},
                                                                  {"model.d_ff", "16"},
                                                                  {"model.num_heads", "2"},
                                                                  {"model.encoder_ffn_dim", "16"},
                                                                  {"model.decoder_ffn_dim", "16"},
                                                                  {"model.n_embd", "16"},
                                                                  {"model.n_positions", has_head(family) ? "64" : "16"},
                                                                  {"model.hidden_size", "16"},
                                                                  {"model.embedding_size", "16"},
                                                                  {"model.projection_size", "8"},
                                                                  {"model.filters", "[[1, 4], [2, 8]]"},
                                                                  {"model.num_layers", "1"},
                                                                  {"model.attention_types", R"([[["local"], 1]])"},
                                                                  {"model.window_size", "4"},
                                                                  {"model.max_position_embeddings", "64"},
                                                                  {"model.num_hidden_layers", "1"},
                                                                  {"model.num_attention_heads", "2"},
                                                                  {"model.intermediate_size", "16"},
                                                                  {"model.n_layers", "1"},
                                                                  {"model.n_heads", "2"},
                                                                  {"model.dim", words ? "4" : "16"},
                                                                  {"model.hidden_dim", "16"},
                                                                  {"model.encoder.hidden_size", "16"},
                                                                  {"model.encoder.num_hidden_layers", "1"},
                                                                  {"model.encoder.num_attention_heads", "2"},
                                                                  {"model.encoder.intermediate_size", "16"},
                                                                  {"data.knowledge", graph.c_str()},
                                                                  {"data.knowledge_dim", "8"},
                                                                  {"data.knowledge_epochs", "2"},
                                                                  {"data.max_length", "32"},
                                                                  {"model.codes", "12"},
                                                                  {"data.pictures", "40"},
                                                                  {"data.valid_pictures", "6"},
                                                                  {"data.drawn", "2"},
                                                                  {"train.vae_steps", "1"},
                                                                  {"model.beam", "5"},
                                                                  {"model.controller_size", "8"},
                                                                  {"data.length", "4"},
                                                                  {"model.discount_fallback", "true"},
                                                                  {"train.tuning_pairs", "5"}}) {
    // A captioner with recurrent decoder has no such heads.
    if (family.task == "captioning" && std::string_view(key) == "model.num_heads") continue;
    if (config.has(key)) config.set(key, value, "test");
  }
  for (const auto& [key, value] : settings) config.set(key, value, "test");
  return run;
}

/// A model folder of the family, trained for some steps.
fs::path trained(const Family& family, const TempDir& dir, std::int64_t steps, const Settings& settings = {}) {
  const auto run = small_run(family, dir, steps, settings);
  CHECK(run->train().step == steps);
  return run->setting().out;
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
    if (family.task != "word-vectors") {
      const auto fields = fields_in(*config);
      for (const auto* const name : {"vocab_size", "source_vocab_size", "target_vocab_size", "encoder.vocab_size",
                                     "input_size", "output_size"}) {
        fill_field(fields, name, 10);
      }
      for (const auto* const name :
           {"decoder_start_token_id", "eos_token_id", "pad_token_id", "encoder.pad_token_id"}) {
        fill_field(fields, name, 1);
      }
      CHECK(family.model().make(config->to_json(), "defaults") != nullptr);
    }
    CHECK(family.evaluate != nullptr);
    CHECK(family.setup != nullptr);
    CHECK(family_of_program(family.program).program == family.program);
  }
  // Of each type that can be opened one can be trained.
  for (const auto& model : registered_models()) {
    CHECK(std::any_of(families().begin(), families().end(),
                      [&](const Family& family) { return family.model_type == model.model_type; }));
  }
  CHECK_THROWS_WITH(family_of_program("elmo"), "no family has the program elmo");
}

TEST_CASE("one loop over the table trains, loads and evaluates every family") {
  for (const auto& family : families()) {
    CAPTURE(std::string(family.architecture));
    const TempDir dir;
    const bool words = family.task == "word-vectors";
    const bool head = has_head(family);
    const auto out = trained(family, dir, takes_one_step(family) ? 1 : head ? 3 : 30);
    CHECK(&family_in(out) == &family);
    CHECK(family.model().load(out, nullptr, PretrainedOptions()) != nullptr);
    if (words) {
      write_file(dir / "judged.tsv", "Anna\thas\t9\nAnna\tdog.\t5\nAnna\tapples\t1\n");
      const auto metrics = evaluate(out, (dir / "judged.tsv").string());
      CHECK(std::abs(metrics.at("spearman").value) <= 1);
      continue;
    }
    if (learns_bits(family)) {
      CHECK(evaluate(out, "copy").at("bits_per_sequence").value > 0);
      continue;
    }
    const auto data = data_of(family.task);
    const auto metrics = evaluate(out, data.second.empty() ? data.first : (dir / data.first).string());
    if (family.task == "translation" || family.task == "text-to-text") {
      CHECK(metrics.at("bleu").direction == Direction::kHigherIsBetter);
      CHECK(metrics.count("chrf") + metrics.count("exact_match") == 2);
    }
    if (family.architecture == "NoisyChannel") {
      CHECK(metrics.at("exact_match").value > 50);
      CHECK(metrics.at("language_perplexity").value > 1);
      continue;
    }
    REQUIRE(metrics.count("loss") == 1);
    CHECK(std::isfinite(metrics.at("loss").value));
    if (family.task == "link-prediction") {
      CHECK(metrics.at("mean_rank").value >= 1);
      continue;
    }
    if (family.task == "captioning" || family.task == "image-generation") {
      CHECK(metrics.at("holds").value >= 0);
      continue;
    }
    if (head || family.task == "classification") {
      const auto& right = metrics.at(family.task == "question-answering" ? "exact_match" : "accuracy");
      CHECK(right.direction == Direction::kHigherIsBetter);
      CHECK(right.value >= (head ? 0 : 1));
      continue;
    }
    CHECK(metrics.at("perplexity").value == Approx(std::exp(metrics.at("loss").value)));
    CHECK(metrics.count("bits_per_byte") == (family.task == "causal-lm" ? 1 : 0));
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

TEST_CASE("made up data is that of the model's own run, unless told otherwise") {
  const TempDir dir;
  const auto loss = [](const fs::path& model, const std::string& data, std::optional<std::uint64_t> seed) {
    EvaluationOptions options;
    options.seed = seed;
    return evaluate(model, data, options).at("loss").value;
  };
  const auto lm =
      trained(family_of_program("gpt"), dir, 2,
              {{"data.train", "microworld"}, {"data.microworld_seed", "7"}, {"data.microworld_bytes", "20000"}});
  const auto own = loss(lm, "microworld", std::nullopt);
  CHECK(own == loss(lm, "microworld", 7));
  CHECK(own != loss(lm, "microworld", 1));
  CHECK(own == loss(lm / "best", "microworld", std::nullopt));

  const auto sums = trained(family_of_program("seq2seq"), dir, 2,
                            {{"data.train", "addition"}, {"data.task_seed", "3"}, {"data.task_pairs", "300"}});
  const auto pairs = evaluation_pairs_of(sums / "best");
  CHECK(pairs.task_seed == 3);
  CHECK(pairs.task_skip == 300);
  CHECK(loss(sums, "addition", std::nullopt) == loss(sums, "addition", 3));
  CHECK(loss(sums, "addition", std::nullopt) != loss(sums, "addition", 1));
  CHECK(evaluation_pairs_of(dir / "none").task_skip == evaluation_pairs_defaults().task_skip);
}

TEST_CASE("the run's rank is that of every family's batches, and so of its trainer") {
  for (const auto& family : families()) {
    CAPTURE(std::string(family.architecture));
    const TempDir dir;
    const auto run = small_run(family, dir, 2);
    run->setting().rank = {1, 2};
    // These are counted, or share a machine's memory.
    if (family.architecture == "Glove" || family.architecture == "PpmiSvd" || family.architecture == "NoisyChannel" ||
        family.architecture == "NGramLM" || family.task == "link-prediction") {
      CHECK_THROWS_WITH(run->prepare(), Catch::Contains("trains in one process only"));
      continue;
    }
    run->prepare();
    CHECK(run->task().rank() == Rank{1, 2});
    run->task().next();
    CHECK(run->task().position() == following({}, run->task().batches_per_epoch()));
  }
}

TEST_CASE("what a run makes no use of is refused, but for what a preset says") {
  const TempDir dir;
  const auto refused = [&](const char* program, const Settings& settings, const std::string& message) {
    const auto run = small_run(family_of_program(program), dir, 2, settings);
    CAPTURE(message);
    CHECK_THROWS_WITH(run->complete(), message);
    CHECK_THROWS_AS(run->complete(), ConfigError);
  };
  const std::string told = "a text that microworld does not tell makes no use of it";
  refused("gpt", {{"data.microworld_bytes", "2000"}}, "data.microworld_bytes = 2000: " + told);
  refused("word2vec", {{"data.microworld_seed", "2"}}, "data.microworld_seed = 2: " + told);
  refused("word2vec", {{"train.clip_norm", "1"}}, "train.clip_norm = 1.0: train.optimizer = own makes no use of it");
  refused("word2vec", {{"model.kind", "glove"}, {"model.negative", "2"}},
          "--negative (model.negative) = 2: glove makes no use of it");
  refused("gpt", {{"train.wsd_decay_fraction", "0.5"}},
          "train.wsd_decay_fraction = 0.5: train.schedule = cosine makes no use of it");
  refused("seq2seq", {{"data.task_pairs", "9"}},
          "data.task_pairs = 9: a run whose pairs come from files makes no use of it");
  refused("seq2seq", {{"train.teacher_forcing_c", "0.1"}},
          "train.teacher_forcing_c = 0.1: train.teacher_forcing = constant makes no use of it");
  refused("transformer", {{"train.label_smoothing_kind", "uniform"}},
          "train.label_smoothing_kind = uniform: train.label_smoothing = 0.0 makes no use of it");
  refused("noisy-channel", {{"train.learning_rate", "0.5"}},
          "train.learning_rate = 0.5: a noisy channel, which is counted at once, makes no use of it");
  refused("noisy-channel", {{"data.task_pairs", "9"}},
          "data.task_pairs = 9: a run whose pairs come from files makes no use of it");
  const auto table = (dir / "labelled.tsv").string();
  refused("fasttext", {{"data.valid", table}, {"data.valid_fraction", "0.5"}},
          "data.valid_fraction = 0.5: a run with data.valid makes no use of it");

  const auto run = small_run(family_of_program("gpt"), dir, 2);
  const auto text = run->config().value("data.train");
  run->config().load_preset("gpt", "microworld");  // which says how much it is to tell
  run->config().set("data.train", text, "test");
  CHECK_NOTHROW(run->complete());

  // What a preset says of its optimizer goes with it; what is said by hand does not.
  for (const bool by_hand : {false, true}) {
    const auto other = small_run(family_of_program("transformer"), dir, 2);
    other->config().load_preset("transformer", "translation-small");
    other->config().set("train.batch_tokens", "0", "test");
    other->config().set("train.optimizer", "adamw", "test");
    if (by_hand) other->config().set("train.muon.momentum", "0.5", "test");
    if (!by_hand) CHECK_NOTHROW(other->complete());
    if (by_hand) CHECK_THROWS_WITH(other->complete(), Catch::Contains("options of the optimizer muon are given"));
  }
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
  config.bos_token_id = 0, config.eos_token_id = {0};
  Gpt2LmHeadModel(config)->save_pretrained(dir / "gpt");
  CHECK_THROWS_WITH(load_translator(dir / "gpt"),
                    Catch::StartsWith((dir / "gpt").string()) && Catch::Contains("GPT2LMHeadModel is no model"));
  // Without a head: the head is what loading misses, or the tied embedding.
  Gpt2Model base(config);
  save_pretrained(*base, config, Gpt2ModelImpl::pretrained_traits(), dir / "base");
  CHECK(family_in(dir / "base").architecture == "GPT2LMHeadModel");
  CHECK_THROWS_AS(evaluate(dir / "none", "text.txt"), FileError);
}

}  // namespace langzoo::test::families_test
