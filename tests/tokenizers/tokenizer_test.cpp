#include "tests/support/plain_test.h"

#include <random>

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/char_level.h"
#include "tokenizers/post_processors/bert_processing.h"
#include "tokenizers/post_processors/byte_level_post_processor.h"

namespace langzoo::test::tokenizer_test {
namespace {

std::unique_ptr<Tokenizer> load_fixture(const std::string& name) {
  return load_tokenizer(fixture("tokenizers/" + name));
}

std::vector<std::string> random_texts(std::size_t count) {
  std::mt19937 random(6);
  const std::vector<std::string> words = {"the ", "lamp", " river ", "caf\u00e9", "\n", "it's ", "<|endoftext|>"};
  std::vector<std::string> texts(count);
  for (std::string& text : texts) {
    for (std::size_t i = random() % 60; i > 0; --i) text += words[random() % words.size()];
  }
  return texts;
}

bool same(const Encoding& a, const Encoding& b) {
  if (a.overflowing.size() != b.overflowing.size()) return false;
  for (std::size_t i = 0; i < a.overflowing.size(); ++i) {
    if (!same(a.overflowing[i], b.overflowing[i])) return false;
  }
  return a.ids == b.ids && a.offsets == b.offsets && a.type_ids == b.type_ids && a.word_ids == b.word_ids &&
         a.sequence_ids == b.sequence_ids && a.special_tokens_mask == b.special_tokens_mask &&
         a.attention_mask == b.attention_mask && a.tokens == b.tokens;
}

/// Fails for texts that begin with '!'.
class Failing : public CharLevel {
 public:
  Failing() : CharLevel(CharLevelModel{.tokens = {"a", "!"}, .added_tokens = {}, .unk = {}, .special_tokens = {}}) {}
  using Tokenizer::encode;
  void encode(std::string_view text, std::vector<TokenId>& ids) const override {
    if (text.starts_with('!')) throw std::runtime_error("it begins with '!'");
    CharLevel::encode(text, ids);
  }

 protected:
  Encoding encode_sequence(std::string_view text, const EncodeOptions& options) const override {
    if (text.starts_with('!')) throw std::runtime_error("it begins with '!'");
    return CharLevel::encode_sequence(text, options);
  }
};

}  // namespace

TEST_CASE("tokenizer: a batch is its texts one by one, on any number of threads") {
  const auto tokenizer = load_fixture("byte_level.json");
  tokenizer->set_rules({std::make_shared<BertProcessing>(BertProcessing::Options{}), {}, {}});
  const std::vector<std::string> texts = random_texts(700);
  std::vector<TextPair> pairs;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    pairs.push_back({texts[i], i % 3 == 0 ? std::optional<std::string_view>(texts[i / 2]) : std::nullopt});
  }
  const EncodeOptions options{.truncation = Truncation{.max_length = 30, .stride = 5}, .tokens = true};
  const auto one = tokenizer->encode_batch(pairs, options, 1);
  const auto four = tokenizer->encode_batch(pairs, options, 4);
  REQUIRE(one.size() == texts.size());
  REQUIRE(four.size() == texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Encoding alone = pairs[i].pair ? tokenizer->encode_pair(pairs[i].text, *pairs[i].pair, options)
                                         : tokenizer->encode(pairs[i].text, options);
    CHECK((same(one[i], alone) && same(one[i], four[i])));
    CHECK(alone.tokens.size() == alone.size());
    EncodeOptions few = options;
    few.tokens = few.overflowing = false;
    const Encoding first = pairs[i].pair ? tokenizer->encode_pair(pairs[i].text, *pairs[i].pair, few)
                                         : tokenizer->encode(pairs[i].text, few);
    CHECK(first.ids == alone.ids);
    CHECK(first.overflowing.empty());
    CHECK(first.tokens.empty());
  }

  EncodeOptions padded = options;
  padded.padding = Padding{.pad_to_multiple_of = 8, .pad_id = 1};
  const auto batch = tokenizer->encode_batch(pairs, padded, 3);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    REQUIRE(batch[i].size() == 32);
    CHECK(std::equal(one[i].ids.begin(), one[i].ids.end(), batch[i].ids.begin()));
  }
}

TEST_CASE("tokenizer: ids of long and short texts on threads are those of one thread") {
  for (const char* name : {"byte_level.json", "prefix_space.json"}) {
    const auto tokenizer = load_fixture(name);
    std::vector<std::string> texts = random_texts(3000);
    std::string joined;
    for (int i = 0; i < 30; ++i) {
      for (const std::string& text : texts) joined += text;
    }
    texts[17] = joined;
    texts[18] = joined.substr(1);
    texts[2999] = std::string(1200000, 'a');  // nowhere to cut it
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    const auto one = tokenizer->encode_batch(views, 1);
    for (const std::size_t threads : {0, 2, 5}) CHECK((tokenizer->encode_batch(views, threads) == one));
    std::vector<TokenId> ids;
    tokenizer->encode(joined, ids);
    CHECK((one[17] == ids));
    CHECK(tokenizer->encode_batch(std::vector<std::string_view>(), 4).empty());
  }
}

TEST_CASE("tokenizer: what a thread throws reaches the caller") {
  const Failing tokenizer;
  std::vector<std::string_view> texts(5000, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  std::vector<TextPair> pairs(5000, {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", std::nullopt});
  CHECK_NOTHROW(tokenizer.encode_batch(texts, 3));
  texts[4000] = "!";
  pairs[4000].pair = "!";
  for (const std::size_t threads : {1, 3}) {
    CHECK_THROWS_WITH(tokenizer.encode_batch(texts, threads), "it begins with '!'");
    CHECK_THROWS_WITH(tokenizer.encode_batch(pairs, {}, threads), "it begins with '!'");
  }
}

TEST_CASE("tokenizer: its own truncation and padding hold unless the options say otherwise") {
  const auto tokenizer = load_fixture("byte_level.json");
  tokenizer->set_rules({std::make_shared<BertProcessing>(BertProcessing::Options{{"[S]", 7}, {"[C]", 8}}),
                        Truncation{.max_length = 4}, Padding{.length = 6, .pad_id = 5}});
  const Encoding own = tokenizer->encode("abcdefgh");
  CHECK(own.size() == 6);
  CHECK(own.ids.front() == 8);
  CHECK(own.ids[3] == 7);
  CHECK(own.ids.back() == 5);
  CHECK_FALSE(own.overflowing.empty());
  CHECK(own.special_tokens_mask == std::vector<std::uint8_t>{1, 0, 0, 1, 1, 1});
  const Encoding other = tokenizer->encode(
      "abcdefgh", {.add_special_tokens = false, .truncation = Truncation{.max_length = 3}, .padding = Padding{}});
  CHECK(other.size() == 3);
  CHECK(tokenizer->encode("abcdefgh", {.own_padding = false}).size() == 4);
  const Encoding whole = tokenizer->encode("abcdefgh", {.own_truncation = false, .own_padding = false});
  CHECK(whole.overflowing.empty());
  CHECK(whole.ids ==
        tokenizer->encode("abcdefgh", {.truncation = Truncation{.max_length = 100}, .padding = Padding{}}).ids);
  CHECK(tokenizer->encode("abcdefgh", {.truncation = Truncation{.max_length = 3}, .own_truncation = false}).ids[2] ==
        7);
  CHECK_THROWS_WITH(tokenizer->encode("abc", {.truncation = Truncation{.max_length = 1}}),
                    "truncation: max_length is 1, but 2 special tokens are added");
}

TEST_CASE("tokenizer: special tokens in the text are text where the options say so, as in Python's tokenizers") {
  const nlohmann::json goldens = golden("split_special_tokens.json");
  const TempDir dir;
  write_file(dir / "tokenizer.json", goldens["added_tokenizer"].dump());
  for (const auto& [name, cases] : goldens["cases"].items()) {
    const auto tokenizer =
        load_tokenizer(name == "added" ? dir / "tokenizer.json" : fixture("tokenizers/" + name + ".json"));
    for (const auto& c : cases) {
      const auto text = c["text"].get<std::string>();
      CAPTURE(name, text);
      const auto before = tokenizer->encode(text).ids;
      const Encoding encoding = tokenizer->encode(text, {.split_special_tokens = true, .tokens = true});
      CHECK(encoding.ids == c["ids"].get<std::vector<TokenId>>());
      CHECK(encoding.tokens == c["tokens"].get<std::vector<std::string>>());
      CHECK((character_offsets(encoding, text, "") == offsets_of(c["offsets"])));
      CHECK(encoding.special_tokens_mask == c["special_tokens_mask"].get<std::vector<std::uint8_t>>());
      std::vector<std::int32_t> word_ids;
      for (const auto& id : c["word_ids"]) {
        word_ids.push_back(id.is_null() ? Encoding::kNoWord : id.get<std::int32_t>());
      }
      CHECK(encoding.word_ids == word_ids);
      CHECK(tokenizer->encode(text, {.split_special_tokens = true}).ids == encoding.ids);
      CHECK(tokenizer->encode(text).ids == before);  // nothing of it is remembered
    }
  }
}

TEST_CASE("tokenizer: trimmed offsets of a token that begins inside the text move over one whole character") {
  // Python's rule goes by the token's name: the space that was added after <|endoftext|> moves the offset as well.
  const auto tokenizer = load_fixture("prefix_space.json");
  tokenizer->set_rules({std::make_shared<ByteLevelPostProcessor>(ByteLevelPostProcessor::Options{}), {}, {}});
  const Encoding encoding = tokenizer->encode("<|endoftext|>\u00e9");
  REQUIRE(encoding.size() > 1);
  CHECK((encoding.offsets[1] == Offset{15, 15}));
}

TEST_CASE("ids that no token has give no text where a model wrote them, and an error elsewhere") {
  for (const std::string name : {"byte_level.json", "char_level.json", "pipelines/llama.json",
                                 "pipelines/bert_uncased.json", "added_tokens.json", "sentencepiece/unigram.model"}) {
    INFO(name);
    const auto tokenizer = load_fixture(name);
    const auto size = static_cast<TokenId>(tokenizer->vocab_size());
    std::vector<TokenId> known, all = {size};
    for (TokenId id = size / 2; known.size() < 6 && id < size; ++id) {
      if (!tokenizer->has_token(id)) continue;
      CHECK_NOTHROW(tokenizer->id_to_token(id));
      known.push_back(id);
      all.insert(all.end(), {id, -1, size + 1000});
    }
    for (const bool skip : {false, true}) {
      CHECK(tokenizer->decode_generated(all, skip) == tokenizer->decode(known, skip));
      CHECK(tokenizer->decode_generated(known, skip) == tokenizer->decode(known, skip));
      CHECK(tokenizer->decode_generated(std::vector<TokenId>{size}, skip) ==
            tokenizer->decode(std::vector<TokenId>(), skip));
      CHECK_THROWS_AS(tokenizer->decode(all, skip), std::out_of_range);
    }
    CHECK_FALSE(tokenizer->has_token(size));
    CHECK_FALSE(tokenizer->has_token(-1));
  }
}

}  // namespace langzoo::test::tokenizer_test
