#include "models/noisy_channel/ibm_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "data/files/as_size.h"
#include "models/layers/parallel_for.h"

namespace langzoo {

namespace {

int size_of(std::span<const std::int32_t> sentence) {
  return static_cast<int>(sentence.size());
}

/// A link is a word of f with a word of its e, or NULL; a parameter is a t(f | e). Both are numbered: links sentence by
/// sentence, word of f by word of f, NULL first; parameters e by e, NULL first, in the order of f. Every sum is made by
/// one thread in one order.
class Trainer {
 public:
  Trainer(std::span<const TranslatedSentence> sentences, int max_words) {
    std::uint64_t links = 0;
    for (const auto& sentence : sentences) {
      if (std::max(sentence.e.size(), sentence.f.size()) > static_cast<std::size_t>(max_words)) {
        ++too_long_;
        continue;
      }
      sentences_.push_back({sentence, links});
      by_lengths_[{size_of(sentence.e), size_of(sentence.f)}].push_back(sentences_.size() - 1);
      links += sentence.f.size() * (sentence.e.size() + 1);
    }
    if (links > std::numeric_limits<std::uint32_t>::max()) {
      throw std::invalid_argument(fmt::format("{} pairs of words are more than 32 bits count: use less text", links));
    }
    posteriors_.resize(links);
    number_parameters();
    for (const auto& [lengths, members] : by_lengths_)
      alignments_.push_back(a_.of_lengths(lengths.first, lengths.second));
  }

  std::int64_t too_long() const { return too_long_; }

  /// One iteration; the log-likelihood before it.
  double iterate(bool alignments) {
    const double log_likelihood = expect();
    maximise_translations();
    if (alignments) maximise_alignments();
    return log_likelihood;
  }

  IbmModel model() { return {TranslationTable(std::move(rows_), std::move(parameters_)), std::move(a_)}; }

 private:
  struct Sentence {
    TranslatedSentence words;
    std::uint64_t first_link;
  };
  struct Occurrence {
    std::int32_t f;
    std::uint32_t link;
  };

  template <class Visit>
  void for_each_link(const Visit& visit) const {
    for (const Sentence& s : sentences_) {
      auto link = static_cast<std::uint32_t>(s.first_link);
      for (const std::int32_t f : s.words.f) {
        visit(std::int32_t{0}, f, link++);
        for (const std::int32_t e : s.words.e) visit(e + 1, f, link++);
      }
    }
  }

  void number_parameters() {
    std::int32_t rows = 1;
    for (const Sentence& s : sentences_) {
      for (const auto& side : {s.words.e, s.words.f}) {
        for (const std::int32_t word : side) {
          if (word < 0) throw std::invalid_argument(fmt::format("a word with the id {}", word));
        }
      }
      for (const std::int32_t e : s.words.e) rows = std::max(rows, e + 2);
    }
    std::vector<std::size_t> begins(as_size(rows) + 1);
    for_each_link([&](std::int32_t row, std::int32_t, std::uint32_t) { ++begins[as_size(row) + 1]; });
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    std::vector<Occurrence> occurrences(posteriors_.size());
    auto next = begins;
    for_each_link([&](std::int32_t row, std::int32_t f, std::uint32_t link) {
      occurrences[next[as_size(row)]++] = {f, link};
    });
    parallel_for(rows, 16, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t row = first; row < last; ++row) {
        std::stable_sort(occurrences.begin() + static_cast<std::ptrdiff_t>(begins[as_size(row)]),
                         occurrences.begin() + static_cast<std::ptrdiff_t>(begins[as_size(row) + 1]),
                         [](const Occurrence& a, const Occurrence& b) { return a.f < b.f; });
      }
    });
    parameter_of_.resize(posteriors_.size());
    links_.reserve(posteriors_.size());
    for (std::size_t row = 0; row < as_size(rows); ++row) {
      rows_.push_back(parameters_.size());
      for (std::size_t i = begins[row]; i < begins[row + 1]; ++i) {
        const auto& [f, link] = occurrences[i];
        if (i == begins[row] || parameters_.back().f != f) {
          parameters_.push_back({f, 0});
          link_begins_.push_back(links_.size());
        }
        parameter_of_[link] = static_cast<std::uint32_t>(parameters_.size() - 1);
        links_.push_back(link);
      }
    }
    rows_.push_back(parameters_.size());
    link_begins_.push_back(links_.size());
    const auto uniform = 1.0f / static_cast<float>(std::max<std::size_t>(1, rows_[1]));  // every f has met NULL
    for (auto& parameter : parameters_) parameter.probability = uniform;
  }

  void normalise(std::size_t row) {
    double sum = 0;
    for (std::size_t p = rows_[row]; p < rows_[row + 1]; ++p) sum += static_cast<double>(parameters_[p].probability);
    if (sum <= 0) return;
    for (std::size_t p = rows_[row]; p < rows_[row + 1]; ++p) {
      parameters_[p].probability = static_cast<float>(static_cast<double>(parameters_[p].probability) / sum);
    }
  }

  /// Posteriors of all links: P(a_j = i | e, f).
  double expect() {
    std::vector<double> log_likelihoods(sentences_.size());
    std::size_t shape = 0;
    for (const auto& of_lengths : by_lengths_) {
      const auto width = as_size(of_lengths.first.first) + 1, height = as_size(of_lengths.first.second);
      const std::vector<std::size_t>& members = of_lengths.second;
      const std::span<const float> a = alignments_[shape++];
      parallel_for(static_cast<std::int64_t>(members.size()), 64, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t k = first; k < last; ++k) {
          const std::size_t s = members[as_size(k)];
          for (std::size_t j = 0; j < height; ++j) {
            const std::size_t begin = sentences_[s].first_link + j * width;
            double sum = 0;
            for (std::size_t i = 0; i < width; ++i) {
              posteriors_[begin + i] = parameters_[parameter_of_[begin + i]].probability * a[j * width + i];
              sum += static_cast<double>(posteriors_[begin + i]);
            }
            log_likelihoods[s] += std::log(sum);
            for (std::size_t i = 0; i < width && sum > 0; ++i) {
              posteriors_[begin + i] = static_cast<float>(static_cast<double>(posteriors_[begin + i]) / sum);
            }
          }
        }
      });
    }
    return std::accumulate(log_likelihoods.begin(), log_likelihoods.end(), 0.0);
  }

  void maximise_translations() {
    for_each_row([&](std::size_t row) {
      for (std::size_t p = rows_[row]; p < rows_[row + 1]; ++p) {
        double count = 0;
        for (std::size_t i = link_begins_[p]; i < link_begins_[p + 1]; ++i) {
          count += static_cast<double>(posteriors_[links_[i]]);
        }
        parameters_[p].probability = static_cast<float>(count);
      }
      normalise(row);
    });
  }

  /// On all threads, in parts of about equally many links: rows differ by orders of magnitude.
  template <class Visit>
  void for_each_row(const Visit& visit) const {
    constexpr std::size_t kParts = 256;
    const auto row_at = [&](std::size_t part) {  // the first that begins at or behind its share
      const std::size_t link = links_.size() / kParts * part;
      const auto found = std::partition_point(rows_.begin(), rows_.end() - 1,
                                              [&](std::size_t parameter) { return link_begins_[parameter] < link; });
      return part == kParts ? rows_.size() - 1 : static_cast<std::size_t>(found - rows_.begin());
    };
    parallel_for(kParts, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::size_t row = row_at(as_size(first)); row < row_at(as_size(last)); ++row) visit(row);
    });
  }

  void maximise_alignments() {
    std::vector<const std::vector<std::size_t>*> members;
    std::vector<std::size_t> widths;
    for (const auto& [lengths, of_lengths] : by_lengths_) {
      members.push_back(&of_lengths);
      widths.push_back(as_size(lengths.first) + 1);
    }
    parallel_for(static_cast<std::int64_t>(members.size()), 1, [&](std::int64_t first, std::int64_t last) {
      for (auto shape = as_size(first); shape < as_size(last); ++shape) {
        const std::span<float> a = alignments_[shape];
        std::vector<double> counts(a.size());
        for (const std::size_t s : *members[shape]) {
          for (std::size_t i = 0; i < a.size(); ++i) {
            counts[i] += static_cast<double>(posteriors_[sentences_[s].first_link + i]);
          }
        }
        for (std::size_t begin = 0; begin < a.size(); begin += widths[shape]) {
          const double sum = std::accumulate(&counts[begin], &counts[begin] + widths[shape], 0.0);
          for (std::size_t i = begin; i < begin + widths[shape] && sum > 0; ++i)
            a[i] = static_cast<float>(counts[i] / sum);
        }
      }
    });
  }

  std::vector<Sentence> sentences_;
  std::map<std::pair<int, int>, std::vector<std::size_t>> by_lengths_;  ///< sentences
  std::int64_t too_long_ = 0;

  std::vector<TranslationTable::Entry> parameters_;
  std::vector<std::size_t> rows_;            ///< where each e begins in parameters_, NULL first; and the end
  std::vector<std::size_t> link_begins_;     ///< where each parameter begins in links_; and the end
  std::vector<std::uint32_t> links_;         ///< parameter by parameter
  std::vector<std::uint32_t> parameter_of_;  ///< by link
  std::vector<float> posteriors_;            ///< by link
  AlignmentTable a_;
  std::vector<std::span<float>> alignments_;  ///< of a_, in the order of by_lengths_
};

}  // namespace

TranslationTable::TranslationTable(std::vector<std::size_t> begins, std::vector<Entry> entries)
    : begins_(std::move(begins)), entries_(std::move(entries)) {
  const bool covers = begins_.size() >= 2 && begins_.front() == 0 && begins_.back() == entries_.size() &&
                      std::is_sorted(begins_.begin(), begins_.end());
  if (!covers) throw std::invalid_argument("the rows of a translation table do not cover its entries");
  for (std::size_t row = 0; row + 1 < begins_.size(); ++row) {
    for (std::size_t i = begins_[row]; i < begins_[row + 1]; ++i) {
      const auto& [f, probability] = entries_[i];
      const bool ordered = i == begins_[row] ? f >= 0 : f > entries_[i - 1].f;
      if (ordered && probability >= 0 && probability <= 1) continue;
      throw std::invalid_argument(
          fmt::format("entry {} of a translation table: word {}, probability {}", i, f, probability));
    }
  }
}

float TranslationTable::operator()(std::int32_t f, std::int32_t e) const {
  const auto entries = row(e);
  const auto found = std::lower_bound(entries.begin(), entries.end(), f,
                                      [](const Entry& entry, std::int32_t of) { return entry.f < of; });
  return found != entries.end() && found->f == f ? found->probability : 0.0f;
}

std::span<const TranslationTable::Entry> TranslationTable::row(std::int32_t e) const {
  if (e < kUnaligned || e >= num_e()) return {};
  const auto i = as_size(e + 1);
  return std::span(entries_).subspan(begins_[i], begins_[i + 1] - begins_[i]);
}

float AlignmentTable::operator()(int i, int j, int l, int m) const {
  const auto found = tables_.find({l, m});
  if (found == tables_.end()) return 1.0f / static_cast<float>(l + 1);
  return found->second.at(as_size(j) * as_size(l + 1) + as_size(i + 1));
}

std::span<float> AlignmentTable::of_lengths(int l, int m) {
  auto [found, is_new] = tables_.try_emplace({l, m});
  if (is_new) found->second.assign(as_size(m) * as_size(l + 1), 1.0f / static_cast<float>(l + 1));
  return found->second;
}

double IbmModel::log_probability(TranslatedSentence sentence) const {
  const int l = size_of(sentence.e), m = size_of(sentence.f);
  double sum = 0;
  for (int j = 0; j < m; ++j) {
    double of_word = 0;
    for (int i = kUnaligned; i < l; ++i) {
      const std::int32_t e = i == kUnaligned ? kUnaligned : sentence.e[as_size(i)];
      of_word += static_cast<double>(t(sentence.f[as_size(j)], e)) * static_cast<double>(a(i, j, l, m));
    }
    sum += std::log(of_word);
  }
  return sum;
}

std::vector<std::vector<double>> IbmModel::posteriors(TranslatedSentence sentence) const {
  const int l = size_of(sentence.e), m = size_of(sentence.f);
  std::vector<std::vector<double>> rows;
  for (int j = 0; j < m; ++j) {
    auto& row = rows.emplace_back();
    for (int i = kUnaligned; i < l; ++i) {
      const std::int32_t e = i == kUnaligned ? kUnaligned : sentence.e[as_size(i)];
      row.push_back(static_cast<double>(t(sentence.f[as_size(j)], e)) * static_cast<double>(a(i, j, l, m)));
    }
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    for (double& p : row) p = sum > 0 ? p / sum : 0;
  }
  return rows;
}

std::vector<int> IbmModel::viterbi(TranslatedSentence sentence) const {
  const int l = size_of(sentence.e), m = size_of(sentence.f);
  std::vector<int> alignment(as_size(m), kUnaligned);
  for (int j = 0; j < m; ++j) {
    const std::int32_t f = sentence.f[as_size(j)];
    float best = 0;
    for (int i = 0; i < l; ++i) {
      const float p = t(f, sentence.e[as_size(i)]) * a(i, j, l, m);
      if (p > best) {
        best = p;
        alignment[as_size(j)] = i;
      }
    }
    if (t(f, kUnaligned) * a(kUnaligned, j, l, m) > best) alignment[as_size(j)] = kUnaligned;
  }
  return alignment;
}

IbmTraining train_ibm_model(std::span<const TranslatedSentence> sentences, const IbmOptions& options) {
  if (options.model1_iterations < 0 || options.model2_iterations < 0 || options.max_words < 1) {
    throw std::invalid_argument(fmt::format("model1_iterations {}, model2_iterations {}, max_words {}: out of range",
                                            options.model1_iterations, options.model2_iterations, options.max_words));
  }
  if (sentences.empty()) throw std::invalid_argument("no sentences to train on");
  Trainer trainer(sentences, options.max_words);
  IbmTraining training;
  training.too_long = trainer.too_long();
  if (training.too_long == std::ssize(sentences)) {
    throw std::invalid_argument(
        fmt::format("no pair is left to train on: each of the {} has a sentence of more than "
                    "max_words = {} words",
                    sentences.size(), options.max_words));
  }
  for (int i = 0; i < options.model1_iterations + options.model2_iterations; ++i) {
    training.log_likelihoods.push_back(trainer.iterate(i >= options.model1_iterations));
    if (options.progress) options.progress(i, training.log_likelihoods.back());
  }
  training.model = trainer.model();
  return training;
}

}  // namespace langzoo
