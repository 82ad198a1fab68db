#include "models/noisy_channel/noisy_channel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "data/files/as_size.h"

namespace langzoo {

namespace {

constexpr std::int32_t kNothing = -1;

/// A word of e, and where the one before it stands.
struct Word {
  std::int32_t before, word;
};

struct Hypothesis {
  NGramState state;                 ///< of the language model behind e
  std::int32_t last_e = kNothing;   ///< the last word of e
  std::int32_t tail = kNothing;     ///< where e stands but for `written`
  std::int32_t written = kNothing;  ///< a word of e that the last step added
  int first = 0;                    ///< the first word of f that is not explained
  std::uint32_t beyond = 0;         ///< bit i: word first + 1 + i is
  int last = -1;                    ///< the word explained last
  double score = 0;

  bool explains(int j) const { return j < first || (j > first && (beyond >> (j - first - 1) & 1u) != 0); }
  void explain(int j) {
    if (j > first) {
      beyond |= 1u << (j - first - 1);
    } else {
      const int run = std::countr_one(beyond);
      first += 1 + run;
      beyond = run < 31 ? beyond >> (run + 1) : 0;
    }
    last = j;
  }
};

/// The best hypotheses that explain equally many words, of those that can only go on alike the best one.
class Stack {
 public:
  explicit Stack(std::int64_t beam) : beam_(as_size(beam)) {}

  void add(Hypothesis hypothesis) {
    const Key key{hypothesis.first, hypothesis.beyond, hypothesis.last, hypothesis.state, hypothesis.last_e};
    auto [found, is_new] = best_.try_emplace(key, hypothesis);
    if (!is_new && hypothesis.score > found->second.score) found->second = std::move(hypothesis);
  }
  /// Best first; what they have written goes to `words`.
  std::vector<Hypothesis> take(std::vector<Word>& words) {
    std::vector<Hypothesis> all;
    for (auto& [key, hypothesis] : best_) all.push_back(std::move(hypothesis));
    best_.clear();
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    all.resize(std::min(all.size(), beam_));
    for (Hypothesis& hypothesis : all) {
      if (hypothesis.written == kNothing) continue;
      words.push_back({hypothesis.tail, std::exchange(hypothesis.written, kNothing)});
      hypothesis.tail = static_cast<std::int32_t>(words.size()) - 1;
    }
    return all;
  }

 private:
  using Key = std::tuple<int, std::uint32_t, int, NGramState, std::int32_t>;
  std::size_t beam_;
  std::map<Key, Hypothesis> best_;
};

}  // namespace

void NoisyChannelOptions::for_each_field(FieldVisitor& visit) {
  visit("beam", beam, {.least = 1, .most = 1e6, .help = "hypotheses kept"});
  visit("candidates", candidates, {.least = 1, .most = 1e6, .help = "words tried for a word"});
  visit("window", window, {.least = 0, .most = 31, .help = "words ahead of the first unexplained one"});
  visit("language_weight", language_weight, {.least = 1e-6, .most = 1e3, .help = "of the language model"});
  visit("word_bonus", word_bonus, {.least = -1e3, .most = 1e3, .help = "added for each word"});
  visit("jump_penalty", jump_penalty, {.least = 0, .most = 1e3, .help = "for each word away from the natural place"});
}

NoisyChannel::NoisyChannel(const IbmModel& channel, const NGramModel& language, const NoisyChannelOptions& options,
                           Copy copy)
    : channel_(channel), language_(language), options_(options), copy_(std::move(copy)) {
  options.validate();
  std::vector<std::vector<std::pair<double, Candidate>>> ranked;
  for (std::int32_t e = 0; e < std::min(channel.t.num_e(), language.sentence_end()); ++e) {
    const double probability = language.probability(language.empty(), {}, e);
    for (const auto& [f, t] : channel.t.row(e)) {
      if (t <= 0) continue;
      if (as_size(f) >= ranked.size()) ranked.resize(as_size(f) + 1);
      ranked[as_size(f)].push_back({probability * static_cast<double>(t), {e, std::log(static_cast<double>(t))}});
    }
  }
  for (auto& of_word : ranked) {
    std::stable_sort(of_word.begin(), of_word.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    of_word.resize(std::min(of_word.size(), as_size(options.candidates)));
    auto& kept = candidates_.emplace_back();
    for (const auto& [rank, candidate] : of_word) kept.push_back(candidate);
  }
}

void NoisyChannel::set_options(const NoisyChannelOptions& options) {
  options.validate();
  if (options.candidates != options_.candidates) {
    throw std::invalid_argument(fmt::format("candidates {}: there are {}", options.candidates, options_.candidates));
  }
  options_ = options;
}

bool NoisyChannel::knows(std::int32_t f) const {
  return f >= 0 && as_size(f) < candidates_.size() && !candidates_[as_size(f)].empty();
}

std::vector<ScoredTranslation> NoisyChannel::translate(std::span<const std::int32_t> f, int n_best) const {
  struct Source {
    std::int32_t word;
    std::vector<std::int32_t> copy;  ///< of an unknown word
  };
  std::vector<Source> sources;
  for (const std::int32_t word : f) {
    const bool known = knows(word);
    Source source{word, known || !copy_ ? std::vector<std::int32_t>{} : copy_(word)};
    if (known || !source.copy.empty()) sources.push_back(std::move(source));
  }
  const int m = static_cast<int>(sources.size());
  const auto language_score = [&](Hypothesis& of, std::int32_t word) {
    return options_.language_weight * language_.log_probability(of.state, word);
  };
  const auto write = [&](Hypothesis& to, std::int32_t word) {
    to.score += options_.word_bonus + language_score(to, word);
    to.written = to.last_e = word;
  };
  const int window = static_cast<int>(options_.window);
  std::vector<Word> words;
  Stack stack(options_.beam);
  stack.add({.state = language_.start()});
  for (int explained = 0; explained < m; ++explained) {
    for (const Hypothesis& from : stack.take(words)) {
      for (int j = from.first; j < std::min(m, from.first + window + 1); ++j) {
        if (from.explains(j)) continue;
        Hypothesis next = from;
        next.explain(j);
        next.score -= options_.jump_penalty * std::abs(j - from.last - 1);
        const auto& [word, copy] = sources[as_size(j)];
        if (!copy.empty()) {
          for (const std::int32_t e : copy) {
            if (next.written != kNothing) {
              words.push_back({next.tail, next.written});
              next.tail = static_cast<std::int32_t>(words.size()) - 1;
            }
            write(next, e);
          }
          stack.add(std::move(next));
          continue;
        }
        const auto add_explained_by = [&, f_word = word](std::int32_t e) {
          const auto t = static_cast<double>(channel_.t(f_word, e));
          if (t <= 0) return;
          Hypothesis same = next;
          same.score += std::log(t);
          stack.add(std::move(same));
        };
        add_explained_by(kUnaligned);
        if (next.last_e != kNothing) add_explained_by(next.last_e);
        for (const auto& [e, log_t] : candidates_[as_size(word)]) {
          Hypothesis longer = next;
          longer.score += log_t;
          write(longer, e);
          stack.add(std::move(longer));
        }
      }
    }
  }
  std::vector<Hypothesis> complete = stack.take(words);
  for (Hypothesis& hypothesis : complete) hypothesis.score += language_score(hypothesis, language_.sentence_end());
  std::stable_sort(complete.begin(), complete.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  std::vector<ScoredTranslation> best;
  std::set<std::vector<std::int32_t>> seen;
  for (const Hypothesis& hypothesis : complete) {
    ScoredTranslation translation{{}, hypothesis.score};
    for (std::int32_t at = hypothesis.tail; at != kNothing; at = words[as_size(at)].before) {
      translation.words.push_back(words[as_size(at)].word);
    }
    std::reverse(translation.words.begin(), translation.words.end());
    if (seen.insert(translation.words).second) best.push_back(std::move(translation));
    if (best.size() == as_size(n_best)) break;
  }
  return best;
}

}  // namespace langzoo
