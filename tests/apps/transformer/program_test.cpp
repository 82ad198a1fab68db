// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <sstream>

#include <nlohmann/json.hpp>

#include "apps/training/run_tokenizer.h"
#include "data/files/files.h"
#include "models/io/safetensors.h"
#include "tests/apps/translation/translation.h"

namespace langzoo::test::program_test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

Result transformer(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process("langzoo-transformer", std::move(arguments), input).wait();
}

Result succeed(std::vector<std::string> arguments, const std::string& input = {}) {
  auto result = transformer(std::move(arguments), input);
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

std::vector<std::string> train_letters(const TempDir& dir, const std::string& run, int steps,
                                       std::vector<std::string> settings = {}) {
  write_file(dir / "train.tsv", letters_of_digits(500, 1));
  std::vector<std::string> arguments = {"train",
                                        "--data",
                                        (dir / "train.tsv").string(),
                                        "--out",
                                        (dir / run).string(),
                                        "--preset",
                                        "tiny",
                                        "--tokenizer",
                                        "char",
                                        "--threads",
                                        "1",
                                        "--json",
                                        "--set",
                                        "train.max_steps=" + std::to_string(steps),
                                        "train.batch_tokens=100",
                                        "train.save_every=5",
                                        "data.translated=4",
                                        "model.d_model=16",
                                        "model.encoder_ffn_dim=32",
                                        "model.decoder_ffn_dim=32",
                                        "model.max_position_embeddings=20"};
  arguments.insert(arguments.end(), settings.begin(), settings.end());
  return arguments;
}

}  // namespace

TEST_CASE("train writes a MarianMTModel, translates with it, and a resumed run is the uninterrupted one") {
  const TempDir dir;
  succeed(train_letters(dir, "whole", 12));
  const auto config = json::parse(read_file(dir / "whole/config.json"));
  CHECK(config["model_type"] == "marian");
  CHECK(config["architectures"] == json{"MarianMTModel"});
  CHECK(config["decoder_start_token_id"] == config["pad_token_id"]);
  succeed(train_letters(dir, "parts", 7));
  succeed({"train", "--out", (dir / "parts").string(), "--resume", "--threads", "1", "--set", "train.max_steps=12"});
  CHECK(read_file(dir / "parts/model.safetensors") == read_file(dir / "whole/model.safetensors"));

  const auto model = (dir / "whole").string();
  const auto translated = succeed({"translate", "--model", model, "--json", "--num-beams", "2"}, "123\n4\n").objects();
  REQUIRE(translated.size() == 2);
  CHECK(translated[0]["ids"].size() <= 20);  // the positions end it
  // A source beyond the positions is cut, which is said.
  const auto cut = succeed({"translate", "--model", model, "--text", "1234512345123451234512345"});
  CHECK_THAT(cut.err, Catch::Contains("25 tokens, cut to 19"));
  const auto scores = succeed({"eval", "--model", model, "--data", (dir / "train.tsv").string(), "--json"}).object();
  CHECK(scores["pairs"] == 500);
  succeed({"align", "--model", model, "--text", "12", "--translation", "bc"});
  CHECK_THAT(succeed({"translate", "--model", model, "--text", "1", "--max-new-tokens", "30"}).err,
             Catch::Contains("--max-new-tokens 30: the model has 20 places"));
  check_error(transformer({"translate", "--model", model, "--text", "1", "--min-new-tokens", "30"}), 2,
              "--min-new-tokens 30: the model has 20 places");
  // Pairs beyond them are named, a translation of the model's own that does not end is shown as far as it goes.
  const std::string longer(30, '1');
  write_file(dir / "half.tsv", "\tab\n12\tab\n");
  write_file(dir / "long.tsv", "\tbc\n12\t" + std::string(30, 'b') + "\n");
  for (const std::string verb : {"align", "attention"}) {
    const auto show = [&](std::vector<std::string> flags) {
      flags.insert(flags.begin(), {verb, "--model", model, "--json"});
      return transformer(flags);
    };
    check_error(show({"--data", (dir / "long.tsv").string(), "--pairs", "5"}), 1,
                "long.tsv: line 2: has 30 tokens, and the model takes 19");
    const auto half = show({"--data", (dir / "half.tsv").string(), "--pairs", "5"});
    CHECK(half.objects().size() == 1);
    CHECK_THAT(half.err, Catch::Contains("not shown: 1 pair whose source is empty"));
    check_error(show({"--text", "1", "--out", "/dev/stdout"}), 2, "--json: not with --out to stdout");
    check_error(show({"--text", longer}), 1, "--text: has 30 tokens");
    check_error(show({"--text", "1", "--translation", std::string(30, 'b')}), 1, "--translation: has 30 tokens");
    CHECK(show({"--text", "1", "--min-new-tokens", "20"}).code == 0);
  }
}

TEST_CASE("flags go before what the folder says of decoding, and a blank line gives an object too") {
  const TempDir dir;
  succeed(train_letters(dir, "run", 3));
  const auto model = (dir / "run").string();
  const auto config = json::parse(read_file(dir / "run/config.json"));
  const auto end = config["eos_token_id"].get<int>();
  const auto translate = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"translate", "--model", model, "--json"});
    return transformer(flags, "12\n\n345\n");
  };
  const auto unsaid = translate({});
  CHECK(unsaid.err.empty());
  CHECK(unsaid.objects()[2]["ids"].size() > 4);
  json said = {{"num_beams", 3},      {"max_length", 5},          {"forced_eos_token_id", end},
               {"eos_token_id", end}, {"length_penalty", 0.5},    {"bad_words_ids", {unsaid.objects()[2]["ids"]}},
               {"do_sample", true},   {"num_return_sequences", 2}};
  write_file(dir / "run/generation_config.json", said.dump());
  const auto folder = translate({});
  CHECK_THAT(folder.err, Catch::Contains("num_beams = 3") && Catch::Contains("not done: do_sample = true"));
  REQUIRE(folder.objects().size() == 3);
  CHECK(folder.objects()[2]["ids"].size() <= 4);  // max_length counts the start token
  CHECK(folder.objects()[2]["ids"].back() == end);
  CHECK(folder.objects()[1]["text"] == "");
  CHECK(folder.objects()[1]["ids"].empty());

  const auto greedy = translate({"--num-beams", "1", "--max-new-tokens", "3", "--length-penalty", "2"});
  CHECK_THAT(greedy.err, Catch::Contains("--length-penalty has no effect without --num-beams above 1"));
  CHECK(greedy.objects()[2]["ids"].size() == 3);
  CHECK(greedy.objects()[2]["ids"].back() == end);  // forced all the same
  CHECK(translate({"--length-penalty", "2"}).err.find("no effect") == std::string::npos);
  CHECK(translate({"--n-best", "3"}).objects().size() == 7);
  check_error(translate({"--n-best", "4"}), 2, "which is 3");
  // The same in config.json, as folders were before.
  fs::remove(dir / "run/generation_config.json");
  auto older = config;
  older.update(said);
  write_file(dir / "run/config.json", older.dump());
  CHECK(translate({}).out == folder.out);
  write_file(dir / "run/generation_config.json", R"({"num_beams": "many"})");
  check_error(translate({}), 1, "generation_config.json: num_beams");
  write_file(dir / "run/generation_config.json", R"({"suppress_tokens": [5000]})");
  check_error(translate({}), 1, "generation_config.json: suppress_tokens");
}

TEST_CASE("score gives the log-probability of every token of a target, the end token included") {
  const TempDir dir;
  succeed(train_letters(dir, "run", 3));
  const auto model = (dir / "run").string(), data = (dir / "pairs.tsv").string();
  write_file(data, "12\tbc\n\tb\n345\tdef\n");
  const auto scores = succeed({"score", "--model", model, "--data", data, "--json"}).objects();
  REQUIRE(scores.size() == 3);
  write_file(dir / "two.tsv", "12\tbc\n345\tdef\n");
  const auto measured = succeed({"eval", "--model", model, "--data", (dir / "two.tsv").string(), "--json"}).object();
  double nats = 0;
  for (const auto i : {0, 2}) {
    REQUIRE(scores[i]["logprobs"].size() == scores[i]["ids"].size());
    for (const auto& logprob : scores[i]["logprobs"]) nats -= logprob.get<double>();
  }
  CHECK(scores[0]["ids"].size() == 3);
  CHECK(scores[2]["ids"].size() == 4);
  CHECK(nats / 7 == Approx(measured["nats_per_token"].get<double>()).epsilon(1e-5));
  CHECK_THAT(succeed({"score", "--model", model, "--data", data}).out, Catch::Contains("in all, "));
  write_file(data, "1\tb\n12\t" + std::string(25, 'b') + "\n");
  check_error(transformer({"score", "--model", model, "--data", data}), 1, "line 2: has 25 tokens");
  check_error(transformer({"eval", "--model", model, "--data", data}), 1, "line 2: has 25 tokens");
}

TEST_CASE("a run with Marian's tokenizers trains with both sides and saves their files") {
  const TempDir dir;
  const auto tokenizer = fixture("marian/separate").string(), run = (dir / "run").string();
  write_file(dir / "pairs.tsv",
             "Anna sees two cats.\tAnna voit deux chats.\nBen reads a small book!\tBen lit un petit livre!\n");
  const auto train = [&](const std::string& steps, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train", "--out", run, "--threads", "1", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.insert(arguments.end(), {"--set", "train.max_steps=" + steps, "train.save_every=1"});
    return arguments;
  };
  const std::vector<std::string> begin = {"--data",      (dir / "pairs.tsv").string(),
                                          "--valid",     (dir / "pairs.tsv").string(),
                                          "--tokenizer", tokenizer,
                                          "--preset",    "tiny"};
  check_error(transformer(train("1", begin)), 2, "share_encoder_decoder_embeddings = true");
  fs::remove_all(run);
  auto arguments = train("2", begin);
  arguments.insert(arguments.end(), {"model.share_encoder_decoder_embeddings=false", "model.d_model=16",
                                     "model.encoder_ffn_dim=16", "model.decoder_ffn_dim=16", "data.translated=1"});
  succeed(arguments);
  for (const auto* file : {"source.spm", "target.spm", "vocab.json", "target_vocab.json"}) {
    CHECK(read_file(dir / "run" / file) == read_file(fixture("marian/separate") / file));
  }
  CHECK_FALSE(fs::exists(dir / "run/target_tokenizer"));
  const auto config = json::parse(read_file(dir / "run/config.json"));
  CHECK(config["model_type"] == "marian");
  CHECK(config["vocab_size"] == json::parse(read_file(dir / "run/vocab.json")).size());
  CHECK(config["decoder_vocab_size"] == json::parse(read_file(dir / "run/target_vocab.json")).size());
  succeed(train("3", {"--resume"}));
  write_file(dir / "one.tsv", "Anna sees\tAnna voit\n");
  const auto score = succeed({"score", "--model", run, "--data", (dir / "one.tsv").string(), "--json"}).object();
  CHECK(score["ids"] == TranslationTokenizers::load(run).target().encode("Anna voit").ids);
}

TEST_CASE("translate gives transformers' ids of an older Opus-MT folder whose config.json says how to decode") {
  const auto model = fixture("marian/opus");
  const auto cases = json::parse(read_file(model / "cases.json"))["translations"];
  std::string input;
  std::vector<json> expected;
  for (const auto& c : cases) {
    if (!c["settings"].empty()) continue;
    input += c["text"].get<std::string>() + "\n";
    expected.push_back(c);
  }
  REQUIRE(expected.size() == 8);
  const auto found = succeed({"translate", "--model", model.string(), "--json"}, input).objects();
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i]["ids"] == expected[i]["ids"].get<std::vector<int>>());
    CHECK(found[i]["text"] == expected[i]["translation"].get<std::string>());
    CHECK(found[i]["score"].get<double>() == Approx(expected[i]["score"].get<double>()).epsilon(1e-5));
  }
}

TEST_CASE("a wiring that Marian does not have is a folder of another model_type, which opens as well") {
  const TempDir dir;
  succeed(train_letters(dir, "run", 2,
                        {"model.normalize_before=true", "model.gated_feed_forward=true",
                         "model.position_embedding_type=learned", "model.activation_function=silu"}));
  CHECK(json::parse(read_file(dir / "run/config.json"))["model_type"] == "transformer");
  CHECK(succeed({"translate", "--model", (dir / "run").string(), "--json"}, "12\n").objects().size() == 1);
}

TEST_CASE("settings of a Transformer that cannot be are refused before data is prepared") {
  const TempDir dir;
  const auto refused = [&](const std::string& setting, const std::string& names) {
    check_error(transformer(train_letters(dir, "run", 1, {setting})), 2, names);
    CHECK_FALSE(fs::exists(dir / "run"));
  };
  refused("model.encoder_attention_heads=3", "encoder_attention_heads");
  refused("data.max_source=20", "data.max_source = 20");
  refused("data.max_target=0", "data.max_target = 0");
  refused("train.label_smoothing=1", "train.label_smoothing");
  refused("train.label_smoothing_kind=some", "train.label_smoothing_kind");
  refused("model.position_embedding_type=rotary", "position_embedding_type");
}

TEST_CASE("a model that a run begins with brings its tokenizer, whatever the preset's; a flag's is refused") {
  const TempDir dir;
  succeed(train_letters(dir, "old", 1));
  const auto begin = [&](const std::vector<std::string>& more, const std::string& steps) {
    std::vector<std::string> arguments = {"train",
                                          "--data",
                                          (dir / "train.tsv").string(),
                                          "--out",
                                          (dir / "new").string(),
                                          "--init",
                                          (dir / "old").string(),
                                          "--preset",
                                          "tiny",
                                          "--threads",
                                          "1",
                                          "--set",
                                          "train.max_steps=" + steps,
                                          "data.translated=0",
                                          "model.d_model=16",
                                          "model.encoder_ffn_dim=32",
                                          "model.decoder_ffn_dim=32"};
    arguments.insert(arguments.begin() + 1, more.begin(), more.end());
    return transformer(arguments);
  };
  check_error(begin({"--tokenizer", "train:unigram:60"}, "1"), 2, "data.tokenizer = train:unigram:60: the model in ");
  const auto begun = begin({}, "1");
  INFO(begun.err);
  REQUIRE(begun.code == 0);
  CHECK_THAT(begun.err, Catch::Contains("begins with the weights in " + (dir / "old").string()));
  CHECK(read_file(dir / "new/tokenizer.json") == read_file(dir / "old/tokenizer.json"));
  const auto resumed = begin({"--resume"}, "2");  // the same command again
  INFO(resumed.err);
  CHECK(resumed.code == 0);
}

TEST_CASE("the mean of kept checkpoints is a model folder that translates") {
  const TempDir dir;
  succeed(train_letters(dir, "run", 15, {"train.keep_checkpoints=3", "train.best_metric=bleu", "train.eval_every=5"}));
  const auto run = (dir / "run").string(), out = (dir / "mean").string();
  check_error(transformer({"average", "--model", run, "--last", "4", "--out", out}), 1, "holds 3 checkpoints, not 4");
  check_error(transformer({"average", "--model", run + "/best", "--out", out}), 1, "train.keep_checkpoints");
  const auto done = succeed({"average", "--model", run, "--last", "2", "--out", out, "--json"}).object();
  CHECK(done["checkpoints"] == 2);
  CHECK(done["first"] == run + "/checkpoint-10");
  const auto mean = load_safetensors(dir / "mean/model.safetensors"),
             a = load_safetensors(dir / "run/checkpoint-10/model.safetensors"),
             b = load_safetensors(dir / "run/checkpoint-15/model.safetensors");
  REQUIRE(mean.keys() == a.keys());
  for (const auto& name : mean.keys()) CHECK(max_difference(mean[name], (a[name] + b[name]) / 2) < 1e-7);
  const auto scores = succeed({"eval", "--model", out, "--data", (dir / "train.tsv").string(), "--json"}).object();
  CHECK(scores["pairs"] == 500);
  check_error(transformer({"average", "--model", run, "--out", out}), 2, "is not empty");
  // Folders of two runs; where there is one only, the same weights.
  const auto two = (dir / "two").string();
  const auto warned =
      succeed({"average", "--model", run, "--model", run + "/checkpoint-15", "--last", "1", "--out", two});
  CHECK_THAT(warned.err, Catch::Contains("--last has no effect with several --model"));
  CHECK(read_file(dir / "two/model.safetensors") == read_file(dir / "run/model.safetensors"));
}

TEST_CASE("segmentations drawn every epoch and R-Drop: a resumed run is the uninterrupted one") {
  const TempDir dir;
  const std::vector<std::string> settings = {"data.tokenizer=train:bytebpe:300", "data.bpe_dropout=0.3",
                                             "train.r_drop=2", "model.encoder_layerdrop=0.2", "train.dtype=bfloat16"};
  const auto arguments = [&](const std::string& run, int steps) {
    auto all = train_letters(dir, run, steps, settings);
    const auto kind = std::find(all.begin(), all.end(), "--tokenizer");
    all.erase(kind, kind + 2);
    return all;
  };
  const auto whole = succeed(arguments("whole", 60)).object();
  succeed(arguments("parts", 27));
  succeed({"train", "--out", (dir / "parts").string(), "--resume", "--threads", "1", "--set", "train.max_steps=60"});
  CHECK(read_file(dir / "parts/model.safetensors") == read_file(dir / "whole/model.safetensors"));
  CHECK(whole["valid"].contains("chrf"));
  bool reported = false;
  std::istringstream lines(read_file(dir / "whole/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto entry = json::parse(line);
    if (!entry.contains("losses")) continue;
    reported = true;
    CHECK(entry["losses"]["r_drop"] > 0.0);
    CHECK(entry["loss"].get<double>() ==
          Approx(entry["losses"]["cross_entropy"].get<double>() + entry["losses"]["r_drop"].get<double>()));
  }
  CHECK(reported);
  const auto refused = [&](const std::string& setting, const std::string& names) {
    check_error(transformer(train_letters(dir, "refused", 1, {setting})), 2, names);
    CHECK_FALSE(fs::exists(dir / "refused"));
  };
  refused("data.bpe_dropout=0.1", "data.bpe_dropout: neither side's tokenizer is a BPE");
  refused("data.unigram_alpha=0.1", "data.unigram_alpha: neither side's tokenizer is a Unigram");
  refused("train.r_drop=-1", "train.r_drop");
}

TEST_CASE("tokens are the targets', end tokens included, and no padding") {
  const TempDir dir;
  write_file(dir / "pairs.tsv", "1 2 3\tab\n4\tabcd\n5 6\tx\n");
  const auto summary =
      succeed({"train", "--data", (dir / "pairs.tsv").string(), "--preset", "tiny", "--tokenizer", "char", "--out",
               (dir / "run").string(), "--threads", "1", "--json", "--set", "train.max_epochs=2",
               "data.valid_fraction=0", "train.max_steps=100", "train.batch_tokens=100", "model.d_model=16"})
          .object();
  CHECK(summary["tokens"] == 2 * (3 + 5 + 2));
}

}  // namespace langzoo::test::program_test
