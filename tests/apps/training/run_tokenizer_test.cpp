#include "tests/support/test.h"

#include "apps/training/run_tokenizer.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "data/random/random.h"
#include "tokenizers/directory.h"

namespace langzoo::test::run_tokenizer_test {

using Catch::Contains;
using test::TempDir;
namespace fs = std::filesystem;

namespace {

const Message kSilent = [](const std::string&) {};

/// Sentences of made-up words, one a text.
std::vector<std::string> sentences() {
  Random random(7);
  std::vector<std::string> texts;
  for (int i = 0; i < 400; ++i) {
    std::string text;
    for (auto words = 3 + random.below(5); words > 0; --words) {
      for (auto letters = 1 + random.below(6); letters > 0; --letters)
        text += static_cast<char>('a' + random.below(12));
      text += words > 1 ? " " : ".";
    }
    texts.push_back(text);
  }
  return texts;
}

TextSource source_of(std::vector<std::string> texts) {
  return [texts = std::move(texts), i = std::size_t{0}](std::string& text) mutable {
    if (i == texts.size()) return false;
    text = texts[i++];
    return true;
  };
}

const std::vector<std::string> kTrained = {"char",
                                           "train:bytebpe:300",
                                           "train:bpe:100",
                                           "train:wordpiece:120",
                                           "train:unigram:100",
                                           "train:word:90",
                                           "train:byteword:90",
                                           "train:sentencepiece:60",
                                           "train:sentencepiece-bpe:60",
                                           "train:sentencepiece-word:60",
                                           "train:sentencepiece-char:20"};

std::unique_ptr<Tokenizer> make(const std::string& spec, const TokenizerNeeds& needs = {}) {
  return make_tokenizer(parse_tokenizer_spec(spec, "data.tokenizer"), source_of(sentences()), needs, kSilent);
}

void check_equal(const Tokenizer& a, const Tokenizer& b) {
  CHECK(a.vocab_size() == b.vocab_size());
  CHECK((a.special_tokens() == b.special_tokens()));
  for (const auto& text : sentences()) {
    const auto first = a.encode(text), second = b.encode(text);
    REQUIRE(first.ids == second.ids);
    REQUIRE(first.attention_mask == second.attention_mask);
    REQUIRE(a.decode(first.ids) == b.decode(second.ids));
  }
}

}  // namespace

TEST_CASE("what a sentencepiece's trainer leaves out is said") {
  auto texts = sentences();
  texts.emplace_back(5000, 'a');
  std::vector<std::string> messages;
  make_tokenizer(parse_tokenizer_spec("train:sentencepiece:60", "data.tokenizer"), source_of(texts), {},
                 [&](const std::string& text) { messages.push_back(text); });
  REQUIRE(messages.size() == 2);
  CHECK_THAT(messages[1], Contains("without 1 lines, 5000 bytes, that are longer than 4192 bytes"));
}

TEST_CASE("a vocabulary that the text does not fill is said") {
  std::vector<std::string> messages;
  const auto train = [&](const std::string& spec) {
    messages.clear();
    return make_tokenizer(parse_tokenizer_spec(spec, "data.tokenizer"), source_of(sentences()), {},
                          [&](const std::string& text) { messages.push_back(text); });
  };
  const auto size = std::to_string(train("train:bytebpe:5000")->vocab_size());
  CHECK(messages == std::vector<std::string>{"training a bytebpe tokenizer of 5000 tokens",
                                             "the tokenizer has " + size + " tokens: the text gives no more"});
  train("train:bytebpe:" + size);
  CHECK(messages.size() == 1);
  train("train:word:5000");
  CHECK(messages.size() == 1);
}

TEST_CASE("a tokenizer of every kind is found again where a run saved it, whatever the model beside it") {
  for (const auto& spec : kTrained) {
    for (const auto* model_type : {"gpt2", "seq2seq", "bert"}) {
      CAPTURE(spec, model_type);
      const TempDir dir;
      CHECK(find_tokenizer(dir / "run") == nullptr);
      const auto made = make(spec, {.special_tokens = {"<s>", "</s>", "<pad>", "<unk>"}});
      made->save(dir / "run");
      test::write_file(dir / "run/config.json", std::string(R"({"model_type": ")") + model_type + "\"}");
      REQUIRE(has_tokenizer(dir / "run"));
      const auto found = find_tokenizer(dir / "run");
      REQUIRE(found != nullptr);
      check_equal(*made, *found);
    }
  }
}

TEST_CASE("a trained tokenizer has the special tokens that its family asks for, in their roles") {
  for (const auto& spec : kTrained) {
    CAPTURE(spec);
    const bool sentencepiece = spec.find("sentencepiece") != std::string::npos;
    const auto of_text = make(spec, {.special_tokens = {"<|endoftext|>"}});
    const auto& end = of_text->special_tokens().eos;
    REQUIRE(end);
    CHECK(of_text->id_to_token(*end) == (sentencepiece ? "</s>" : "<|endoftext|>"));
    CHECK(of_text->special_tokens().bos == (sentencepiece ? std::nullopt : end));

    const auto of_pairs = make(spec, {.special_tokens = {"<s>", "</s>", "<pad>", "<unk>"}});
    const auto& roles = of_pairs->special_tokens();
    REQUIRE((roles.bos && roles.eos && roles.pad && roles.unk));
    CHECK(of_pairs->id_to_token(*roles.bos) == "<s>");
    CHECK(of_pairs->id_to_token(*roles.eos) == "</s>");
    CHECK(of_pairs->id_to_token(*roles.pad) == "<pad>");
    CHECK(end_token_of(*of_pairs, "key") == *roles.eos);
    CHECK(start_token_of(*of_pairs, "key") == *roles.bos);

    const auto masked = make(spec, {.special_tokens = {"[MASK]", "<one>"}});
    REQUIRE(masked->token_to_id("[MASK]"));
    REQUIRE(masked->token_to_id("<one>"));
    if (!sentencepiece) CHECK(masked->special_tokens().mask == masked->token_to_id("[MASK]"));
  }
  const auto bert = make("train:wordpiece:120");
  CHECK(end_token_of(*bert, "key") == bert->token_to_id("[SEP]"));
  CHECK(start_token_of(*bert, "key") == bert->token_to_id("[CLS]"));
  CHECK_THROWS_AS(end_token_of(*make("char"), "data.tokenizer"), ConfigError);
  CHECK(make("char")->vocab_size() == 14);
}

TEST_CASE("a tokenizer is read from whatever holds one, and what is saved of it is the same") {
  const auto fixtures = test::fixture("tokenizers");
  for (const auto& path : {fixtures / "pipelines/directories/bert", fixtures / "pipelines/directories/bert/vocab.txt",
                           fixtures / "pipelines/directories/gpt2", fixtures / "pipelines/bert_cased.json",
                           fixtures / "subword_nmt.codes", fixtures / "sentencepiece/t5",
                           fixtures / "sentencepiece/unigram.model", fixtures / "sentencepiece/bpe.model"}) {
    CAPTURE(path.string());
    const TempDir dir;
    const auto spec = parse_tokenizer_spec(path.string(), "data.tokenizer");
    CHECK(spec.kind.empty());
    const auto made = make_tokenizer(spec, {}, {}, kSilent);
    check_equal(*made, *load_tokenizer(path));
    made->save(dir / "run");
    test::write_file(dir / "run/config.json", R"({"model_type": "seq2seq"})");
    check_equal(*made, *find_tokenizer(dir / "run"));
  }
}

TEST_CASE("a tokenizer's own padding and truncation go where it goes") {
  const TempDir dir;
  auto made = make("train:wordpiece:120");
  auto rules = made->rules();
  rules.truncation = Truncation{.max_length = 9};
  rules.padding = Padding{.length = 9, .pad_id = 0};
  made->set_rules(rules);
  made->save(dir / "given");
  const auto read =
      make_tokenizer(parse_tokenizer_spec((dir / "given/tokenizer.json").string(), "data.tokenizer"), {}, {}, kSilent);
  read->save(dir / "run");
  const auto found = find_tokenizer(dir / "run");
  CHECK((found->rules().truncation == rules.truncation));
  CHECK((found->rules().padding == rules.padding));
  CHECK(found->encode("a").ids.size() == 9);
}

TEST_CASE("a bare model that an earlier version saved is opened as what it is, and stays as it is") {
  const auto path = test::fixture("tokenizers/sentencepiece/unigram.model");
  for (const std::string config : {R"({"model_type": "gpt2"})", R"({"model_type": "seq2seq"})", ""}) {
    CAPTURE(config);
    const TempDir dir;
    fs::create_directories(dir / "run");
    fs::copy_file(path, dir / "run/spiece.model");
    test::write_file(dir / "run" / (config.empty() ? "run.json" : "config.json"), config.empty() ? "{}" : config);
    check_equal(*load_run_tokenizer(dir / "run"), *load_tokenizer(path));
    check_equal(*find_tokenizer(dir / "run"), *load_tokenizer(path));
    CHECK_FALSE(fs::exists(dir / "run/tokenizer_config.json"));
    test::write_file(dir / "run/config.json", R"({"model_type": "t5"})");
    CHECK(load_run_tokenizer(dir / "run")->vocab_size() > load_tokenizer(path)->vocab_size());  // T5's own tokens
  }
}

TEST_CASE("a path is another name of a run's tokenizer where it is the same tokenizer") {
  const TempDir dir;
  const auto path = test::fixture("tokenizers/sentencepiece/unigram.model");
  load_tokenizer(path)->save(dir / "run");
  CHECK(is_tokenizer_in(dir / "run", path.string()));
  CHECK(is_tokenizer_in(dir / "run", (dir / "run").string()));
  CHECK_FALSE(is_tokenizer_in(dir / "run", test::fixture("tokenizers/sentencepiece/bpe.model").string()));
  CHECK_FALSE(is_tokenizer_in(dir / "run", "char"));
  CHECK_FALSE(is_tokenizer_in(dir / "none", path.string()));
  CHECK(absolute_tokenizer("char") == "char");
  CHECK(absolute_tokenizer("train:bpe:100") == "train:bpe:100");
  CHECK(absolute_tokenizer("no/such/file") == "no/such/file");
  const auto before = fs::current_path();
  fs::current_path(path.parent_path());
  const auto absolute = absolute_tokenizer("unigram.model");
  fs::current_path(before);
  CHECK(fs::path(absolute).is_absolute());
  CHECK(fs::equivalent(absolute, path));
}

TEST_CASE("both sides' tokenizers are saved and loaded, one or two") {
  const TempDir dir;
  const TranslationTokenizers two(make("train:sentencepiece:60"), make("train:word:90")), one(make("char"), nullptr);
  two.save(dir / "two");
  one.save(dir / "one");
  const auto loaded = TranslationTokenizers::load(dir / "two");
  check_equal(loaded.source(), two.source());
  check_equal(loaded.target(), two.target());
  const auto shared = TranslationTokenizers::load(dir / "one");
  CHECK(&shared.source() == &shared.target());
  CHECK_THROWS_WITH(check_vocabulary("model", "target", two.target(), 5),
                    Contains("the target tokenizer has 90 tokens, the model's vocabulary only 5"));
  CHECK_NOTHROW(check_vocabulary("model", "target", two.target(), 90));
}

TEST_CASE("what a tokenizer cannot be is an error with key, value and what there is") {
  const auto refused = [](const std::string& text) {
    CHECK_THROWS_AS(parse_tokenizer_spec(text, "data.tokenizer"), ConfigError);
    CHECK_THROWS_WITH(parse_tokenizer_spec(text, "data.tokenizer"), Contains("data.tokenizer = " + text + ": "));
  };
  for (const auto* text : {"train:pieces:500", "train:bytebpe", "train:", "train", "no/such/file", "",
                           "train:bytebpe:", "train:bytebpe:x", "train:bytebpe:-1", "train:bytebpe:0",
                           "train:bytebpe:99999999999999999999", "train:bytebpe:300 ", "train:word:2097153"}) {
    CAPTURE(text);
    refused(text);
  }
  CHECK_THROWS_WITH(parse_tokenizer_spec("train:pieces:500", "key"),
                    Contains("char") && Contains("bytebpe, bpe, wordpiece, unigram, word, byteword, sentencepiece"));

  // Room for what must be in a vocabulary is the trainers' matter; whose key it is, is ours.
  for (const auto* text : {"train:bytebpe:255", "train:unigram:3", "train:word:1", "train:bpe:10", "train:wordpiece:15",
                           "train:byteword:1", "train:sentencepiece:5", "train:sentencepiece:100000"}) {
    CAPTURE(text);
    const auto spec = parse_tokenizer_spec(text, "data.target_tokenizer");
    const TokenizerNeeds needs{.special_tokens = {"<s>", "</s>", "<pad>"}};
    CHECK_THROWS_AS(make_tokenizer(spec, source_of(sentences()), needs, kSilent), ConfigError);
    CHECK_THROWS_WITH(make_tokenizer(spec, source_of(sentences()), needs, kSilent),
                      Contains(std::string("data.target_tokenizer = ") + text));
  }
  // What is wrong with the text is not the key's fault.
  for (const auto& text : kTrained) {
    CAPTURE(text);
    const TextSource broken = [](std::string&) -> bool { throw FileError("corpus.txt", "cannot be read"); };
    const auto spec = parse_tokenizer_spec(text, "data.tokenizer");
    CHECK_THROWS_WITH(make_tokenizer(spec, broken, {}, kSilent), "corpus.txt: cannot be read");
  }
  const TempDir dir;
  test::write_file(dir / "notes.md", "no tokenizer");
  const auto spec = parse_tokenizer_spec((dir / "notes.md").string(), "data.tokenizer");
  CHECK_THROWS_AS(make_tokenizer(spec, {}, {}, kSilent), FileError);
}

}  // namespace langzoo::test::run_tokenizer_test
