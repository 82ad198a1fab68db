#include "apps/cli/word_vectors/vectors_verb.h"

#include <iostream>
#include <system_error>

#include <ATen/Context.h>
#include <fmt/format.h>

#include "apps/cli/model_checks.h"
#include "apps/cli/word_vectors/close_words.h"
#include "apps/cli/word_vectors/model_dir.h"
#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;

Option& add_model_option(Options& options, std::string& model) {
  return add_model_folder(options, model, "a model folder, or a file of vectors: word2vec text or binary, .vec, GloVe");
}

void VectorsVerb::add_own_options(Options& options) {
  add_model_option(options, model_).required();
  add_more_options(options);
}

void VectorsVerb::compute(const ComputeOptions& common) {
  at::globalContext().setFlushDenormal(false);  // what a file holds is handed on as it is
  check(common);
  use(load_vectors(model_), common);
}

void VectorsVerb::check_out(const fs::path& out, bool json) const {
  if (json && is_standard_output(out)) throw UsageError("--json: not with --out to stdout");
  std::error_code ignored;
  for (const fs::path& file : {fs::path(model_), fs::path(model_) / "config.json",
                               fs::path(model_) / "model.safetensors", fs::path(model_) / "vocab.tsv"}) {
    if (fs::equivalent(out, file, ignored)) {
      throw UsageError(fmt::format("--out {}: the model is read from it; name another file", out.string()));
    }
  }
  check_writable(out);
}

torch::Tensor vector_of(const WordVectors& vectors, const std::string& word) {
  if (auto vector = vectors.vector(word)) return *vector;
  constexpr std::size_t kMostShown = 60;
  auto message = fmt::format("{}{}: not among the model's {} words", word.substr(0, kMostShown),
                             word.size() > kMostShown ? "..." : "", vectors.size());
  const auto close = close_words(vectors.words(), word);
  for (std::size_t i = 0; i < close.size(); ++i) message += (i == 0 ? "; did you mean " : ", ") + close[i];
  throw std::runtime_error(close.empty() ? message : message + "?");
}

std::vector<JsonValue> neighbors_json(const std::vector<Neighbor>& neighbors) {
  std::vector<JsonValue> list;
  for (const auto& [word, similarity] : neighbors) list.push_back({{"word", word}, {"similarity", similarity}});
  return list;
}

void print_neighbors(const std::vector<Neighbor>& neighbors) {
  for (const auto& [word, similarity] : neighbors) std::cout << fmt::format("{:>8.4f}  {}\n", similarity, word);
  std::cout << std::flush;
}

}  // namespace langzoo
