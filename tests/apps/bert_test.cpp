// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <cmath>

#include "data/files/files.h"
#include "tests/support/process.h"

namespace langzoo::test::bert_test {

namespace {

using Catch::Contains;
using Json = nlohmann::ordered_json;

Result bert(std::vector<std::string> arguments) {
  return Process("langzoo-bert", std::move(arguments)).wait();
}
Result succeed(std::vector<std::string> arguments) {
  auto result = bert(std::move(arguments));
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

const std::vector<std::string> kSmall = {"model.num_hidden_layers=1",   "model.hidden_size=16",
                                         "model.num_attention_heads=2", "model.intermediate_size=32",
                                         "model.hidden_dropout_prob=0", "train.schedule=constant"};

/// A training command with small models; `settings` follow --set.
std::vector<std::string> command(const std::string& verb, const TempDir& dir, const std::string& data, int steps,
                                 std::vector<std::string> flags, const std::vector<std::string>& settings = {}) {
  std::vector<std::string> arguments = {verb, "--data", (dir / data).string(), "--seed", "1", "--threads",
                                        "1",  "--json"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  if (std::find(flags.begin(), flags.end(), "--out") == flags.end()) {
    arguments.insert(arguments.end(), {"--out", (dir / "run").string()});
  }
  arguments.push_back("--set");
  arguments.push_back("train.max_steps=" + std::to_string(steps));
  arguments.insert(arguments.end(), settings.begin(), settings.end());
  return arguments;
}
std::vector<std::string> small(const std::vector<std::string>& more = {}) {
  auto settings = kSmall;
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

std::string stories() {
  const std::vector<std::string> people = {"anna", "mary", "john"}, places = {"garden", "kitchen", "park"};
  std::string text;
  for (std::size_t i = 0; i < 120; ++i) {
    const auto &who = people[i % 3], where = places[(i / 3) % 3];
    text +=
        who + " went to the " + where + " .\nthe " + where + " was full of people .\n" + who + " was happy there .\n\n";
  }
  return text;
}

}  // namespace

TEST_CASE("langzoo-bert pretrains, fills gaps, embeds, and what it has learnt begins a classifier") {
  const TempDir dir;
  write_file(dir / "text.txt", stories());
  const auto run = (dir / "run").string(), task = (dir / "task").string();
  const auto summary = succeed(command("train", dir, "text.txt", 30, {"--tokenizer", "train:wordpiece:80"},
                                       small({"data.max_length=24", "train.learning_rate=0.01"})))
                           .object();
  CHECK(summary["valid"]["sentence_accuracy"].is_number());
  CHECK(summary["valid"]["loss"].get<double>() < std::log(80) + std::log(2));
  CHECK(Json::parse(read_file(dir / "run/config.json"))["architectures"] == Json{"BertForPreTraining"});

  const auto filled =
      succeed({"fill-mask", "--model", run, "--text", "anna went to the [MASK] .", "--top", "3", "--json"}).object();
  REQUIRE(filled["masks"].size() == 1);
  CHECK(filled["masks"][0]["position"] == 5);
  REQUIRE(filled["masks"][0]["candidates"].size() == 3);
  CHECK(filled["masks"][0]["candidates"][0]["probability"] >= filled["masks"][0]["candidates"][1]["probability"]);
  check_error(bert({"fill-mask", "--model", run, "--text", "no gap"}), 2, "gaps are [MASK] here");

  write_file(dir / "gaps.txt", "anna went to the [MASK] .\n[MASK] was [MASK] there .\n");
  const auto gaps = succeed({"fill-mask", "--model", run, "--data", (dir / "gaps.txt").string(), "--top", "3",
                             "--batch-size", "2", "--json"})
                        .objects();
  REQUIRE(gaps.size() == 2);
  CHECK(gaps[0]["masks"][0]["candidates"][0]["id"] == filled["masks"][0]["candidates"][0]["id"]);
  REQUIRE(gaps[1]["masks"].size() == 2);
  CHECK(gaps[1]["masks"][1]["position"] == 3);
  CHECK_THAT(succeed({"fill-mask", "--model", run, "--data", (dir / "gaps.txt").string()}).out,
             Contains("gaps.txt: line 2\nposition 1\n"));
  write_file(dir / "no_gaps.txt", "anna [MASK]\nanna\n");
  check_error(bert({"fill-mask", "--model", run, "--data", (dir / "no_gaps.txt").string()}), 2,
              "no_gaps.txt: line 2: has no gap");

  write_file(dir / "lines.txt", "anna was happy .\nthe park\n");
  const auto vectors =
      succeed({"embed", "--model", run, "--data", (dir / "lines.txt").string(), "--normalize", "--json"}).objects();
  REQUIRE(vectors.size() == 2);
  double square = 0;
  for (const auto& x : vectors[1]["embedding"]) square += x.get<double>() * x.get<double>();
  CHECK(square == Approx(1));
  const auto alone = succeed({"embed", "--model", run, "--text", "the park", "--normalize", "--json"}).object();
  CHECK(alone["embedding"][3].get<double>() == Approx(vectors[1]["embedding"][3].get<double>()).margin(1e-6));
  check_error(bert({"predict", "--model", run, "--text", "a"}), 1, "BertForPreTraining does not classify texts");
  const auto raw =
      succeed({"predict", "--model", run, "--text", "anna was", "--pair", "the park", "--logits", "--json"}).object();
  CHECK(raw["logits"]["mlm"].size() == raw["ids"].size());
  CHECK(raw["logits"]["mlm"][0].size() == Json::parse(read_file(dir / "run/config.json"))["vocab_size"]);
  CHECK(raw["logits"]["sentence"].size() == 2);
  CHECK(raw["token_type_ids"].back() == 1);
  const auto measured =
      succeed({"eval", "--model", run, "--data", (dir / "text.txt").string(), "--batch-size", "7", "--json"}).object();
  CHECK(measured["sentence_accuracy"].is_number());
  const auto lines = succeed({"predict", "--model", run, "--data", (dir / "lines.txt").string(), "--logits", "--json"});
  CHECK(lines.objects().size() == 2);

  const auto stories_file = (dir / "text.txt").string();
  check_error(bert({"eval", "--model", run, "--data", stories_file, "--columns", "text"}), 2, "--columns");
  check_error(bert({"eval", "--model", run, "--data", stories_file, "--format", "csv"}), 2, "--format");
  check_error(bert({"eval", "--model", run, "--data", stories_file, "--max-length", "8"}), 2, "--max-length");
  check_error(bert({"predict", "--model", run, "--data", "microworld", "--logits", "--json"}), 2,
              "--data microworld: makes examples of tasks");
  const auto embedded = [&](const std::string& data, std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"embed", "--model", run, "--normalize", "--json", "--data", (dir / data).string()});
    return bert(flags);
  };
  write_file(dir / "lines.jsonl", "{\"text\": \"anna was happy .\", \"id\": 1}\n{\"text\": \"the park\"}\n");
  CHECK(embedded("lines.jsonl").out == embedded("lines.txt").out);
  write_file(dir / "lines.csv", "id,words\n1,anna was happy .\n2,the park\n");
  CHECK(embedded("lines.csv", {"--columns", "words"}).out == embedded("lines.txt").out);
  write_file(dir / "lines.any", "id,text\n1,anna was happy .\n2,the park\n");
  CHECK(embedded("lines.any", {"--format", "csv"}).out == embedded("lines.txt").out);
  check_error(embedded("lines.csv"), 1, "has no column text");
  CHECK_THAT(embedded("lines.txt", {"--max-length", "4"}).err, Contains("note: 2 of 2 texts were cut to 4 tokens"));
  check_error(embedded("lines.csv", {"--columns", "id,words"}), 2, "one column");
  check_error(embedded("lines.txt", {"--columns", "words"}), 2, "--columns");
  check_idle(bert({"embed", "--model", run, "--text", "anna", "--columns", "words"}), "--columns");
  write_file(dir / "latin1.txt", "anna\nna\xefve\n");
  check_error(embedded("latin1.txt"), 1, "latin1.txt: line 2: is not UTF-8");

  std::string labelled = "text,label\n";
  for (int i = 0; i < 60; ++i)
    labelled += i % 2 == 0 ? "anna was in the park,park\n" : "john was in the kitchen,kitchen\n";
  write_file(dir / "train.csv", labelled);
  const auto tuned =
      succeed(command("finetune", dir, "train.csv", 40, {"--task", "classification", "--init", run, "--out", task},
                      {"train.learning_rate=0.01"}));
  CHECK_THAT(tuned.err, Contains("begins with the weights in " + run));
  CHECK(tuned.object()["valid"]["accuracy"] == 1.0);
  const auto one =
      succeed({"predict", "--model", task, "--text", "mary was in the park", "--json", "--logits"}).object();
  CHECK(one["label"] == "park");
  REQUIRE(one["logits"].size() == 2);
  CHECK(one["ids"].size() == one["token_type_ids"].size());
  const auto odds = std::exp(one["logits"][1].get<double>() - one["logits"][0].get<double>());
  CHECK(one["probabilities"][1].get<double>() == Approx(odds / (1 + odds)));
  const auto scores = succeed({"eval", "--model", task, "--data", (dir / "train.csv").string(), "--json"}).object();
  CHECK(scores["accuracy"] == 1.0);
  CHECK(scores["examples"] == 60);
  const auto cut = succeed({"predict", "--model", task, "--text", "mary was in the park", "--max-length", "4"});
  CHECK_THAT(cut.err, Contains("note: --text: 1 of 1 texts were cut to 4 tokens"));
  const auto page = (dir / "page.html").string();
  const auto written = succeed({"predict", "--model", task, "--text", "mary <b> was in the park", "--out", page});
  CHECK(written.out.empty());
  CHECK_THAT(read_file(page), Contains("<td>mary &lt;b&gt; was in the park</td>") && Contains("class=\"bar\""));
  check_error(bert({"predict", "--model", run, "--text", "a", "--logits", "--json", "--out", page}), 2, "--out");
  check_error(bert({"finetune", "--task", "qa", "--model-type", "albert", "--init", run, "--data", "x.json", "--out",
                    (dir / "none").string()}),
              2, "--model-type albert: the model in " + run + " is of type bert");
  const auto resumed = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--resume", "--out", task});
    return bert(arguments);
  };
  check_error(resumed({"finetune", "--task", "qa"}), 2, "--task qa: the run in " + task + " learns classification");
  check_error(resumed({"finetune", "--model-type", "albert"}), 2,
              "the run in " + task + " trains a model of type bert");
  check_error(resumed({"train"}), 2, "train: the run in " + task + " learns classification");
  check_error(bert({"predict", "--model", task, "--text", "anna", "--null-threshold", "1"}), 2, "answers no questions");
}

TEST_CASE("langzoo-bert finetune: tags, answers, choices and numbers") {
  const TempDir dir;
  const auto run = (dir / "run").string();
  const auto finetuned = [&](const std::string& task, const std::string& data, const std::string& contents,
                             const std::vector<std::string>& settings) {
    write_file(dir / data, contents);
    auto arguments = command("finetune", dir, data, 60,
                             {"--task", task, "--overwrite", "--tokenizer", "train:wordpiece:90"}, settings);
    return succeed(arguments).object()["valid"];
  };
  const std::string rate = "train.learning_rate=0.02";

  std::string text;
  for (int i = 0; i < 40; ++i) text += i % 2 == 0 ? "anna B-PER\nsleeps O\n\n" : "the O\npark B-LOC\nsleeps O\n\n";
  const auto tagged = finetuned("tagging", "train.conll", text, small({rate}));
  CHECK(tagged["f1"] == 1.0);
  CHECK(tagged["accuracy"] == 1.0);
  write_file(dir / "new.txt", "the park sleeps\n");
  const auto tags =
      succeed({"predict", "--model", run, "--data", (dir / "new.txt").string(), "--json", "--logits"}).object();
  CHECK(tags["words"] == Json{"the", "park", "sleeps"});
  CHECK(tags["tags"] == Json{"O", "B-LOC", "O"});
  CHECK(tags["logits"].size() == tags["ids"].size());
  const auto page = (dir / "page.html").string();
  succeed({"predict", "--model", run, "--data", (dir / "new.txt").string(), "--out", page});
  CHECK_THAT(read_file(page), Contains("the <mark class=\"k0\">park<i>LOC</i></mark> sleeps"));

  text.clear();
  for (int i = 0; i < 40; ++i) {
    const std::string who = i % 2 == 0 ? "anna" : "john";
    text += R"({"question": "who was it ?", "context": "it was )" + who + R"( .", "answers": [{"text": ")" + who +
            R"(", "answer_start": 7}]})" + "\n";
  }
  const auto answered = finetuned("qa", "train.jsonl", text, small({rate}));
  CHECK(answered["exact_match"] == 100.0);
  const auto answer =
      succeed({"predict", "--model", run, "--text", "who was it ?", "--pair", "it was john .", "--json"}).object();
  CHECK(answer["answer"] == "john");
  CHECK(answer["start"] == 7);
  CHECK(answer["end"] == 11);
  CHECK(answer["nbest"][0]["answer"] == "john");
  succeed({"predict", "--model", run, "--text", "who was it ?", "--pair", "it was john .", "--out", page});
  CHECK_THAT(read_file(page), Contains("<h2>who was it ?</h2>") && Contains("it was <mark>john</mark> ."));
  const auto none = succeed({"predict", "--model", run, "--text", "who was it ?", "--pair", "it was john .",
                             "--null-threshold", "-1000", "--json"})
                        .object();
  CHECK(none["answer"] == "");
  check_error(bert({"predict", "--model", run, "--text", "who was it ?"}), 2, "--pair");
  check_error(
      bert({"predict", "--model", run, "--text", "who ?", "--pair", "it was john .", "--null-threshold", "nan"}), 2,
      "--null-threshold");

  text = "premise,choice1,choice2,label\n";
  for (int i = 0; i < 40; ++i) text += i % 2 == 0 ? "anna eats,an apple,a door,0\n" : "anna eats,a door,an apple,1\n";
  CHECK(finetuned("choice", "train.csv", text, small({rate}))["accuracy"] == 1.0);
  const auto choice = succeed({"predict", "--model", run, "--data", (dir / "train.csv").string(), "--json"}).objects();
  CHECK(choice[0]["choice"] == 0);
  CHECK(choice[1]["choice"] == 1);

  text = "text,pair,label\n";
  for (int i = 0; i < 40; ++i) text += i % 3 == 0 ? "a park,a park,1\n" : "a park,a door,-1\n";
  const auto numbers = finetuned("regression", "train.csv", text, small({rate}));
  CHECK(numbers["pearson"] > 0.99);
  const auto value = succeed({"predict", "--model", run, "--text", "a park", "--pair", "a door", "--json"}).object();
  CHECK(value["value"].get<double>() == Approx(-1).margin(0.2));
}

TEST_CASE("langzoo-bert finetune --data microworld makes the examples of every task") {
  const std::vector<std::pair<std::string, std::string>> tasks = {
      {"classification", "accuracy"}, {"pair", "accuracy"}, {"regression", "pearson"}, {"tagging", "f1"}, {"qa", "f1"},
      {"choice", "accuracy"}};
  for (const auto& [task, measure] : tasks) {
    CAPTURE(task);
    const TempDir dir;
    const auto run = (dir / "run").string();
    auto arguments = std::vector<std::string>{"finetune", "--task", task, "--data", "microworld", "--out", run};
    arguments.insert(arguments.end(), {"--tokenizer", "train:wordpiece:250", "--threads", "1", "--json", "--set"});
    for (const auto& setting : small({"train.max_steps=2", "data.microworld_examples=40"}))
      arguments.push_back(setting);
    if (task == "tagging") arguments.emplace_back("data.microworld_language=korean");
    const auto valid = succeed(arguments).object()["valid"];
    const auto scores = succeed({"eval", "--model", run, "--data", "microworld", "--json"}).object();
    CHECK(scores["examples"] == 4);
    CHECK(scores["loss"].get<double>() == Approx(valid["loss"].get<double>()).epsilon(1e-4));
    CHECK(scores[measure] == valid[measure]);
    const auto config = Json::parse(read_file(dir / "run/config.json"));
    if (task == "pair") CHECK(config["id2label"].size() == 3);
  }
}

TEST_CASE("langzoo-bert distill: a student of another family begins as its teacher, learns, resumes") {
  const TempDir dir;
  write_file(dir / "text.txt", stories());
  const auto teacher = (dir / "run").string();
  succeed(command("train", dir, "text.txt", 10, {"--objective", "mlm", "--tokenizer", "train:wordpiece:80"},
                  {"model.num_hidden_layers=2", "model.hidden_size=16", "model.num_attention_heads=2",
                   "model.intermediate_size=32", "data.max_length=24", "train.learning_rate=0.01"}));
  const auto distil = [&](const std::string& out, int steps, std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"--teacher", teacher, "--out", (dir / out).string()});
    return command("distill", dir, "text.txt", steps, flags, {"data.max_length=24", "train.schedule=constant"});
  };
  const auto whole = succeed(distil("whole", 6));
  CHECK_THAT(whole.err, Contains("begins with layers 0 of " + teacher));
  const auto config = Json::parse(read_file(dir / "whole/config.json"));
  CHECK(config["architectures"] == Json{"DistilBertForMaskedLM"});
  CHECK(config["n_layers"] == 1);
  CHECK(config["dim"] == 16);
  CHECK_THAT(read_file(dir / "whole/metrics.jsonl"), Contains("cosine"));
  CHECK(whole.object()["valid"]["accuracy"].is_number());
  succeed(distil("parts", 3));
  succeed(distil("parts", 6, {"--resume"}));
  CHECK((read_file(dir / "parts/model.safetensors") == read_file(dir / "whole/model.safetensors")));

  auto narrow = distil("none", 1);
  narrow.insert(narrow.end(), {"model.dim=8", "model.n_heads=2"});
  check_error(bert(narrow), 2, "train.cosine_weight=0");
  check_error(bert({"distill", "--data", (dir / "text.txt").string(), "--out", (dir / "none").string()}), 2,
              "--teacher");
}

TEST_CASE("langzoo-bert distill --stage: TinyBERT's losses of a classifier, one after the other") {
  const TempDir dir;
  std::string texts = "text,label\n";
  for (int i = 0; i < 24; ++i) texts += i % 2 == 0 ? "anna was here,a\n" : "john was there,b\n";
  write_file(dir / "train.csv", texts);
  const auto teacher = (dir / "run").string(), middle = (dir / "middle").string(), last = (dir / "last").string();
  succeed(command("finetune", dir, "train.csv", 2, {"--task", "classification", "--tokenizer", "train:wordpiece:60"},
                  {"model.num_hidden_layers=2", "model.hidden_size=16", "model.num_attention_heads=2",
                   "model.intermediate_size=32", "model.type_vocab_size=1", "model.layer_norm_eps=1e-6"}));
  const auto distil = [&](const std::string& stage, const std::string& out, std::vector<std::string> flags,
                          const std::vector<std::string>& settings) {
    flags.insert(flags.end(), {"--stage", stage, "--model-type", "bert", "--teacher", teacher, "--out", out});
    return command("distill", dir, "train.csv", 3, flags, settings);
  };
  const auto narrower = succeed(distil("intermediate", middle, {}, {"model.hidden_size=8"}));
  CHECK_THAT(read_file(dir / "middle/metrics.jsonl"), Contains("attention") && Contains("hidden"));
  CHECK(narrower.object()["valid"]["accuracy"].is_number());
  const auto config = Json::parse(read_file(dir / "middle/config.json"));
  CHECK(config["num_hidden_layers"] == 1);
  CHECK(config["type_vocab_size"] == 1);
  CHECK(config["layer_norm_eps"] == 1e-6);
  succeed(distil("prediction", last, {"--init", middle}, {}));
  write_file(dir / "vectors.txt", "3 2\nhere 1 0\nthere 0.9 0.1\nwhere 0.8 0.2\n");
  const auto more = (dir / "more").string();
  const std::vector<std::string> augment = {"data.augment=4", "data.augment_vectors=" + (dir / "vectors.txt").string()};
  const auto augmented = succeed(distil("prediction", more, {}, augment));
  CHECK_THAT(augmented.err, Contains("augmented.jsonl"));
  CHECK_THAT(read_file(dir / "more/data/augmented.jsonl"), Contains("anna was where"));
  succeed(distil("prediction", more, {"--resume"}, augment));
  check_error(bert(distil("prediction", (dir / "none").string(), {}, {"data.augment=4"})), 2, "data.augment_vectors");
  check_error(bert(distil("prediction", (dir / "none").string(), {}, {"train.label_smoothing=0.1"})), 2,
              "learns from its teacher alone");
  CHECK(succeed({"predict", "--model", last, "--text", "anna", "--json"}).object()["probabilities"].size() == 2);
  write_file(dir / "other.csv", "text,label\nanna,x\njohn,b\n");
  auto other = distil("prediction", (dir / "none").string(), {}, {});
  other[2] = (dir / "other.csv").string();
  check_error(bert(other), 2, "has other labels than the training data");
  const auto none = (dir / "none").string();
  check_error(bert(distil("intermediate", none, {}, {"train.freeze_layers=1"})), 2,
              "stage intermediate teaches it nothing else");
  check_error(bert(distil("intermediate", none, {}, {"train.gradient_checkpointing=true"})), 2,
              "train.gradient_checkpointing");
}

TEST_CASE("langzoo-bert: layers may be frozen or learn more slowly, attention is shown, a base model has no logits") {
  const TempDir dir;
  write_file(dir / "text.txt", stories());
  const auto run = (dir / "run").string();
  succeed(command("train", dir, "text.txt", 1, {"--objective", "mlm", "--tokenizer", "train:wordpiece:80"}, small()));
  write_file(dir / "train.csv", "text,label\nanna,a\njohn,b\nanna,a\njohn,b\n");
  const auto tune = [&](const std::string& out, const std::string& setting) {
    return command("finetune", dir, "train.csv", 2,
                   {"--task", "classification", "--init", run, "--out", (dir / out).string()}, {setting});
  };
  succeed(tune("frozen", "train.freeze_layers=1"));
  succeed(tune("slow", "train.layer_decay=0.5"));
  succeed(tune("checkpointed", "train.gradient_checkpointing=true"));
  check_error(bert(tune("none", "train.freeze_layers=2")), 2, "train.freeze_layers = 2: the model has 1");
  const auto first = [&](const std::string& out) {
    return succeed({"embed", "--model", (dir / out).string(), "--text", "anna", "--json"}).object()["embedding"];
  };
  CHECK(first("frozen") == first("run"));
  CHECK(first("slow") != first("run"));

  const auto seen = succeed(
      {"attention", "--model", run, "--text", "anna was", "--pair", "the park", "--out", (dir / "page.html").string()});
  CHECK_THAT(read_file(dir / "page.html"), Contains("anna"));
  write_file(dir / "lines.txt", "anna was happy .\nthe park\n");
  const auto both =
      succeed({"attention", "--model", run, "--data", (dir / "lines.txt").string(), "--batch-size", "2", "--json"})
          .objects();
  REQUIRE(both.size() == 2);
  const auto second = succeed({"attention", "--model", run, "--text", "the park", "--json"}).object()["attentions"];
  CHECK(both[1]["attentions"]["queries"] == second["queries"]);
  CHECK(both[1]["attentions"]["weights"][0][1][2][0].get<double>() ==
        Approx(second["weights"][0][1][2][0].get<double>()).margin(1e-6));
  const auto maps = succeed({"attention", "--model", run, "--text", "anna was happy", "--json"}).object()["attentions"];
  CHECK(maps["queries"] == maps["keys"]);
  CHECK(maps["queries"].size() == 5);
  REQUIRE(maps["weights"].size() == 1);
  REQUIRE(maps["weights"][0].size() == 2);
  double sum = 0;
  for (const auto& weight : maps["weights"][0][1][2]) sum += weight.get<double>();
  CHECK(sum == Approx(1));

  auto config = Json::parse(read_file(dir / "run/config.json"));
  config["architectures"] = {"BertModel"};
  write_file(dir / "run/config.json", config.dump());
  check_error(bert({"predict", "--model", run, "--text", "a", "--logits", "--json"}), 1, "BertModel has no head");
}

TEST_CASE("langzoo-bert stopped and resumed ends as one that went through; what cannot be is refused") {
  const TempDir whole, parts;
  for (const auto* dir : {&whole, &parts}) write_file(*dir / "text.txt", stories());
  const auto train = [](const TempDir& dir, int steps, std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"--model-type", "albert", "--tokenizer", "train:wordpiece:80"});
    return command(
        "train", dir, "text.txt", steps, flags,
        {"model.hidden_size=16", "model.embedding_size=8", "model.num_hidden_layers=2", "model.num_attention_heads=2",
         "model.intermediate_size=16", "data.max_length=24", "train.schedule=constant"});
  };
  succeed(train(whole, 12));
  succeed(train(parts, 5));
  auto again = train(parts, 12, {"--resume"});
  again.erase(std::find(again.begin(), again.end(), "--model-type"),
              std::find(again.begin(), again.end(), "albert") + 1);
  succeed(again);  // what kind of model it is the run knows
  CHECK((read_file(parts / "run/model.safetensors") == read_file(whole / "run/model.safetensors")));

  check_error(bert({"train", "--model-type", "roberta", "--objective", "mlm+nsp", "--out", (parts / "no").string()}), 2,
              "roberta");
  check_error(bert({"train", "--model-type", "gpt2", "--out", (parts / "no").string()}), 2, "--model-type");
  check_error(bert({"finetune", "--data", "x.csv", "--out", (parts / "no").string()}), 2, "--task is missing");
  write_file(parts / "bad.csv", "text,label\na,b\nc,d\n");
  write_file(parts / "other.csv", "text,label\na,z\n");
  check_error(bert(command("finetune", parts, "bad.csv", 1,
                           {"--task", "classification", "--tokenizer", "char", "--valid",
                            (parts / "other.csv").string(), "--out", (parts / "no").string()},
                           small())),
              1, "other.csv: line 2: the model has no label \"z\"");
}

TEST_CASE("langzoo-bert train --model-type electra: the folder is the discriminator's, generator/ the generator's") {
  const TempDir dir;
  write_file(dir / "text.txt", stories());
  const auto summary =
      succeed(command("train", dir, "text.txt", 12, {"--model-type", "electra", "--tokenizer", "train:wordpiece:80"},
                      small({"model.embedding_size=16", "model.generator_fraction=0.5", "train.discriminator_weight=7",
                             "data.max_length=24"})))
          .object();
  const auto& valid = summary["valid"];
  CHECK(valid["loss"].get<double>() ==
        Approx(valid["generator_loss"].get<double>() + 7 * valid["discriminator_loss"].get<double>()));
  CHECK(Json::parse(read_file(dir / "run/config.json"))["architectures"] == Json{"ElectraForPreTraining"});
  const auto generator = (dir / "run/generator").string();
  CHECK(Json::parse(read_file(dir / "run/generator/config.json"))["architectures"] == Json{"ElectraForMaskedLM"});
  const auto filled =
      succeed({"fill-mask", "--model", generator, "--text", "anna went to the [MASK] .", "--json"}).object();
  CHECK(filled["masks"].size() == 1);
  const std::vector<std::string> eval = {
      "eval", "--model", (dir / "run").string(), "--data", (dir / "text.txt").string(), "--json"};
  const auto measured = succeed(eval).object();
  CHECK(measured["loss"].get<double>() ==
        Approx(measured["generator_loss"].get<double>() + 7 * measured["discriminator_loss"].get<double>()));
  std::filesystem::rename(generator, dir / "elsewhere");
  check_error(bert(eval), 1, "has no folder generator");
  write_file(dir / "train.csv", "text,label\nanna,a\njohn,b\nanna,a\njohn,b\n");
  const auto tuned = succeed(
      command("finetune", dir, "train.csv", 2,
              {"--task", "classification", "--init", (dir / "run").string(), "--out", (dir / "task").string()}));
  CHECK(Json::parse(read_file(dir / "task/config.json"))["model_type"] == "electra");
}

TEST_CASE("langzoo-bert embed reads folders of sentence-transformers") {
  const TempDir dir;
  write_file(dir / "text.txt", stories());
  succeed(command("train", dir, "text.txt", 1, {"--objective", "mlm", "--tokenizer", "train:wordpiece:80"}, small()));
  const auto folder = (dir / "run").string();
  const auto vector = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {"embed", "--model", folder, "--text", "anna was happy in the park", "--json"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return succeed(arguments).object()["embedding"].get<std::vector<double>>();
  };
  const auto cls = vector({"--pooling", "cls", "--normalize", "--max-length", "4"});
  const auto whole = vector({"--pooling", "cls", "--normalize"});
  write_file(dir / "run/modules.json",
             R"([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                 {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}])");
  std::filesystem::create_directories(dir / "run/1_Pooling");
  write_file(dir / "run/1_Pooling/config.json",
             R"({"word_embedding_dimension": 16, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})");
  write_file(dir / "run/sentence_bert_config.json", R"({"max_seq_length": 4, "do_lower_case": false})");
  CHECK(vector({}) == cls);
  CHECK(vector({"--max-length", "0"}) == whole);
  check_error(bert({"embed", "--model", folder, "--text", "a", "--max-length", "99999"}), 2,
              "--max-length 99999: the model takes");
  CHECK(vector({"--pooling", "mean"}) != cls);
  write_file(dir / "run/1_Pooling/config.json", R"({"pooling_mode_weightedmean_tokens": true})");
  check_error(bert({"embed", "--model", folder, "--text", "a"}), 1, "pooling_mode_weightedmean_tokens");
  write_file(dir / "run/modules.json", R"([{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}])");
  check_error(bert({"embed", "--model", folder, "--text", "a"}), 1, "sentence_transformers.models.Dense");
}

TEST_CASE("presets are offered by the verbs that read their keys") {
  CHECK_THAT(succeed({"train", "--help"}).out, Contains(" bert-microworld,"));
  const auto finetune = succeed({"finetune", "--help"}).out;
  CHECK_THAT(finetune, !Contains("bert-microworld"));
  for (const char* const preset : {" bert-tiny,", " distilbert-base,", " electra-small"})
    CHECK_THAT(finetune, Contains(preset));
}

}  // namespace langzoo::test::bert_test
