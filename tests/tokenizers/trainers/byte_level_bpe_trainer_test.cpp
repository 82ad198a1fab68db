#include "tests/support/plain_test.h"

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tests/tokenizers/trainers/trainer_support.h"
#include "tokenizers/trainers/byte_level_bpe_trainer.h"

namespace langzoo::test {
namespace {

std::vector<std::string> spelled_merges(const ByteLevelBpeModel& model) {
  std::vector<std::string> merges;
  for (const BpeMerge& m : model.merges) {
    merges.push_back(model.tokens[static_cast<std::size_t>(m.left)] + " " +
                     model.tokens[static_cast<std::size_t>(m.right)]);
  }
  return merges;
}

}  // namespace

TEST_CASE("byte-level BPE trainer: merges equal those of Python's tokenizers, whatever the threads") {
  const nlohmann::json golden_runs = golden("train.json");
  const auto texts = golden_runs["texts"].get<std::vector<std::string>>();
  for (const auto& run : golden_runs["runs"]) {
    for (const std::size_t threads : {1, 2, 3}) {
      ByteLevelBpeTrainerOptions options;
      options.vocab_size = run["vocab_size"];
      options.min_frequency = run["min_frequency"];
      options.special_tokens = run["special_tokens"].get<std::vector<std::string>>();
      options.threads = threads;
      const auto tokenizer = train_byte_level_bpe(source_of(texts), options);
      CHECK(tokenizer->vocab_size() == run["size"].get<std::size_t>());
      CHECK(spelled_merges(tokenizer->model()) == run["merges"].get<std::vector<std::string>>());
    }
  }
}

TEST_CASE("byte-level BPE trainer: counts decide, then the smaller pair") {
  const std::vector<std::string> texts = {"ab ab cd cd xy"};
  ByteLevelBpeTrainerOptions options;
  options.vocab_size = 256 + 1 + 4;
  const auto tokenizer = train_byte_level_bpe(source_of(texts), options);
  // ids follow the alphabet: a b < c d < the spelled space; "ab" and "cd" twice each, " ab" once, " cd" twice.
  CHECK(spelled_merges(tokenizer->model()) == std::vector<std::string>{"a b", "c d", "\u0120 cd", "x y"});
  CHECK(tokenizer->special_tokens().eos == 0);
  CHECK(tokenizer->id_to_token(0) == "<|endoftext|>");
}

TEST_CASE("byte-level BPE trainer: reports progress, passes errors on, and takes any bytes") {
  std::vector<std::string> texts(200, "some bytes \xFF\xFE and \xE6\xB2 the like the like");
  ByteLevelBpeTrainerOptions options;
  options.vocab_size = 400;
  options.threads = 2;
  TokenizerTrainingProgress last;
  options.progress = [&](const TokenizerTrainingProgress& now) {
    CHECK(now.bytes_read >= last.bytes_read);
    last = now;
  };
  const auto tokenizer = train_byte_level_bpe(source_of(texts), options);
  CHECK(last.bytes_read == 200 * texts[0].size());
  std::vector<TokenId> ids;
  tokenizer->encode(texts[0], ids);
  CHECK(tokenizer->decode(ids) == texts[0]);

  CHECK_THROWS_WITH(train_byte_level_bpe([](std::string&) -> bool { throw std::runtime_error("disk gone"); }, options),
                    "disk gone");
  options.vocab_size = 256;
  CHECK_THROWS_WITH(train_byte_level_bpe(source_of(texts), options),
                    "vocab_size is 256, expected 257 (256 bytes and the special tokens) to 2097152");
  options.vocab_size = 257;
  CHECK(train_byte_level_bpe([](std::string&) { return false; }, options)->vocab_size() == 257);
}

TEST_CASE("byte-level BPE trainer: what it trained opens from disk with equal ids") {
  const auto texts = golden("train.json")["texts"].get<std::vector<std::string>>();
  ByteLevelBpeTrainerOptions options;
  options.vocab_size = 500;
  const auto tokenizer = train_byte_level_bpe(source_of(texts), options);
  const TempDir dir;
  tokenizer->save(dir.path());
  const auto loaded = load_tokenizer(dir.path());
  CHECK(loaded->special_tokens() == tokenizer->special_tokens());
  for (const std::string& text : texts) {
    std::vector<TokenId> expected, ids;
    tokenizer->encode(text, expected);
    loaded->encode(text, ids);
    REQUIRE(ids == expected);
  }
}

}  // namespace langzoo::test
