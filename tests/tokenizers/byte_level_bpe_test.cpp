#include "tests/support/plain_test.h"

#include <random>
#include <set>
#include <thread>

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/byte_level.h"
#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/tokenizer_json.h"

namespace langzoo::test::byte_level_bpe_test {
namespace {

std::unique_ptr<Tokenizer> load_fixture(const std::string& name) {
  return load_tokenizer(fixture("tokenizers/" + name));
}

/// All bytes, and "ab", "abc", "bc" to merge.
ByteLevelBpeModel small_model() {
  ByteLevelBpeModel model;
  for (int b = 0; b < 256; ++b) model.tokens.push_back(spell_bytes(std::string(1, static_cast<char>(b))));
  const auto add = [&](TokenId left, TokenId right) {
    const auto token = [&](TokenId id) { return model.tokens[static_cast<std::size_t>(id)]; };
    model.tokens.push_back(token(left) + token(right));
    model.merges.push_back({left, right, static_cast<TokenId>(model.tokens.size() - 1)});
  };
  add('b', 'c');
  add('a', 'b');
  add('a', 256);
  add('a', 'a');
  return model;
}

/// The definition itself: merge the leftmost pair of least rank until there is none.
std::vector<TokenId> merge_naively(const ByteLevelBpeModel& model, const std::string& piece) {
  std::vector<TokenId> ids;
  for (const char c : piece) ids.push_back(static_cast<unsigned char>(c));
  while (true) {
    std::size_t best_rank = model.merges.size(), best = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      for (std::size_t rank = 0; rank < best_rank; ++rank) {
        if (model.merges[rank].left == ids[i] && model.merges[rank].right == ids[i + 1]) {
          best_rank = rank;
          best = i;
        }
      }
    }
    if (best_rank == model.merges.size()) return ids;
    ids[best] = model.merges[best_rank].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

std::vector<TokenId> ids_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids;
  tokenizer.encode(text, ids);
  return ids;
}

std::string random_bytes(std::mt19937& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& b : bytes) b = static_cast<char>(random());
  return bytes;
}

}  // namespace

TEST_CASE("byte-level BPE: ids, offsets and text equal those of Python's tokenizers") {
  CHECK(check_cases(*load_fixture("byte_level.json"), "byte_level.cases.json") > 150);
  CHECK(check_cases(*load_fixture("prefix_space.json"), "prefix_space.cases.json") > 100);
  CHECK(check_cases(*load_fixture("added_tokens.json"), "added_tokens.cases.json") == 3);
}

TEST_CASE("byte-level BPE: merges go by rank, leftmost first") {
  const ByteLevelBpe tokenizer(small_model());
  CHECK(ids_of(tokenizer, "abc") == std::vector<TokenId>{258});       // bc is rank 0, then a + bc
  CHECK(ids_of(tokenizer, "aaa") == std::vector<TokenId>{259, 'a'});  // the leftmost of two equal pairs
  CHECK(ids_of(tokenizer, "abab") == std::vector<TokenId>{257, 257});
  CHECK(ids_of(tokenizer, "").empty());
  CHECK(tokenizer.vocab_size() == 260);
}

TEST_CASE("byte-level BPE: short and long pieces both follow the definition") {
  const ByteLevelBpe tokenizer(small_model());
  std::mt19937 random(3);
  for (const std::size_t size : {2, 3, 10, 31, 95, 96, 97, 98, 200, 500}) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::string piece(size, 'a');
      for (char& c : piece) c = "aaabbc"[random() % 6];
      CAPTURE(piece);
      CHECK(ids_of(tokenizer, piece) == merge_naively(tokenizer.model(), piece));
    }
  }
}

TEST_CASE("byte-level BPE: any bytes come back") {
  const auto tokenizer = load_fixture("byte_level.json");
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) {
    std::string bytes = random_bytes(random, random() % 200);
    if (i % 3 == 0) bytes += "the lamp \xC3 \xE2\x82 <|endoftext|>\xF0\x9F";
    CHECK(tokenizer->decode(ids_of(*tokenizer, bytes)) == bytes);
    const Encoding encoding = tokenizer->encode(bytes);
    CHECK(encoding.ids == ids_of(*tokenizer, bytes));
    std::size_t at = 0;
    for (const Offset& offset : encoding.offsets) {
      CHECK(offset.begin == at);
      at = offset.end;
    }
    CHECK(at == bytes.size());
  }
}

TEST_CASE("byte-level BPE: an ill-formed byte is a piece of its own and leaves its neighbours' ids alone") {
  const auto tokenizer = load_fixture("byte_level.json");
  std::vector<TokenId> expected = ids_of(*tokenizer, "the lamp");
  const auto bad = tokenizer->token_to_id(spell_bytes("\xFF"));
  REQUIRE(bad);
  expected.push_back(*bad);
  const auto rest = ids_of(*tokenizer, " the lamp");
  expected.insert(expected.end(), rest.begin(), rest.end());
  CHECK(ids_of(*tokenizer, "the lamp\xFF the lamp") == expected);
}

TEST_CASE("byte-level BPE: a megabyte without a space is merged in linear-logarithmic time") {
  const auto tokenizer = load_fixture("byte_level.json");
  std::string text;
  while (text.size() < 1000000) text += "thelampcarriesaaaab";
  const auto start = std::chrono::steady_clock::now();
  const auto ids = ids_of(*tokenizer, text);
  // A quadratic merge would take minutes.
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 10.0);
  CHECK(tokenizer->decode(ids) == text);
}

TEST_CASE("byte-level BPE: dropout leaves out merges, the same ones from the same state") {
  const ByteLevelBpe tokenizer(small_model());
  const std::string text = "abc aab bcabc";
  const auto ids = [&](double dropout, std::uint64_t state) {
    SubwordSampling sampling{.bpe_dropout = dropout, .state = state};
    EncodeOptions options;
    options.sampling = &sampling;
    return tokenizer.encode(text, options).ids;
  };
  CHECK(ids(0, 1) == ids_of(tokenizer, text));
  CHECK(ids(1, 1).size() == text.size());
  std::set<std::vector<TokenId>> seen;
  for (std::uint64_t state = 0; state < 50; ++state) {
    seen.insert(ids(0.5, state));
    CHECK(ids(0.5, state) == ids(0.5, state));
    CHECK(tokenizer.decode(ids(0.5, state)) == text);
  }
  CHECK(seen.size() > 5);
  CHECK_THROWS_AS(ids(1.5, 1), std::invalid_argument);
}

TEST_CASE("byte-level BPE: batches on two threads give the ids of one thread") {
  const auto tokenizer = load_fixture("byte_level.json");
  std::mt19937 random(9);
  std::string long_text;
  while (long_text.size() < 3000000)
    long_text += random() % 9 ? "the lamp  carries 河水 it's\n" : "<|endoftext|> a\u3000 b\n\n";
  std::vector<std::string> texts = {"", long_text, "the lamp", random_bytes(random, 5000), long_text.substr(7)};
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto batch = tokenizer->encode_batch(views, 2);
  REQUIRE(batch.size() == texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) CHECK((batch[i] == ids_of(*tokenizer, texts[i])));
}

TEST_CASE("byte-level BPE: a text may be cut at a cut point") {
  const auto tokenizer = load_fixture("byte_level.json");
  const auto added = load_fixture("added_tokens.json");
  for (const auto& c : golden("byte_level.cases.json")) {
    for (const Tokenizer* t : {tokenizer.get(), added.get()}) {
      const std::string text = c["text"].get<std::string>() + " x [sp ace] \xFF\xE3\x80  y";
      const auto whole = ids_of(*t, text);
      for (std::size_t at = 1; at < text.size(); ++at) {
        const std::size_t cut = t->cut_point(text, at);
        CHECK(cut <= at);
        if (cut == 0) continue;
        auto halves = ids_of(*t, std::string_view(text).substr(0, cut));
        t->encode(std::string_view(text).substr(cut), halves);
        CAPTURE(text, cut);
        CHECK(halves == whole);
      }
    }
  }
}

TEST_CASE("byte-level BPE: what it cannot do is a clear error") {
  const auto tokenizer = load_fixture("byte_level.json");
  const std::vector<TokenId> beyond = {0, 521}, negative = {-1};
  CHECK_THROWS_WITH(tokenizer->decode(beyond), "the id 521 is not in the vocabulary of 521 tokens");
  CHECK_THROWS_AS(tokenizer->decode(negative), std::out_of_range);
  CHECK_THROWS_AS(tokenizer->id_to_token(521), std::out_of_range);

  ByteLevelBpeModel lacking = small_model();
  lacking.tokens['q'].clear();
  CHECK_THROWS_WITH(ids_of(ByteLevelBpe(lacking), "a q"), "the vocabulary has no token for the byte 0x71 at offset 2");
  lacking.unk = 0;
  CHECK(ids_of(ByteLevelBpe(lacking), "a q") == std::vector<TokenId>{'a', ' ', 0});

  ByteLevelBpeModel twice = small_model();
  twice.tokens[259] = twice.tokens[258];
  CHECK_THROWS_WITH(ByteLevelBpe(twice), "the tokens 258 and 259 are both 'abc'");
  ByteLevelBpeModel stray = small_model();
  stray.merges[1].right = 999;
  CHECK_THROWS_WITH(ByteLevelBpe(stray), "merge 1 names an id that no token has");
}

TEST_CASE("byte-level BPE: special tokens in the text become their ids and can be left out of the decoding") {
  const auto tokenizer = load_fixture("byte_level.json");
  CHECK(tokenizer->token_to_id("<|endoftext|>") == 0);
  CHECK(tokenizer->special_tokens().eos == 0);
  const auto ids = ids_of(*tokenizer, "a<|endoftext|>");
  CHECK(ids.back() == 0);
  CHECK(tokenizer->decode(ids) == "a<|endoftext|>");
  CHECK(tokenizer->decode(ids, true) == "a");
  CHECK(tokenizer->id_to_token(0) == "<|endoftext|>");
  CHECK(tokenizer->id_to_token(*tokenizer->token_to_id("\u0120lamp")) == "\u0120lamp");
}

}  // namespace langzoo::test::byte_level_bpe_test
