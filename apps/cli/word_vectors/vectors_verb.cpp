#include "apps/cli/word_vectors/vectors_verb.h"

#include <iostream>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "apps/cli/word_vectors/close_words.h"
#include "apps/cli/word_vectors/model_dir.h"

namespace langzoo {

CLI::Option* add_model_option(CLI::App& app, std::string& model) {
  return app.add_option("--model", model, "a model folder, or a file of vectors: word2vec text or binary, .vec, GloVe");
}

void VectorsVerb::add_options(CLI::App& app) {
  add_model_option(app, model_)->required();
  add_own_options(app);
}

void VectorsVerb::run(const CommonOptions& common) {
  if (common.threads > 0) at::set_num_threads(static_cast<int>(common.threads));
  check();
  use(load_vectors(model_), common);
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

nlohmann::ordered_json neighbors_json(const std::vector<Neighbor>& neighbors) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [word, similarity] : neighbors) list.push_back({{"word", word}, {"similarity", similarity}});
  return list;
}

void print_neighbors(const std::vector<Neighbor>& neighbors) {
  for (const auto& [word, similarity] : neighbors) std::cout << fmt::format("{:>8.4f}  {}\n", similarity, word);
  std::cout << std::flush;
}

}  // namespace langzoo
