// Models alone, on words already split: WordPiece on words, Unigram on words and on whole lines, BPE on words. Checks
// that the tokens cover every word before it times.
//
//   tokenizer_models_bench TOKENIZER_JSON FILE [Google Benchmark's options]
//
// The file's lines are split at white space; a Unigram model gets "▁" before each word and between those of a line.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "data/files/files.h"
#include "tokenizers/json_field.h"
#include "tokenizers/models/token_model.h"

namespace {

using namespace langzoo;

/// Words, or lines, as the model gets them.
struct Words {
  std::vector<std::string> words;
  std::size_t bytes = 0;

  void add(std::string word) {
    bytes += word.size();
    words.push_back(std::move(word));
  }
};

bool covers(const TokenizerModel& model, const Words& words) {
  std::vector<ModelToken> tokens;
  for (const std::string& word : words.words) {
    tokens.clear();
    model.tokenize(word, tokens);
    std::size_t end = 0;
    for (const ModelToken& token : tokens) {
      if (token.begin != end) return false;
      end = token.end;
    }
    if (end != word.size()) return false;
  }
  return true;
}

void time_model(benchmark::State& state, const TokenizerModel& model, const Words& words) {
  std::vector<ModelToken> tokens;
  std::size_t count = 0;
  for (auto _ : state) {
    count = 0;
    for (const std::string& word : words.words) {
      tokens.clear();
      model.tokenize(word, tokens);
      count += tokens.size();
    }
    benchmark::DoNotOptimize(count);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(words.bytes) * state.iterations());
  state.counters["tokens"] = static_cast<double>(count);
}

}  // namespace

int main(int argc, char** argv) try {
  benchmark::Initialize(&argc, argv);
  if (argc != 3) {
    std::fputs("usage: tokenizer_models_bench TOKENIZER_JSON FILE [--benchmark_...]\n", stderr);
    return 2;
  }
  const std::filesystem::path path = argv[1];
  const nlohmann::json parsed = parse_json(read_file(path), path);
  const auto model = read_token_model(JsonField(parsed, {}, path).at("model"));
  const bool unigram = model->spells_unknown();

  Words words, lines;
  const std::string text = read_file(argv[2]);
  std::string word, line;
  for (const char c : text + "\n") {
    if (c != ' ' && c != '\n') {
      word += c;
      continue;
    }
    if (!word.empty()) {
      const std::string spelled = unigram ? "▁" + word : word;
      line += spelled;
      words.add(spelled);
    }
    word.clear();
    if (c == '\n' && !line.empty()) lines.add(std::move(line));
    if (c == '\n') line.clear();
  }
  if (!covers(*model, words) || !covers(*model, lines)) {
    std::fputs("the tokens of a word are not the word\n", stderr);
    return 1;
  }
  benchmark::RegisterBenchmark("words", time_model, std::cref(*model), std::cref(words));
  if (unigram) benchmark::RegisterBenchmark("lines", time_model, std::cref(*model), std::cref(lines));
  benchmark::RunSpecifiedBenchmarks();
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "tokenizer_models_bench: %s\n", error.what());
  return 1;
}
