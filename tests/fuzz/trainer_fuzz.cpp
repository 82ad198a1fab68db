// Random texts and options for every trainer: what is trained encodes its texts and is the same when loaded again.
#include "tests/support/plain_test.h"

#include <algorithm>
#include <functional>

#include "tests/support/fuzz_tokenizer.h"
#include "tokenizers/trainers/byte_level_bpe_trainer.h"
#include "tokenizers/trainers/char_trainer.h"
#include "tokenizers/trainers/pipeline_trainer.h"
#include "tokenizers/trainers/sentencepiece_trainer.h"
#include "tokenizers/utf8.h"

namespace {

using namespace langzoo;
using Strings = std::vector<std::string>;

TextSource source_of(const Strings& texts) {
  return [&texts, i = std::size_t{0}](std::string& text) mutable {
    if (i == texts.size()) return false;
    text = texts[i++];
    return true;
  };
}

template <class Options>
Options random_options(test::FuzzRandom& random) {
  Options options;
  options.vocab_size = test::below(random, 3) == 0 ? 30000 : test::below(random, 600);
  options.min_frequency = test::below(random, 4);
  for (const char* token : {"<|endoftext|>", "<unk>", "the", "\u2581", ""}) {
    if (test::below(random, 4) == 0 && (*token != '\0' || test::below(random, 8) == 0)) {
      options.special_tokens.push_back(token);
    }
  }
  options.threads = 1 + test::below(random, 2);
  return options;
}

std::unique_ptr<Tokenizer> train(const Strings& texts, test::FuzzRandom& random) {
  using Train = std::unique_ptr<Pipeline> (*)(const TextSource&, const PipelineTrainerOptions&);
  static constexpr Train kTrainers[] = {train_wordpiece, train_bpe, train_unigram, train_word_level};
  const std::size_t kind = test::below(random, 60);
  if (kind == 0) {  // sixteen threads, always
    SentencePieceTrainerOptions options;
    options.model_type = static_cast<SentencePieceTrainerOptions::ModelType>(test::below(random, 4));
    options.vocab_size = test::below(random, 100);
    options.byte_fallback = test::below(random, 2) == 0;
    options.max_sentencepiece_length = test::below(random, 20);
    options.max_sentence_length = test::below(random, 400);
    if (test::below(random, 2) == 0) options.normalization_rule_name = "identity";
    if (test::below(random, 2) == 0) options.user_defined_symbols = {"the"};
    return train_sentencepiece(source_of(texts), options);
  }
  if (kind % 6 == 4) {
    auto options = random_options<ByteLevelBpeTrainerOptions>(random);
    options.add_prefix_space = test::below(random, 2) == 0;
    if (test::below(random, 2) == 0) options.max_token_length = test::below(random, 9);
    return train_byte_level_bpe(source_of(texts), options);
  }
  if (kind % 6 == 5) return train_char_level(source_of(texts), {});
  auto options = random_options<PipelineTrainerOptions>(random);
  options.lowercase = test::below(random, 2) == 0;
  options.byte_fallback = test::below(random, 3) == 0;
  if (test::below(random, 2) == 0) options.initial_alphabet = "z\u6cb3";
  if (test::below(random, 2) == 0) options.limit_alphabet = test::below(random, 30);
  if (test::below(random, 2) == 0) options.max_token_length = test::below(random, 9);
  return kTrainers[kind % 6](source_of(texts), options);
}

}  // namespace

LANGZOO_FUZZER(trainer) {
  // An input is the seed of all that is random.
  return test::fuzz_main(
      argc, argv, {"1"},
      [](const std::string& bytes) {
        test::FuzzRandom random(std::hash<std::string>{}(bytes));
        Strings texts(test::below(random, 6));
        for (std::string& text : texts) {
          text = test::random_text({"a", "lamp", "the", "er"}, test::below(random, 300), random);
          if (test::below(random, 2) == 0) text = sanitize_utf8(text);
        }
        const auto tokenizer = train(texts, random);
        for (const std::string& text : texts) tokenizer->encode(text);
        test::exercise(*tokenizer, random);
      },
      [](test::FuzzRandom& random) { return std::to_string(random()); });
}
