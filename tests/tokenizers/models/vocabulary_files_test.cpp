#include "tests/support/plain_test.h"

#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "tokenizers/models/vocabulary_files.h"

namespace langzoo::test::vocabulary_files_test {
namespace {

using Tokens = std::vector<std::string>;

template <class Read>
std::string error_of(const Read& read) {
  try {
    read();
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

/// What subword-nmt prints: "@@" after every token that does not end a word.
std::string segmented(const Bpe& model, std::string_view line) {
  std::string result;
  while (!line.empty()) {
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    std::vector<ModelToken> tokens;
    model.tokenize(word, tokens);
    for (const ModelToken& token : tokens) {
      if (!result.empty()) result += ' ';
      std::string text(*model.id_to_token(token.id));
      if (text.ends_with("</w>")) text.resize(text.size() - 4);
      if (token.id == model.unk()) text = word.substr(token.begin, token.end - token.begin);
      CHECK(text == word.substr(token.begin, token.end - token.begin));
      result += text;
      if (token.end < word.size()) result += "@@";
    }
  }
  return result;
}

}  // namespace

TEST_CASE("vocab.txt is read as transformers reads it") {
  const TempDir dir;
  const auto read = [&](const std::string& text) {
    write_file(dir / "vocab.txt", text);
    return read_vocab_txt(dir / "vocab.txt");
  };
  CHECK(read("").empty());
  CHECK((read("[PAD]\na\n##b") == Tokens{"[PAD]", "a", "##b"}));
  CHECK((read("[PAD]\r\na\r\n##b\r\n") == Tokens{"[PAD]", "a", "##b"}));
  CHECK((read("a\rb\r") == Tokens{"a", "b"}));
  CHECK((read("a\n\nb\n\n") == Tokens{"a", "", "b", ""}));
  CHECK((read("a\nb\na\nc\na\n") == Tokens{"", "b", "", "c", "a"}));
  CHECK((read("a \n\t\n") == Tokens{"a ", "\t"}));
  CHECK(error_of([&] { read("a\n\xFF\n"); }) == (dir / "vocab.txt").string() + ": line 2: is not UTF-8");
  CHECK(error_of([&] { read_vocab_txt(dir / "none.txt"); }).find("none.txt") != std::string::npos);
}

TEST_CASE("vocab.json and merges.txt") {
  const TempDir dir;
  const auto json_path = dir / "vocab.json", merges_path = dir / "merges.txt";
  write_file(json_path, R"({"b": 1, "a": 0, "ab</w>": 4, "b</w>": 2})");
  const Tokens tokens = read_vocab_json(json_path);
  CHECK((tokens == Tokens{"a", "b", "b</w>", "", "ab</w>"}));
  write_file(json_path, R"({"a": -1})");
  CHECK(error_of([&] { read_vocab_json(json_path); }) ==
        json_path.string() + ": 'a': -1 is not an id from 0 to 2097151");

  const auto merges = [&](const std::string& text) {
    write_file(merges_path, text);
    return read_merges_txt(merges_path, tokens);
  };
  const std::vector<BpeMerge> expected = {{0, 2, 4}};
  CHECK(merges("") == std::vector<BpeMerge>{});
  CHECK(merges("a b</w>") == expected);
  CHECK(merges("#version: 0.2\na b</w>\n") == expected);
  CHECK(merges("#version: 0.2\r\na b</w>\r\n") == expected);
  const std::string at = merges_path.string() + ": line 2: ";
  CHECK(error_of([&] { merges("#version: 0.2\na c\n"); }) == at + "'c' is not in the vocabulary");
  CHECK(error_of([&] { merges("a b</w>\nb a\n"); }) == at + "'ba' is not in the vocabulary");
  CHECK(error_of([&] { merges("a b</w>\n\na b</w>\n"); }) == at + "'' is not two tokens with one space between them");
  CHECK(error_of([&] { merges("a b</w>\na  b</w>\n"); }) ==
        at + "'a  b</w>' is not two tokens with one space between them");
  write_file(merges_path, "a #b\n");
  CHECK((read_merges_txt(merges_path, {"a", "#b", "ab"}, "#") == std::vector<BpeMerge>{{0, 1, 2}}));
}

TEST_CASE("subword-nmt's codes segment as subword-nmt does") {
  const Bpe model(read_subword_nmt_codes(fixture("tokenizers/subword_nmt.codes")));
  CHECK(model.spells_unknown());
  const auto cases = nlohmann::json::parse(read_file(fixture("tokenizers/subword_nmt.json")));
  CHECK(cases.size() > 100);
  for (const auto& c : cases) {
    const auto line = c["line"].get<std::string>();
    CAPTURE(line);
    CHECK(segmented(model, line) == c["segmented"].get<std::string>());
  }
}

TEST_CASE("what is wrong with a codes file is named") {
  const TempDir dir;
  const auto path = dir / "codes";
  const auto read = [&](const std::string& text) {
    write_file(path, text);
    return error_of([&] { read_subword_nmt_codes(path); });
  };
  CHECK(read("#version: 0.2\n") == "");
  CHECK(read("") == path.string() + ": is empty");
  CHECK(read("a b\n") == path.string() + ": line 1: 'a b' is not '#version: 0.2', the only version supported");
  CHECK(read("#version: 0.2\na\n") == path.string() + ": line 2: 'a' is not two tokens with one space between them");
  CHECK(read("#version: 0.2\na b\nb</w> a\n") == path.string() + ": line 3: 'b</w>' ends a word");
}

}  // namespace langzoo::test::vocabulary_files_test
