// Mutated JSON of pre-tokenizers, decoders and added tokens, then a line break and a text: reading is an error or gives
// a stage that keeps its contract on the text, and added tokens are those of a plain search.
#include "tests/support/plain_test.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "tests/support/fuzz.h"
#include "tests/support/naive_added_tokens.h"
#include "tokenizers/decoders/decoder.h"
#include "tokenizers/json_field.h"
#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

namespace {

using namespace langzoo;

using langzoo::test::require;

void check_pre_tokenizer(const JsonField& field, const std::string& text) {
  const auto pre_tokenizer = read_pre_tokenizer(field);
  if (!pre_tokenizer) return;
  const std::size_t begin = 7;
  std::vector<NormalizedText> words;
  if (!text.empty()) words.emplace_back(text, begin);
  pre_tokenizer->cut(words);
  std::size_t last = begin;
  for (const NormalizedText& word : words) {
    const Offset offset = word.original();
    require(!word.empty() && is_valid_utf8(word.text()), "a word is empty or not UTF-8");
    require(offset.begin >= last && offset.begin <= offset.end && offset.end <= begin + text.size(),
            "offsets are not in order");
    last = offset.begin;
  }
  const nlohmann::json again = nlohmann::json::parse(pre_tokenizer->to_json());
  require(read_pre_tokenizer(JsonField(again, {}, "again"))->to_json() == pre_tokenizer->to_json(),
          "written otherwise");
}

void check_decoder(const JsonField& field, const std::string& text) {
  const auto decoder = read_decoder(field);
  if (!decoder) return;
  std::vector<std::string> tokens = {""};
  for (const char c : text) {
    if (c == '|') {
      tokens.emplace_back();
    } else {
      tokens.back() += c;
    }
  }
  decoder->decode(tokens);
  const nlohmann::json again = nlohmann::json::parse(decoder->to_json());
  require(read_decoder(JsonField(again, {}, "again"))->to_json() == decoder->to_json(), "written otherwise");
}

void check_added_tokens(const JsonField& list, const std::string& text) {
  std::vector<AddedToken> tokens;
  for (const auto& value : list.array()) {
    const JsonField token = list.item(value, tokens.size());
    tokens.push_back({token.at("content").string(), token.at("id").id(), false, token.flag("normalized", false),
                      token.flag("single_word", false), token.flag("lstrip", false), token.flag("rstrip", false)});
  }
  const AddedTokens added(tokens);
  require(added.split(text) == test::naive_split(added.all(), text), "other tokens than by a plain search");
  for (std::size_t at = 1; at < text.size(); ++at) added.stands_across(text, at);
}

}  // namespace

LANGZOO_FUZZER(pre_tokenizer) {
  const std::string text = "It's 12  \u00e9\u4e2d.\r\n\u3000a\u2581b <s> x <m>! \u00a0";
  const std::string tokens = "\u0120the|##s|\u2581a|low</w>|.|<0xE4>|<0xB8>|\u00e9| do not";
  std::vector<std::string> seeds;
  const auto add_seed = [&](char kind, std::string json, const std::string& line) {
    std::replace(json.begin(), json.end(), '\n', ' ');
    seeds.push_back(kind + json + "\n" + line);
  };
  for (
      const char* json : {
          R"({"type": "Whitespace"})",
          R"({"type": "WhitespaceSplit"})",
          R"({"type": "BertPreTokenizer"})",
          R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true})",
          R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true})",
          R"({"type": "Split", "pattern": {"Regex": "\\s+|a."}, "behavior": "MergedWithNext", "invert": false})",
          R"({"type": "Split", "pattern": {"Regex": "[a-z&&[^b[:^digit:]]]+|[^\\W\\d]"}, "behavior": "Isolated", "invert": false})",
          R"({"type": "Split", "pattern": {"String": " "}, "behavior": "Contiguous", "invert": true})",
          R"({"type": "Punctuation", "behavior": "MergedWithPrevious"})",
          R"({"type": "CharDelimiterSplit", "delimiter": "a"})",
          R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
             {"type": "FixedLength", "length": 2}, {"type": "ByteLevel", "add_prefix_space": true}]})",
      }) {
    add_seed('P', json, text);
  }
  for (const char* json : {
           R"({"type": "WordPiece", "prefix": "##", "cleanup": true})",
           R"({"type": "ByteLevel"})",
           R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true})",
           R"({"type": "BPEDecoder", "suffix": "</w>"})",
           R"({"type": "CTC", "pad_token": "a", "word_delimiter_token": "|", "cleanup": true})",
           R"({"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "a"}, "content": " "},
             {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 2}]})",
       }) {
    add_seed('D', json, tokens);
  }
  add_seed('A', R"([{"content": "<s>", "id": 1, "lstrip": true}, {"content": "<m>", "id": 2, "rstrip": true},
    {"content": "s", "id": 3, "single_word": true}, {"content": " ", "id": 4}, {"content": "<", "id": 5, "normalized": true}])",
           text);

  return test::fuzz_main(argc, argv, seeds, [](const std::string& bytes) {
    if (bytes.empty()) return;
    const char kind = bytes[0];
    const std::string_view rest = std::string_view(bytes).substr(1);
    const std::size_t line = std::min(rest.find('\n'), rest.size());
    const nlohmann::json json = parse_json(rest.substr(0, line), "fuzz");
    const std::string text = sanitize_utf8(rest.substr(std::min(line + 1, rest.size())));
    const std::filesystem::path path = "fuzz";
    const JsonField field(json, {}, path);
    if (kind == 'A') {
      check_added_tokens(field, text);
    } else if (kind == 'D') {
      check_decoder(field, text);
    } else {
      check_pre_tokenizer(field, text);
    }
  });
}
