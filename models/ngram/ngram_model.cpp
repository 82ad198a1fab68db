#include "models/ngram/ngram_model.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <ostream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>

#include "data/files/as_size.h"
#include "data/files/file_kind.h"
#include "data/files/mapped_file.h"
#include "models/ngram/ngram_file.h"
#include "models/ngram/row_sorter.h"

namespace langzoo {

namespace {

constexpr std::uint64_t kTableAlignment = 64;

constexpr std::uint64_t padding(std::uint64_t bytes, std::uint64_t alignment) {
  return (alignment - bytes % alignment) % alignment;
}

/// By which an odd factor is undone, modulo 2^64: each step of Newton's doubles the bits that are right.
constexpr std::uint64_t inverse(std::uint64_t odd) {
  std::uint64_t x = odd;
  for (int i = 0; i < 5; ++i) x *= 2 - odd * x;
  return x;
}

/// Many small values become few large writes.
class Writer {
 public:
  explicit Writer(std::ostream& out) : out_(out) {}
  ~Writer() { flush(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  template <class T>
  void put(const T& value) {
    buffer_.append(reinterpret_cast<const char*>(&value), sizeof value);
    if (buffer_.size() >= kAtOnce) flush();
  }
  template <class T>
  void put_all(std::span<const T> values) {
    for (const T& value : values) put(value);
  }
  /// Zeros up to a multiple of `alignment`.
  void align(std::uint64_t alignment) {
    buffer_.append(static_cast<std::size_t>(padding(written_ + buffer_.size(), alignment)), '\0');
  }

 private:
  static constexpr std::size_t kAtOnce = std::size_t{1} << 16;
  void flush() {
    out_.write(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    written_ += buffer_.size();
    buffer_.clear();
  }
  std::ostream& out_;
  std::string buffer_;
  std::uint64_t written_ = 0;
};

/// The sections of a file, each checked to be inside.
class Sections {
 public:
  explicit Sections(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  std::span<const T> take(std::uint64_t count) {
    if (count > (bytes_.size() - at_) / sizeof(T)) throw std::runtime_error("n-grams: the file ends before its time");
    const std::span<const T> section(reinterpret_cast<const T*>(bytes_.data() + at_), as_size_t(count));
    at_ += section.size_bytes();
    return section;
  }
  void align(std::uint64_t alignment) { take<std::byte>(padding(at_, alignment)); }
  std::uint64_t left() const { return bytes_.size() - at_; }

 private:
  static std::size_t as_size_t(std::uint64_t n) { return static_cast<std::size_t>(n); }
  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
};

}  // namespace

void NGramFile::write(std::ostream& out, Parts parts) {
  Header& header = parts.header;
  header.has_words = parts.words != nullptr ? 1 : 0;
  const auto for_each_word = [&](const auto& visit) {
    for (std::uint32_t id = 0; header.has_words != 0 && id < header.vocabulary; ++id) {
      visit(parts.words->word(static_cast<std::int32_t>(id)));
    }
  };
  for_each_word([&](std::string_view word) { header.text_bytes += word.size(); });
  Writer writer(out);
  writer.put(header);
  writer.put_all(std::span<const Level>(parts.levels));
  std::uint64_t begin = 0;
  writer.put(begin);
  for_each_word([&](std::string_view word) { writer.put(begin += word.size()); });
  writer.put_all(parts.unigrams);
  for (std::uint64_t i = 0; i < header.nodes; ++i) writer.put(parts.next_node());
  for_each_word([&](std::string_view word) { writer.put_all(std::span<const char>(word)); });
  writer.align(kTableAlignment);
  const Entry empty{NGramModel::kEmpty, 0, NGramModel::kNoNode};
  std::vector<std::uint64_t> places;
  for (std::size_t length = 2; length <= header.order; ++length) {
    const std::uint64_t ngrams = parts.levels[length].ngrams, homes = homes_for(ngrams);
    std::uint64_t place = 0;
    for (std::uint64_t i = 0; i < ngrams; ++i, ++place) {
      const Entry entry = parts.next_entry();
      for (const std::uint64_t home = NGramModel::home(entry.key, homes); place < home; ++place) writer.put(empty);
      writer.put(entry);
    }
    do writer.put(empty);
    while (++place < homes);
    places.push_back(place);
  }
  writer.put_all(std::span<const std::uint64_t>(places));
}

NGramModel NGramModel::load(const std::filesystem::path& path) {
  refuse_other_kind(path);
  auto file = std::make_shared<MappedFile>(path);
  NGramModel model;
  model.is_mapped_ = true;
  try {
    model.open(file->bytes(), file);
  } catch (const std::runtime_error& error) {
    throw FileError(path, error.what());
  }
  model.path_ = path;
  return model;
}

void NGramModel::release_pages() const {
  // Nothing was written to them: they are read from the file again.
  if (is_mapped_) madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

NGramModel::NGramModel(std::string bytes) {
  // In large pages where there are some: words are looked up all over the tables.
  constexpr std::size_t kPage = std::size_t{1} << 21;
  const std::size_t room = (bytes.size() + kPage - 1) / kPage * kPage;
  const std::shared_ptr<void> owner(std::aligned_alloc(kPage, std::max(room, kPage)), std::free);
  if (owner == nullptr) throw std::bad_alloc();
  madvise(owner.get(), room, MADV_HUGEPAGE);
  std::memcpy(owner.get(), bytes.data(), bytes.size());
  open({static_cast<const std::byte*>(owner.get()), bytes.size()}, owner);
  check_all();
}

void NGramModel::open(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  owner_ = std::move(owner);
  bytes_ = bytes;
  Sections sections(bytes);
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::runtime_error(fmt::format("n-grams: {}", what));
  };
  const NGramFile::Header expected;
  require(bytes.size() >= sizeof expected, "not a file of langzoo's n-grams");
  const auto& header = sections.take<NGramFile::Header>(1)[0];
  require(std::memcmp(header.magic, expected.magic, sizeof expected.magic) == 0, "not a file of langzoo's n-grams");
  require(header.order >= 1 && header.order <= kLargestNGramOrder, "the order is out of range");
  require(header.rule <= UnseenRule::kAddK, "an unknown rule for unseen words");
  require(header.vocabulary >= 1 && header.vocabulary <= std::numeric_limits<std::int32_t>::max() - 2u,
          "the vocabulary's size is out of range");
  require(header.sentence_end < header.vocabulary, "the sentence's end is not in the vocabulary");
  require(header.nodes >= 1 && header.nodes < kNoNode && header.start < header.nodes, "the nodes are out of range");
  require(header.has_words <= 1 && header.log10_factor <= 0 && header.start_log10_p <= 0, "the header is damaged");
  order_ = static_cast<int>(header.order);
  rule_ = header.rule;
  log10_factor_ = header.log10_factor;
  start_log10_p_ = header.start_log10_p;
  vocabulary_ = static_cast<std::int32_t>(header.vocabulary);
  sentence_end_ = static_cast<std::int32_t>(header.sentence_end);
  start_ = header.start;
  num_nodes_ = static_cast<std::uint32_t>(header.nodes);
  has_words_ = header.has_words != 0;
  const auto levels = sections.take<NGramFile::Level>(header.order + 1);
  std::uint64_t node = 0;
  for (const auto& level : levels) {
    require(level.first_node >= node && level.first_node <= header.nodes, "the nodes are out of order");
    node = level.first_node;
    levels_.push_back({.first_node = static_cast<std::uint32_t>(node)});
    counts_.push_back(level.ngrams);
  }
  require(levels[0].first_node == 0 && levels[1].first_node == 1 && levels.back().first_node == header.nodes,
          "the nodes are out of order");
  counts_.erase(counts_.begin());
  const auto begins = sections.take<std::uint64_t>(has_words_ ? header.vocabulary + std::uint64_t{1} : 1);
  const auto unigrams = sections.take<Unigram>(header.vocabulary);
  const auto nodes = sections.take<Node>(header.nodes);
  const auto text = sections.take<char>(header.text_bytes);
  sections.align(kTableAlignment);
  const std::size_t tables = header.order - 1;
  require(sections.left() >= tables * sizeof(std::uint64_t), "the tables are incomplete");
  const auto places = bytes.last(tables * sizeof(std::uint64_t));
  for (std::size_t i = 0; i < tables; ++i) {
    Level& level = levels_[i + 1];
    require(counts_[i + 1] <= sections.left(), "the tables are incomplete");
    level.homes = NGramFile::homes_for(counts_[i + 1]);
    std::memcpy(&level.places, places.data() + i * sizeof level.places, sizeof level.places);
    const auto entries = sections.take<Entry>(level.places);
    require(level.places >= level.homes && entries.back().key == kEmpty, "a table is incomplete");
    level.entries = entries.data();
  }
  require(sections.left() == places.size(), "the tables are incomplete");
  unigrams_ = unigrams.data();
  nodes_ = nodes.data();

  auto words = std::make_shared<NGramVocabulary>();
  for (std::size_t id = 0; has_words_ && id < as_size(vocabulary_); ++id) {
    require(begins[id] <= begins[id + 1] && begins[id + 1] <= text.size(), "the words are out of order");
    const std::string_view word(text.data() + begins[id], begins[id + 1] - begins[id]);
    require(words->add(word) == static_cast<std::int32_t>(id), "a word occurs twice");
  }
  require(!has_words_ || (words->size() == as_size(vocabulary_) && sentence_end_ == NGramVocabulary::kSentenceEnd),
          "the vocabulary lacks <unk> or </s>");
  words_ = std::move(words);
}

/// What load() leaves to the queries, for it would read the whole file.
void NGramModel::check_all() const {
  const auto require = [this](bool holds) {
    if (!holds) throw_damaged();
  };
  for (std::int32_t word = 0; word < vocabulary_; ++word) {
    probability(unigrams_[word].log10_p);
    checked(unigrams_[word].next);
  }
  for (std::uint32_t node = 1; node < num_nodes_; ++node) {
    weight(node);
    shorter(node);
  }
  for (const Level& level : levels_) {
    const Entry* last = nullptr;
    for (const Entry* entry = level.entries; entry != level.entries + level.places; ++entry) {
      if (entry->next == kNoNode) {
        require(entry->key == kEmpty);
        continue;
      }
      probability(entry->log10_p);
      require(last == nullptr || last->key < entry->key);
      require(home(entry->key, level.homes) <= static_cast<std::uint64_t>(entry - level.entries));
      checked(entry->next);
      last = entry;
    }
  }
}

double NGramModel::by_other_rule(State& state, std::int32_t word) const {
  const auto words = static_cast<int>(state.words);
  state.words = static_cast<std::uint32_t>(std::min(words + 1, order_ - 1));
  // The whole history, of so many words, or what of it was seen.
  const std::uint32_t history = state.node;
  std::uint32_t node = history;
  const Entry* entry = nullptr;
  while (node != 0 && (entry = find(levels_[as_size(length_of(node))], node, word)) == nullptr) node = shorter(node);
  state.node = checked(entry != nullptr ? entry->next : unigrams_[word].next);
  const int seen = length_of(node);
  const auto log10_p = static_cast<double>(probability(entry != nullptr ? entry->log10_p : unigrams_[word].log10_p));
  if (seen == words) return log10_p;
  if (rule_ == UnseenRule::kFactor) return log10_p + (words - seen) * static_cast<double>(log10_factor_);
  return length_of(history) == words ? static_cast<double>(probability(nodes_[history].weight))
                                     : -std::log10(static_cast<double>(vocabulary_));
}

int NGramModel::length_of(std::uint32_t node) const {
  int length = order_;
  while (levels_[as_size(length)].first_node > node) --length;
  return length;
}

void NGramModel::log_probabilities(State state, std::span<double> all) const {
  for (std::int32_t word = 0; word < vocabulary_; ++word) {
    State after = state;
    all[as_size(word)] = log_probability(after, word);
  }
}

double NGramModel::probability(State state, std::span<const std::int32_t> context, std::int32_t word) const {
  for (const std::int32_t before : context) log10_probability(state, before);
  return std::exp(log_probability(state, word));
}

double NGramModel::log_probability(std::span<const std::int32_t> sentence) const {
  State state = start();
  double sum = 0;
  for (const std::int32_t word : sentence) sum += log_probability(state, word);
  return sum + log_probability(state, sentence_end_);
}

double NGramModel::perplexity(std::span<const std::span<const std::int32_t>> sentences) const {
  double sum = 0, words = 0;
  for (const auto& sentence : sentences) {
    sum += log_probability(sentence);
    words += static_cast<double>(sentence.size() + 1);
  }
  return std::exp(-sum / words);
}

void NGramModel::for_each_ngram(const Visit& visit) const {
  for (std::int32_t word = 0; word < vocabulary_; ++word) {
    const std::uint32_t node = checked(unigrams_[word].next);
    visit(std::span(&word, 1), probability(unigrams_[word].log10_p), node == 0 ? 0 : weight(node), node != 0);
  }
  if (order_ == 1) return;
  struct Last {
    std::uint32_t history;
    std::int32_t word;
  };
  // How each node's history ends.
  std::vector<Last> lasts(num_nodes_, {kNoNode, 0});
  if (start_ != 0) lasts[start_] = {0, -1};
  for (std::int32_t word = 0; word < vocabulary_; ++word) {
    if (unigrams_[word].next != 0) lasts[unigrams_[word].next] = {0, word};
  }
  const auto visit_entries = [&](const auto& visit_entry) {
    for (int length = 2; length <= order_; ++length) {
      const Level& level = levels_[as_size(length) - 1];
      for (const Entry* entry = level.entries; entry != level.entries + level.places; ++entry) {
        if (entry->next == kNoNode) continue;
        std::uint64_t key = entry->key * inverse(kMix2);
        key = (key ^ key >> 32) * inverse(kMix1);
        key ^= key >> 32;
        const Last last{static_cast<std::uint32_t>(key >> 32), static_cast<std::int32_t>(key & 0xFFFFFFFF)};
        if (last.word < 0 || last.word >= vocabulary_ || length_of(checked(last.history)) != length - 1)
          throw_damaged();
        visit_entry(*entry, last, length);
      }
    }
  };
  visit_entries([&](const Entry& entry, Last last, int length) {
    if (length_of(checked(entry.next)) == length) lasts[entry.next] = last;
  });
  // Words as numbers in their order, the probability and the next node.
  constexpr auto number_of = [](std::int32_t word) {
    return word < 0 ? 1 : static_cast<std::uint32_t>(word + (word > 0));
  };
  constexpr auto word_of = [](std::uint32_t number) {
    return number == 1 ? -1 : static_cast<std::int32_t>(number - (number > 1));
  };
  std::vector<RowSorter> ngrams;
  for (std::size_t length = 2; length <= as_size(order_); ++length) {
    RowOrder order{.width = length + 2};
    for (std::size_t i = length; i-- > 0;) order.columns.push_back(i);
    ngrams.emplace_back(order, std::numeric_limits<std::size_t>::max(), std::filesystem::path());
  }
  visit_entries([&](const Entry& entry, Last last, int length) {
    std::uint32_t* row = ngrams[as_size(length) - 2].add();
    for (int at = length;;) {
      row[--at] = number_of(last.word);
      if (at == 0) break;
      const std::uint32_t before = last.history;
      if (before == 0 || lasts[before].history >= before) throw_damaged();
      last = lasts[before];
    }
    if (last.history != 0) throw_damaged();
    row[length] = std::bit_cast<std::uint32_t>(probability(entry.log10_p));
    row[length + 1] = entry.next;
  });
  for (int length = 2; length <= order_; ++length) {
    RowSorter& rows = ngrams[as_size(length) - 2];
    std::vector<std::int32_t> words(as_size(length));
    for (rows.sort(); rows.row() != nullptr; rows.advance()) {
      std::transform(rows.row(), rows.row() + length, words.begin(), word_of);
      const std::uint32_t next = rows.row()[length + 1];
      const bool is_history = length_of(next) == length;
      visit(words, std::bit_cast<float>(rows.row()[length]), is_history ? weight(next) : 0, is_history);
    }
  }
}

void NGramModel::throw_damaged() const {
  constexpr const char* kWhat = "n-grams: the table is damaged: train or convert the model again";
  if (path_.empty()) throw std::runtime_error(kWhat);
  throw FileError(path_, kWhat);
}

void NGramModel::throw_no_word(std::int32_t word) const {
  throw std::out_of_range(fmt::format("word {} of a vocabulary of {}", word, vocabulary_));
}

}  // namespace langzoo
