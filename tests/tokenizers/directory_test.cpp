#include "tests/support/plain_test.h"

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/directory.h"

namespace langzoo::test {

namespace {

/// Saved files are tokenizer_files().
void check_files_of(const std::filesystem::path& dir) {
  const auto files = tokenizer_files();
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    const auto name = entry.path().filename().string();
    CAPTURE(name);
    CHECK(std::find(files.begin(), files.end(), name) != files.end());
  }
}

/// The folder's tokenizer, and itself saved and loaded, is what transformers makes of the folder.
void check_folder(const std::filesystem::path& folder, const nlohmann::json& expected) {
  const auto tokenizer = load_tokenizer(folder);
  const SpecialTokens& special = tokenizer->special_tokens();
  nlohmann::json roles = nlohmann::json::object();
  const auto put = [&](const char* role, std::optional<TokenId> id) {
    if (id) roles[role] = *id;
  };
  put("bos", special.bos), put("eos", special.eos), put("unk", special.unk), put("sep", special.sep);
  put("pad", special.pad), put("cls", special.cls), put("mask", special.mask);
  CHECK(roles == expected["special_tokens"]);
  CHECK(tokenizer->vocab_size() == expected["size"]);
  for (const auto& c : expected["cases"]) check_case(*tokenizer, c);

  const TempDir dir;
  tokenizer->save(dir.path());
  check_files_of(dir.path());
  const auto saved = load_tokenizer(dir.path());
  CHECK((saved->special_tokens() == special));
  const auto config = nlohmann::json::parse(read_file(dir / "tokenizer_config.json"));
  CHECK((config.value("model_input_names", nlohmann::json()).dump() ==
         (special.cls ? R"(["input_ids","token_type_ids","attention_mask"])" : "null")));
  for (const auto& c : expected["cases"]) check_case(*saved, c);
}

}  // namespace

TEST_CASE("directory: what transformers makes of published files") {
  for (const std::string name : {"bert", "bert_cased", "distilbert", "electra", "openai-gpt", "gpt2", "gpt2_bos"}) {
    CAPTURE(name);
    check_folder(fixture("tokenizers/pipelines/directories/" + name),
                 golden("pipelines/directories/" + name + ".cases.json"));
  }
  for (const auto& expected : golden("folders.json")) {
    CAPTURE(expected["name"].get<std::string>());
    const TempDir dir;
    for (const auto& [name, content] : expected["files"].items()) {
      write_file(dir / name, content.contains("copy")
                                 ? read_file(fixture("tokenizers/" + content["copy"].get<std::string>()))
                                 : content["text"].get<std::string>());
    }
    check_folder(dir.path(), expected);
  }
}

TEST_CASE("directory: T5's and ALBERT's SentencePiece models with special tokens, as transformers has them") {
  for (const std::string name : {"t5", "t5_configured", "albert", "albert_accents"}) {
    CAPTURE(name);
    const auto folder = "tokenizers/sentencepiece/" + name;
    const auto tokenizer = load_tokenizer(fixture(folder));
    const auto expected = golden("sentencepiece/" + name + "/expected.json");
    const TempDir dir;
    tokenizer->save(dir.path());
    const auto saved = load_tokenizer(dir.path());
    CHECK((saved->special_tokens() == tokenizer->special_tokens()));
    for (const auto& c : expected["cases"]) {
      const auto text = c["text"].get<std::string>();
      CAPTURE(text);
      const auto ids = c["ids"].get<std::vector<TokenId>>();
      CHECK(tokenizer->encode(text).ids == ids);
      CHECK(saved->encode(text).ids == ids);
    }
  }
  const SpecialTokens special = load_tokenizer(fixture("tokenizers/sentencepiece/t5"))->special_tokens();
  CHECK((special.pad && special.eos && special.unk && !special.bos));
}

TEST_CASE("directory: whether there is a tokenizer in it is what loading it finds") {
  const TempDir dir;
  CHECK_FALSE(has_tokenizer(dir / "none"));
  CHECK_FALSE(has_tokenizer(dir.path()));
  for (const std::string name : {"tokenizers/byte_level.json", "tokenizers/sentencepiece/unigram.model",
                                 "tokenizers/pipelines/directories/bert/vocab.txt"}) {
    CHECK_FALSE(has_tokenizer(fixture(name)));  // a file
  }
  for (const std::string name : {"tokenizer_config.json", "config.json", "merges.txt", "vocab.json"}) {
    write_file(dir / name, "{}");
    CHECK(has_tokenizer(dir.path()) == (name == "vocab.json"));
  }
  for (const std::string name :
       {"tokenizer.json", "vocab.txt", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "m.model"}) {
    CAPTURE(name);
    const TempDir one;
    write_file(one / name, "x");
    CHECK(has_tokenizer(one.path()));
    if (name == "vocab.txt") continue;  // of one word
    CHECK_THROWS_WITH(load_tokenizer(one.path()), Catch::StartsWith((one / name).string() + ": "));
  }
}

TEST_CASE("directory: a SentencePiece that was saved is that model again, whatever model stands beside it") {
  for (const std::string name : {"unigram", "bpe", "word", "char", "bpe_bytes"}) {
    for (const std::string model_type : {"gpt2", "t5", "albert", "something"}) {
      CAPTURE(name, model_type);
      const TempDir dir;
      const auto model = load_tokenizer(fixture("tokenizers/sentencepiece/" + name + ".model"));
      model->save(dir.path());
      write_file(dir / "config.json", R"({"model_type": ")" + model_type + "\"}");
      const auto again = load_tokenizer(dir.path());
      CHECK(again->vocab_size() == model->vocab_size());
      CHECK((again->special_tokens() == model->special_tokens()));
      for (const std::string text : {"Anna has a dog.", "", " \u4e2d\u6587 <s> x"}) {
        CHECK(again->encode(text).ids == model->encode(text).ids);
      }
    }
  }
}

TEST_CASE("directory: half of a pair of files, and files of another kind, are named as what they are") {
  const auto gpt2 = fixture("tokenizers/pipelines/directories/gpt2"),
             gpt = fixture("tokenizers/pipelines/directories/openai-gpt");
  for (const auto& dir : {gpt2, gpt}) {
    CHECK_THROWS_WITH(load_tokenizer(dir / "merges.txt"),
                      (dir / "merges.txt").string() +
                          ": is the merges.txt of a BPE tokenizer, which is nothing without its "
                          "vocab.json: give the folder that holds both");
    CHECK_THROWS_WITH(load_tokenizer(dir / "vocab.json"),
                      Catch::Contains("is the vocab.json of a BPE tokenizer") && Catch::Contains("merges.txt"));
  }
  const TempDir dir;
  write_file(dir / "codes.txt", "#version: 0.2\n\u0120 t\nh e\n");  // byte-level
  CHECK_THROWS_WITH(load_tokenizer(dir / "codes.txt"), Catch::Contains("is the merges.txt"));
  write_file(dir / "codes.txt", "\u0120 t\nh e\n");  // of GPT-2's without their first line
  CHECK_THROWS_WITH(load_tokenizer(dir / "codes.txt"), Catch::Contains("is the merges.txt"));
  write_file(dir / "story.txt", "Once upon a time\n");
  CHECK_THROWS_WITH(load_tokenizer(dir / "story.txt"), Catch::Contains("story.txt: is no vocab.txt"));
  write_file(dir / "v.json", "{ \"a\\\"b\" : 0, \"c\": 1}");
  CHECK_THROWS_WITH(load_tokenizer(dir / "v.json"), Catch::Contains("is the vocab.json"));
  for (const std::string name : {"tokenizer.json", "vocab.txt", "spiece.model"}) {
    const TempDir pointers;
    write_file(pointers / name, "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n");
    CHECK_THROWS_WITH(load_tokenizer(pointers / name), Catch::Contains(name + ": is a Git LFS pointer"));
    CHECK_THROWS_WITH(load_tokenizer(pointers.path()), Catch::Contains(name + ": is a Git LFS pointer"));
  }
}

TEST_CASE("directory: files and their faults") {
  const TempDir dir;
  CHECK_THROWS_WITH(load_tokenizer(dir / "none"), (dir / "none").string() + ": does not exist");
  CHECK_THROWS_WITH(load_tokenizer(dir.path()),
                    dir.path().string() +
                        ": has no tokenizer: none of tokenizer.json, vocab.txt, vocab.json with merges.txt, *.model, "
                        "source.spm with target.spm and vocab.json");
  write_file(dir / "notes.md", "x");
  CHECK_THROWS_WITH(
      load_tokenizer(dir / "notes.md"),
      (dir / "notes.md").string() +
          ": is no tokenizer: expected a directory, a tokenizer.json, a vocab.txt, a SentencePiece .model or "
          "subword-nmt codes");
  write_file(dir / "vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\nlamp\n");
  CHECK(load_tokenizer(dir.path())->encode("lamp").ids == std::vector<TokenId>{1, 5, 2});
  CHECK(load_tokenizer(dir / "vocab.txt")->encode("lamp").ids == std::vector<TokenId>{1, 5, 2});
  write_file(dir / "tokenizer_config.json", R"({"do_lower_case": "yes"})");
  CHECK_THROWS_WITH(load_tokenizer(dir.path()),
                    (dir / "tokenizer_config.json").string() + ": do_lower_case: is \"yes\", expected true or false");
  std::filesystem::remove(dir / "tokenizer_config.json");
  write_file(dir / "config.json", R"({"model_type": true})");
  CHECK_THROWS_WITH(load_tokenizer(dir.path()),
                    (dir / "config.json").string() + ": model_type: is true, expected a string");
  std::filesystem::remove(dir / "config.json");
  write_file(dir / "tokenizer_config.json", R"({"mask_token": "[M]"})");
  const auto extended = load_tokenizer(dir.path());
  CHECK(extended->special_tokens().mask == 6);
  CHECK(extended->encode("lamp[M]").ids == std::vector<TokenId>{1, 5, 6, 2});
  for (const std::string name : {"PreTrainedTokenizerFast", "TokenizersBackend", "ElectraTokenizerFast"}) {
    write_file(dir / "tokenizer_config.json", R"({"tokenizer_class": ")" + name + "\"}");
    CHECK(load_tokenizer(dir.path())->encode("lamp").ids == std::vector<TokenId>{1, 5, 2});
  }
  write_file(dir / "tokenizer_config.json", R"({"tokenizer_class": "BertJapaneseTokenizer"})");
  CHECK_THROWS_WITH(
      load_tokenizer(dir.path()),
      (dir / "vocab.txt").string() +
          ": a vocabulary of the class BertJapaneseTokenizer is not supported without tokenizer.json, expected "
          "BertTokenizer, MPNetTokenizer");
  write_file(dir / "tokenizer_config.json", R"({"tokenizer_class": "MPNetTokenizer", "cls_token": null})");
  CHECK_THROWS_WITH(load_tokenizer(dir.path()), (dir / "tokenizer_config.json").string() +
                                                    ": cls_token: is null, and the tokenizer's class needs it");
  std::filesystem::remove(dir / "vocab.txt");
  write_file(dir / "vocab.json", R"({"a": 0, "b": 1, "ab": 2})");
  write_file(dir / "merges.txt", "#version: 0.2\na b\n");
  write_file(dir / "tokenizer_config.json", R"({"tokenizer_class": "CLIPTokenizer"})");
  CHECK_THROWS_WITH(load_tokenizer(dir.path()),
                    (dir / "vocab.json").string() +
                        ": a vocabulary of the class CLIPTokenizer is not supported without tokenizer.json, "
                        "expected GPT2Tokenizer, OpenAIGPTTokenizer, RobertaTokenizer");
  std::filesystem::remove(dir / "vocab.json");
  std::filesystem::remove(dir / "tokenizer_config.json");
  write_file(dir / "a.model", "x");
  CHECK_THROWS_WITH(load_tokenizer(dir.path()), Catch::StartsWith((dir / "a.model").string() + ": "));
  write_file(dir / "b.model", "x");
  CHECK_THROWS_WITH(
      load_tokenizer(dir.path()),
      dir.path().string() + ": has several SentencePiece models, a.model and b.model; name one of the files");
  const auto model = read_file(fixture("tokenizers/sentencepiece/unigram.model"));
  for (const std::string name : {"CamembertTokenizer", "PreTrainedTokenizerFast", "GemmaTokenizer"}) {
    const TempDir one;
    write_file(one / "spiece.model", model);
    write_file(one / "tokenizer_config.json", R"({"tokenizer_class": ")" + name + "\"}");
    CHECK_THROWS_WITH(
        load_tokenizer(one.path()),
        Catch::Contains("spiece.model: a SentencePiece model of the class ") && Catch::Contains(name.substr(0, 9)));
  }
  {
    const TempDir one;
    write_file(one / "sentencepiece.bpe.model", model);
    write_file(one / "tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizer", "mask_token": null})");
    CHECK_THROWS_WITH(load_tokenizer(one.path()),
                      Catch::EndsWith(": mask_token: is null, and XLMRobertaTokenizer needs it"));
  }
  write_file(dir / "codes", "#version: 0.2\nl a\nm p</w>\n");
  const auto codes = load_tokenizer(dir / "codes");
  const Encoding lamps = codes->encode("lamp\u00e9 lamp", {.tokens = true});
  CHECK(lamps.tokens == std::vector<std::string>{"la", "m", "p", "\u00e9", "la", "mp</w>"});
  CHECK(codes->decode(codes->encode("lamp lap").ids) == "lamp lap");
}

}  // namespace langzoo::test
