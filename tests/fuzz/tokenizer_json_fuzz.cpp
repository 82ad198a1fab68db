// Mutated tokenizer.json files: loading them is an error or gives a tokenizer that encodes, decodes and saves.
#include "tests/support/plain_test.h"

#include <functional>
#include <optional>

#include "tests/support/fuzz_json.h"
#include "tests/support/fuzz_tokenizer.h"
#include "tokenizers/tokenizer_json.h"

namespace {

using namespace langzoo;
using nlohmann::json;

json fixture_json(const std::string& name) {
  return json::parse(test::read_file(test::fixture("tokenizers/" + name + ".json")));
}

/// An input: a tokenizer.json, and the tokenizer_config.json beside it.
std::string join(const std::string& tokenizer, const std::string& config) {
  return tokenizer + '\x1E' + config;
}

}  // namespace

LANGZOO_FUZZER(tokenizer_json) {
  std::vector<json> tokenizers;
  for (const char* name :
       {"added_tokens", "char_level", "prefix_space", "pipelines/bert_uncased", "pipelines/gpt", "pipelines/t5",
        "pipelines/albert", "pipelines/llama", "pipelines/roberta", "pipelines/words", "pipelines/cl100k"}) {
    tokenizers.push_back(fixture_json(name));
  }
  // Their stages, and those of the stages' own goldens.
  std::vector<json> donors = tokenizers;
  const json pre_tokenizers = fixture_json("pre_tokenizers"), decoders = fixture_json("decoders"),
             post_processing = fixture_json("post_processing"), normalizers = fixture_json("normalizers"),
             token_models = fixture_json("token_models");
  for (const json& golden : normalizers) donors.push_back({{"normalizer", golden["normalizer"]}});
  for (const json& golden : pre_tokenizers["pre_tokenizers"]) {
    donors.push_back({{"pre_tokenizer", golden["pre_tokenizer"]}});
  }
  for (const json& golden : decoders["decoders"]) donors.push_back({{"decoder", golden["decoder"]}});
  for (const json& golden : post_processing["processors"]) {
    donors.push_back({{"post_processor", golden}});
  }
  for (const json& golden : token_models["models"]) donors.push_back({{"model", golden["model"]}});
  const std::vector<json> configs = {
      {{"eos_token", "<|endoftext|>"}, {"pad_token", {{"content", "<|endoftext|>"}}}},
      {{"tokenizer_class", "GPT2Tokenizer"},
       {"bos_token", nullptr},
       {"eos_token", {{"content", "<|user|>"}, {"lstrip", true}}}},
      {{"add_bos_token", true}, {"bos_token", "<|endoftext|>"}, {"pad_token", "[PAD]"}, {"add_prefix_space", true}}};

  std::vector<std::string> seeds;
  for (const json& tokenizer : tokenizers) {
    for (const json& config : configs) seeds.push_back(join(tokenizer.dump(), config.dump()));
  }
  const auto mutate = [&](test::FuzzRandom& random) {
    if (test::below(random, 8) == 0) {
      return test::mutate_bytes(seeds[test::below(random, seeds.size())], seeds, random);
    }
    json tokenizer = tokenizers[test::below(random, tokenizers.size())];
    for (const char* stage : {"normalizer", "pre_tokenizer", "decoder", "post_processor"}) {
      const json& donor = donors[test::below(random, donors.size())];
      if (test::below(random, 4) == 0 && donor.contains(stage)) tokenizer[stage] = donor[stage];
    }
    json config = configs[test::below(random, configs.size())];
    if (test::below(random, 4) == 0) config = test::mutate_json(std::move(config), configs, random);
    if (test::below(random, 2) == 0) tokenizer = test::mutate_json(std::move(tokenizer), donors, random);
    return join(tokenizer.dump(), config.dump());
  };
  return test::fuzz_main(
      argc, argv, seeds,
      [](const std::string& bytes) {
        const std::size_t end = std::min(bytes.find('\x1E'), bytes.size());
        const std::string_view config = std::string_view(bytes).substr(std::min(end + 1, bytes.size()));
        const auto tokenizer = parse_tokenizer_json(std::string_view(bytes).substr(0, end), config, "tokenizer.json");
        test::FuzzRandom random(std::hash<std::string>{}(bytes));
        test::exercise(*tokenizer, random);
      },
      mutate);
}
