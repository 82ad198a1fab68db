// Mutated tokenizer.json files: loading them is an error or gives a tokenizer that encodes, decodes and saves.
#include "tests/support/plain_test.h"

#include "tests/support/fuzz.h"
#include "tokenizers/tokenizer_json.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  std::vector<std::string> seeds;
  for (const char* name : {"added_tokens.json", "char_level.json", "prefix_space.json"}) {
    seeds.push_back(test::read_file(test::fixture(std::string("tokenizers/") + name)));
  }
  seeds.push_back(R"(#{"tokenizer_class": "GPT2Tokenizer", "bos_token": null, "eos_token": {"content": "<|user|>"}})");
  const std::string config = R"({"eos_token": "<|endoftext|>", "pad_token": {"content": "<|endoftext|>"}})";
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    // A first byte of '#' makes the rest the tokenizer_config.json.
    const bool as_config = !bytes.empty() && bytes[0] == '#';
    const auto tokenizer =
        as_config ? parse_tokenizer_json(seeds[0], std::string_view(bytes).substr(1), "fuzz/tokenizer.json")
                  : parse_tokenizer_json(bytes, config, "fuzz/tokenizer.json");
    std::vector<TokenId> ids;
    tokenizer->encode("the lamp<|endoftext|> \xE6\xB2\xB3 abc", ids);
    tokenizer->decode(ids);
    if (const auto* bpe = dynamic_cast<const ByteLevelBpe*>(tokenizer.get())) {
      parse_tokenizer_json(tokenizer_json(bpe->model()), {}, "again/tokenizer.json");
    } else if (const auto* chars = dynamic_cast<const CharLevel*>(tokenizer.get())) {
      parse_tokenizer_json(tokenizer_json(chars->model()), {}, "again/tokenizer.json");
    }
  });
}
