// Trains a tokenizer on the lines of files and says how long it took.
//
//   tokenizer_training_bench MODEL VOCAB_SIZE THREADS DIR FILE...     MODEL: bytebpe, bpe, wordpiece, unigram or word
//
// The tokenizer is saved in DIR, for tokenizer_training_side_by_side.py to compare.
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tokenizers/trainers/byte_level_bpe_trainer.h"
#include "tokenizers/trainers/pipeline_trainer.h"

namespace {

using namespace langzoo;

std::unique_ptr<Tokenizer> train(const std::string& model, const TextSource& texts, std::size_t vocab_size,
                                 std::size_t threads) {
  if (model == "bytebpe") return train_byte_level_bpe(texts, {.vocab_size = vocab_size, .threads = threads});
  const PipelineTrainerOptions options = {.vocab_size = vocab_size, .threads = threads};
  if (model == "bpe") return train_bpe(texts, options);
  if (model == "wordpiece") return train_wordpiece(texts, options);
  if (model == "unigram") return train_unigram(texts, options);
  if (model == "word") return train_word_level(texts, options);
  throw std::invalid_argument(fmt::format("unknown model '{}'", model));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 6) {
    std::fputs("usage: tokenizer_training_bench MODEL VOCAB_SIZE THREADS DIR FILE...\n", stderr);
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto tokenizer = train(argv[1], lines_of(std::vector<std::filesystem::path>(argv + 5, argv + argc)),
                               std::stoul(argv[2]), std::stoul(argv[3]));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  tokenizer->save(argv[4]);
  fmt::print("{} tokens in {:.3f} s\n", tokenizer->vocab_size(), seconds);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "tokenizer_training_bench: %s\n", error.what());
  return 1;
}
