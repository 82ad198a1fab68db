#include "tests/support/test.h"

#include "apps/training/stream_text.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"

namespace langzoo::test::stream_text_test {

namespace {

using Catch::Contains;

StreamTextOptions options_of(const std::filesystem::path& train, const std::string& tokenizer = "words") {
  StreamTextOptions options;
  options.train = train.string();
  options.tokenizer = tokenizer;
  options.valid_fraction = 0;
  return options;
}

StreamCorpus opened(const StreamTextOptions& options, const std::filesystem::path& out) {
  return open_stream_corpus(options, out, [](const std::string&) {});
}

std::string words_of_ids(const StreamCorpus& corpus, const StreamText& text) {
  std::string words;
  for (const auto id : *text.ids) words += (words.empty() ? "" : " ") + corpus.tokenizer->id_to_token(id);
  return words;
}

}  // namespace

TEST_CASE("words are what stands between blanks, lines end with </s>, and one stands before the first") {
  const TempDir dir;
  write_file(dir / "text.txt", "the cat\tsat,  on\r\n\nthe  <unk> mat</s>x\nCat");
  const auto corpus = opened(options_of(dir / "text.txt"), dir / "out");
  CHECK(words_of_ids(corpus, corpus.train) == "</s> the cat sat, on </s> </s> the <unk> mat</s>x </s> Cat </s>");
  CHECK(corpus.train.unknown == 1);
  CHECK(corpus.train.predicted() == 12);
  CHECK(corpus.tokenizer->vocab_size() == 8);  // <unk> </s> the Cat cat mat</s>x on sat,
  CHECK(corpus.tokenizer->id_to_token(0) == "<unk>");
  CHECK(corpus.tokenizer->id_to_token(1) == "</s>");
  CHECK(corpus.tokenizer->id_to_token(2) == "the");
  CHECK_FALSE(corpus.valid);

  // As saved and opened again, and as Python's tokenizers would.
  const auto again = load_tokenizer(dir / "out");
  CHECK(has_whole_words(*again));
  CHECK(again->vocab_size() == 8);
  CHECK(again->special_tokens().eos == 1);
  const auto text = open_stream_text((dir / "text.txt").string(), *again, true);
  CHECK(*text.ids == *corpus.train.ids);
  CHECK(again->decode(std::vector<TokenId>{2, 0, 3}) == "the <unk> Cat");
}

TEST_CASE("without lines, line ends are white space and no </s> follows") {
  const TempDir dir;
  write_file(dir / "text.txt", "a b\n\nc\na");
  auto options = options_of(dir / "text.txt");
  options.lines = false;
  const auto corpus = opened(options, dir / "out");
  CHECK(words_of_ids(corpus, corpus.train) == "</s> a b c a");
  options.valid_fraction = 0.5;
  const auto halves = opened(options, dir / "halves");
  CHECK(words_of_ids(halves, halves.train) == "</s> a b");
  REQUIRE(halves.valid);
  CHECK(halves.valid->predicted() == 2);
  CHECK(halves.valid->unknown == 1);  // c, which the training part lacks
}

TEST_CASE("without lines, a line end is a space to tokenizers that read one") {
  const TempDir dir;
  write_file(dir / "lines.txt", "the cat\n\ndog sat\n");
  write_file(dir / "line.txt", "the cat dog sat");
  for (const std::string tokenizer : {"char", "train:bytebpe:300"}) {
    INFO(tokenizer);
    const auto read = [&](const std::string& file) {
      auto options = options_of(dir / file, tokenizer);
      options.lines = false;
      return opened(options, dir / (file + tokenizer.substr(0, 4)));
    };
    const auto lines = read("lines.txt"), line = read("line.txt");
    CHECK(*lines.train.ids == *line.train.ids);
    CHECK_THAT(lines.tokenizer->decode(*lines.train.ids), Contains("the cat dog sat"));
  }
}

TEST_CASE("to a tokenizer that begins every text with a space a line end is that one alone") {
  const TempDir dir;
  std::string vocabulary;
  int id = 0;
  for (const std::string token : {"<unk>", "</s>", "\u2581", "t", "h", "e", "c", "a", "d", "o", "g"}) {
    vocabulary += (id > 0 ? ", \"" : "\"") + token + "\": " + std::to_string(id);
    ++id;
  }
  std::filesystem::create_directories(dir / "llama");
  write_file(dir / "llama/tokenizer.json",
             R"({"version": "1.0", "added_tokens": [{"id": 1, "content": "</s>", "single_word": false, "lstrip": false,
                 "rstrip": false, "normalized": false, "special": true}],
                 "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
                                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
                 "pre_tokenizer": null, "post_processor": null, "decoder": null,
                 "model": {"type": "BPE", "unk_token": "<unk>", "merges": [], "vocab": {)" +
                 vocabulary + "}}}");
  write_file(dir / "llama/tokenizer_config.json", R"({"eos_token": "</s>", "unk_token": "<unk>"})");
  write_file(dir / "lines.txt", "the cat\ndog\n");
  auto options = options_of(dir / "lines.txt", (dir / "llama").string());
  options.lines = false;
  const auto corpus = opened(options, dir / "out");
  CHECK(*corpus.train.ids == std::vector<TokenId>{1, 2, 3, 4, 5, 2, 6, 7, 3, 2, 8, 9, 10});
}

TEST_CASE("the vocabulary is the training lines', or their most frequent words") {
  const TempDir dir;
  write_file(dir / "text.txt", "b b b a a\nc c a\nd\ne f\n");
  auto options = options_of(dir / "text.txt", "words:4");
  options.valid_fraction = 0.25;
  const auto corpus = opened(options, dir / "out");
  CHECK(corpus.tokenizer->vocab_size() == 4);
  CHECK(words_of_ids(corpus, corpus.train) == "</s> b b b a a </s> <unk> <unk> a </s> <unk> </s>");
  REQUIRE(corpus.valid);
  CHECK(words_of_ids(corpus, *corpus.valid) == "</s> <unk> <unk> </s>");
  CHECK(corpus.valid->unknown == 2);
  // A resumed run keeps its tokenizer.
  options.tokenizer = "words";
  CHECK(opened(options, dir / "out").tokenizer->vocab_size() == 4);
  CHECK(opened(options, dir / "out").fingerprint == corpus.fingerprint);
  // What is generated shows unknown words, by a saved tokenizer as well.
  const std::vector<TokenId> ids = {2, 0, 3, 1};
  CHECK(generated_text(*corpus.tokenizer, ids) == "a <unk> b");
  CHECK(generated_text(*opened(options, dir / "out").tokenizer, ids) == "a <unk> b");
}

TEST_CASE("another tokenizer may cut the lines") {
  const TempDir dir;
  write_file(dir / "text.txt", "ab\nba a\n");
  const auto corpus = opened(options_of(dir / "text.txt", "char"), dir / "out");
  CHECK_FALSE(has_whole_words(*corpus.tokenizer));
  CHECK(corpus.train.predicted() == 8);  // a b </s> b a _ a </s>
  CHECK(corpus.train.ids->front() == corpus.train.ids->back());
}

TEST_CASE("what a text must not hold is refused with file and line") {
  const TempDir dir;
  const auto refused = [&](const std::string& text, const std::string& message, bool lines = true) {
    write_file(dir / "text.txt", text);
    auto options = options_of(dir / "text.txt");
    options.lines = lines;
    CHECK_THROWS_WITH(opened(options, dir / "out"), Contains("text.txt") && Contains(message));
  };
  refused("a b\nc </s> d\n", "line 2");
  refused("<s> a b\n", "<s>");
  refused("a\n\nb <s>\n", "line 3", false);
  refused("a\n\xff\xfe b\n", "UTF-8");
  // To a tokenizer that reads within words it is the end there too.
  write_file(dir / "text.txt", "a b\nc</s>d\n");
  CHECK_THROWS_WITH(opened(options_of(dir / "text.txt", "char"), dir / "char"),
                    Contains("text.txt: line 2: holds </s>, which the tokenizer has"));
  const auto no_tokenizer = [&](const std::string& tokenizer, const std::string& message) {
    write_file(dir / "text.txt", "a b\n");
    CHECK_THROWS_WITH(opened(options_of(dir / "text.txt", tokenizer), dir / "none"), Contains(message));
  };
  no_tokenizer("words:2", "from 3 to");
  no_tokenizer("words:x", "words:x");
  no_tokenizer("word", "is none of");
  auto options = options_of(dir / "text.txt");
  options.train.clear();
  CHECK_THROWS_AS(opened(options, dir / "none"), ConfigError);
}

}  // namespace langzoo::test::stream_text_test
