/// WordNet (Miller 1995; Fellbaum 1998): senses of words and what kind of thing each is, and how near that makes them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace langzoo {

/// The nouns and verbs of a database, the parts of speech that have hypernyms, and the similarities that come from
/// them as NLTK defines them (nltk.corpus.reader.wordnet, simulate_root).
class WordNet {
 public:
  using Synset = std::int32_t;  ///< a sense; its number in the order of the files

  /// Reads index.*, data.* and *.exc of `folder` in the format of WordNet 3 (wndb(5WN)). Hypernyms that run in a circle
  /// are cut where the circle closes. Throws FileError naming file and line. Later on, words with more senses and
  /// senses below more hypernyms than any language has throw std::runtime_error.
  explicit WordNet(const std::filesystem::path& folder);

  std::size_t size() const { return synsets_.size(); }
  /// The senses of a word and of its base forms ("dogs", "went"), nouns first, the most frequent first. Lower case,
  /// with a space or "_" between the words of a phrase, is not asked for.
  std::vector<Synset> synsets(std::string_view word) const;
  /// "dog.n.01": the first word of the sense, and which of its senses it is.
  std::string name(Synset synset) const;

  /// 1 / (1 + edges of the shortest path over hypernyms). Verbs have a common root above their several ones; two senses
  /// that nothing connects have no similarity.
  std::optional<double> path_similarity(Synset a, Synset b) const;
  /// 2 depth(s) / (length to the root by way of s, of a and of b), s the deepest common hypernym (Wu and Palmer 1994).
  std::optional<double> wu_palmer_similarity(Synset a, Synset b) const;

  /// The greatest over the senses of the same part of speech, or nothing when a word is not in the database or the two
  /// have no part of speech in common.
  std::optional<double> path_similarity(std::string_view a, std::string_view b) const;
  std::optional<double> wu_palmer_similarity(std::string_view a, std::string_view b) const;

 private:
  enum PartOfSpeech : std::uint8_t { kNoun, kVerb, kPartsOfSpeech };
  struct Entry {
    PartOfSpeech part_of_speech;
    std::string first_word;
    std::vector<Synset> hypernyms;
    std::int32_t least_depth = 0, greatest_depth = 0;  ///< edges to a root
  };
  /// A sense's hypernyms, itself included, with the edges to each; ascending.
  using Ancestry = std::vector<std::pair<Synset, std::int32_t>>;
  using Lemmas = std::unordered_map<std::string, std::vector<Synset>>;
  using Exceptions = std::unordered_map<std::string, std::vector<std::string>>;

  std::unordered_map<std::uint64_t, Synset> read_synsets(const std::filesystem::path& file, PartOfSpeech part);
  void read_lemmas(const std::filesystem::path& file, PartOfSpeech part,
                   const std::unordered_map<std::uint64_t, Synset>& at_offset);
  void read_exceptions(const std::filesystem::path& file, PartOfSpeech part);
  void find_depths();

  std::vector<std::string> base_forms(const std::string& word, PartOfSpeech part) const;
  bool rooted(Synset synset) const;
  std::int32_t least_depth(Synset synset) const;
  std::int32_t greatest_depth(Synset synset) const;
  Ancestry ancestry(Synset synset, bool with_root) const;
  std::optional<double> path_similarity(const Ancestry& a, const Ancestry& b) const;
  std::optional<double> wu_palmer_similarity(Synset synset, const Ancestry& a, const Ancestry& b) const;
  template <class Similarity>
  std::optional<double> greatest(std::string_view a, std::string_view b, const Similarity& similarity) const;

  std::vector<Entry> synsets_;
  std::array<Lemmas, kPartsOfSpeech> lemmas_;
  std::array<Exceptions, kPartsOfSpeech> exceptions_;
};

}  // namespace langzoo
