#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <numbers>
#include <unordered_set>

#include <fmt/format.h>
#include <torch/nn/functional/normalization.h>

#include "apps/cli/base/status_line.h"
#include "apps/cli/word_vectors/map_page.h"
#include "apps/cli/word_vectors/vectors_verb.h"
#include "apps/cli/word_vectors/verbs.h"
#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "data/files/text_lines.h"
#include "models/word_vectors/principal_components.h"
#include "models/word_vectors/tsne.h"
#include "models/word_vectors/word_vectors.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

using torch::Tensor;

/// t-SNE's time grows with the square of the words, and no screen shows more.
constexpr std::int64_t kMostWords = 20000;
constexpr std::int64_t kNeighbors = 10;

/// Words with their vectors, in the order of the model. Shapes: rows (N,C), each of length 1 or 0.
struct Selection {
  std::vector<std::string> words;
  Tensor rows;
  std::vector<std::string> missing;  ///< asked for, but without a vector
};

Selection selection_of(std::vector<std::string> words, const std::vector<Tensor>& rows) {
  if (words.empty()) throw std::runtime_error("none of the words has a vector");
  return {std::move(words), torch::nn::functional::normalize(torch::stack(rows)), {}};
}

Selection first_words(const WordVectors& vectors, std::int64_t n) {
  std::vector<std::string> words;
  std::vector<Tensor> rows;
  for (std::size_t i = 0; i < vectors.size() && std::ssize(words) < n; ++i) {
    if (vectors.words()[i] == "</s>") continue;
    words.push_back(vectors.words()[i]);
    rows.push_back(vectors.vectors()[static_cast<std::int64_t>(i)]);
  }
  return selection_of(std::move(words), rows);
}

/// The words of a file, separated by white space, in the order of the model; those it composes from their parts last.
Selection listed(const WordVectors& vectors, const fs::path& file) {
  std::vector<std::pair<std::int64_t, std::string>> found;
  std::vector<std::string> missing;
  std::unordered_set<std::string_view> seen;
  refuse_other_kind(file);
  const auto text = read_file(file);
  for (const auto word : words_of(without_byte_order_mark(text), " \t\r\n\v\f")) {
    if (!seen.insert(word).second) continue;
    const auto row = vectors.find(word);
    if (row >= 0 || vectors.vector(word)) {
      found.emplace_back(row >= 0 ? row : static_cast<std::int64_t>(vectors.size()), word);
    } else {
      missing.emplace_back(word);
    }
  }
  if (std::ssize(found) > kMostWords) {
    throw FileError(file, fmt::format("has {} words, more than the {} a map can hold", found.size(), kMostWords));
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> words;
  std::vector<Tensor> rows;
  for (auto& [row, word] : found) {
    rows.push_back(*vectors.vector(word));
    words.push_back(std::move(word));
  }
  auto selection = selection_of(std::move(words), rows);
  selection.missing = std::move(missing);
  return selection;
}

/// The nearest of the selection itself by cosine.
void add_neighbors(const Tensor& rows, std::vector<MapWord>& words) {
  constexpr std::int64_t kRowsAtATime = 512;
  const auto n = rows.size(0), k = std::min(kNeighbors, n - 1);
  for (std::int64_t first = 0; first < n && k > 0; first += kRowsAtATime) {
    auto similarities = rows.slice(0, first, first + kRowsAtATime).mm(rows.t());
    similarities.diagonal(first).fill_(-2);  // a word is not its own neighbour
    const auto [values, others] = similarities.topk(k, 1);
    const auto value = values.accessor<float, 2>();
    const auto other = others.accessor<std::int64_t, 2>();
    for (std::int64_t i = 0; i < values.size(0); ++i) {
      for (std::int64_t j = 0; j < k; ++j) words[first + i].neighbors.push_back({other[i][j], value[i][j]});
    }
  }
}

/// Colours by the two directions of largest variance, so that in a t-SNE map, which keeps neighbourhoods only, words of
/// like colour are alike even where they lie apart. Shapes: components (N,2).
void add_colors(const Tensor& components, std::vector<MapWord>& words) {
  const auto lengths = components.norm(2, 1);
  const auto full = std::max(lengths.quantile(0.7).item<double>(), 1e-30);
  const auto at = components.accessor<float, 2>();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    words[i].hue = std::atan2(at[row][1], at[row][0]) * 180 / std::numbers::pi + 180;
    words[i].chroma = std::clamp(lengths[row].item<double>() / full, 0.0, 1.0);
  }
}

Tensor tsne_with_progress(const Tensor& rows, TsneOptions options) {
  StatusLine line(std::cerr, stderr_is_terminal());
  options.progress = [&](std::int64_t iteration, double divergence) {
    line.update({.label = "t-SNE",
                 .counter = fmt::format("{}/{}", iteration, options.iterations),
                 .fraction = static_cast<double>(iteration) / static_cast<double>(options.iterations),
                 .figures = fmt::format("divergence {:.3f}", divergence),
                 .last = iteration == options.iterations});
  };
  auto points = tsne(rows, options);
  line.finish();
  return points;
}

class MapVerb : public VectorsVerb {
 public:
  std::string name() const override { return "map"; }
  std::string summary() const override { return "an interactive picture of the vectors, in one HTML file"; }
  std::string examples() const override {
    return "map --model vectors --out map.html\n"
           "map --model vectors.txt --word-list animals.txt --method pca --out animals.html\n";
  }
  std::string notes() const override {
    return "Vectors are scaled to length 1 first, so that distance is a matter of cosine. Neighbours are the nearest\n"
           "of the words on the map by cosine in all dimensions; colours are the directions of largest variance.\n"
           "Fields under --json: file, words, missing, method; bytes of words that are not UTF-8 are U+FFFD there.\n";
  }

  bool heeds_seed() const override { return true; }

 protected:
  void add_more_options(Options& options) override {
    options.add("--out", out_, "the page to write").required();
    options.add("--words", words_, "how many words, the model's first: the most frequent, unless --init extended it")
        .range(1, kMostWords);
    options.add("--word-list", word_list_, "a file of the words to show instead").excludes("--words");
    options.add("--method", method_, "tsne keeps neighbours together, pca distances").one_of({"tsne", "pca"});
    options.add("--perplexity", perplexity_, "neighbours that t-SNE gives a word, softly (default: 30)")
        .between(1, 1000)
        .needs("--method tsne", [this] { return method_ == "tsne"; });
    options.idle_where("--seed", "--method is pca", [this] { return method_ == "pca"; });
  }
  void check(const CommonOptions& common) override { check_out(out_, common.json); }
  void use(const WordVectors& vectors, const CommonOptions& common) override {
    const auto selection = word_list_.empty() ? first_words(vectors, words_) : listed(vectors, word_list_);
    if (!selection.missing.empty()) {
      std::cerr << fmt::format("note: {} of the words have no vector, among them \"{}\"\n", selection.missing.size(),
                               valid_utf8(selection.missing[0]));
    }
    write_file_atomically(out_, map_page(make_map(vectors, selection, common)));
    if (common.json) {
      print_json(
          {{"file", out_}, {"words", selection.words.size()}, {"missing", selection.missing}, {"method", method_}});
    } else {
      std::cerr << fmt::format("{} words written to {}\n", selection.words.size(), out_);
    }
  }

 private:
  WordMap make_map(const WordVectors& vectors, const Selection& selection, const CommonOptions& common) const {
    TsneOptions options;
    options.perplexity = perplexity_.value_or(options.perplexity);
    options.seed = common.seed_or(options.seed);
    const auto components = principal_components(selection.rows);
    const auto points = method_ == "pca" ? components : tsne_with_progress(selection.rows, options);

    WordMap map;
    map.title = fs::weakly_canonical(model()).filename().string();
    map.subtitle = fmt::format("{} of {} words · {} dimensions · {}", selection.words.size(), vectors.size(),
                               vectors.dim(), method_ == "pca" ? "principal components" : "t-SNE");
    const auto at = points.accessor<float, 2>();
    for (std::size_t i = 0; i < selection.words.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      map.words.push_back({.text = selection.words[i], .x = at[row][0], .y = at[row][1]});
    }
    add_colors(components, map.words);
    add_neighbors(selection.rows, map.words);
    return map;
  }

  std::string out_, word_list_, method_ = "tsne";
  std::int64_t words_ = 2000;
  std::optional<double> perplexity_;
};

}  // namespace

std::unique_ptr<Verb> map_verb() {
  return std::make_unique<MapVerb>();
}

}  // namespace langzoo
