// Encoding speed of a tokenizer on the lines of a text.
//
//   tokenizer_bench TOKENIZER FILE [--repeat N] [--threads N]
//       MB/s and peak memory (MiB), after a warm-up of 1000 lines
//   tokenizer_bench TOKENIZER --ids FILE...
//       the ids of each line, without special tokens
//   tokenizer_bench TOKENIZER --once FILE
//       the seconds that loading it takes, and those of the lines, of which nothing is remembered
//   tokenizer_bench --train VOCAB_SIZE THREADS DIR FILE...
//       trains byte-level BPE, each file one text, and saves it
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include "data/files/files.h"
#include "tokenizers/tokenizer.h"
#include "tokenizers/trainers/byte_level_bpe_trainer.h"

namespace {

using namespace langzoo;

template <class Work>
double seconds_of(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

int print_ids(const Tokenizer& tokenizer, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    const std::string text = read_file(file);
    for (const std::string_view line : lines_of(text)) {
      std::vector<TokenId> ids;
      tokenizer.encode(line, ids);
      std::puts(fmt::format("{}", fmt::join(ids, " ")).c_str());
    }
  }
  return 0;
}

int time_once(const std::string& path, const std::string& file) {
  std::unique_ptr<Tokenizer> tokenizer;
  const double loading = seconds_of([&] { tokenizer = load_tokenizer(path); });
  const std::string text = read_file(file);
  const double encoding = seconds_of([&] {
    for (const std::string_view line : lines_of(text)) {
      std::vector<TokenId> ids;
      tokenizer->encode(line, ids);
    }
  });
  fmt::print("{:.4f} {:.4f}\n", loading, encoding);
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

int time_encoding(const Tokenizer& tokenizer, const std::string& file, std::size_t repeat, std::size_t threads) {
  std::string text;
  for (std::size_t i = 0; i < repeat; ++i) text += read_file(file);
  const std::vector<std::string_view> lines = lines_of(text);
  const std::span<const std::string_view> warm_up(lines.data(), std::min<std::size_t>(lines.size(), 1000));
  if (tokenizer.encode_batch(warm_up, 1) != tokenizer.encode_batch(warm_up, threads)) {
    fmt::print(stderr, "{}: the ids depend on the threads\n", file);
    return 1;
  }
  const double seconds = seconds_of([&] { tokenizer.encode_batch(lines, threads); });
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("{:.2f} MB/s {:.1f} MiB\n", static_cast<double>(text.size()) / seconds / 1e6,
             static_cast<double>(usage.ru_maxrss) / 1024);
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() > 4 && arguments[0] == "--train") return train({arguments.begin() + 1, arguments.end()});
  if (arguments.size() < 2) {
    std::fputs(
        "usage: tokenizer_bench TOKENIZER FILE [--repeat N] [--threads N] | TOKENIZER --ids FILE... | "
        "TOKENIZER --once FILE | --train VOCAB_SIZE THREADS DIR FILE...\n",
        stderr);
    return 2;
  }
  if (arguments[1] == "--once" && arguments.size() == 3) return time_once(arguments[0], arguments[2]);
  const auto tokenizer = load_tokenizer(arguments[0]);
  if (arguments[1] == "--ids") return print_ids(*tokenizer, {arguments.begin() + 2, arguments.end()});
  std::size_t repeat = 1, threads = 1;
  for (std::size_t i = 2; i + 1 < arguments.size(); i += 2)
    (arguments[i] == "--repeat" ? repeat : threads) = std::stoul(arguments[i + 1]);
  return time_encoding(*tokenizer, arguments[1], repeat, threads);
} catch (const std::exception& error) {
  std::fprintf(stderr, "tokenizer_bench: %s\n", error.what());
  return 1;
}
