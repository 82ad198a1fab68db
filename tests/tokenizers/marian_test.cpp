// transformers' MarianTokenizer, by make_marian.py.
#include "tests/support/plain_test.h"

#include <nlohmann/json.hpp>

#include "tokenizers/directory.h"
#include "tokenizers/marian.h"
#include "tokenizers/utf8.h"

namespace langzoo::test::marian_test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const std::vector<std::string> kFolders = {"opus", "multilingual", "separate"};

fs::path folder(const std::string& name) {
  return fixture("marian/" + name);
}

json cases_of(const std::string& name) {
  return json::parse(read_file(folder(name) / "cases.json"));
}

void copy_files(const fs::path& from, const fs::path& to) {
  for (const auto& entry : fs::directory_iterator(from)) {
    if (entry.path().extension() != ".bin") fs::copy_file(entry.path(), to / entry.path().filename());
  }
}

void check_decoded(const Tokenizer& tokenizer, const json& c) {
  const auto ids = c["ids"].get<std::vector<TokenId>>();
  CHECK(sanitize_utf8(tokenizer.decode(ids)) == c["decoded"].get<std::string>());
  CHECK(sanitize_utf8(tokenizer.decode(ids, true)) == c["decoded_without_special"].get<std::string>());
}

void check_side(const Tokenizer& tokenizer, const json& cases) {
  for (const auto& c : cases) {
    const auto text = c["text"].get<std::string>();
    CAPTURE(text);
    const auto ids = c["ids"].get<std::vector<TokenId>>();
    const auto tokens = c["tokens"].get<std::vector<std::string>>();
    const Encoding encoding = tokenizer.encode(text, {.tokens = true});
    CHECK(encoding.ids == ids);
    CHECK(std::vector(encoding.tokens.begin(), encoding.tokens.end() - 1) == tokens);
    CHECK(encoding.tokens.back() == "</s>");
    CHECK(encoding.special_tokens_mask.back() == 1);
    std::vector<TokenId> quick, again;
    tokenizer.encode(text, quick);
    tokenizer.encode(text, again);
    CHECK(quick == std::vector(ids.begin(), ids.end() - 1));
    CHECK(again == quick);
    // What a token's offsets say is in the text.
    std::size_t end = 0;
    for (std::size_t i = 0; i + 1 < encoding.size(); ++i) {
      CHECK(encoding.offsets[i].begin <= encoding.offsets[i].end);
      CHECK(encoding.offsets[i].end <= text.size());
      CHECK(encoding.offsets[i].end >= end);
      end = encoding.offsets[i].end;
      if (tokens[i].starts_with(">>") && tokens[i].ends_with("<<")) {
        CHECK(text.substr(encoding.offsets[i].begin, tokens[i].size()) == tokens[i]);
      }
    }
    if (c.contains("decoded")) check_decoded(tokenizer, c);
  }
}

void check_sides(const MarianTokenizers& sides, const json& cases) {
  check_side(*sides.source, cases["sources"]);
  check_side(*sides.target, cases["targets"]);
  for (const auto& c : cases["generated"]) {
    CAPTURE(c["ids"].dump());
    check_decoded(*sides.target, c);
  }
}

}  // namespace

TEST_CASE("Marian's tokenizers give transformers' ids, tokens and text on both sides, saved ones too") {
  for (const auto& name : kFolders) {
    CAPTURE(name);
    const auto cases = cases_of(name);
    const auto sides = load_marian(folder(name));
    check_sides(sides, cases);
    CHECK(sides.source->shares_folder(*sides.target));
    for (const auto* side : {sides.source.get(), sides.target.get()}) {
      const TempDir dir;
      side->save(dir / "saved");
      for (const auto* file : {"source.spm", "target.spm", "vocab.json"}) {
        CHECK(read_file(dir / "saved" / file) == read_file(folder(name) / file));
      }
      CHECK(fs::exists(dir / "saved/target_vocab.json") == (name == "separate"));
      CHECK(json::parse(read_file(dir / "saved/tokenizer_config.json"))["tokenizer_class"] == "MarianTokenizer");
      const auto again = load_marian(dir / "saved");
      check_sides(again, cases);
      CHECK_FALSE(again.source->shares_folder(*side));
    }
  }
}

TEST_CASE("a Marian folder opens as its source's tokenizer") {
  for (const auto& name : kFolders) {
    CAPTURE(name);
    CHECK(has_tokenizer(folder(name)));
    const auto tokenizer = load_tokenizer(folder(name));
    check_side(*tokenizer, cases_of(name)["sources"]);
    const auto& special = tokenizer->special_tokens();
    CHECK(special.eos == 0);
    CHECK(special.unk == 1);
    CHECK(special.pad == static_cast<TokenId>(tokenizer->vocab_size()) - 1);
    CHECK_FALSE(special.bos);
    CHECK(tokenizer->token_to_id("</s>") == 0);
    CHECK(tokenizer->id_to_token(1) == "<unk>");
    CHECK_FALSE(tokenizer->token_to_id("xyzzy"));
    CHECK_THROWS_AS(tokenizer->id_to_token(static_cast<TokenId>(tokenizer->vocab_size())), std::out_of_range);
    CHECK_THROWS_AS(tokenizer->decode(std::vector<TokenId>{-1}), std::out_of_range);
  }
  // A .spm by itself is libsentencepiece's.
  CHECK(load_tokenizer(folder("opus") / "source.spm")->id_to_token(0) == "<unk>");
  // Of two vocabularies each side has its own.
  const auto two = load_marian(folder("separate"));
  CHECK(two.source->vocab_size() != two.target->vocab_size());
  CHECK(two.target->special_tokens().pad == static_cast<TokenId>(two.target->vocab_size()) - 1);
  CHECK(two.target->token_to_id("\u2581donne"));
  CHECK_FALSE(two.source->token_to_id("\u2581donne"));
  const std::string sentence = "Anna gives away two cats...";
  CHECK(two.source->decode(two.source->encode(sentence).ids, true) == sentence);
}

TEST_CASE("pairs, split special tokens and drawn segmentations of Marian's tokenizer") {
  const auto tokenizer = load_tokenizer(folder("multilingual"));
  const auto pair = tokenizer->encode_pair("Anna sees", ">>fra<< Ben");
  auto expected = tokenizer->encode("Anna sees", EncodeOptions{.add_special_tokens = false}).ids;
  for (const auto id : tokenizer->encode(">>fra<< Ben").ids) expected.push_back(id);
  CHECK(pair.ids == expected);
  const auto split = tokenizer->encode("a</s>", {.split_special_tokens = true}).ids;
  CHECK(split.size() > tokenizer->encode("a</s>").ids.size());
  SubwordSampling sampling{.unigram_alpha = 0.1, .state = 1};
  std::vector<std::vector<TokenId>> drawn;
  for (int i = 0; i < 20; ++i) {
    const auto ids = tokenizer->encode("Anna sees the red apple", {.sampling = &sampling}).ids;
    CHECK(ids.back() == 0);
    if (std::find(drawn.begin(), drawn.end(), ids) == drawn.end()) drawn.push_back(ids);
  }
  CHECK(drawn.size() > 3);
}

TEST_CASE("what a Marian folder lacks or holds wrongly is named") {
  const auto broken = [](const std::string& name, const std::string& file, const std::optional<std::string>& text) {
    const auto dir = std::make_unique<TempDir>();
    copy_files(folder(name), dir->path());
    fs::remove(*dir / file);
    if (text) write_file(*dir / file, *text);
    try {
      load_tokenizer(dir->path());
    } catch (const std::runtime_error& error) {
      return std::string(error.what()).substr(dir->path().string().size() + 1);
    }
    return std::string("opened");
  };
  for (const std::string file : {"target.spm", "vocab.json", "target_vocab.json"}) {
    CHECK_THAT(broken("separate", file, {}), Catch::StartsWith(file + ": "));
  }
  for (const std::string file : {"source.spm", "target.spm"}) {
    CHECK_THAT(broken("opus", file, "no model"), Catch::StartsWith(file + ": "));
    CHECK_THAT(broken("opus", file, "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n"),
               Catch::StartsWith(file + ": is a Git LFS pointer"));
  }
  CHECK_THAT(broken("opus", "vocab.json", "[1]"), Catch::StartsWith("vocab.json: "));
  CHECK_THAT(broken("opus", "vocab.json", R"({"a": -1})"), Catch::StartsWith("vocab.json: "));
  CHECK(broken("opus", "vocab.json", R"({"</s>": 0, "a": 1})") ==
        "vocab.json: has no '<unk>', which unknown pieces become");
  CHECK(broken("separate", "target_vocab.json", R"({"</s>": 0, "a": 1})") ==
        "target_vocab.json: has no '<unk>', which unknown pieces become");
  const auto config = [&](const std::string& text) { return broken("opus", "tokenizer_config.json", text); };
  CHECK_THAT(config(R"({"sp_model_kwargs": {"enable_sampling": true}})"),
             Catch::StartsWith("tokenizer_config.json: sp_model_kwargs: is not supported"));
  CHECK_THAT(config(R"({"eos_token": null})"), Catch::StartsWith("tokenizer_config.json: eos_token: is null"));
  CHECK_THAT(config(R"({"unk_token": null})"), Catch::StartsWith("tokenizer_config.json: unk_token: is null"));
  CHECK_THAT(config(R"({"separate_vocabs": 1})"), Catch::StartsWith("tokenizer_config.json: separate_vocabs"));
  CHECK_THAT(config(R"({"tokenizer_class": "T5Tokenizer"})"),
             Catch::StartsWith("tokenizer_config.json: tokenizer_class: 'T5Tokenizer' is not supported"));
  CHECK_THAT(broken("opus", "source.spm", {}), Catch::Contains("source.spm with target.spm and vocab.json"));
  CHECK_THROWS_WITH(load_tokenizer(folder("opus") / "vocab.json"),
                    Catch::Contains("Marian's") && Catch::Contains("source.spm"));
}

TEST_CASE("a tokenizer.json beside Marian's files is read where another class is named") {
  const TempDir dir;
  copy_files(folder("opus"), dir.path());
  load_tokenizer(fixture("tokenizers/byte_level.json"))->save(dir.path());
  CHECK_FALSE(is_marian(dir.path()));
  CHECK(load_tokenizer(dir.path())->vocab_size() != load_tokenizer(folder("opus"))->vocab_size());
  write_file(dir / "tokenizer_config.json", R"({"tokenizer_class": "MarianTokenizer"})");
  CHECK(is_marian(dir.path()));
  write_file(dir / "tokenizer_config.json", "{}");  // config.json says marian
  CHECK(is_marian(dir.path()));
  CHECK(load_tokenizer(dir.path())->vocab_size() == load_tokenizer(folder("opus"))->vocab_size());
}

TEST_CASE("added tokens of a Marian folder are found in text and not spelled by the model") {
  const TempDir dir;
  copy_files(folder("opus"), dir.path());
  write_file(dir / "special_tokens_map.json", R"({"additional_special_tokens": ["<sep>"]})");
  const auto plain = load_tokenizer(folder("opus"));
  write_file(dir / "added_tokens.json", json{{"<tag>", plain->vocab_size()}}.dump());
  const auto tokenizer = load_tokenizer(dir.path());
  const auto size = static_cast<TokenId>(plain->vocab_size());
  CHECK(tokenizer->vocab_size() == plain->vocab_size() + 2);
  const auto tag = tokenizer->token_to_id("<tag>"), sep = tokenizer->token_to_id("<sep>");
  CHECK(tag == size);
  CHECK(sep == size + 1);
  const auto ids = tokenizer->encode("Anna<sep>Ben <tag>").ids;
  CHECK(std::count(ids.begin(), ids.end(), *sep) == 1);
  CHECK(std::count(ids.begin(), ids.end(), *tag) == 1);
  // transformers' own text; the vocabulary lacks the first piece of the name.
  CHECK(tokenizer->decode(ids, true) == "nna Ben<tag>");
  CHECK(tokenizer->decode(ids) == "<unk> nna<sep> Ben<tag></s>");
}

}  // namespace langzoo::test::marian_test
