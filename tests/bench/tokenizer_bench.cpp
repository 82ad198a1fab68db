// Encoding speed of a tokenizer on a text; checks decode(encode(text)) == text before it times.
//
//   tokenizer_bench TOKENIZER FILE [--seconds S]             MB/s on one and two threads
//   tokenizer_bench TOKENIZER --ids FILE...                  the ids of each file, one line a file
//   tokenizer_bench --train VOCAB_SIZE THREADS DIR FILE...   trains byte-level BPE, each file one text, and saves it
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "data/files/files.h"
#include "tokenizers/trainers/byte_level_bpe_trainer.h"
#include "tokenizers/tokenizer.h"

namespace {

using namespace langzoo;

template <class Work>
double seconds_of(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int print_ids(const Tokenizer& tokenizer, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    std::vector<TokenId> ids;
    tokenizer.encode(read_file(file), ids);
    std::string line;
    for (const TokenId id : ids) fmt::format_to(std::back_inserter(line), "{} ", id);
    std::puts(line.c_str());
  }
  return 0;
}

int train(const std::vector<std::string>& arguments) {
  ByteLevelBpeTrainerOptions options;
  options.vocab_size = std::stoul(arguments.at(0));
  options.threads = std::stoul(arguments.at(1));
  std::size_t file = 3;
  const auto next = [&](std::string& text) {
    if (file >= arguments.size()) return false;
    text = read_file(arguments[file++]);
    return true;
  };
  std::unique_ptr<ByteLevelBpe> tokenizer;
  const double seconds = seconds_of([&] { tokenizer = train_byte_level_bpe(next, options); });
  tokenizer->save(arguments.at(2));
  fmt::print("{} tokens in {:.3f} s\n", tokenizer->vocab_size(), seconds);
  return 0;
}

int time_encoding(const Tokenizer& tokenizer, const std::string& file, double seconds) {
  const std::string text = read_file(file);
  const std::vector<std::string_view> texts = {text};
  const auto ids = tokenizer.encode_batch(texts, 1).front();
  if (tokenizer.decode(ids) != text || tokenizer.encode_batch(texts, 2).front() != ids) {
    fmt::print(stderr, "{}: what was encoded does not decode to itself, or depends on the threads\n", file);
    return 1;
  }
  fmt::print("{} bytes, {} tokens\n", text.size(), ids.size());
  for (const std::size_t threads : {1, 2}) {
    double best = 1e9, spent = 0;
    while (spent < seconds) {
      const double once = seconds_of([&] { tokenizer.encode_batch(texts, threads); });
      best = std::min(best, once);
      spent += once;
    }
    fmt::print("threads {}: {:.2f} MB/s\n", threads, static_cast<double>(text.size()) / best / 1e6);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() > 4 && arguments[0] == "--train") return train({arguments.begin() + 1, arguments.end()});
  if (arguments.size() < 2) {
    std::fputs(
        "usage: tokenizer_bench TOKENIZER FILE [--seconds S] | TOKENIZER --ids FILE... | "
        "--train VOCAB_SIZE THREADS DIR FILE...\n",
        stderr);
    return 2;
  }
  const auto tokenizer = load_tokenizer(arguments[0]);
  if (arguments[1] == "--ids") return print_ids(*tokenizer, {arguments.begin() + 2, arguments.end()});
  return time_encoding(*tokenizer, arguments[1],
                       arguments.size() > 3 && arguments[2] == "--seconds" ? std::stod(arguments[3]) : 2.0);
} catch (const std::exception& error) {
  std::fprintf(stderr, "tokenizer_bench: %s\n", error.what());
  return 1;
}
