#include "tests/support/test.h"

#include <sstream>

#include "apps/training/families.h"
#include "apps/training/tasks/lm.h"
#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "models/io/safetensors.h"
#include "tests/apps/training/distributed/ranks.h"

namespace langzoo::test::ranks_of_families_test {

namespace {

namespace fs = std::filesystem;
using Settings = std::vector<std::pair<std::string, std::string>>;

struct Kind {
  std::string program;
  std::function<std::unique_ptr<TaskSetup>()> setup;
  Settings settings;
};

Kind kind_of(const std::string& program) {
  const auto family = [&](Settings settings) {
    return Kind{program, [program] { return family_of_program(program).setup(); }, std::move(settings)};
  };
  if (program == "gpt")
    return family({{"model.n_layer", "1"}, {"model.n_head", "2"}, {"model.n_embd", "16"}, {"model.n_positions", "16"}});
  if (program == "transformer") {
    return family({{"model.d_model", "16"},
                   {"model.encoder_layers", "1"},
                   {"model.decoder_layers", "1"},
                   {"model.encoder_attention_heads", "2"},
                   {"model.decoder_attention_heads", "2"},
                   {"model.encoder_ffn_dim", "16"},
                   {"model.decoder_ffn_dim", "16"}});
  }
  if (program == "bert") {
    return family({{"model.hidden_size", "16"},
                   {"model.num_hidden_layers", "1"},
                   {"model.num_attention_heads", "2"},
                   {"model.intermediate_size", "16"},
                   {"model.max_position_embeddings", "32"},
                   {"data.tokenizer", "train:wordpiece:70"},
                   {"data.max_length", "24"}});
  }
  if (program == "word2vec") return family({{"model.dim", "8"}, {"train.deterministic", "true"}});
  return {program,
          [] { return lm_setup("lstm"); },
          {{"model.hidden_size", "16"},
           {"model.embedding_size", "16"},
           {"model.layers", "1"},
           {"data.bptt", "8"},
           {"train.optimizer", "adamw"},
           {"train.schedule", "constant"}}};
}

/// Every key that drops something out, of the run's help: "  model.dropout = 0.1   ...".
void drop_nothing(RunConfig& config) {
  std::istringstream lines(config.help());
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key, equals, value;
    words >> key >> equals >> value;
    const bool number = !value.empty() && value.find_first_not_of("0123456789.e-") == std::string::npos;
    if (key.starts_with("model.") && key.find("drop") != std::string::npos && number) config.set(key, "0", "test");
  }
}

struct Outcome {
  std::vector<double> losses;  ///< of each step
  std::vector<std::int64_t> tokens;
  std::vector<std::string> messages;
  EvalMetrics valid;
  std::vector<std::string> errors;  ///< of each rank
};

class Recorder : public TrainerObserver {
 public:
  explicit Recorder(Outcome& outcome) : outcome_(outcome) {}
  void on_step(const StepReport& report) override {
    outcome_.losses.push_back(report.loss);
    outcome_.tokens.push_back(report.tokens);
  }
  void on_message(const std::string& text) override { outcome_.messages.push_back(text); }

 private:
  Outcome& outcome_;
};

/// A run of `world` ranks in `out` that takes 8 examples a step on all of them together. `of_rank`, if given, adds to
/// the settings of one.
Outcome train(const Kind& kind, const TempDir& dir, const std::string& out, std::int64_t world,
              const Settings& settings, bool resume = false, const std::function<Settings(std::int64_t)>& of_rank = {},
              const std::string& out_of_others = {}) {
  std::string text, pairs;
  for (int i = 0; i < 300; ++i) {
    text += "Anna has " + std::to_string(i * i % 97) + " apples and " + std::to_string(i * 7 % 31) + " dogs.\n";
    const auto number = std::to_string(100 + i * 37 % 800) + std::string(static_cast<std::size_t>(i % 5), '7');
    pairs += number + '\t' + std::string(number.rbegin(), number.rend()) + '\n';
  }
  const auto data = dir / (kind.program == "transformer" ? "pairs.tsv" : "text.txt");
  write_file(data, kind.program == "transformer" ? pairs : text);
  Outcome outcome;
  const auto work = [&](Distributed* ranks) {
    Recorder recorder(outcome);
    TrainingRun run(kind.program, kind.setup());
    const auto rank = ranks == nullptr ? Rank{} : ranks->rank();
    run.setting().distributed = ranks;
    run.setting().rank = rank;
    run.open(dir / (rank.index == 0 || out_of_others.empty() ? out : out_of_others), resume);
    auto& config = run.config();
    drop_nothing(config);
    auto all = kind.settings;
    all.insert(all.begin(), {{"data.train", data.string()}, {"train.log_every", "1"}});
    if (kind.program != "word2vec") {
      all.insert(all.begin(), {{"train.batch_size", std::to_string(8 / world)},
                               {"train.learning_rate", "0.003"},
                               {"train.eval_every", "0"}});
      if (kind.program != "bert") all.insert(all.begin(), {"data.tokenizer", "char"});
    }
    all.insert(all.end(), settings.begin(), settings.end());
    if (of_rank) {
      const auto own = of_rank(rank.index);
      all.insert(all.end(), own.begin(), own.end());
    }
    for (const auto& [key, value] : all) {
      if (!resume || key == "train.batch_size" || key.starts_with("train.max") || key.starts_with("data.train"))
        config.set(key, value, "test");
    }
    if (rank.index == 0) run.add_observer(recorder);
    const auto summary = run.train();
    if (rank.index == 0) outcome.valid = summary.valid;
  };
  if (world == 1) {
    work(nullptr);
  } else {
    outcome.errors = errors_of_ranks(world, [&](Distributed& ranks) { work(&ranks); });
  }
  return outcome;
}

void check_no_errors(const Outcome& outcome) {
  for (const auto& error : outcome.errors) CHECK(error == "");
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// Ranks are threads here, and draw from one generator: where that stands depends on who was first.
bool same_but_for_generators(const fs::path& a, const fs::path& b) {
  const auto ours = load_safetensors(a), theirs = load_safetensors(b);
  bool same = ours.size() == theirs.size();
  for (const auto& item : ours) {
    const auto* const other = theirs.find(item.key());
    same = same && other != nullptr && (item.key().starts_with("rng") || torch::equal(item.value(), *other));
  }
  return same;
}

}  // namespace

TEST_CASE("two ranks learn what one does with batches twice as large") {
  for (const auto* const program : {"gpt", "transformer", "bert", "lm"}) {
    CAPTURE(program);
    const auto kind = kind_of(program);
    const TempDir dir;
    const std::size_t count = kind.program == "gpt" ? 200 : 50;
    const Settings steps = {{"train.max_steps", std::to_string(count)}};
    const auto one = train(kind, dir, "one", 1, steps), two = train(kind, dir, "two", 2, steps);
    check_no_errors(two);
    REQUIRE(one.losses.size() == count);
    CHECK(largest_difference(one.losses, two.losses) < 1e-4);
    CHECK(one.losses.back() < one.losses.front());
    CHECK(one.tokens == two.tokens);
    REQUIRE_FALSE(one.valid.empty());
    for (const auto& [name, metric] : one.valid) {
      CAPTURE(name);
      CHECK(two.valid.at(name).value == Approx(metric.value).epsilon(1e-4));
    }
  }
}

TEST_CASE("a divided optimizer, other buckets and accumulation change no byte, or what is said") {
  const auto kind = kind_of("gpt");
  const TempDir dir;
  const Settings settings = {{"train.max_steps", "12"}, {"train.accumulation", "2"}};
  auto sharded = settings;
  sharded.emplace_back("train.shard_optimizer", "true");
  check_no_errors(train(kind, dir, "whole", 2, settings));
  check_no_errors(train(kind, dir, "sharded", 2, sharded));
  for (const auto* const file : {"model.safetensors", "training_state/state.safetensors"}) {
    CAPTURE(file);
    CHECK(same_but_for_generators(dir / "whole" / file, dir / "sharded" / file));
  }
  auto lamb = sharded;
  lamb.emplace_back("train.optimizer", "lamb");
  const auto refused = train(kind, dir, "lamb", 2, lamb);
  CHECK_THAT(refused.errors[0], Catch::Contains("the optimizer lamb does not divide its state"));
  CHECK_THROWS_WITH(train(kind, dir, "alone", 1, sharded), Catch::Contains("a run of one process makes no use of it"));
}

TEST_CASE("a run goes on on as many ranks to the same bytes, on others with batches of the same size together") {
  for (const auto* const program : {"gpt", "lm"}) {
    CAPTURE(program);
    const auto kind = kind_of(program);
    const TempDir dir;
    const Settings half = {{"train.max_steps", "9"}, {"train.schedule", "constant"}},
                   whole = {{"train.max_steps", "18"}, {"train.schedule", "constant"}};
    const auto straight = train(kind, dir, "straight", 2, whole);
    check_no_errors(straight);
    for (const auto* const out : {"again", "fewer"}) check_no_errors(train(kind, dir, out, 2, half));
    check_no_errors(train(kind, dir, "again", 2, whole, true));
    CHECK(same_but_for_generators(dir / "again" / "training_state/state.safetensors",
                                  dir / "straight" / "training_state/state.safetensors"));
    auto wrong = whole;
    wrong.emplace_back("train.batch_size", "4");
    CHECK_THROWS_WITH(train(kind, dir, "fewer", 1, wrong, true),
                      Catch::Contains("their product must stay 8; --set train.batch_size=8 keeps it"));
    const auto fewer = train(kind, dir, "fewer", 1, whole, true);
    REQUIRE(fewer.losses.size() == 9);
    CHECK(largest_difference(fewer.losses, {straight.losses.begin() + 9, straight.losses.end()}) < 1e-4);
  }
}

TEST_CASE("a rank that does not see rank 0's folder prepares its own data, and writes nothing") {
  const auto kind = kind_of("gpt");
  const TempDir dir;
  const Settings half = {{"train.max_steps", "4"}, {"train.schedule", "constant"}},
                 whole = {{"train.max_steps", "8"}, {"train.schedule", "constant"}};
  const auto seen = train(kind, dir, "seen", 2, whole);
  check_no_errors(train(kind, dir, "unseen", 2, half, false, {}, "nowhere"));
  check_no_errors(train(kind, dir, "unseen", 2, whole, true, {}, "nowhere"));
  CHECK((read_file(dir / "seen" / "model.safetensors") == read_file(dir / "unseen" / "model.safetensors")));
  CHECK_FALSE(fs::exists(dir / "nowhere"));
}

TEST_CASE("ranks of word2vec share the text, bring their tables together, and go on where they stopped") {
  const auto kind = kind_of("word2vec");
  const TempDir dir;
  const auto steps = [](const char* most) {
    return Settings{{"train.batch_tokens", "200"},
                    {"train.max_epochs", "0"},
                    {"train.max_steps", most},
                    {"train.schedule", "constant"},
                    {"train.learning_rate", "0.05"}};
  };
  const auto with_sync = [&](const char* most) {
    auto settings = steps(most);
    settings.emplace_back("train.sync_every", "3");
    return settings;
  };
  const auto one = train(kind, dir, "one", 1, steps("40")), two = train(kind, dir, "two", 2, with_sync("40"));
  check_no_errors(two);
  REQUIRE(two.losses.size() == one.losses.size());
  CHECK(two.tokens == one.tokens);
  CHECK(two.losses.back() < two.losses.front());
  CHECK(two.losses.back() == Approx(one.losses.back()).epsilon(0.2));
  // What was saved at step 20 was brought together then, as it would not have been before step 21.
  auto saved = with_sync("40");
  saved.emplace_back("train.save_every", "20");
  check_no_errors(train(kind, dir, "straight", 2, saved));
  check_no_errors(train(kind, dir, "again", 2, with_sync("20")));
  check_no_errors(train(kind, dir, "again", 2, with_sync("40"), true));
  CHECK((read_file(dir / "again" / "model.safetensors") == read_file(dir / "straight" / "model.safetensors")));
}

TEST_CASE("ranks of other settings or data are refused before training") {
  const auto kind = kind_of("gpt");
  const TempDir dir;
  write_file(dir / "other.txt", std::string(3000, 'x') + "\n");
  const auto refused = [&](const std::string& key, const std::string& value) {
    const auto outcome = train(kind, dir, "run", 2, {{"train.max_steps", "2"}}, false, [&](std::int64_t rank) {
      return rank == 1 ? Settings{{key, value}} : Settings{};
    });
    CHECK(outcome.losses.empty());
    CHECK_FALSE(fs::exists(dir / "run"));
    return outcome.errors;
  };
  for (const auto& error : refused("train.learning_rate", "0.5"))
    CHECK(error == "rank 1: train.learning_rate = 0.5, but 0.003 on rank 0");
  for (const auto& error : refused("train.batch_size", "2"))
    CHECK(error == "rank 1: train.batch_size = 2, but 4 on rank 0");
  for (const auto& error : refused("data.train", (dir / "other.txt").string()))
    CHECK_THAT(error, Catch::StartsWith("rank 1: data.train = ") && Catch::EndsWith("text.txt on rank 0"));
  for (const auto& error : refused("model.n_embd", "17")) CHECK_THAT(error, Catch::Contains("17"));
}

}  // namespace langzoo::test::ranks_of_families_test
