// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <cmath>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "models/io/safetensors.h"
#include "tests/apps/training/saved_fingerprint.h"
#include "tests/support/process.h"

using namespace langzoo;
using test::check_error;
using test::Process;
using test::Result;
using test::TempDir;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* kProgram = "langzoo-gpt";

Result gpt(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process(kProgram, std::move(arguments), input).wait();
}

std::string sentences(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "Anna has " + std::to_string(i % 7) + " apples and a dog.\n";
  return text;
}

/// The arguments of a training run that takes about a second.
std::vector<std::string> tiny(const std::string& data, const std::string& out,
                              const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"train",
                                        "--data",
                                        data,
                                        "--tokenizer",
                                        "char",
                                        "--out",
                                        out,
                                        "--json",
                                        "--threads",
                                        "1",
                                        "--set",
                                        "model.n_layer=1",
                                        "model.n_head=2",
                                        "model.n_embd=16",
                                        "model.n_positions=16",
                                        "train.max_steps=20",
                                        "train.batch_size=4",
                                        "train.eval_every=10",
                                        "train.save_every=5",
                                        "train.log_every=5"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// One model for all cases that only use one.
struct Trained {
  Trained() {
    test::write_file(dir / "text.txt", sentences(100));
    result = gpt(tiny((dir / "text.txt").string(), model()));
    INFO(result.err);
    REQUIRE(result.code == 0);
  }
  std::string model() const { return (dir / "model").string(); }
  std::string file(const std::string& name, const std::string& text) const {
    test::write_file(dir / name, text);
    return (dir / name).string();
  }
  TempDir dir;
  Result result;
};
const Trained& trained() {
  static const Trained instance;
  return instance;
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

}  // namespace

TEST_CASE("train leaves a model folder, logs and a report, and says how it went") {
  const auto& t = trained();
  const auto last = t.result.object();
  CHECK(keys(last) ==
        std::vector<std::string>{"step", "tokens", "tokens_per_second", "peak_memory_bytes", "train_loss", "valid"});
  CHECK(last["step"] == 20);
  CHECK(last["tokens"] == 20 * 4 * 16);
  CHECK(last["train_loss"].get<double>() < std::log(40));
  CHECK(last["valid"]["loss"].get<double>() < std::log(40));
  for (const auto* name : {"config.json", "model.safetensors", "tokenizer.json", "run.json", "metrics.jsonl",
                           "report.html", "best/model.safetensors", "best/config.json", "best/tokenizer.json"}) {
    CHECK(std::filesystem::exists(std::filesystem::path(t.model()) / name));
  }
  CHECK(std::filesystem::is_directory(std::filesystem::path(t.model()) / "tensorboard"));
}

TEST_CASE("eval scores every token but the first, the more exactly the smaller the stride") {
  const auto& t = trained();
  const auto text = sentences(5);
  const auto file = t.file("eval.txt", text);
  const auto result = gpt({"eval", "--model", t.model(), "--data", file, "--json"}).object();
  CHECK(keys(result) == std::vector<std::string>{"tokens", "bytes", "words", "nats_per_token", "perplexity",
                                                 "bits_per_byte", "word_perplexity", "stride"});
  const double tokens = static_cast<double>(text.size()) - 1;
  CHECK(result["tokens"] == text.size() - 1);
  CHECK(result["bytes"] == text.size());
  CHECK(result["words"] == 35);
  CHECK(result["stride"] == 16);
  const double nats = result["nats_per_token"];
  CHECK(result["perplexity"].get<double>() == Approx(std::exp(nats)));
  CHECK(result["bits_per_byte"].get<double>() ==
        Approx(nats * tokens / std::log(2) / static_cast<double>(text.size())));
  CHECK(result["word_perplexity"].get<double>() == Approx(std::exp(nats * tokens / 35)));
  const auto exact = gpt({"eval", "--model", t.model(), "--data", file, "--stride", "1", "--json"}).object();
  CHECK(exact["tokens"] == result["tokens"]);
  CHECK(exact["stride"] == 1);

  // A text that fits the context: eval is the mean of score.
  const std::string line = "Anna has a dog.";
  const auto score = gpt({"score", "--model", t.model(), "--text", line, "--json"}).object();
  CHECK(keys(score) == std::vector<std::string>{"ids", "logprobs"});
  CHECK(score["ids"].size() == line.size());
  REQUIRE(score["logprobs"].size() == line.size() - 1);
  double total = 0;
  for (const double logprob : score["logprobs"]) total -= logprob;
  const auto short_eval = gpt({"eval", "--model", t.model(), "--data", t.file("line.txt", line), "--json"}).object();
  CHECK(short_eval["nats_per_token"].get<double>() == Approx(total / 14).epsilon(1e-5));

  std::string ids;
  for (const int id : score["ids"]) ids += std::to_string(id) + " ";
  const auto by_ids =
      gpt({"score", "--model", t.model(), "--ids", t.file("ids.txt", ids + "\n7\n"), "--json"}).objects();
  REQUIRE(by_ids.size() == 2);
  CHECK(by_ids[0] == score);
  const auto of_stdin = gpt({"score", "--model", t.model(), "--json"}, line + "\n" + line + "\n").objects();
  REQUIRE(of_stdin.size() == 2);
  CHECK(of_stdin[1] == score);
  CHECK(by_ids[1] == Json{{"ids", {7}}, {"logprobs", Json::array()}});

  const auto encoded =
      Process("langzoo-tokenizer", {"encode", "--tokenizer", t.model(), "--text", line, "--json"}, "").wait();
  const auto file_of_objects = t.file("ids.jsonl", encoded.out + "[7]\n");
  CHECK(gpt({"score", "--model", t.model(), "--ids", file_of_objects, "--json"}).objects() == by_ids);
}

TEST_CASE("generate gives one object a result, in order, whatever the batches") {
  const auto& t = trained();
  const auto prompts = t.file("prompts.txt", "Anna\nAnna has a\nA\nAnna has\n");
  const std::vector<std::string> options = {"--max-new-tokens", "8", "--seed", "3", "--json"};
  const auto run = [&](std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.begin(), {"generate", "--model", t.model()});
    arguments.insert(arguments.end(), options.begin(), options.end());
    const auto result = gpt(arguments, input);
    INFO(result.err);
    CHECK(result.code == 0);
    return result.objects();
  };
  const auto batched = run({"--prompts", prompts});
  REQUIRE(batched.size() == 4);
  CHECK(keys(batched[0]) == std::vector<std::string>{"prompt", "ids", "text"});
  CHECK(batched[1]["prompt"] == "Anna has a");
  CHECK(batched[0]["ids"].size() == 8);
  CHECK(batched[1]["ids"].size() == 7);  // 10 tokens, 6 more in the context of 16, and the one after it
  CHECK(run({"--prompts", prompts, "--batch-size", "1"}) == batched);
  CHECK(run({}, "Anna\nAnna has a\nA\nAnna has\n") == batched);
  CHECK(run({}, "Anna\r\nAnna has a\r\nA\r\nAnna has") == batched);
  CHECK(run({"--prompt", "Anna"})[0] == batched[0]);
  CHECK(run({"--prompt", "Anna", "--num-return-sequences", "3"}).size() == 3);

  const auto greedy = run({"--prompt", "Anna", "--greedy"})[0];
  CHECK(run({"--prompt", "Anna", "--temperature", "0"})[0] == greedy);
  const auto text = greedy["text"].get<std::string>();
  const auto stop = text.substr(2, 2);
  CHECK(run({"--prompt", "Anna", "--greedy", "--stop", stop})[0]["text"] == text.substr(0, text.find(stop)));
  CHECK(gpt({"generate", "--model", t.model(), "--prompt", "Anna", "--greedy", "--max-new-tokens", "8"}).out ==
        "Anna" + text + "\n");
}

TEST_CASE("every prompt of a conversation draws numbers of its own, those of the same lines in a file") {
  const auto& t = trained();
  const auto converse = [&](const std::string& lines, const std::string& seed) {
    Process process(
        kProgram,
        {"generate", "--model", t.model(), "--max-new-tokens", "8", "--temperature", "2", "--json", "--seed", seed},
        lines, false, Process::Stdin::kTerminal);
    const auto result = process.wait();
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK_THAT(result.err, Catch::Contains("Ctrl-D ends"));
    return result.objects();
  };
  const std::string lines = "Anna\nAnna\nAnna has\nAnna\n";
  const auto results = converse(lines, "3");
  REQUIRE(results.size() == 4);
  CHECK(results[0] != results[1]);
  CHECK(results[3] != results[0]);
  CHECK(results[3] != results[1]);
  CHECK(converse(lines, "3") == results);
  CHECK(converse(lines, "4") != results);
  const auto file = gpt({"generate", "--model", t.model(), "--max-new-tokens", "8", "--temperature", "2", "--json",
                         "--seed", "3", "--prompts", t.file("conversation.txt", lines)});
  CHECK(file.objects() == results);
  // A prompt that is refused has its number all the same.
  const auto interrupted = converse("Anna\nAnna has more apples than fit\nAnna has\n", "3");
  REQUIRE(interrupted.size() == 2);
  CHECK(interrupted[0] == results[0]);
  CHECK(interrupted[1] == results[2]);
}

TEST_CASE("beams: the best come first, with scores, whatever the batches") {
  const auto& t = trained();
  const auto prompts = t.file("beam_prompts.txt", "Anna\nAnna has a\nA\nAnna has\n");
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"generate", "--model", t.model(), "--max-new-tokens", "6", "--json"});
    const auto result = gpt(arguments);
    INFO(result.err);
    CHECK(result.code == 0);
    return result.objects();
  };
  const std::vector<std::string> settings = {"--prompts", prompts, "--num-beams", "4", "--num-return-sequences", "2"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), settings.begin(), settings.end());
    return run(more);
  };
  const auto best = with({});
  REQUIRE(best.size() == 8);
  CHECK(keys(best[0]) == std::vector<std::string>{"prompt", "ids", "text", "score", "log_probability"});
  for (std::size_t i = 0; i < best.size(); i += 2) {
    CHECK(best[i]["prompt"] == best[i + 1]["prompt"]);
    CHECK(best[i]["ids"] != best[i + 1]["ids"]);
    CHECK(best[i]["score"].get<double>() >= best[i + 1]["score"].get<double>());
    CHECK(best[i]["score"].get<double>() ==
          Approx(best[i]["log_probability"].get<double>() / static_cast<double>(best[i]["ids"].size())));
    // The program's own scores of the text agree.
    const auto whole = best[i]["prompt"].get<std::string>() + best[i]["text"].get<std::string>();
    const auto logprobs = gpt({"score", "--model", t.model(), "--text", whole, "--json"}).object()["logprobs"];
    double sum = 0;
    for (std::size_t k = logprobs.size() - best[i]["ids"].size(); k < logprobs.size(); ++k) {
      sum += logprobs[k].get<double>();
    }
    CHECK(best[i]["log_probability"].get<double>() == Approx(sum).epsilon(1e-4));
  }
  const auto alone = with({"--batch-size", "1"});
  REQUIRE(alone.size() == best.size());
  for (std::size_t i = 0; i < best.size(); ++i) {
    CHECK(alone[i]["ids"] == best[i]["ids"]);
    CHECK(alone[i]["score"].get<double>() == Approx(best[i]["score"].get<double>()).epsilon(1e-4));
  }
  const auto sum = with({"--length-penalty", "0", "--early-stopping", "never", "--no-repeat-ngram-size", "2"});
  for (const auto& h : sum) CHECK(h["score"] == h["log_probability"]);
  CHECK(with({"--beam-rules", "papers", "--length-normalization", "gnmt", "--length-penalty", "0.6"}).size() == 8);
  CHECK(with({"--num-beam-groups", "2", "--diversity-penalty", "1.5"}).size() == 8);
  CHECK(with({"--early-stopping", "true", "--patience", "2", "--greedy"}).size() == 8);

  const auto fails = [&](std::vector<std::string> arguments, const std::string& names) {
    arguments.insert(arguments.begin(), {"generate", "--model", t.model(), "--prompt", "Anna"});
    check_error(gpt(arguments), 2, names);
  };
  fails({"--num-beams", "4", "--num-return-sequences", "5"}, "--num-return-sequences is 5");
  fails({"--num-beams", "4", "--early-stopping", "maybe"}, "--early-stopping");
  fails({"--num-beams", "4", "--length-penalty", "nan"}, "--length-penalty is nan");
  fails({"--num-beams", "4", "--num-beam-groups", "3"}, "--num-beam-groups is 3");
  fails({"--num-beams", "4", "--length-normalization", "gnmt"}, "--length-normalization is gnmt");
  fails({"--num-beams", "4", "--beam-rules", "papers", "--early-stopping", "never"}, "--early-stopping is never");
  fails({"--num-beams", "0"}, "--num-beams");
  fails({"--prompts", "prompts.txt"}, "--prompts: not with --prompt");
}

TEST_CASE("a run killed between two steps and resumed ends in the same bytes") {
  TempDir dir;
  test::write_file(dir / "text.txt", sentences(100));
  const auto data = (dir / "text.txt").string();
  const auto whole = (dir / "whole").string(), parts = (dir / "parts").string();
  const std::vector<std::string> more = {"train.max_steps=400", "train.save_every=7", "model.resid_pdrop=0.1"};
  auto arguments = tiny(data, whole, more);
  REQUIRE(gpt(arguments).code == 0);
  arguments = tiny(data, parts, more);
  arguments.push_back("--resume");  // nothing there yet: begins
  for (const int number : {SIGKILL, SIGTERM, SIGHUP, SIGINT}) {
    Process process(kProgram, arguments);
    const auto metrics = dir / "parts/metrics.jsonl";
    const auto lines = [&] {
      std::ifstream in(metrics);
      return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
    };
    process.wait_until([&, before = lines()] { return lines() >= before + 4; });
    process.signal(number);
    const auto result = process.wait();
    INFO(result.err);
    CHECK(result.code == (number == SIGKILL ? 128 + SIGKILL : 0));
    const auto* const name = number == SIGHUP ? "SIGHUP" : number == SIGINT ? "SIGINT" : "SIGTERM";
    if (number != SIGKILL) CHECK_THAT(result.err, Catch::Contains(std::string("stopped by ") + name + " after step"));
  }
  const auto result = gpt(arguments);
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(result.object()["step"] == 400);
  CHECK(test::read_file(dir / "parts/model.safetensors") == test::read_file(dir / "whole/model.safetensors"));
  CHECK(test::read_file(dir / "parts/best/model.safetensors") == test::read_file(dir / "whole/best/model.safetensors"));

  std::set<std::pair<std::int64_t, bool>> seen;  // each report once
  std::ifstream in(dir / "parts/metrics.jsonl");
  for (std::string line; std::getline(in, line);) {
    const auto entry = Json::parse(line);
    CHECK(seen.insert({entry["step"], entry.contains("valid")}).second);
  }
  check_error(gpt(tiny(data, parts)), 2, "--resume");
  auto other = tiny(data, parts, {"train.learning_rate=0.5"});
  other.push_back("--resume");
  check_error(gpt(other), 2, "train.learning_rate");
}

TEST_CASE("a run under nohup outlives the terminal") {
  TempDir dir;
  auto arguments = tiny((trained().dir / "text.txt").string(), (dir / "run").string(), {"train.max_steps=100000"});
  arguments.insert(arguments.begin(), {"nohup", std::string(LANGZOO_BIN_DIR) + "/" + kProgram});
  Process process("/usr/bin/env", arguments);
  const auto wait_for_steps = [&] {
    const auto lines = [&] {
      std::ifstream in(dir / "run/metrics.jsonl");
      return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
    };
    process.wait_until([&, before = lines()] { return lines() >= before + 4; });
  };
  wait_for_steps();
  process.signal(SIGHUP);
  wait_for_steps();
  process.signal(SIGTERM);
  const auto result = process.wait();
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK_THAT(result.err, Catch::Contains("stopped by SIGTERM"));
}

TEST_CASE("two processes do not train in one folder") {
  TempDir dir;
  const auto out = (dir / "run").string();
  const auto data = (trained().dir / "text.txt").string();
  auto arguments = tiny(data, out, {"train.max_steps=100000", "train.save_every=5"});
  Process first(kProgram, arguments);
  first.wait_until([&] { return std::filesystem::exists(dir / "run/training_state/state.safetensors"); });
  for (const auto* flag : {"--resume", "--overwrite"}) {
    auto second = arguments;
    second.push_back(flag);
    check_error(gpt(second), 2, "another process is training in it");
  }
  first.signal(SIGKILL);
  first.wait();
  arguments = tiny(data, out, {"train.max_steps=1", "--overwrite"});
  const auto result = gpt(arguments);
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK(result.object()["step"] == 1);
}

TEST_CASE("a run that fails leaves nothing before its first checkpoint, and says what to do after it") {
  TempDir dir;
  const auto out = dir / "run";
  const auto data = (trained().dir / "text.txt").string();
  const std::vector<std::string> far = {"train.learning_rate=1e30", "train.clip_norm=0", "train.schedule=constant",
                                        "train.log_every=1000"};
  const auto fail = [&](const std::string& save_every) {
    auto settings = far;
    settings.push_back(save_every);
    const auto result = gpt(tiny(data, out.string(), settings));
    CHECK(result.code == 1);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, Catch::Contains("is not finite"));
    return result.err;
  };
  fail("train.save_every=1000");
  CHECK(!std::filesystem::exists(out));
  CHECK_THAT(fail("train.save_every=1"), Catch::Contains("from which --resume goes on; --overwrite starts anew in it"));
  REQUIRE(std::filesystem::exists(out / "training_state"));

  check_error(gpt(tiny(data, out.string())), 2, "--overwrite starts anew");
  const auto result = gpt(tiny(data, out.string(), {"--overwrite"}));
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK(result.object()["step"] == 20);
  check_error(gpt(tiny(data, out.string(), {"--overwrite", "--resume"})), 2, "--overwrite: not with --resume");
  test::write_file(out / "notes.txt", "mine");
  check_error(gpt(tiny(data, out.string(), {"--overwrite"})), 2, "notes.txt");
  CHECK(std::filesystem::exists(out / "model.safetensors"));
}

TEST_CASE("a tokenizer is found again from another directory, and no other takes its place") {
  TempDir dir;
  const auto out = dir / "run";
  test::write_file(dir / "text.txt", sentences(100));
  std::filesystem::copy(test::fixture("tokenizers/sentencepiece/unigram.model"), dir / "words.model");
  const auto train = [&](const std::string& tokenizer, const std::vector<std::string>& more,
                         const std::filesystem::path& from) {
    auto arguments = tiny((dir / "text.txt").string(), out.string(), more);
    arguments[4] = tokenizer;
    const auto here = std::filesystem::current_path();
    std::filesystem::current_path(from);
    auto result = gpt(arguments);
    std::filesystem::current_path(here);
    INFO(result.err);
    return result;
  };
  REQUIRE(train("words.model", {}, dir.path()).code == 0);
  CHECK(Json::parse(test::read_file(out / "run.json"))["data"]["tokenizer"] == (dir / "words.model").string());
  // A run whose preparation was interrupted, resumed from elsewhere.
  for (const auto& name :
       {"training_state", "best", "model.safetensors", "config.json", "spiece.model", "tokenizer_config.json"}) {
    std::filesystem::remove_all(out / name);
  }
  const auto again = gpt({"train", "--out", out.string(), "--resume", "--json"});
  INFO(again.err);
  CHECK(again.code == 0);
  std::filesystem::rename(dir / "words.model", dir / "renamed.model");
  CHECK(train("renamed.model", {"--resume"}, dir.path()).code == 0);
  const auto other = test::fixture("tokenizers/sentencepiece/bpe.model").string();
  check_error(train(other, {"--resume"}, dir.path()), 2, "data.tokenizer = " + other + " here");
  check_error(train("char", {"--resume"}, dir.path()), 2, "data.tokenizer = char here");
}

TEST_CASE("a run's settings are not taken for another program's") {
  TempDir dir;
  auto run = Json::parse(test::read_file(trained().model() + "/run.json"));
  run["program"] = "seq2seq";
  test::write_file(dir / "run.json", run.dump());
  const auto text = (trained().dir / "text.txt").string();
  check_error(gpt(tiny(text, (dir / "run").string(), {"--config", (dir / "run.json").string()})), 2,
              "is a run of the program \"seq2seq\", not of \"gpt\"");
  run["program"] = "gpt";
  test::write_file(dir / "run.json", run.dump());
  CHECK(gpt(tiny(text, (dir / "run").string(), {"--config", (dir / "run.json").string()})).code == 0);
}

TEST_CASE("training begins with another model's weights, its sizes and its tokenizer") {
  const auto& t = trained();
  TempDir dir;
  test::write_file(dir / "more.txt", sentences(30));
  const auto begin = [&](const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "train",  "--init",    t.model(), "--data", (dir / "more.txt").string(), "--out", (dir / out).string(),
        "--json", "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return gpt(arguments);
  };
  // A step that changes nothing to speak of.
  const auto result = begin("new", {"--set", "train.max_steps=1", "train.learning_rate=1e-12", "train.batch_size=4",
                                    "train.weight_decay=0", "model.resid_pdrop=0"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK_THAT(result.err, Catch::Contains("begins with the weights in " + t.model()));
  CHECK(result.object()["step"] == 1);
  const auto before = load_safetensors(t.model() + "/model.safetensors"),
             after = load_safetensors(dir / "new/model.safetensors");
  REQUIRE(before.keys() == after.keys());
  for (const auto& name : before.keys()) CHECK(test::max_difference(before[name], after[name]) < 1e-6);
  auto config = Json::parse(test::read_file(dir / "new/config.json"));
  CHECK(config["n_embd"] == 16);
  CHECK(config["resid_pdrop"] == 0.0);
  CHECK(test::read_file(dir / "new/tokenizer.json") == test::read_file(t.model() + "/tokenizer.json"));
  const auto run = Json::parse(test::read_file(dir / "new/run.json"));
  CHECK(run["train"]["init"] == t.model());

  // The folder is not needed to go on.
  std::filesystem::copy(t.model(), dir / "moved", std::filesystem::copy_options::recursive);
  auto moved = begin("other", {"--init", (dir / "moved").string(), "--set", "train.max_steps=2", "train.batch_size=4"});
  INFO(moved.err);
  REQUIRE(moved.code == 0);
  std::filesystem::remove_all(dir / "moved");
  const auto resumed =
      gpt({"train", "--out", (dir / "other").string(), "--resume", "--json", "--set", "train.max_steps=3"});
  INFO(resumed.err);
  CHECK(resumed.code == 0);

  // Another name of the same folder, a copy of its tokenizer; and a folder that names its architecture alone.
  std::filesystem::create_directories(dir / "copy");
  std::filesystem::copy(t.model() + "/tokenizer.json", dir / "copy");
  std::filesystem::copy(t.model() + "/tokenizer_config.json", dir / "copy");
  std::filesystem::copy(t.model(), dir / "untyped", std::filesystem::copy_options::recursive);
  auto untyped = Json::parse(test::read_file(dir / "untyped/config.json"));
  untyped.erase("model_type");
  test::write_file(dir / "untyped/config.json", untyped.dump());
  const auto same = begin("same", {"--init", (dir / "untyped").string(), "--tokenizer", (dir / "copy").string(),
                                   "--set", "train.max_steps=1", "train.batch_size=4"});
  INFO(same.err);
  CHECK(same.code == 0);
  check_error(begin("new", {"--init", (dir / "new").string(), "--overwrite"}), 2, "whose run this one replaces");

  const auto out = "refused";
  check_error(begin(out, {"--set", "model.n_layer=2"}), 2, "model.n_layer = 2: the model in " + t.model() + " has 1");
  check_error(begin(out, {"--tokenizer", "char"}), 2, "data.tokenizer = char");
  check_error(begin(out, {"--preset", "gpt2"}), 2, "(train.init)");
  check_error(begin(out, {"--init", (dir / "none").string()}), 1, "none");
  config["model_type"] = "seq2seq";
  std::filesystem::create_directories(dir / "seq2seq");
  test::write_file(dir / "seq2seq/config.json", config.dump());
  check_error(begin(out, {"--init", (dir / "seq2seq").string()}), 2, "is a model of type seq2seq");
  CHECK(!std::filesystem::exists(dir / out));
}

TEST_CASE("what a folder's config leaves open is the published default, not a run's") {
  TempDir dir;
  const auto text = (trained().dir / "text.txt").string();
  const auto init = dir / "published";
  REQUIRE(gpt(tiny(text, init.string(), {"model.n_head=12", "model.n_embd=24", "train.max_steps=1"})).code == 0);
  auto config = Json::parse(test::read_file(init / "config.json"));
  config.erase("n_head");
  test::write_file(init / "config.json", config.dump());
  for (const auto* name : {"tokenizer.json", "tokenizer_config.json"}) std::filesystem::remove(init / name);
  const auto begin = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train", "--init", init.string(),          "--data",
                                          text,    "--out",  (dir / "out").string(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return gpt(arguments);
  };
  check_error(begin({"--set", "train.max_steps=1"}), 2, "holds no tokenizer; data.tokenizer says which");
  check_error(begin({"--tokenizer", "train:bytebpe:5000", "--set", "train.max_steps=1"}), 2, "model.vocab_size = ");
  const auto result = begin({"--tokenizer", "char", "--set", "train.max_steps=1", "train.batch_size=2"});
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK(Json::parse(test::read_file(dir / "out/config.json"))["n_head"] == 12);
}

TEST_CASE("batches wait for the training, whatever the seed") {
  const auto& t = trained();
  TempDir dir;
  const auto memory = [&](const std::string& seed) {
    auto arguments = tiny((t.dir / "text.txt").string(), (dir / seed).string(),
                          {"train.batch_size=32", "model.n_positions=64", "train.max_steps=60"});
    arguments.insert(arguments.begin() + 1, {"--seed", seed});
    const auto result = gpt(arguments);
    INFO(result.err);
    REQUIRE(result.code == 0);
    return result.object()["peak_memory_bytes"].get<double>();
  };
  CHECK(memory("18446744073709551615") < memory("1") + 50e6);
}

TEST_CASE("closed standard streams do not lend their descriptors to a run's files") {
  TempDir dir;
  auto arguments = tiny((trained().dir / "text.txt").string(), (dir / "run").string());
  Process process(kProgram, arguments, {}, /*closed=*/true);
  CHECK(process.wait().code == 1);  // its result could not be printed
  std::ifstream metrics(dir / "run/metrics.jsonl");
  for (std::string line; std::getline(metrics, line);) CHECK(Json::parse(line, nullptr, false).is_object());
}

TEST_CASE("a run killed while it prepares its data can be resumed") {
  TempDir dir;
  const auto out = (dir / "run").string();
  auto arguments = tiny("microworld", out, {"data.microworld_bytes=1000000", "train.max_steps=1"});
  Process process(kProgram, arguments);
  process.wait_until([&] { return std::filesystem::exists(dir / "run/data"); });
  process.signal(SIGKILL);
  process.wait();
  CHECK(!std::filesystem::exists(dir / "run/config.json"));
  arguments.push_back("--resume");
  const auto result = gpt(arguments);
  INFO(result.err);
  CHECK(result.code == 0);
}

TEST_CASE("a model trained with a bare .model is opened again, best and last, and goes on") {
  TempDir dir;
  test::write_file(dir / "text.txt", sentences(100));
  const auto out = (dir / "run").string();
  auto arguments = tiny((dir / "text.txt").string(), out);
  arguments[4] = test::fixture("tokenizers/sentencepiece/unigram.model").string();
  // What fails once the tokenizer is there leaves nothing behind, so that the next attempt is a first one.
  auto impossible = arguments;
  impossible.push_back("model.n_head=3");
  check_error(gpt(impossible), 2, "n_head");
  CHECK(!std::filesystem::exists(out));

  const auto trained = gpt(arguments);
  INFO(trained.err);
  REQUIRE(trained.code == 0);
  for (const auto& model : {out, out + "/best"}) {
    const auto eval = gpt({"eval", "--model", model, "--data", (dir / "text.txt").string(), "--json"});
    INFO(eval.err);
    REQUIRE(eval.code == 0);
    CHECK(eval.object()["bytes"] == sentences(100).size());
    const auto made = gpt({"generate", "--model", model, "--prompt", "Anna has", "--max-new-tokens", "3", "--json"});
    INFO(made.err);
    CHECK(made.code == 0);
  }
  arguments.insert(arguments.end(), {"train.max_steps=22", "--resume"});
  const auto resumed = gpt(arguments);
  INFO(resumed.err);
  CHECK(resumed.code == 0);
}

TEST_CASE("--resume takes the same text by another name, and no other text") {
  TempDir dir;
  const auto out = dir / "run";
  auto other = sentences(100);
  std::swap(other[0], other[1]);  // of as many characters, the same ones
  test::write_file(dir / "text.txt", sentences(100));
  test::write_file(dir / "moved.txt", sentences(100));
  test::write_file(dir / "other.txt", other);
  int steps = 20;
  const auto resume = [&](const std::string& data) {
    auto arguments = tiny(data, out.string(), {"train.max_steps=" + std::to_string(++steps), "--resume"});
    if (data.empty()) arguments.erase(arguments.begin() + 1, arguments.begin() + 3);
    return gpt(arguments);
  };
  // A relative path is found again from another directory.
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  const auto first = gpt(tiny("text.txt", out.string()));
  std::filesystem::current_path(here);
  REQUIRE(first.code == 0);
  const auto elsewhere = resume("");
  INFO(elsewhere.err);
  CHECK(elsewhere.code == 0);

  const auto moved = resume((dir / "moved.txt").string());
  INFO(moved.err);
  CHECK(moved.code == 0);
  const auto weights = test::read_file(out / "model.safetensors");
  check_error(resume((dir / "other.txt").string()), 1, "the training data is another, in its text");
  CHECK(test::read_file(out / "model.safetensors") == weights);
  test::write_file(dir / "moved.txt", other);  // the same name, another text
  check_error(resume((dir / "moved.txt").string()), 1, "the training data is another");
  CHECK(resume((dir / "text.txt").string()).code == 0);
  check_error(resume((dir / "none.txt").string()), 1, "none.txt");

  // Without a saved state nothing tells whether it is the same.
  std::filesystem::remove_all(out / "training_state");
  check_error(resume((dir / "moved.txt").string()), 2, "data.train");
}

TEST_CASE("a run says which positions it does not train") {
  const TempDir dir;
  test::write_file(dir / "text.txt", sentences(20));
  const auto data = (dir / "text.txt").string();
  const std::string note = "data.context = 8: positions 9 to 16 of the model learn nothing";
  CHECK_THAT(gpt(tiny(data, (dir / "run").string(), {"data.context=8"})).err, Catch::Contains(note));
  CHECK_THAT(gpt(tiny(data, (dir / "whole").string())).err, !Catch::Contains("learn nothing"));
  CHECK_THAT(gpt({"train", "--init", (dir / "whole").string(), "--data", data, "--out", (dir / "more").string(),
                  "--threads", "1", "--set", "data.context=8", "train.max_steps=1"})
                 .err,
             Catch::Contains("saved in") && !Catch::Contains("learn nothing"));
}

TEST_CASE("a preset of another type's layers trains that type") {
  const TempDir dir;
  const auto out = (dir / "run").string();
  const auto result = gpt({"train", "--preset", "patterns", "--tokenizer", "char", "--out", out, "--threads", "1",
                           "--set", "train.max_steps=1", "data.microworld_bytes=20000"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto config = Json::parse(test::read_file(dir / "run" / "config.json"));
  CHECK(config["model_type"] == "gpt_neo");
  CHECK(config["window_size"] == 2);
  CHECK_FALSE(gpt({"prompt", "--model", out, "--task", "microworld-labels", "--shots", "2"}).out.empty());
}

TEST_CASE("a run of before fingerprints covered the text goes on where its sizes agree") {
  TempDir dir;
  const auto out = dir / "run";
  test::write_file(dir / "text.txt", sentences(100));
  const auto data = (dir / "text.txt").string();
  REQUIRE(gpt(tiny(data, out.string())).code == 0);
  const auto text = sentences(100);
  const auto characters = std::set<char>(text.begin(), text.end()).size();
  const auto resume_as = [&](std::size_t tokens) {
    test::set_saved_fingerprint(out, "causal_lm tokens " + std::to_string(tokens) + " vocabulary " +
                                         std::to_string(characters) + " context 16 batch 4 seed 1");
    return gpt(tiny(data, out.string(), {"train.max_steps=22", "--resume"}));
  };
  const auto tokens = static_cast<std::size_t>(static_cast<double>(sentences(100).size()) * 0.9);
  check_error(resume_as(tokens + 1), 1, "the training data is another");
  const auto result = resume_as(tokens);
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK_THAT(result.err, Catch::Contains("saved by an earlier version"));
}

TEST_CASE("what an earlier part of a run prepared survives an attempt that fails") {
  TempDir dir;
  const auto out = dir / "run";
  test::write_file(dir / "text.txt", sentences(100));
  auto arguments = tiny((dir / "text.txt").string(), out.string());
  REQUIRE(gpt(arguments).code == 0);
  // As it was left by a run that was killed while it prepared, with a setting that shows to be impossible later.
  for (const auto* name : {"training_state", "best", "model.safetensors", "config.json"}) {
    std::filesystem::remove_all(out / name);
  }
  auto run = Json::parse(test::read_file(out / "run.json"));
  run["model"]["n_head"] = 3;
  test::write_file(out / "run.json", run.dump());
  const auto tokens = test::read_file(out / "data/train.tokens");
  arguments.insert(arguments.end(), {"model.n_head=3", "--resume"});
  check_error(gpt(arguments), 2, "n_head");
  CHECK(test::read_file(out / "data/train.tokens") == tokens);
  CHECK(std::filesystem::exists(out / "tokenizer.json"));
}

TEST_CASE("settings of the trainer that cannot be are refused before anything is prepared") {
  TempDir dir;
  const auto out = (dir / "run").string();
  const auto result = gpt(tiny("microworld", out, {"data.microworld_bytes=4000000", "train.min_learning_rate=1"}));
  check_error(result, 2, "min_learning_rate");
  CHECK(!std::filesystem::exists(out));
}

TEST_CASE("settings that cannot be are refused before any data is looked at") {
  TempDir dir;
  const auto out = (dir / "run").string(), missing = (dir / "none.txt").string();
  check_error(gpt(tiny(missing, out, {"train.min_learning_rate=1"})), 2, "min_learning_rate = 1");
  check_error(gpt(tiny(missing, out, {"train.learning_rate=0"})), 2, "learning_rate = 0");
  check_error(gpt(tiny(missing, out, {"train.beta1=1"})), 2, "beta1 = 1");
  check_error(gpt(tiny(missing, out, {"train.optimizer=lion"})), 2, "must be one of adamw, sgd, ");
  check_error(gpt(tiny(missing, out, {"train.optimizer=own"})), 2, "no training algorithm of its own");
  check_error(gpt(tiny(missing, out, {"train.best_metric=bleu"})), 2, "it gives loss, perplexity");
  CHECK(!std::filesystem::exists(out));
}

TEST_CASE("the run of another program is not resumed") {
  const auto& t = trained();
  TempDir dir;
  std::filesystem::copy(t.model(), dir / "run", std::filesystem::copy_options::recursive);
  auto run = Json::parse(test::read_file(dir / "run/run.json"));
  CHECK(run["program"] == "gpt");
  run["program"] = "seq2seq";
  test::write_file(dir / "run/run.json", run.dump());
  auto arguments = tiny((t.dir / "text.txt").string(), (dir / "run").string());
  arguments.push_back("--resume");
  check_error(gpt(arguments), 2, "is a run of the program \"seq2seq\", not of \"gpt\"");
}

TEST_CASE("the best checkpoints of a language model are averaged into one that is measured") {
  const TempDir dir;
  test::write_file(dir / "text.txt", sentences(100));
  const auto text = (dir / "text.txt").string(), run = (dir / "run").string(), mean = (dir / "mean").string();
  const auto trained = gpt(tiny(text, run, {"train.keep_checkpoints=2", "train.keep_which=best"}));
  INFO(trained.err);
  REQUIRE(trained.code == 0);
  const auto done = gpt({"average", "--model", run, "--out", mean, "--json"}).object();
  CHECK(done["checkpoints"] == 2);
  CHECK(done["first"] == run + "/checkpoint-10");
  CHECK(done["last"] == run + "/checkpoint-20");
  const auto measured = gpt({"eval", "--model", mean, "--data", text, "--json"});
  INFO(measured.err);
  CHECK(measured.object()["nats_per_token"].get<double>() < std::log(40));
  const auto other = (dir / "other").string();
  REQUIRE(gpt(tiny(text, other, {"model.n_positions=8", "train.max_steps=1"})).code == 0);
  check_error(gpt({"average", "--model", other, "--model", run, "--out", mean + "2"}), 1, "n_positions is not that of");
}

TEST_CASE("microworld needs no data and is measured against its own entropy") {
  TempDir dir;
  const auto out = (dir / "run").string();
  auto arguments = tiny("microworld", out, {"data.microworld_bytes=20000", "train.max_steps=4"});
  arguments[4] = "train:bytebpe:300";
  const auto result = gpt(arguments);
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto valid = result.object()["valid"];
  CHECK(valid["source_loss"].get<double>() < valid["loss"].get<double>());
  const auto eval = gpt({"eval", "--model", out, "--data", "microworld", "--json"}).object();
  CHECK(eval["source_nats_per_token"].get<double>() > 0);
  CHECK(eval["source_nats_per_token"].get<double>() < eval["nats_per_token"].get<double>());
}

TEST_CASE("byte-level models take and give any bytes") {
  TempDir dir;
  std::string bytes;
  for (int i = 0; i < 4000; ++i) bytes += static_cast<char>(i * i % 251 + (i % 5));
  test::write_file(dir / "bytes.txt", bytes);
  const auto out = (dir / "run").string();
  auto arguments = tiny((dir / "bytes.txt").string(), out, {"train.max_steps=2"});
  arguments[4] = "train:bytebpe:257";
  REQUIRE(gpt(arguments).code == 0);
  const auto result = gpt({"generate", "--model", out, "--prompt", "\xff\xfe", "--seed", "1", "--json"});
  REQUIRE(result.code == 0);
  CHECK(result.object()["prompt"] == "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("what is not UTF-8 is said by every verb that reads it, where the tokenizer has no bytes") {
  TempDir dir;
  test::write_file(dir / "text.txt", sentences(50));
  const auto out = (dir / "run").string();
  auto arguments = tiny((dir / "text.txt").string(), out, {"train.max_steps=2"});
  arguments[4] = "train:wordpiece:60";
  REQUIRE(gpt(arguments).code == 0);
  const auto odd = "Anna has \xff\xfe dog.\n";
  test::write_file(dir / "odd.txt", odd);
  const std::vector<std::string> eval = {"eval", "--data", (dir / "odd.txt").string()};
  for (auto verb : {eval, {"score", "--text", odd}, {"generate", "--prompt", odd, "--greedy"}}) {
    verb.insert(verb.end(), {"--model", out, "--json"});
    const auto result = gpt(verb);
    INFO(verb[0] << ": " << result.err);
    CHECK(result.code == 0);
    CHECK_THAT(result.err, Catch::Contains("is not UTF-8"));
  }
}

TEST_CASE("usage errors exit with 2 and name the flag or key") {
  const auto& t = trained();
  const auto text = (t.dir / "text.txt").string();
  TempDir dir;
  const auto out = (dir / "out").string();
  check_error(gpt({}), 2, "--help");
  check_error(gpt({"trian"}), 2, "trian");
  check_error(gpt({"train", "--data", text}), 2, "--out");
  check_error(gpt({"train", "--out", out}), 2, "--data");
  check_error(gpt({"eval", "--model", t.model(), "--data", text, "--strid", "2", "--json"}), 2, "--strid");
  check_error(gpt({"eval", "--model", t.model(), "--data", text, "--stride", "17", "--json"}), 2, "--stride");
  check_error(gpt({"eval", "--model", t.model(), "--data", text, "--device", "tpu"}), 2, "--device");
  check_error(gpt({"score", "--model", t.model(), "--json"}), 2, "--text");
  check_error(gpt({"score", "--model", t.model(), "--text", "A", "--ids", text}), 2, "--ids");
  check_error(gpt({"generate", "--model", t.model(), "--prompt", "A", "--top-p", "2", "--json"}), 2, "--top-p");
  for (const auto* seed : {"-1", "18446744073709551616", "1.5", ""}) {
    check_error(gpt({"eval", "--model", t.model(), "--data", text, "--seed", seed, "--json"}), 2, "--seed");
  }
  const auto stride = gpt({"eval", "--model", t.model(), "--data", text, "--stride", "0", "--json"});
  check_error(stride, 2, "--stride");
  CHECK(stride.err.size() < 200);
  check_error(gpt(tiny(text, "")), 2, "--out");
  check_error(gpt({"generate", "--model", t.model(), "--prompt", "", "--json"}), 2, "empty");
  check_error(gpt(tiny(text, t.model())), 2, t.model());
  check_error(gpt(tiny(text, out, {"train.max_step=3"})), 2, "train.max_steps");
  check_error(gpt(tiny(text, out, {"model.n_head=3"})), 2, "n_head");
  check_error(gpt(tiny(text, out, {"model.n_layer=-1"})), 2, "n_layer");
  check_error(gpt(tiny(text, out, {"train.learning_rate=fast"})), 2, "train.learning_rate");
  check_error(gpt(tiny(text, out, {"data.tokenizer=train:bytebpe:x"})), 2, "data.tokenizer");
  check_error(gpt(tiny(text, out, {"model.vocab_size=3"})), 2, "model.vocab_size");
  check_error(gpt(tiny(text, out, {"--preset", "none"})), 2, "shakespeare-char");
  check_error(gpt(tiny(text, out, {"--config", t.file("c.json", "{\"train\": {\"stepz\": 1}}")})), 2, "c.json");
  CHECK(!std::filesystem::exists(out));
}

TEST_CASE("failures exit with 1 and name the file") {
  const auto& t = trained();
  TempDir dir;
  const auto out = (dir / "out").string();
  const auto text = (t.dir / "text.txt").string();
  check_error(gpt(tiny((dir / "none.txt").string(), out)), 1, "none.txt");
  check_error(gpt(tiny(t.file("empty.txt", ""), out)), 1, "empty.txt");
  check_error(gpt(tiny(t.file("short.txt", "too short"), out)), 1, "short.txt");
  check_error(gpt(tiny(t.file("latin1.txt", "caf\xe9 " + sentences(9)), out)), 1, "latin1.txt");
  check_error(gpt(tiny(text, out, {"--valid", (dir / "none.txt").string()})), 1, "none.txt");
  check_error(gpt(tiny(text, out, {"--config", (dir / "none.json").string()})), 1, "none.json");
  CHECK(!std::filesystem::exists(out));
  check_error(gpt({"eval", "--model", (dir / "none").string(), "--data", text, "--json"}), 1, "none");
  check_error(gpt({"eval", "--model", t.model(), "--data", (dir / "none").string(), "--json"}), 1, "none");
  check_error(gpt({"eval", "--model", t.model(), "--data", t.file("one.txt", "A"), "--json"}), 1, "one.txt");
  check_error(gpt({"generate", "--model", t.model(), "--prompts", t.file("none", ""), "--json"}), 1, "none");
  check_error(gpt({"generate", "--model", t.model(), "--prompt", std::string(40, 'A'), "--json"}), 1, "40");
  check_error(
      gpt({"generate", "--model", t.model(), "--prompts", t.file("p.txt", "A\n" + std::string(17, 'A')), "--json"}), 1,
      "p.txt: line 2");
  const auto strange = t.file("strange.txt", sentences(9) + "\u00e9");
  check_error(gpt({"eval", "--model", t.model(), "--data", strange, "--json"}), 1, "strange.txt");
  check_error(gpt({"generate", "--model", t.model(), "--prompt", "\u00e9", "--json"}), 1, "--prompt");
  check_error(gpt({"score", "--model", t.model(), "--text", "\u00e9", "--json"}), 1, "--text");
  check_error(gpt({"score", "--model", t.model(), "--text", std::string(17, 'A'), "--json"}), 1, "17");
  check_error(gpt({"score", "--model", t.model(), "--ids", t.file("i1", "1 2\n3 999 4\n"), "--json"}), 1,
              "line 2: id 999");
  check_error(gpt({"score", "--model", t.model(), "--ids", t.file("i2", "1 two\n"), "--json"}), 1, "two");
  check_error(gpt({"score", "--model", t.model(), "--ids", t.file("i3", "-1\n"), "--json"}), 1, "-1");

  // A tokenizer that does not fit the model, and a damaged weight file.
  std::filesystem::copy(t.model(), dir / "other");
  auto config = Json::parse(test::read_file(dir / "other/config.json"));
  config["vocab_size"] = 5;
  test::write_file(dir / "other/config.json", config.dump());
  check_error(gpt({"eval", "--model", (dir / "other").string(), "--data", text, "--json"}), 1, "other");
  std::filesystem::copy(t.model(), dir / "cut");
  std::filesystem::resize_file(dir / "cut/model.safetensors", 1000);
  check_error(gpt({"eval", "--model", (dir / "cut").string(), "--data", text, "--json"}), 1, "model.safetensors");
}

TEST_CASE("help and version go to stdout") {
  const auto help = gpt({"train", "--help"});
  CHECK(help.code == 0);
  for (const auto* part :
       {"--preset", "shakespeare-char", "train.learning_rate", "model.n_layer", "langzoo-gpt train"}) {
    CHECK_THAT(help.out, Catch::Contains(part));
  }
  CHECK(gpt({"--version"}).out.rfind("langzoo-gpt ", 0) == 0);
}
