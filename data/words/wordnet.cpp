#include "data/words/wordnet.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>
#include <stdexcept>

#include <fmt/format.h>

#include "data/files/mapped_file.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

/// Above all verbs. Its name is NLTK's, which decides between hypernyms of equal depth.
constexpr WordNet::Synset kRoot = -1;
constexpr const char* kRootName = "*ROOT*";
/// Bounds on what a database may ask for, far above the 75 senses and 34 hypernyms of WordNet 3: a similarity of two
/// words takes the product.
constexpr std::size_t kMostSenses = 256, kMostHypernyms = 1000;
constexpr std::array<const char*, 2> kSuffixes = {"noun", "verb"};
constexpr std::array<char, 2> kLetters = {'n', 'v'};

struct Ending {
  std::string_view inflected, base;
};
/// The rules of detachment of morphy(7WN).
constexpr std::array<Ending, 9> kNounEndings = {{{"s", ""},
                                                 {"ses", "s"},
                                                 {"ves", "f"},
                                                 {"xes", "x"},
                                                 {"zes", "z"},
                                                 {"ches", "ch"},
                                                 {"shes", "sh"},
                                                 {"men", "man"},
                                                 {"ies", "y"}}};
constexpr std::array<Ending, 8> kVerbEndings = {
    {{"s", ""}, {"ies", "y"}, {"es", "e"}, {"es", ""}, {"ed", "e"}, {"ed", ""}, {"ing", "e"}, {"ing", ""}}};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (auto& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == ' ') c = '_';
  }
  return lower;
}

/// The fields of a line, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  /// Empty at the end.
  std::string_view next_if_any() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r"), rest_.size()));
    const auto field = rest_.substr(0, rest_.find_first_of(" \t\r"));
    rest_.remove_prefix(field.size());
    return field;
  }
  std::string_view next(const char* what) {
    const auto field = next_if_any();
    if (field.empty()) throw std::runtime_error(fmt::format("ends before the {}", what));
    return field;
  }
  std::uint64_t number(const char* what, int base = 10) {
    const auto field = next(what);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, base);
    if (error != std::errc() || end != field.data() + field.size()) {
      throw std::runtime_error(fmt::format("the {} is no number", what));
    }
    return value;
  }
  void skip(std::uint64_t n, const char* what) {
    for (std::uint64_t i = 0; i < n; ++i) next(what);
  }

 private:
  std::string_view rest_;
};

/// Calls read(line, offset) for every line but those of the licence, which begin with a space. What it throws becomes a
/// FileError that names the line.
template <class Read>
void for_each_entry(const fs::path& path, const Read& read) {
  const MappedFile file(path);
  const auto text = file.text();
  std::size_t number = 1;
  for (std::size_t at = 0; at < text.size(); ++number) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    try {
      if (!line.empty() && line[0] != ' ') read(line, at);
    } catch (const std::runtime_error& error) {
      throw FileError(path, fmt::format("line {}: {}", number, error.what()));
    }
    at = end + 1;
  }
}

/// Calls meet(synset, edges from a, edges from b) for what two ascending ancestries have in common.
template <class Ancestry, class Meet>
void for_each_common(const Ancestry& a, const Ancestry& b, const Meet& meet) {
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (i->first == j->first) {
      meet(i->first, i->second, j->second);
      ++i, ++j;
    } else {
      i->first < j->first ? ++i : ++j;
    }
  }
}

/// Edges from the one to the other, or nothing where they have no hypernym in common.
template <class Ancestry>
std::optional<std::int32_t> shortest_path(const Ancestry& a, const Ancestry& b) {
  std::optional<std::int32_t> shortest;
  for_each_common(a, b, [&](WordNet::Synset, std::int32_t from_a, std::int32_t from_b) {
    shortest = std::min(shortest.value_or(from_a + from_b), from_a + from_b);
  });
  return shortest;
}

}  // namespace

WordNet::WordNet(const fs::path& folder) {
  for (const auto part : {kNoun, kVerb}) {
    const std::string suffix = kSuffixes[part];
    const auto at_offset = read_synsets(folder / ("data." + suffix), part);
    read_lemmas(folder / ("index." + suffix), part, at_offset);
    read_exceptions(folder / (suffix + ".exc"), part);
  }
  find_depths();
}

std::unordered_map<std::uint64_t, WordNet::Synset> WordNet::read_synsets(const fs::path& file, PartOfSpeech part) {
  std::unordered_map<std::uint64_t, Synset> at_offset;
  struct Pointer {
    Synset from;
    std::uint64_t to;
  };
  std::vector<Pointer> pointers;
  for_each_entry(file, [&](std::string_view line, std::size_t offset) {
    if (synsets_.size() >= std::numeric_limits<Synset>::max()) throw std::runtime_error("too many senses");
    Fields fields(line.substr(0, line.find('|')));
    if (fields.number("offset") != offset) throw std::runtime_error(fmt::format("does not stand at its offset"));
    fields.number("file number");
    if (fields.next("part of speech") != std::string_view(&kLetters[part], 1)) {
      throw std::runtime_error(fmt::format("the part of speech is not {}", kLetters[part]));
    }
    const auto words = fields.number("number of words", 16);
    if (words == 0) throw std::runtime_error("a sense without a word");
    const auto synset = static_cast<Synset>(synsets_.size());
    synsets_.push_back({part, lower_case(fields.next("word")), {}});
    fields.skip(2 * words - 1, "last word");
    const auto count = fields.number("number of pointers");
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto kind = fields.next("pointer");
      const auto target = fields.number("pointer's offset");
      fields.skip(2, "pointer");
      if (kind == "@" || kind == "@i") pointers.push_back({synset, target});
    }
    at_offset.emplace(offset, synset);
  });
  for (const auto& [from, to] : pointers) {
    const auto found = at_offset.find(to);
    if (found == at_offset.end()) throw FileError(file, fmt::format("no sense stands at offset {}", to));
    auto& hypernyms = synsets_[from].hypernyms;
    if (std::find(hypernyms.begin(), hypernyms.end(), found->second) == hypernyms.end()) {
      hypernyms.push_back(found->second);
      if (hypernyms.size() > kMostHypernyms) throw FileError(file, "a sense with too many hypernyms");
    }
  }
  return at_offset;
}

void WordNet::read_lemmas(const fs::path& file, PartOfSpeech part,
                          const std::unordered_map<std::uint64_t, Synset>& at_offset) {
  for_each_entry(file, [&](std::string_view line, std::size_t) {
    Fields fields(line);
    std::string lemma(fields.next("word"));
    fields.next("part of speech");
    const auto senses = fields.number("number of senses");
    fields.skip(fields.number("number of pointers"), "last pointer");
    fields.skip(2, "first sense");
    auto& list = lemmas_[part][std::move(lemma)];
    for (std::uint64_t i = 0; i < senses; ++i) {
      const auto offset = fields.number("last sense");
      const auto found = at_offset.find(offset);
      if (found == at_offset.end()) throw std::runtime_error(fmt::format("no sense stands at offset {}", offset));
      list.push_back(found->second);
    }
  });
}

void WordNet::read_exceptions(const fs::path& file, PartOfSpeech part) {
  for_each_entry(file, [&](std::string_view line, std::size_t) {
    Fields fields(line);
    auto& bases = exceptions_[part][std::string(fields.next("word"))];
    for (auto base = fields.next_if_any(); !base.empty(); base = fields.next_if_any()) bases.emplace_back(base);
    if (bases.size() > kMostSenses) throw std::runtime_error("too many base forms");
  });
}

void WordNet::find_depths() {
  enum class State : std::uint8_t { kNew, kOpen, kDone };
  std::vector<State> states(synsets_.size());
  struct Step {
    Synset synset;
    std::size_t next = 0;  ///< of its hypernyms
  };
  std::vector<Step> path;
  for (std::size_t i = 0; i < synsets_.size(); ++i) {
    if (states[i] != State::kDone) path.push_back({static_cast<Synset>(i)});
    while (!path.empty()) {
      auto& [synset, next] = path.back();
      auto& entry = synsets_[synset];
      states[synset] = State::kOpen;
      if (next < entry.hypernyms.size()) {
        const auto hypernym = entry.hypernyms[next];
        if (states[hypernym] == State::kOpen) {
          entry.hypernyms.erase(entry.hypernyms.begin() + static_cast<std::ptrdiff_t>(next));
        } else {
          ++next;
          if (states[hypernym] == State::kNew) path.push_back({hypernym});
        }
        continue;
      }
      if (!entry.hypernyms.empty()) {
        entry.least_depth = std::numeric_limits<std::int32_t>::max();
        for (const auto hypernym : entry.hypernyms) {
          entry.least_depth = std::min(entry.least_depth, synsets_[hypernym].least_depth + 1);
          entry.greatest_depth = std::max(entry.greatest_depth, synsets_[hypernym].greatest_depth + 1);
        }
      }
      states[synset] = State::kDone;
      path.pop_back();
    }
  }
}

std::vector<std::string> WordNet::base_forms(const std::string& word, PartOfSpeech part) const {
  std::vector<std::string> candidates{word};
  if (const auto found = exceptions_[part].find(word); found != exceptions_[part].end()) {
    candidates.insert(candidates.end(), found->second.begin(), found->second.end());
  } else {
    const auto endings = part == kNoun ? std::span<const Ending>(kNounEndings) : std::span<const Ending>(kVerbEndings);
    for (const auto& [inflected, base] : endings) {
      if (!word.ends_with(inflected)) continue;
      candidates.push_back(word.substr(0, word.size() - inflected.size()).append(base));
    }
  }
  std::vector<std::string> forms;
  for (auto& candidate : candidates) {
    const bool is_new = std::find(forms.begin(), forms.end(), candidate) == forms.end();
    if (is_new && lemmas_[part].contains(candidate)) forms.push_back(std::move(candidate));
  }
  return forms;
}

std::vector<WordNet::Synset> WordNet::synsets(std::string_view word) const {
  const auto lower = lower_case(word);
  std::vector<Synset> senses;
  for (const auto part : {kNoun, kVerb}) {
    for (const auto& form : base_forms(lower, part)) {
      const auto& found = lemmas_[part].at(form);
      senses.insert(senses.end(), found.begin(), found.end());
      if (senses.size() > kMostSenses) throw std::runtime_error(fmt::format("WordNet: too many senses of {}", lower));
    }
  }
  return senses;
}

std::string WordNet::name(Synset synset) const {
  if (synset == kRoot) return kRootName;
  const auto& entry = synsets_.at(synset);
  std::ptrdiff_t sense = -1;
  if (const auto found = lemmas_[entry.part_of_speech].find(entry.first_word);
      found != lemmas_[entry.part_of_speech].end()) {
    sense = std::find(found->second.begin(), found->second.end(), synset) - found->second.begin();
  }
  return fmt::format("{}.{}.{:02}", entry.first_word, kLetters[entry.part_of_speech], sense + 1);
}

bool WordNet::rooted(Synset synset) const {
  return synsets_.at(synset).part_of_speech == kVerb;
}

std::int32_t WordNet::least_depth(Synset synset) const {
  return synset == kRoot ? 0 : synsets_[synset].least_depth;
}

std::int32_t WordNet::greatest_depth(Synset synset) const {
  return synset == kRoot ? 0 : synsets_[synset].greatest_depth;
}

WordNet::Ancestry WordNet::ancestry(Synset synset, bool with_root) const {
  Ancestry found;
  if (synset == kRoot) return {{kRoot, 0}};
  std::unordered_map<Synset, std::int32_t> edges{{synset, 0}};
  found.emplace_back(synset, 0);
  for (std::size_t i = 0; i < found.size(); ++i) {  // breadth first: `found` is its queue
    const auto [at, distance] = found[i];
    if (found.size() > kMostHypernyms) {
      throw std::runtime_error(fmt::format("WordNet: too many hypernyms above {}", name(synset)));
    }
    for (const auto hypernym : synsets_[at].hypernyms) {
      if (edges.emplace(hypernym, distance + 1).second) found.emplace_back(hypernym, distance + 1);
    }
  }
  if (with_root) found.emplace_back(kRoot, found.back().second + 1);
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<double> WordNet::path_similarity(const Ancestry& a, const Ancestry& b) const {
  const auto edges = shortest_path(a, b);
  if (!edges) return {};
  return 1.0 / (1 + *edges);
}

std::optional<double> WordNet::wu_palmer_similarity(Synset synset, const Ancestry& a, const Ancestry& b) const {
  std::vector<Synset> deepest;
  for_each_common(a, b, [&](Synset common, std::int32_t, std::int32_t) {
    if (!deepest.empty() && least_depth(common) < least_depth(deepest[0])) return;
    if (!deepest.empty() && least_depth(common) > least_depth(deepest[0])) deepest.clear();
    deepest.push_back(common);
  });
  if (deepest.empty()) return {};
  const bool is_ancestor = std::find(deepest.begin(), deepest.end(), synset) != deepest.end();
  const auto subsumer =
      is_ancestor ? synset
      : deepest.size() == 1
          ? deepest[0]
          : *std::min_element(deepest.begin(), deepest.end(), [&](Synset x, Synset y) { return name(x) < name(y); });
  const auto above = ancestry(subsumer, a.front().first == kRoot);
  const double depth = greatest_depth(subsumer) + 1;
  return 2 * depth / (*shortest_path(a, above) + *shortest_path(b, above) + 2 * depth);
}

std::optional<double> WordNet::path_similarity(Synset a, Synset b) const {
  const bool with_root = rooted(a) || rooted(b);
  return path_similarity(ancestry(a, with_root), ancestry(b, with_root));
}

std::optional<double> WordNet::wu_palmer_similarity(Synset a, Synset b) const {
  const bool with_root = rooted(a) || rooted(b);
  return wu_palmer_similarity(a, ancestry(a, with_root), ancestry(b, with_root));
}

template <class Similarity>
std::optional<double> WordNet::greatest(std::string_view a, std::string_view b, const Similarity& similarity) const {
  const auto senses_of = [&](std::string_view word) {
    std::vector<std::pair<Synset, Ancestry>> senses;
    for (const auto synset : synsets(word)) senses.emplace_back(synset, ancestry(synset, rooted(synset)));
    return senses;
  };
  const auto of_a = senses_of(a), of_b = senses_of(b);
  std::optional<double> most;
  for (const auto& [x, above_x] : of_a) {
    for (const auto& [y, above_y] : of_b) {
      if (synsets_[x].part_of_speech != synsets_[y].part_of_speech) continue;
      const auto score = similarity(x, above_x, above_y);
      if (score) most = std::max(most.value_or(*score), *score);
    }
  }
  return most;
}

std::optional<double> WordNet::path_similarity(std::string_view a, std::string_view b) const {
  return greatest(a, b, [&](Synset, const Ancestry& above_a, const Ancestry& above_b) {
    return path_similarity(above_a, above_b);
  });
}

std::optional<double> WordNet::wu_palmer_similarity(std::string_view a, std::string_view b) const {
  return greatest(a, b, [&](Synset synset, const Ancestry& above_a, const Ancestry& above_b) {
    return wu_palmer_similarity(synset, above_a, above_b);
  });
}

}  // namespace langzoo
