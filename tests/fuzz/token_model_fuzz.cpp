// Mutated models of tokenizer.json, vocab.txt, merges.txt and subword-nmt codes: reading them is an error or gives a
// model that tokenizes, samples, and is the same when written and read again.
#include "tests/support/plain_test.h"

#include <stdexcept>

#include "data/files/file_error.h"
#include "tests/support/fuzz.h"
#include "tokenizers/json_field.h"
#include "tokenizers/models/token_model.h"
#include "tokenizers/models/vocabulary_files.h"
#include "tokenizers/models/wordpiece.h"

namespace {

using namespace langzoo;

std::vector<ModelToken> tokenize(const TokenizerModel& model, std::string_view word, SubwordSampling* sampling = nullptr) {
  std::vector<ModelToken> tokens;
  try {
    model.tokenize(word, tokens, sampling);
  } catch (const FileError&) {
    throw std::logic_error("tokenizing threw FileError");
  } catch (const std::runtime_error&) {
    return {};  // no unknown token
  }
  for (const ModelToken& token : tokens) {
    if (token.begin > token.end || token.end > word.size() || !model.id_to_token(token.id)) {
      throw std::logic_error("a token outside of the word or the vocabulary");
    }
  }
  return tokens;
}

void use(const TokenizerModel& model, std::string_view bytes) {
  const std::string parsed = model.to_json();
  const nlohmann::json json = nlohmann::json::parse(parsed);
  const std::filesystem::path path = "again.json";
  const auto again = read_token_model(JsonField(json, "model", path));
  if (again->to_json() != parsed) throw std::logic_error("not the same when read again");
  const std::string from_input = sanitize_utf8(bytes.substr(0, 300));
  for (const std::string_view word : {"", "a", "abab", "the", "lamp", "aéb", "x<unk>y", "##a", "河水👍🏽",
                                      "é\xCC\x81", static_cast<const char*>(from_input.c_str())}) {
    if (tokenize(model, word) != tokenize(*again, word)) throw std::logic_error("not the same tokens when read again");
    SubwordSampling sampling{.bpe_dropout = 0.5, .unigram_alpha = 0.3, .state = bytes.size()};
    tokenize(model, word, &sampling);
  }
}

}  // namespace

LANGZOO_FUZZER(token_model) {
  // The first byte says what the rest is.
  std::vector<std::string> seeds = {
      "J"
      R"({"type": "WordLevel", "vocab": {"<unk>": 0, "a": 1, "the": 2, "é": 4}, "unk_token": "<unk>"})",
      "J"
      R"({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
              "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "ab": 3, "##ab": 4, "河": 5, "##水": 6, "##": 7}})",
      "J"
      R"({"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
              "end_of_word_suffix": "</w>", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
              "vocab": {"<unk>": 0, "a": 1, "b": 2, "b</w>": 3, "ab</w>": 4, "ab": 5}, "merges": [["a", "b</w>"], ["a", "b"]]})",
      "J"
      R"({"type": "BPE", "dropout": 0.1, "unk_token": null, "continuing_subword_prefix": "##", "end_of_word_suffix": null,
              "fuse_unk": true, "byte_fallback": true, "ignore_merges": true,
              "vocab": {"a": 0, "##b": 1, "ab": 2, "##a": 3, "abab": 4, "##ab": 5, "<0xC3>": 6, "<0xA9>": 7},
              "merges": ["a ##b", "##a ##b", "ab ##ab"]})",
      "J"
      R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.5], ["ab", -2.5], ["b", -3], ["é", 1e300],
              ["<0x78>", -9.0], ["", -3.0], ["aba", -4.25], ["a", -2.0]], "byte_fallback": true})",
      "V[UNK]\na\n##b\nab\r\n##ab\n\n河\n##水\na\n",
      "M#version: 0.2\na b\nb ab\na b\n",
      "C#version: 0.2\nt h\nth e</w>\na b</w>\na b\na b\n"};
  const test::TempDir dir;
  const auto path = dir / "file";
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& input) {
    const char kind = input.empty() ? 'J' : input[0];
    const std::string bytes = input.substr(std::min<std::size_t>(1, input.size()));
    if (kind == 'V' || kind == 'M' || kind == 'C') test::write_file(path, bytes);
    if (kind == 'V') {
      use(WordPiece(WordPieceOptions{.tokens = read_vocab_txt(path)}), bytes);
    } else if (kind == 'M') {
      BpeOptions options{.tokens = {"a", "b", "ab", "bab"}};
      options.merges = read_merges_txt(path, options.tokens);
      use(Bpe(options), bytes);
    } else if (kind == 'C') {
      use(Bpe(read_subword_nmt_codes(path)), bytes);
    } else {
      const std::filesystem::path name = "fuzz.json";
      use(*read_token_model(JsonField(parse_json(bytes, name), "model", name)), bytes);
    }
  });
}
