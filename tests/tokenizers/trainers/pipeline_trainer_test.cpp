#include "tests/support/plain_test.h"

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tests/tokenizers/trainers/trainer_support.h"
#include "tokenizers/trainers/pipeline_trainer.h"

namespace langzoo::test {
namespace {

using Strings = std::vector<std::string>;
using Train = std::unique_ptr<Pipeline> (*)(const TextSource&, const PipelineTrainerOptions&);
constexpr Train kTrainers[] = {train_wordpiece, train_bpe, train_unigram, train_word_level, train_byte_level_words};

Strings texts() {
  return golden("trainers.json")["texts"].get<Strings>();
}

PipelineTrainerOptions small() {
  PipelineTrainerOptions options;
  options.vocab_size = 200;
  return options;
}

}  // namespace

TEST_CASE("trained pipelines: what is saved opens with equal ids, and is the same whatever the threads") {
  for (const Train train : kTrainers) {
    PipelineTrainerOptions options = small();
    options.special_tokens = {"<|user|>", "<unk>"};
    const auto tokenizer = train(source_of(texts()), options);
    CHECK(tokenizer->vocab_size() <= 200);
    CHECK(tokenizer->special_tokens().unk);
    CHECK(tokenizer->id_to_token(*tokenizer->token_to_id("<|user|>")) == "<|user|>");
    const TempDir dir;
    tokenizer->save(dir / "one");
    for (const std::size_t threads : {2, 4}) {
      options.threads = threads;
      train(source_of(texts()), options)->save(dir / "more");
      CHECK(read_file(dir / "more/tokenizer.json") == read_file(dir / "one/tokenizer.json"));
    }
    const auto loaded = load_tokenizer(dir / "one");
    for (const std::string& text : texts()) REQUIRE(loaded->encode(text).ids == tokenizer->encode(text).ids);
  }
}

TEST_CASE("trained pipelines: usual names tell the special tokens' roles, those asked for before a model's own") {
  for (const Train train : kTrainers) {
    PipelineTrainerOptions options = small();
    options.special_tokens = {"<|endoftext|>", "[MASK]"};
    const auto of_text = train(source_of(texts()), options);
    const SpecialTokens& roles = of_text->special_tokens();
    CHECK(roles.eos == of_text->token_to_id("<|endoftext|>"));
    CHECK(roles.bos == roles.eos);
    CHECK(roles.mask == of_text->token_to_id("[MASK]"));
    CHECK(roles.unk != roles.eos);
    options.special_tokens = {"<s>", "</s>", "<pad>"};
    const auto of_pairs = train(source_of(texts()), options);
    CHECK(of_pairs->special_tokens().bos == of_pairs->token_to_id("<s>"));
    CHECK(of_pairs->special_tokens().eos == of_pairs->token_to_id("</s>"));
    CHECK(of_pairs->special_tokens().pad == of_pairs->token_to_id("<pad>"));
  }
  const auto bert = train_wordpiece(source_of(texts()), small());
  CHECK((bert->special_tokens() == SpecialTokens{.unk = 1, .sep = 3, .pad = 0, .cls = 2, .mask = 4}));
}

TEST_CASE("trained pipelines: decoding reads well") {
  const Strings lines(20, "Hello, brave new world: it's here.\n");
  for (const Train train : {train_bpe, train_unigram}) {
    const auto tokenizer = train(source_of(lines), small());
    CHECK(tokenizer->decode(tokenizer->encode("Hello,  world: it's new.\n").ids, true) == "Hello, world: it's new.");
  }
  PipelineTrainerOptions options = small();
  options.lowercase = true;
  const auto bert = train_wordpiece(source_of(lines), options);
  CHECK(bert->decode(bert->encode("Hello, world.").ids, true) == "hello, world.");
  CHECK(bert->decode(bert->encode_pair("World", "HERE").ids) == "[CLS] world [SEP] here [SEP]");
  CHECK(bert->encode_pair("world", "here").type_ids == std::vector<std::int32_t>{0, 0, 0, 1, 1});
  const auto words = train_word_level(source_of(lines), options);
  CHECK(words->decode(words->encode("brave world, other").ids) == "brave world , <unk>");
  const auto spaced = train_byte_level_words(source_of({"l'été, dit-il  :\n« L'homme »"}), small());
  for (const std::string text : {"L'homme  :\n« l'été »", "l'homme dit", ""}) {
    CHECK(spaced->decode(spaced->encode(text).ids) == text);
  }
  CHECK(spaced->encode("L'homme, dit").ids.size() == 5);
}

TEST_CASE("trained pipelines: no text at all, and text that is not UTF-8") {
  for (const Train train : kTrainers) {
    CHECK(train(source_of({}), small())->vocab_size() <= 5);
    CHECK(train(source_of({"\xFF\xFE ab\xC3"}), small())->token_to_id("<unk>").has_value() != (train == kTrainers[0]));
  }
}

}  // namespace langzoo::test
