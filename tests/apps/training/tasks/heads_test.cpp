// A model's weights begin one of any other head.
#include "tests/support/test.h"

#include <map>

#include "tests/apps/training/tasks/encoders_run.h"

namespace langzoo::test::heads_test {

namespace {

const std::vector<std::string> kTasks = {
    "classification", "several labels", "regression", "tagging", "qa", "choice", "mlm"};

/// A file of examples for each.
std::string data_of(const TempDir& dir, const std::string& task) {
  const std::map<std::string, std::pair<std::string, std::string>> files = {
      {"classification", {"classes.csv", "text,label\nanna was here,a\njohn was there,b\nanna,c\njohn,a\n"}},
      {"several labels",
       {"several.jsonl", "{\"text\": \"anna\", \"label\": [\"a\", \"b\"]}\n{\"text\": \"john\", \"label\": []}\n"}},
      {"regression", {"numbers.csv", "text,label\nanna was here,1\njohn was there,2\nanna,3\n"}},
      {"tagging", {"tags.conll", "anna B-PER\nwas O\n\njohn B-PER\nwas O\nthere O\n"}},
      {"qa",
       {"questions.jsonl",
        "{\"question\": \"who?\", \"context\": \"anna was here\", \"answers\": {\"text\": [\"anna\"], "
        "\"answer_start\": "
        "[0]}}\n"}},
      {"choice", {"choices.csv", "premise,choice1,choice2,label\nanna was,here,there,0\njohn was,here,there,1\n"}},
  };
  const auto found = files.find(task);
  if (found == files.end()) return (dir / "text.txt").string();
  write_file(dir / found->second.first, found->second.second);
  return (dir / found->second.first).string();
}

/// One step of `task`, begun with `init` where it is not empty.
void train(const TempDir& dir, const std::string& family, const std::string& task, const std::string& out,
           const std::string& init) {
  auto setup = task == "mlm" ? pretraining_setup(family, "mlm")
                             : finetuning_setup(family, task == "several labels" ? "classification" : task);
  RunSettings settings = {{"data.train", data_of(dir, task)}, {"data.valid_fraction", "0"}, {"train.max_steps", "1"}};
  if (init.empty()) {
    settings.emplace_back("data.tokenizer", "train:wordpiece:60");
  } else {
    settings.emplace_back("train.init", init);
  }
  small_run(dir, std::move(setup), out, settings)->train();
}

}  // namespace

TEST_CASE("every head of BERT begins with the weights of a model of every head") {
  const TempDir dir;
  for (const auto& task : kTasks) train(dir, "bert", task, task, "");
  for (const auto& from : kTasks) {
    for (const auto& to : kTasks) {
      INFO(from << " -> " << to);
      CHECK_NOTHROW(train(dir, "bert", to, from + " to " + to, (dir / from).string()));
    }
  }
}

TEST_CASE("heads of the other families begin with each other's weights") {
  const std::string family = GENERATE("roberta", "albert", "electra", "distilbert");
  const TempDir dir;
  for (const auto& task : kTasks) train(dir, family, task, task, "");
  for (std::size_t i = 0; i < kTasks.size(); ++i) {
    const auto &from = kTasks[i], &to = kTasks[(i + 2) % kTasks.size()];
    INFO(family << ": " << from << " -> " << to);
    CHECK_NOTHROW(train(dir, family, to, from + " to " + to, (dir / from).string()));
  }
}

}  // namespace langzoo::test::heads_test
