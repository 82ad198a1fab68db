// Mutated tokenizer.json files: loading them is an error or gives a tokenizer that encodes, decodes and saves.
#include "tests/support/plain_test.h"

#include "tests/support/fuzz.h"
#include "tokenizers/tokenizer_json.h"
#include "tokenizers/utf8.h"

namespace {

using namespace langzoo;

/// What holds for every tokenizer and text.
void exercise(const Tokenizer& tokenizer) {
  static const std::string kTexts[] = {"the lamp<|endoftext|> \xE6\xB2\xB3 abc  [MASK] 12's",
                                       "\xFF\xC3 e\xCC\x81 \xEA\xB0\x95</s>", ""};
  for (const std::string& text : kTexts) {
    std::vector<TokenId> ids;
    tokenizer.encode(text, ids);
    const Encoding encoding = tokenizer.encode_pair(text, "x y", {.tokens = true});
    for (const Offset& offset : encoding.offsets) {
      if (offset.begin > offset.end || offset.end > std::max<std::size_t>(text.size(), 3)) std::abort();
    }
    sanitize_utf8(tokenizer.decode(ids, true));
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> seeds;
  for (const char* name :
       {"added_tokens", "char_level", "prefix_space", "pipelines/bert_uncased", "pipelines/gpt", "pipelines/t5",
        "pipelines/albert", "pipelines/llama", "pipelines/roberta", "pipelines/words", "pipelines/cl100k"}) {
    seeds.push_back(test::read_file(test::fixture(std::string("tokenizers/") + name + ".json")));
  }
  // A first byte of '#' makes the rest the tokenizer_config.json of the first.
  seeds.push_back(
      R"(#{"tokenizer_class": "GPT2Tokenizer", "bos_token": null, "eos_token": {"content": "<|user|>", "lstrip": true}})");
  seeds.push_back(
      R"(#{"add_bos_token": true, "bos_token": "<|endoftext|>", "pad_token": "[PAD]", "add_prefix_space": true})");
  const std::string config = R"({"eos_token": "<|endoftext|>", "pad_token": {"content": "<|endoftext|>"}})";
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    const bool as_config = !bytes.empty() && bytes[0] == '#';
    const auto tokenizer =
        as_config ? parse_tokenizer_json(seeds[0], std::string_view(bytes).substr(1), "fuzz/tokenizer.json")
                  : parse_tokenizer_json(bytes, config, "fuzz/tokenizer.json");
    exercise(*tokenizer);
    const test::TempDir dir;
    tokenizer->save(dir.path());
    exercise(*load_tokenizer(dir.path()));
  });
}
