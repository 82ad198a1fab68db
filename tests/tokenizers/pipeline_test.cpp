#include "tests/support/plain_test.h"

#include <random>

#include <fmt/format.h>

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/models/word_level.h"
#include "tokenizers/pipeline.h"

namespace langzoo::test::pipeline_test {
namespace {

const char* const kPipelines[] = {"bert_uncased", "bert_cased", "bert_accents",  "gpt",
                                  "t5",           "albert",     "llama",         "roberta",
                                  "words",        "cl100k",     "byte_level_nfc"};

std::unique_ptr<Tokenizer> load(const std::string& name) {
  return load_tokenizer(fixture("tokenizers/pipelines/" + name + ".json"));
}

/// Texts of words, spaces and oddities, where borders and what spoils them stand side by side.
std::string random_text(std::mt19937& random, std::size_t parts) {
  static const char* const kParts[] = {"the",
                                       "lamp",
                                       "a",
                                       "café",
                                       "e\u0301",
                                       "강물",
                                       "河",
                                       " ",
                                       " ",
                                       " ",
                                       "  ",
                                       "\n",
                                       "\t",
                                       "\u00a0",
                                       "\u3000",
                                       ".",
                                       ",",
                                       "'s",
                                       "12",
                                       "-",
                                       "[MASK]",
                                       "</s>",
                                       "<mask>",
                                       "\xFF",
                                       "\xE2\x82",
                                       "▁",
                                       "kettle",
                                       "STEPS",
                                       "👩‍👩‍👧",
                                       "x",
                                       "[sp ace]",
                                       "``",
                                       "#"};
  std::string text;
  for (std::size_t i = 0; i < parts; ++i) text += kParts[random() % std::size(kParts)];
  return text;
}

std::uint64_t digest(std::uint64_t h, std::uint64_t value) {
  return (h ^ value) * 1099511628211u;
}

}  // namespace

TEST_CASE("pipeline: ids, offsets, words and text are those of Python") {
  for (const std::string name : kPipelines) {
    CAPTURE(name);
    const auto tokenizer = load(name);
    const auto cases = golden("pipelines/" + name + ".cases.json");
    REQUIRE(cases.size() > 200);
    for (const auto& c : cases) check_case(*tokenizer, c);
  }
}

TEST_CASE("pipeline: every code point, alone and between letters, as Python has it") {
  const auto digests = golden("pipelines/code_points.json");
  for (const auto& [name, blocks] : digests.items()) {
    CAPTURE(name);
    const auto tokenizer = load(name);
    for (const auto& [block, expected] : blocks.items()) {
      CAPTURE(block);
      std::uint64_t h = 14695981039346656037u;
      const auto first = static_cast<char32_t>(std::stoul(block)) << 12;
      for (char32_t c = std::max<char32_t>(first, 1); c < first + 0x1000; ++c) {
        if (c >= 0xD800 && c < 0xE000) continue;
        std::string alone;
        append_utf8(alone, c);
        for (const std::string& text : {alone, "a" + alone + "b"}) {
          const Encoding encoding = tokenizer->encode(text, {.add_special_tokens = false});
          for (const TokenId id : encoding.ids) h = digest(h, static_cast<std::uint64_t>(id));
          for (const Offset& offset : to_character_offsets(text, encoding.offsets))
            h = digest(digest(h, offset.begin), offset.end);
        }
      }
      CHECK(fmt::format("{:016x}", h) == expected.get<std::string>());
    }
  }
}

TEST_CASE("pipeline: saved and loaded it gives the same") {
  std::mt19937 random(3);
  for (const std::string name : kPipelines) {
    CAPTURE(name);
    const auto tokenizer = load(name);
    const TempDir dir;
    tokenizer->save(dir.path());
    const auto loaded = load_tokenizer(dir.path());
    CHECK((loaded->special_tokens() == tokenizer->special_tokens()));
    CHECK(loaded->vocab_size() == tokenizer->vocab_size());
    for (int i = 0; i < 50; ++i) {
      const std::string text = random_text(random, 20);
      const Encoding a = tokenizer->encode_pair(text, "b"), b = loaded->encode_pair(text, "b");
      CHECK(a.ids == b.ids);
      CHECK((a.offsets == b.offsets));
      CHECK(tokenizer->decode(a.ids) == loaded->decode(b.ids));
    }
    loaded->save(dir / "again");
    CHECK(read_file(dir / "tokenizer.json") == read_file(dir / "again" / "tokenizer.json"));
  }
}

TEST_CASE("pipeline: remembered chunks, whole texts and texts cut for threads agree") {
  std::mt19937 random(5);
  for (const std::string name : kPipelines) {
    CAPTURE(name);
    const auto tokenizer = load(name);
    for (int i = 0; i < 300; ++i) {
      const std::string text = random_text(random, 1 + random() % 40);
      CAPTURE(text);
      const Encoding remembered = tokenizer->encode(text, {.add_special_tokens = false});
      // Dropout 0 and alpha 0 would be random for Unigram: compare with the spelled path only where it is another one.
      const Encoding spelled = tokenizer->encode(text, {.add_special_tokens = false, .tokens = true});
      CHECK(remembered.ids == spelled.ids);
      CHECK((remembered.offsets == spelled.offsets));
      CHECK(remembered.word_ids == spelled.word_ids);
      const std::size_t cut = tokenizer->cut_point(text, random() % (text.size() + 1));
      std::vector<TokenId> halves;
      tokenizer->encode(std::string_view(text).substr(0, cut), halves);
      tokenizer->encode(std::string_view(text).substr(cut), halves);
      CHECK(halves == remembered.ids);
    }
  }
}

TEST_CASE("pipeline: offsets of bytes that are not UTF-8 lead back to them") {
  const auto tokenizer = load("bert_uncased");
  const std::string text = "the \xFF\xFE lamp \xE2\x82 river \xF0\x9F";
  const Encoding encoding = tokenizer->encode(text, {.add_special_tokens = false});
  const auto lamp = text.find("lamp"), river = text.find("river");
  const auto holds = [&](std::size_t begin, std::size_t end) {
    return std::find(encoding.offsets.begin(), encoding.offsets.end(), Offset{begin, end}) != encoding.offsets.end();
  };
  CHECK(holds(lamp, lamp + 4));
  CHECK(holds(river, river + 5));
  for (const Offset& offset : encoding.offsets) CHECK(offset.end <= text.size());
}

TEST_CASE("pipeline: faults are named") {
  CHECK_THROWS_WITH(Pipeline({}), "a pipeline needs a model");
  const auto model = std::make_shared<WordLevel>(WordLevelOptions{.tokens = {"a", "b"}, .unk_token = "a"});
  CHECK_THROWS_WITH(Pipeline({.added_tokens = {{.content = "x", .id = 1}}, .model = model}),
                    "the added token 'x' has the id 1 of the token 'b'");
  CHECK_THROWS_WITH(Pipeline({.added_tokens = {{.content = "b", .id = 5}}, .model = model}),
                    "the added token 'b' has the id 5, in the vocabulary 1");
  const Pipeline pipeline({.model = model});
  CHECK(pipeline.decode(std::vector<TokenId>{0, 1}) == "a b");
  CHECK_THROWS_WITH(pipeline.decode(std::vector<TokenId>{2}), "the id 2 is not in the vocabulary of 2 tokens");
}

}  // namespace langzoo::test::pipeline_test
