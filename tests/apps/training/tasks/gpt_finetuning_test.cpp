#include "tests/support/test.h"

#include <cmath>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/training/families.h"
#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/example_kinds.h"
#include "apps/training/tasks/gpt.h"
#include "apps/training/tasks/labelled_texts.h"
#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/tasks/task_tokens.h"
#include "data/tasks/text_rows.h"
#include "models/gpt/gpt.h"
#include "models/io/safetensors.h"

namespace langzoo::test::gpt_finetuning_test {

namespace {

using Catch::Contains;
namespace fs = std::filesystem;
using Settings = std::vector<std::pair<std::string, std::string>>;

/// A run that takes part of a second, opened and set, in a folder `out` of `dir`.
std::unique_ptr<TrainingRun> small_gpt(const TempDir& dir, std::unique_ptr<TaskSetup> setup, const std::string& out,
                                       const Settings& settings, bool resume = false) {
  auto run = std::make_unique<TrainingRun>("gpt", std::move(setup));
  run->open(dir / out, resume);
  auto& config = run->config();
  Settings all = {{"train.max_steps", "2"},       {"train.batch_size", "8"}, {"model.resid_pdrop", "0"},
                  {"model.embd_pdrop", "0"},      {"model.attn_pdrop", "0"}, {"train.schedule", "constant"},
                  {"train.learning_rate", "0.01"}};
  const bool init =
      std::any_of(settings.begin(), settings.end(), [](const auto& s) { return s.first == "train.init"; });
  if (!init) {
    all.insert(all.end(), {{"data.tokenizer", "train:bytebpe:280"},
                           {"model.n_layer", "1"},
                           {"model.n_head", "2"},
                           {"model.n_embd", "16"},
                           {"model.n_positions", "32"},
                           {"model.num_layers", "1"},
                           {"model.num_heads", "2"},
                           {"model.hidden_size", "16"},
                           {"model.attention_types", R"([[["local"], 1]])"},
                           {"model.max_position_embeddings", "32"}});
  }
  all.insert(all.end(), settings.begin(), settings.end());
  for (const auto& [key, value] : all) {
    if (config.has(key)) config.set(key, value, "test");
  }
  return run;
}

std::string file(const TempDir& dir, const std::string& name, const std::string& contents) {
  write_file(dir / name, contents);
  return (dir / name).string();
}

std::string words(int lines) {
  std::string text;
  for (int i = 0; i < lines; ++i) text += "anna went to the park, and ben saw a film.\n";
  return text;
}

std::string films(const TempDir& dir) {
  std::string text = "text\tlabel\n";
  for (int i = 0; i < 40; ++i) {
    const auto number = std::to_string(i);
    text += i % 2 == 0 ? "film " + number + " is fine\tgood\n" : "film " + number + " is dull\tbad\n";
  }
  return file(dir, "films.tsv", text);
}

StateDict weights(const fs::path& dir) {
  return load_safetensors(dir / "model.safetensors");
}

}  // namespace

TEST_CASE("folders of transformers with the three tokens give its ids and logits, in batches that are padded") {
  for (const auto* const name : {"gpt2_classifier", "gpt2_similarity", "gpt2_choice", "openai_gpt_pair",
                                 "openai_gpt_choice", "gpt_neo_classifier"}) {
    CAPTURE(name);
    const auto dir = fixture("gpt_finetuned") / name;
    const auto loaded = load_example_model(dir, {});
    const auto* const kind = find_example_kind(*loaded.model);
    REQUIRE(kind != nullptr);
    const ExampleEncoding encoding{*loaded.tokenizer, *loaded.model, 0, /*targets=*/false};
    const auto golden = nlohmann::json::parse(read_file(dir / "golden.json"))["examples"];
    EncodedExamples encoded;
    for (const auto& example : golden) {
      const auto texts = example["texts"].get<std::vector<std::string>>();
      encoded.first.push_back(encoded.examples.size());
      const auto raw = kind->of_texts(texts);
      REQUIRE(raw != nullptr);
      for (const auto& made : kind->encode(*raw, 0, encoding)) {
        REQUIRE(made.rows.size() == example["ids"].size());
        for (std::size_t row = 0; row < made.rows.size(); ++row)
          CHECK(made.rows[row].ids == example["ids"][row].get<std::vector<TokenId>>());
        encoded.examples.add(made);
      }
    }
    const auto logits = logits_of_all(*kind, *loaded.model, encoded, torch::kCPU).logits;
    REQUIRE(logits.size() == golden.size());
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const auto expected = golden[i]["logits"].get<std::vector<double>>();
      CHECK(max_difference(logits[i].to(torch::kFloat64), torch::tensor(expected, torch::kFloat64)) < 1e-5);
    }
  }
}

TEST_CASE("every task of every type trains, is saved as transformers' class, and is measured again") {
  const TempDir dir;
  const std::map<std::string, std::string> data = {
      {"classification", films(dir)},
      {"pair", file(dir, "pairs.csv", "text,pair,label\na b,b a,yes\na,b,no\nb c,c b,yes\n")},
      {"similarity", file(dir, "values.csv", "text,pair,label\na b,b a,5\na,b,0.5\nb c,c b,4\n")},
      {"choice", file(dir, "choices.csv", "premise,choice1,choice2,label\nanna was,here,there,0\nben was,a,b,1\n")},
      {"tagging", file(dir, "tags.conll", "anna B-PER\nwas O\n\nben B-PER\nwas O\nthere O\n")},
      {"qa",
       file(dir, "questions.jsonl",
            R"({"question": "who?", "context": "anna was here", "answers": [{"text": "anna", "answer_start": 0}]})"
            "\n")},
      {"lm", file(dir, "text.txt", words(40))}};
  const std::map<std::string, std::string> measure = {{"similarity", "pearson"}, {"qa", "f1"}, {"lm", "perplexity"}};
  for (const auto& type : gpt_types()) {
    for (const auto& task : gpt_finetuning_tasks()) {
      INFO(type << " " << task);
      const bool has =
          !(type == "gpt_neo" && task == "choice") && !(type == "openai-gpt" && (task == "tagging" || task == "qa"));
      if (!has) {
        CHECK_THROWS_WITH(gpt_finetuning_setup(type, task), type + " has no head for " + task);
        continue;
      }
      const auto out = type + "-" + task;
      const Settings settings = {{"data.train", data.at(task)}, {"data.valid_fraction", "0"}, {"train.max_steps", "1"}};
      small_gpt(dir, gpt_finetuning_setup(type, task), out, settings)->train();
      const auto metrics = evaluate(dir / out, data.at(task));
      CHECK(metrics.count(measure.contains(task) ? measure.at(task) : "accuracy") == 1);
    }
  }
  CHECK_THROWS_WITH(gpt_finetuning_setup("bert", "pair"), Contains("model type bert: expected one of gpt2"));
  CHECK_THROWS_WITH(gpt_finetuning_setup("gpt2", "regression"), Contains("task regression: expected one of choice"));
  const auto config = nlohmann::json::parse(read_file(dir / "gpt2-similarity" / "config.json"));
  CHECK(config["architectures"] == nlohmann::json{"GPT2ForSequenceClassification"});
  CHECK(config["problem_type"] == "regression");
  CHECK(config["pair_in_both_orders"] == true);
  CHECK(config["pad_token_id"] == config["vocab_size"].get<int>() - 3);  // START
  CHECK(nlohmann::json::parse(read_file(dir / "gpt2-pair" / "config.json"))["pair_in_both_orders"] == false);
  // transformers refuses null there.
  CHECK(nlohmann::json::parse(read_file(dir / "gpt_neo-lm" / "config.json"))["classifier_dropout"] == 0.1);
}

TEST_CASE("a classifier learns, with the language model's loss beside the task's") {
  const TempDir dir;
  const auto data = films(dir);
  const auto run = small_gpt(dir, gpt_finetuning_setup("gpt2", "classification"), "run",
                             {{"data.train", data}, {"data.valid", data}, {"train.max_steps", "60"}});
  CHECK(run->train().valid.at("accuracy").value > 0.9);
  const auto terms = run->task().loss_terms();
  REQUIRE(terms.size() == 2);
  CHECK(terms[1].name == "language_model");
  CHECK(terms[1].weight == 0.5);
  // Each row's mean counts once.
  auto batch = run->task().next();
  CHECK(batch.counts == std::vector<std::int64_t>{8, 8});
  const auto both = batch.loss_sums();
  CHECK(both[1].item<double>() / 8 < std::log(280));
  CHECK(both[1].item<double>() > both[0].item<double>());
}

TEST_CASE("a run with the language model's loss goes on to the same bytes") {
  const TempDir dir;
  const auto data = films(dir);
  const auto run = [&](const std::string& out, const char* steps, bool resume) {
    return small_gpt(dir, gpt_finetuning_setup("gpt2", "classification"), out,
                     {{"data.train", data}, {"train.max_steps", steps}, {"model.resid_pdrop", "0.1"}}, resume);
  };
  run("whole", "6", false)->train();
  run("parts", "3", false)->train();
  const auto second = run("parts", "6", true);
  second->train();
  CHECK(second->resumed());
  CHECK(read_file(dir / "whole" / "model.safetensors") == read_file(dir / "parts" / "model.safetensors"));
}

TEST_CASE("the vocabulary grows by the three tokens, all else of a language model stays") {
  const TempDir dir;
  const auto text = file(dir, "text.txt", words(60));
  small_gpt(dir, gpt_lm_setup("gpt2"), "lm", {{"data.train", text}})->train();
  // But for a step of next to nothing.
  const auto same = [](const torch::Tensor& a, const torch::Tensor& b) { return max_difference(a, b) < 1e-9; };
  const auto before = weights(dir / "lm");
  const auto init = (dir / "lm").string();
  const auto size = before["transformer.wte.weight"].size(0);
  small_gpt(
      dir, gpt_finetuning_setup("gpt2", "classification"), "tuned",
      {{"data.train", films(dir)}, {"train.init", init}, {"train.max_steps", "1"}, {"train.learning_rate", "1e-12"}})
      ->train();
  const auto after = weights(dir / "tuned");
  const auto& tokens = after["transformer.wte.weight"];
  REQUIRE(tokens.size(0) == size + 3);
  CHECK(same(tokens.slice(0, 0, size), before["transformer.wte.weight"]));
  const auto fresh = tokens.slice(0, size);
  CHECK(fresh.abs().max().item<double>() > 0.01);
  CHECK(fresh.abs().max().item<double>() < 0.1);  // N(0, 0.02^2)
  CHECK(same(after["transformer.h.0.attn.c_attn.weight"], before["transformer.h.0.attn.c_attn.weight"]));
  const auto tokenizer = load_tokenizer(dir / "tuned");
  CHECK(TaskTokens::of(*tokenizer)->extract == size + 2);
  CHECK(tokenizer->encode("a film").ids == load_tokenizer(dir / "lm")->encode("a film").ids);

  // A second task begins with the first one's tokens; other labels are a new head's.
  const auto pairs = file(dir, "pairs.csv", "text,pair,label\na b,b a,1\na,b,2\nb c,c b,1\n");
  const auto again = [&](const std::string& task, const std::string& from, const std::string& out) {
    small_gpt(dir, gpt_finetuning_setup("gpt2", task), out,
              {{"data.train", pairs}, {"train.init", (dir / from).string()}, {"train.learning_rate", "1e-12"}})
        ->train();
    return weights(dir / out);
  };
  CHECK(same(again("pair", "tuned", "pair")["transformer.wte.weight"], tokens));
  const auto similar = again("similarity", "pair", "similar");
  CHECK(similar["score.weight"].size(0) == 2);
  // And back to a language model, whose output layer is the embedding.
  small_gpt(dir, gpt_finetuning_setup("gpt2", "lm"), "back",
            {{"data.train", text}, {"train.init", (dir / "similar").string()}, {"train.learning_rate", "1e-12"}})
      ->train();
  CHECK(same(weights(dir / "back")["transformer.wte.weight"], tokens));
}

TEST_CASE("similarity has no order, and its labels decide what it is") {
  const TempDir dir;
  const auto made = [&](const std::string& name, const std::string& labels) {
    std::string text = "text,pair,label\n";
    for (const auto label : labels) text += fmt::format("a b,b {0},{0}\n", label);
    small_gpt(dir, gpt_finetuning_setup("gpt2", "similarity"), name,
              {{"data.train", file(dir, name + ".csv", text)}, {"data.valid_fraction", "0"}})
        ->train();
    return load_example_model(dir / name, {});
  };
  CHECK(find_example_kind(*made("two", "0101").model) == &classification());
  const auto numbers = made("numbers", "0124");
  const auto& kind = *find_example_kind(*numbers.model);
  CHECK(kind.format().task == "regression");
  const auto value = [&](const std::vector<std::string>& texts) {
    const auto encoded = encode_examples(kind, "test", *kind.of_texts(texts),
                                         {*numbers.tokenizer, *numbers.model, 0, /*targets=*/false});
    CHECK(encoded.examples.rows() == 2);
    return logits_of_all(kind, *numbers.model, encoded, torch::kCPU).logits[0].item<double>();
  };
  CHECK(value({"a b", "b"}) == Approx(value({"b", "a b"})).epsilon(1e-5));
  CHECK(value({"a b", "b"}) != Approx(value({"b b", "b"})).epsilon(1e-5));
  CHECK_THROWS_WITH(value({"a b"}), "test: line 1: has no second text, but the model reads pairs, in both orders");
}

TEST_CASE("what cannot be fine-tuned so is refused by name, and what is cut is counted") {
  const TempDir dir;
  const auto data = films(dir);
  const auto refused = [&](const Settings& settings, const std::string& message) {
    auto all = settings;
    all.insert(all.begin(), {"data.train", data});
    const auto run = small_gpt(dir, gpt_finetuning_setup("gpt2", "classification"), "no", all);
    CHECK_THROWS_WITH(run->prepare(), Contains(message));
  };
  refused({{"train.r_drop", "1"}}, "train.r_drop = 1: is not done beside train.lm_weight = 0.5; set one of them to 0");
  refused({{"data.tokenizer", "train:sentencepiece:25"}},
          "data.tokenizer = train:sentencepiece:25: takes no tokens _start_, _delimiter_, _classify_: it is no "
          "tokenizer.json");
  refused({{"data.max_length", "2"}}, "films.tsv: line 2: 2 tokens leave no room for a text between two");
  refused({{"model.vocab_size", "270"}}, "model.vocab_size = 270: the tokenizer has ");
  const auto run = small_gpt(dir, gpt_finetuning_setup("gpt2", "classification"), "cut",
                             {{"data.train", data},
                              {"data.valid_fraction", "0"},
                              {"data.max_length", "6"},
                              {"model.vocab_size", "280"},
                              {"train.lm_weight", "0"},
                              {"train.r_drop", "1"}});
  std::string told;
  run->setting().message = [&](const std::string& text) { told += text + "\n"; };
  run->prepare();
  CHECK_THAT(told, Contains("films.tsv: 28 of 40 texts were cut to 6 tokens"));
  CHECK(run->config().value("model.vocab_size") == "283");
  CHECK(run->task().loss_terms()[1].name == "r_drop");
}

}  // namespace langzoo::test::gpt_finetuning_test
