// What `generate` and `score` make of other people's model folders. Runs the program itself.
#include "tests/support/test.h"

#include <utility>

#include "apps/training/run_tokenizer.h"
#include "models/gpt/gpt.h"
#include "tests/support/process.h"

namespace langzoo::test::generate_test {

using Catch::Matchers::Contains;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::int64_t kLetters = 10;

/// A random model of 16 positions, beside a tokenizer of the characters a to j: ids from 10 on have no token.
struct Folder {
  explicit Folder(std::int64_t vocab_size = kLetters, std::vector<std::int64_t> ends = {}) {
    const TextSource letters = [once = true](std::string& text) mutable {
      text = "abcdefghij";
      return std::exchange(once, false);
    };
    Gpt2Config config;
    config.vocab_size = vocab_size;
    config.n_positions = 16, config.n_embd = 8, config.n_layer = 1, config.n_head = 2;
    config.initializer_range = 0.4;
    config.bos_token_id.reset(), config.eos_token_id = std::move(ends);
    torch::manual_seed(1);
    Gpt2LmHeadModel(config)->save_pretrained(dir / "model");
    make_tokenizer(parse_tokenizer_spec("char", "data.tokenizer"), letters, {}, [](const auto&) {
    })->save(dir / "model");
  }

  Result run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin() + 1, {"--model", (dir / "model").string(), "--json", "--threads", "1"});
    return Process("langzoo-gpt", std::move(arguments)).wait();
  }
  std::vector<Json> objects(std::vector<std::string> arguments) const {
    const auto result = run(std::move(arguments));
    INFO(result.err);
    CHECK(result.code == 0);
    return result.objects();
  }
  Json generate(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "generate");
    return objects(std::move(arguments)).at(0);
  }
  std::string err(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "generate");
    const auto result = run(std::move(arguments));
    INFO(result.err);
    CHECK(result.code == 0);
    return result.err;
  }
  void says(const std::string& generation_config) const {
    write_file(dir / "model/generation_config.json", generation_config);
  }
  std::string file(const std::string& name, const std::string& text) const {
    write_file(dir / name, text);
    return (dir / name).string();
  }

  TempDir dir;
};

}  // namespace

TEST_CASE("ids that the tokenizer has no token for have no text, and generation goes on") {
  const Folder padded(64);
  const auto text_of = [](const Json& ids) {
    std::string text;
    for (const int id : ids) {
      if (id < kLetters) text += static_cast<char>('a' + id);
    }
    return text;
  };
  bool seen = false;
  for (const std::vector<std::string>& way :
       {std::vector<std::string>{"--greedy"}, {"--seed", "1"}, {"--num-beams", "3"}, {"--stop", "zz", "--seed", "2"}}) {
    std::vector<std::string> arguments = {"--prompt", "ab", "--max-new-tokens", "12"};
    arguments.insert(arguments.end(), way.begin(), way.end());
    const auto found = padded.generate(arguments);
    CHECK(found["ids"].size() == 12);
    CHECK(found["text"] == text_of(found["ids"]));
    for (const int id : found["ids"]) seen = seen || id >= kLetters;
  }
  CHECK(seen);
  const auto score = padded.run({"score", "--ids", padded.file("ids.txt", "1 63 2 40\n")});
  CHECK(score.code == 0);
  CHECK(score.object()["logprobs"].size() == 3);
  const auto table = Process("langzoo-gpt", {"score", "--model", (padded.dir / "model").string(), "--ids",
                                             (padded.dir / "ids.txt").string()})
                         .wait();
  INFO(table.err);
  CHECK(table.code == 0);
  CHECK_THAT(table.out, Contains("63"));
}

TEST_CASE("end tokens: several, beyond the vocabulary, none") {
  const auto length = [](const Folder& folder, std::vector<std::string> more) {
    more.insert(more.begin(), {"--prompt", "abc", "--max-new-tokens", "10"});
    return folder.generate(more)["ids"].size();
  };
  const Folder plain;
  const auto greedy = plain.generate({"--prompt", "abc", "--max-new-tokens", "10", "--greedy"})["ids"];
  const std::int64_t third = greedy[2];
  const Folder two(kLetters, {third, 50256}), beyond(kLetters, {50256});
  CHECK(length(two, {"--greedy"}) <= 3);
  CHECK(length(two, {"--greedy", "--min-new-tokens", "6"}) >= 6);
  for (const std::vector<std::string>& way : {std::vector<std::string>{"--greedy"}, {"--num-beams", "3"}}) {
    CHECK(length(beyond, way) == 10);
    auto least = way;
    least.insert(least.end(), {"--min-new-tokens", "4"});
    CHECK(length(beyond, least) == 10);
  }
}

TEST_CASE("generate heeds the folder's generation_config.json, and flags go before it") {
  const Folder folder;
  const std::vector<std::string> greedy = {"--prompt", "ab", "--greedy", "--max-new-tokens", "6"};
  const auto expected = folder.generate(greedy)["ids"];
  folder.says(R"({"do_sample": false, "max_new_tokens": 6, "min_p": 0.1, "eos_token_id": 50256})");
  CHECK(folder.generate({"--prompt", "ab"})["ids"] == expected);
  const auto err = folder.err({"--prompt", "ab"});
  CHECK_THAT(err, Contains("generation_config.json: max_new_tokens = 6, do_sample = false\n"));
  CHECK_THAT(err, Contains("warning: ") && Contains("generation_config.json: not done: min_p = 0.1\n"));
  CHECK(folder.generate({"--prompt", "ab", "--max-new-tokens", "2"})["ids"].size() == 2);
  // A flag of sampling says that something is drawn.
  const std::vector<std::string> hot = {"--prompt", "ab", "--temperature", "3", "--seed", "5"};
  CHECK(folder.generate(hot)["ids"] != expected);
  CHECK_THAT(folder.err(hot), !Contains("do_sample"));
  folder.says(R"({"do_sample": true, "num_beams": 2, "max_new_tokens": 3})");
  const auto drawn_beams = folder.err({"--prompt", "ab"});
  CHECK_THAT(drawn_beams, Contains("not done: do_sample = true with beams\n") && !Contains("do_sample = true,") &&
                              !Contains("do_sample = true\n"));

  folder.says(R"({"num_beams": 3, "num_return_sequences": 2, "max_new_tokens": 5, "length_penalty": 0.0})");
  const auto beams = folder.objects({"generate", "--prompt", "ab"});
  REQUIRE(beams.size() == 2);
  CHECK(beams[0]["score"] == beams[0]["log_probability"]);
  CHECK(folder.generate({"--prompt", "ab", "--length-penalty", "1"})["score"] != beams[0]["score"]);
  CHECK_THAT(folder.err({"--prompt", "ab", "--length-penalty", "1"}), !Contains("no effect"));
  CHECK(folder.objects({"generate", "--prompt", "ab", "--num-beams", "1"}).size() == 2);  // samples
  CHECK_FALSE(folder.generate({"--prompt", "ab", "--top-k", "3"}).contains("score"));

  folder.says(R"({"suppress_tokens": [1, 2, 3, 4, 5, 6, 7, 8, 9], "stop_strings": ["aaa"]})");
  CHECK(folder.generate({"--prompt", "ab"})["text"] == "");
  CHECK(folder.generate({"--prompt", "ab", "--stop", "aaaa"})["ids"].size() == 4);
}

TEST_CASE("max_length counts the prompt, in generation_config.json and in an older config.json") {
  const Folder folder;
  const auto sizes = [&] {
    std::vector<std::size_t> found;
    const auto prompts = folder.file("prompts.txt", "abcde\na\nabc\n");
    for (const auto& object : folder.objects({"generate", "--prompts", prompts, "--greedy"})) {
      found.push_back(object["ids"].size());
    }
    return found;
  };
  CHECK(sizes() == std::vector<std::size_t>{12, 16, 14});
  folder.says(R"({"max_length": 8})");
  CHECK(sizes() == std::vector<std::size_t>{3, 7, 5});
  CHECK_THAT(folder.err({"--prompt", "a"}), !Contains("context"));
  CHECK(folder.generate({"--prompt", "abcdefgh", "--max-new-tokens", "2"})["ids"].size() == 2);
  const auto refused = folder.run({"generate", "--prompt", "abcdefgh"});
  CHECK(refused.code == 1);
  CHECK_THAT(refused.err, Contains("8 tokens") && Contains("max_length is 8") && Contains("--max-new-tokens"));
  std::filesystem::remove(folder.dir / "model/generation_config.json");
  auto config = Json::parse(read_file(folder.dir / "model/config.json"));
  config["max_length"] = 9;
  write_file(folder.dir / "model/config.json", config.dump());
  CHECK(sizes() == std::vector<std::size_t>{4, 8, 6});
  CHECK_THAT(folder.err({"--prompt", "a"}), Contains("/config.json: max_length = 9\n"));
}

TEST_CASE("a generation_config.json that cannot be is an error that names it") {
  const Folder folder;
  const auto refused = [&](const std::string& text, const std::string& names, std::vector<std::string> flags = {}) {
    folder.says(text);
    flags.insert(flags.begin(), {"generate", "--prompt", "ab"});
    const auto result = folder.run(flags);
    INFO(result.err);
    CHECK(result.code == 1);
    CHECK_THAT(result.err, Contains("generation_config.json: ") && Contains(names));
  };
  refused("{", "not valid JSON");
  refused(R"({"top_k": -3})", "top_k: is -3");
  refused(R"({"num_beams": 4, "num_beam_groups": 3})", "num-beam-groups is 3");
  refused(R"({"suppress_tokens": [10]})", "suppress_tokens: 10 is outside the model's vocabulary of 10");
  refused(R"({"do_sample": false, "num_return_sequences": 2})", "greedy search gives one text");
  refused(R"({"min_new_tokens": 9})", "min-new-tokens is 9", {"--max-new-tokens", "5"});
}

TEST_CASE("the tokenizer's template goes around a prompt, and neither its truncation nor its padding") {
  const Folder folder;
  const auto file = folder.dir / "model/tokenizer.json";
  auto json = Json::parse(read_file(file));
  json["post_processor"] = Json::parse(R"({"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "j", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"j": {"id": "j", "ids": [9], "tokens": ["j"]}}})");
  json["truncation"] = {{"direction", "Right"}, {"max_length", 2}, {"strategy", "LongestFirst"}, {"stride", 0}};
  json["padding"] = {{"strategy", {{"Fixed", 12}}},
                     {"direction", "Right"},
                     {"pad_to_multiple_of", nullptr},
                     {"pad_id", 0},
                     {"pad_type_id", 0},
                     {"pad_token", "a"}};
  write_file(file, json.dump());
  const std::vector<std::string> rest = {"--greedy", "--max-new-tokens", "6"};
  const auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return folder.generate(arguments);
  };
  const auto framed = with({"--prompt", "abc"});
  CHECK(framed["prompt"] == "abc");
  CHECK(framed["ids"] == with({"--ids", folder.file("a.ids", "9 0 1 2\n")})["ids"]);
  const auto bare = with({"--prompt", "abc", "--no-special-tokens"});
  CHECK(bare["ids"] == with({"--ids", folder.file("b.ids", "0 1 2\n")})["ids"]);
  CHECK(bare["ids"] != framed["ids"]);
}

TEST_CASE("prompts by ids are the prompts of these ids") {
  const Folder folder;
  const std::vector<std::string> rest = {"--seed", "3", "--max-new-tokens", "5"};
  const auto all = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "generate");
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return folder.objects(arguments);
  };
  const auto texts = all({"--prompts", folder.file("prompts.txt", "abc\nj\n")});
  CHECK(all({"--ids", folder.file("ids.txt", "0 1\t2\n 9\r\n")}) == texts);
  // No tokenizer is needed.
  std::filesystem::remove(folder.dir / "model/tokenizer.json");
  std::filesystem::remove(folder.dir / "model/tokenizer_config.json");
  const auto bare = all({"--ids", (folder.dir / "ids.txt").string()});
  CHECK(bare[0]["ids"] == texts[0]["ids"]);
  const auto refused = [&](const std::string& lines, const std::string& names) {
    check_error(folder.run({"generate", "--ids", folder.file("bad.txt", lines)}), 1, names);
  };
  refused("0 1\n\n", "bad.txt: line 2: holds no id");
  refused("0 10\n", "bad.txt: line 1: id 10 is outside the model's vocabulary of 10");
  refused("0 x\n", "x is not an id");
  refused(std::string(17 * 2, ' ').replace(0, 34, "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 ") + "\n", "17 tokens");
  check_error(folder.run({"generate", "--ids", "a", "--prompt", "b"}), 2, "--ids: not with --prompt");
}

TEST_CASE("beams end at a stop text") {
  const Folder folder;
  const std::vector<std::string> beams = {"--prompt",         "ab", "--num-beams", "4", "--num-return-sequences", "4",
                                          "--max-new-tokens", "8"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), beams.begin(), beams.end());
    more.insert(more.begin(), "generate");
    return folder.objects(more);
  };
  const auto stop = with({})[0]["text"].get<std::string>().substr(2, 2);
  bool met = false;
  for (const auto& found : with({"--stop", stop})) {
    std::string whole;
    for (const int id : found["ids"]) whole += static_cast<char>('a' + id);
    const auto at = whole.find(stop);
    CHECK(found["text"] == whole.substr(0, at));
    CHECK((at == std::string::npos ? whole.size() == 8 : at + stop.size() == whole.size()));
    met = met || at != std::string::npos;
  }
  CHECK(met);
}

TEST_CASE("flags that change nothing are warned of") {
  const Folder folder;
  const auto warned = [&](std::vector<std::string> flags, const std::string& warning) {
    flags.insert(flags.begin(), {"--prompt", "ab", "--max-new-tokens", "2"});
    CHECK_THAT(folder.err(flags), Contains("warning: " + warning + "\n"));
  };
  warned({"--length-penalty", "2"}, "--length-penalty has no effect without --num-beams above 1");
  warned({"--num-beams", "1", "--patience", "1"}, "--patience has no effect without --num-beams above 1");
  warned({"--num-beams", "4", "--top-k", "3"}, "--top-k has no effect with --num-beams above 1");
  warned({"--num-beams", "4", "--greedy"}, "--greedy has no effect with --num-beams above 1");
  warned({"--greedy", "--temperature", "0.5"}, "--temperature has no effect with --greedy");
  warned({"--temperature", "0", "--top-p", "0.5"}, "--top-p has no effect with --temperature 0");
  warned({"--greedy", "--seed", "1"}, "--seed has no effect where nothing is drawn");
  warned({"--num-beams", "2", "--seed", "1"}, "--seed has no effect where nothing is drawn");
  CHECK(folder.err({"--prompt", "ab", "--seed", "1", "--top-k", "3", "--max-new-tokens", "2"}).empty());
  check_error(folder.run({"generate", "--prompt", "ab", "--greedy", "--num-return-sequences", "2"}), 2,
              "--num-return-sequences 2: greedy search gives one text");
}

}  // namespace langzoo::test::generate_test
