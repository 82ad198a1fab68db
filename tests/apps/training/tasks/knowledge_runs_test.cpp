#include "tests/support/test.h"

#include <cmath>

#include "apps/training/families.h"
#include "apps/training/tasks/entity_texts.h"
#include "apps/training/tasks/ernie.h"
#include "apps/training/tasks/kagnet.h"
#include "apps/training/tasks/transe.h"
#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "data/files/files.h"
#include "models/bert/bert.h"
#include "models/ernie/ernie.h"
#include "models/io/safetensors.h"

namespace langzoo::test::knowledge_runs_test {

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using Settings = std::vector<std::pair<std::string, std::string>>;

/// Ten people, each in one of two towns, as triples.
std::string facts() {
  std::string text;
  for (int i = 0; i < 10; ++i) {
    const auto person = "P" + std::string(1, static_cast<char>('a' + i));
    text += person + "\tlives_in\t" + (i % 2 == 0 ? "Rom" : "Ulm") + "\n";
    text += person + "\tknows\tP" + static_cast<char>('a' + (i + 2) % 10) + "\n";
  }
  return text + "Rom\tlies_in\tItaly\nUlm\tlies_in\tGermany\n";
}

/// Where so many people are, from that one on, an even number: the label is the town that only the graph knows.
std::string questions(int count, int first = 0, int people = 10) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    const auto person = "P" + std::string(1, static_cast<char>('a' + first + i % people));
    text += R"({"premise": "Where is )" + person + R"(?", "choice1": "in Rom", "choice2": "in Ulm", "label": )" +
            std::to_string(i % 2) + "}\n";
  }
  return text;
}

std::string relations(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    const auto a = "P" + std::string(1, static_cast<char>('a' + i % 10));
    const bool town = i % 3 == 0;
    const auto b = town ? "Rom" : "P" + std::string(1, static_cast<char>('a' + (i + 1) % 10));
    text += R"({"text": ")" + a + " and " + b + R"( .", "ents": [[")" + a + R"(", 0, 2], [")" + b + R"(", 7, )" +
            std::to_string(7 + b.size()) + R"(]], "label": ")" + (town ? "place" : "person") + "\"}\n";
  }
  return text;
}

std::string documents() {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "Pa lives in Rom .\nPb knows Pc .\nRom is in Italy .\n\n";
  return text;
}

std::unique_ptr<TrainingRun> run_of(const TempDir& dir, const std::string& program, std::unique_ptr<TaskSetup> setup,
                                    const std::string& out, const std::string& data, const Settings& settings,
                                    bool resume = false) {
  write_file(dir / "facts.tsv", facts());
  auto run = std::make_unique<TrainingRun>(program, std::move(setup));
  run->open(dir / out, resume);
  auto& config = run->config();
  const Settings small = {{"data.train", (dir / data).string()},
                          {"data.knowledge", (dir / "facts.tsv").string()},
                          {"data.knowledge_dim", "8"},
                          {"data.knowledge_epochs", "20"},
                          {"data.tokenizer", "train:wordpiece:80"},
                          {"data.max_length", "24"},
                          {"model.hidden_size", "8"},
                          {"model.num_hidden_layers", "3"},
                          {"model.num_attention_heads", "2"},
                          {"model.intermediate_size", "8"},
                          {"model.encoder.hidden_size", "8"},
                          {"model.encoder.num_hidden_layers", "1"},
                          {"model.encoder.num_attention_heads", "2"},
                          {"model.encoder.intermediate_size", "8"},
                          {"train.batch_size", "4"},
                          {"train.eval_every", "0"}};
  for (const auto& [key, value] : small) {
    if (config.has(key) && !resume) config.set(key, value, "test");
  }
  for (const auto& [key, value] : settings) config.set(key, value, "test");
  return run;
}

/// A run of 6 steps is one of 3 that is taken up again.
void check_resumed(const TempDir& dir, const std::string& program,
                   const std::function<std::unique_ptr<TaskSetup>()>& setup, const std::string& data,
                   const Settings& settings) {
  CAPTURE(program, data);
  auto whole = settings, half = settings;
  whole.emplace_back("train.max_steps", "6");
  half.emplace_back("train.max_steps", "3");
  run_of(dir, program, setup(), "whole", data, whole)->train();
  run_of(dir, program, setup(), "half", data, half)->train();
  const auto resumed = run_of(dir, program, setup(), "half", data, {{"train.max_steps", "6"}}, true);
  CHECK(resumed->train().step == 6);
  CHECK(read_file(dir / "whole" / "model.safetensors") == read_file(dir / "half" / "model.safetensors"));
  fs::remove_all(dir / "whole");
  fs::remove_all(dir / "half");
}

}  // namespace

TEST_CASE("knowledge: a resumed run is the uninterrupted one") {
  const TempDir dir;
  write_file(dir / "questions.jsonl", questions(30));
  write_file(dir / "relations.jsonl", relations(30));
  write_file(dir / "text.txt", documents());
  // The schedule is of the steps that there are to be.
  check_resumed(dir, "ernie", transe_setup, "facts.tsv",
                {{"train.max_epochs", "0"}, {"model.dim", "8"}, {"train.schedule", "constant"}});
  const auto constant = Settings{{"train.schedule", "constant"}};
  check_resumed(
      dir, "ernie", [] { return ernie_setup("relation"); }, "relations.jsonl", constant);
  check_resumed(
      dir, "ernie", [] { return ernie_setup("pretrain"); }, "text.txt", constant);
  check_resumed(
      dir, "kagnet", [] { return kagnet_setup(); }, "questions.jsonl", constant);
}

TEST_CASE("TransE: facts that are held out come far in front of chance") {
  const TempDir dir;
  const auto run = run_of(
      dir, "ernie", transe_setup(), "graph", "facts.tsv",
      {{"data.train", "microworld"}, {"train.max_epochs", "25"}, {"model.dim", "32"}, {"train.learning_rate", "0.05"}});
  const auto valid = run->train().valid;
  CHECK(valid.at("mean_rank").value < 40);  // of 730 names: 365 by chance, 16 for who knows how facts are made
  CHECK(valid.at("hits_at_10").value > 0.55);
  const auto again = evaluate(dir / "graph", "microworld");
  CHECK(again.at("mean_rank").value == Approx(valid.at("mean_rank").value));
  CHECK(evaluate(dir / "graph", (dir / "graph" / "data" / "valid.tsv").string()).at("mean_rank").value ==
        Approx(valid.at("mean_rank").value));
  write_file(dir / "asked.tsv", "nobody\tborn_in\tnowhere\n");
  CHECK_THROWS_WITH(evaluate(dir / "graph", (dir / "asked.tsv").string()),
                    Contains("asked.tsv: line 1: the graph has no entity nobody"));
}

TEST_CASE("entities of texts: read, marked, and refused where they do not fit") {
  const TempDir dir;
  const auto refused = [&](const std::string& row, const std::string& message) {
    write_file(dir / "bad.jsonl", row + "\n");
    CHECK_THROWS_WITH(relation_classification().read(dir / "bad.jsonl"),
                      Contains("bad.jsonl: line 1: ") && Contains(message));
  };
  refused(R"({"text": "a b", "ents": "x", "label": "l"})", "is no JSON list");
  refused(R"({"text": "a b", "ents": [["a", 0]], "label": "l"})", R"(holds ["a",0])");
  refused(R"({"text": "a b", "ents": [["a", 0, 1], ["b", 2, 4]], "label": "l"})",
          "b from 2 to 4 of a text of 3 characters");
  refused(R"({"text": "a b", "ents": [["a", 1, 1], ["b", 2, 3]], "label": "l"})", "a from 1 to 1");
  refused(R"({"text": "a b", "ents": [["a", 0, 1]], "label": "l"})", "1 names, expected 2 at least");

  write_file(dir / "good.jsonl",
             R"({"text": "é Bob met Ann .", "ents": [["Ann", 10, 13], ["Bob", 2, 5], ["Zed", 6, 9]], "label": "l"})"
             "\n");
  write_file(dir / "overlap.jsonl", R"({"text": "Bob met Ann", "ents": [["Bob", 0, 5], ["Ann", 4, 8]], "label": "l"})"
                                    "\n");
  auto config = ernie_config();
  auto& own = dynamic_cast<ModelConfigOf<ErnieConfig>&>(*config).config;
  own.entities = {"Ann", "Bob"};
  own.labels = ClassLabels::of({"l", "m"});
  ExampleOptions options(relation_classification().format());
  options.train = (dir / "good.jsonl").string();
  options.valid = options.train;
  options.tokenizer = "train:wordpiece:60";
  const auto data = open_examples(relation_classification(), options, *config, dir / "run", [](const auto&) {});
  own.vocab_size = static_cast<std::int64_t>(data.tokenizer->vocab_size()) + 3;
  own.labels = ClassLabels::of({"l", "m"});
  ErnieForRelationClassification model(own);
  model->eval();
  const ExampleEncoding encoding{*data.tokenizer, *model};
  const auto encoded = encode_examples(relation_classification(), "good", *data.train, encoding);
  const auto ids = encoded.examples.ids(0, 0);
  const auto knowledge = encoded.examples.knowledge(0);
  REQUIRE(knowledge.size() == 6);
  // Bob, the second one, comes first in the text, then an unknown one, then Ann.
  CHECK(knowledge[1] == 1);
  CHECK(knowledge[3] == -1);
  CHECK(knowledge[5] == 0);
  const auto marker = [&](std::int64_t i) { return static_cast<TokenId>(own.vocab_size - 3 + i); };
  CHECK(ids[static_cast<std::size_t>(knowledge[0]) - 1] == marker(2));
  CHECK(ids[static_cast<std::size_t>(knowledge[4]) - 1] == marker(1));
  CHECK(std::count(ids.begin(), ids.end(), marker(1)) == 2);
  CHECK(std::count(ids.begin(), ids.end(), marker(2)) == 2);
  const auto batch = token_batch(encoded.examples, {0}, 0);
  const auto inputs = entity_inputs(batch);
  CHECK(inputs.entity_ids[0][knowledge[4]].item<std::int64_t>() == 0);
  CHECK((inputs.entity_ids >= 0).sum().item<std::int64_t>() == 2);
  CHECK_THAT(relation_classification().notes(encoded, encoding),
             Catch::VectorContains(std::string("the graph does not know 1 of 3 names")));
  const auto overlapping = relation_classification().read(dir / "overlap.jsonl");
  CHECK_THROWS_WITH(encode_examples(relation_classification(), "overlap", *overlapping, encoding),
                    Contains("overlap: line 1: ents: Ann overlaps"));
  // Cut before the last name.
  const ExampleEncoding few{*data.tokenizer, *model, knowledge[4]};
  const auto cut = encode_examples(relation_classification(), "good", *data.train, few);
  CHECK(cut.examples.ids(0, 0).size() == static_cast<std::size_t>(knowledge[4]));
  CHECK(cut.examples.knowledge(0).size() == 4);
  CHECK(cut.cut == 1);
  // Typing marks one name, relations two.
  CHECK_FALSE(entity_typing().accepts(*model));
  CHECK(relation_classification().accepts(*model));
}

TEST_CASE("ERNIE knows by its entities what names are of that no text told of, BERT does not") {
  const TempDir dir;
  const auto accuracy = [&](const std::string& out, const std::string& layers) {
    return run_of(dir, "ernie", ernie_setup("typing"), out, "",
                  {{"data.train", "microworld"},
                   {"data.microworld_examples", "1000"},
                   {"data.tokenizer", "train:wordpiece:200"},
                   {"data.knowledge", "microworld"},
                   {"data.knowledge_dim", "32"},
                   {"data.knowledge_epochs", "100"},
                   {"model.hidden_size", "32"},
                   {"model.intermediate_size", "32"},
                   {"model.initializer_range", "0.1"},
                   {"model.hidden_dropout_prob", "0"},
                   {"model.layer_types", layers},
                   {"train.batch_size", "16"},
                   {"train.learning_rate", "0.003"},
                   {"train.max_steps", "200"}})
        ->train()
        .valid.at("accuracy")
        .value;
  };
  CHECK(accuracy("ernie", R"(["sim", "mix", "norm"])") > 0.9);
  CHECK(accuracy("bert", R"(["sim", "sim", "sim"])") < 0.45);  // a quarter can be known
}

TEST_CASE("KagNet learns what only the graph knows, begins with an encoder, and says what led it") {
  const TempDir dir;
  write_file(dir / "questions.jsonl", questions(40, 0, 6));
  write_file(dir / "others.jsonl", questions(8, 6, 4));
  const auto learn = [&](const std::string& out, const std::string& use_graph) {
    return run_of(dir, "kagnet", kagnet_setup(), out, "questions.jsonl",
                  {{"data.valid", (dir / "others.jsonl").string()},
                   {"train.max_steps", "60"},
                   {"train.learning_rate", "0.01"},
                   {"model.max_hops", "2"},
                   {"model.use_graph", use_graph},
                   {"model.encoder.hidden_dropout_prob", "0"},
                   {"model.encoder.attention_probs_dropout_prob", "0"}})
        ->train()
        .valid;
  };
  const auto valid = learn("run", "true");
  CHECK(valid.at("accuracy").value == 1);
  CHECK(valid.at("grounded").value == 1);
  CHECK(evaluate(dir / "run", (dir / "questions.jsonl").string()).at("accuracy").value >= 0.95);
  // The encoder alone has never read of these people.
  CHECK(learn("alone", "false").at("accuracy").value < 0.8);

  // With the sizes, the weights and the tokenizer of a pretrained BERT.
  const auto tokenizer = load_model_tokenizer(dir / "run", 1000);
  BertConfig config;
  config.vocab_size = static_cast<std::int64_t>(tokenizer->vocab_size());
  config.hidden_size = 12, config.num_hidden_layers = 2, config.num_attention_heads = 2, config.intermediate_size = 8;
  config.max_position_embeddings = 32;
  BertForMaskedLm bert(config);
  bert->save_pretrained(dir / "bert");
  tokenizer->save(dir / "bert");
  TrainingRun begun("kagnet", kagnet_setup());
  begun.open(dir / "begun");
  for (const auto& [key, value] : Settings{{"data.train", (dir / "questions.jsonl").string()},
                                           {"data.knowledge", (dir / "facts.tsv").string()},
                                           {"data.knowledge_dim", "8"},
                                           {"data.knowledge_epochs", "2"},
                                           {"train.encoder_init", (dir / "bert").string()},
                                           {"train.max_steps", "1"},
                                           {"train.learning_rate", "1e-9"}})
    begun.config().set(key, value, "test");
  begun.train();
  const auto weights = load_safetensors(dir / "begun" / "model.safetensors");
  CHECK(max_difference(weights["encoder.encoder.layer.1.output.dense.weight"],
                       bert->named_parameters()["bert.encoder.layer.1.output.dense.weight"]) < 1e-6);
  const auto other = run_of(dir, "kagnet", kagnet_setup("distilbert"), "other", "questions.jsonl",
                            {{"train.encoder_init", (dir / "bert").string()}});
  CHECK_THROWS_WITH(other->prepare(), Contains("is a model of type bert, the encoder's is distilbert"));
}

TEST_CASE("what a run that knows a graph makes no use of is refused") {
  const TempDir dir;
  write_file(dir / "relations.jsonl", relations(30));
  const auto graph =
      run_of(dir, "ernie", transe_setup(), "graph", "facts.tsv", {{"train.max_epochs", "1"}, {"model.dim", "8"}});
  graph->train();
  CHECK_THROWS_WITH(run_of(dir, "ernie", ernie_setup("relation"), "run", "relations.jsonl",
                           {{"data.knowledge", (dir / "graph").string()}})
                        ->complete(),
                    Contains("a run that is given a TransE model makes no use of it"));
  CHECK_THROWS_WITH(run_of(dir, "ernie", ernie_setup("relation"), "run", "relations.jsonl",
                           {{"data.knowledge_dim", "10"}, {"model.num_entity_attention_heads", "4"}})
                        ->prepare(),
                    Contains("model.num_entity_attention_heads = 4: the vectors of") && Contains("width 10"));
  CHECK_THROWS_WITH(
      run_of(dir, "ernie", transe_setup(), "run", "facts.tsv", {{"data.microworld_seed", "2"}})->complete(),
      Contains("a run whose triples come from files"));
  CHECK_THROWS_WITH(run_of(dir, "ernie", transe_setup(), "run", "none.tsv", {})->prepare(), Contains("none.tsv"));
}

}  // namespace langzoo::test::knowledge_runs_test
