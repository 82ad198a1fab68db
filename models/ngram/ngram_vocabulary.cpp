#include "models/ngram/ngram_vocabulary.h"

#include <functional>
#include <limits>
#include <stdexcept>
#include <utility>

#include "data/files/as_size.h"

namespace langzoo {

NGramVocabulary::NGramVocabulary() : begins_{0}, slots_(64) {
  add(kUnknownText);
  add(kSentenceEndText);
}

std::string_view NGramVocabulary::word(std::int32_t id) const {
  const std::uint64_t begin = begins_.at(as_size(id));
  return std::string_view(text_).substr(begin, begins_.at(as_size(id) + 1) - begin);
}

std::size_t NGramVocabulary::slot_of(std::string_view word, std::uint32_t hash) const {
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].id >= 0 && (slots_[at].hash != hash || this->word(slots_[at].id) != word)) {
    at = (at + 1) & (slots_.size() - 1);
  }
  return at;
}

std::int32_t NGramVocabulary::find(std::string_view word) const {
  return slots_[slot_of(word, static_cast<std::uint32_t>(std::hash<std::string_view>()(word)))].id;
}

std::int32_t NGramVocabulary::add(std::string_view word) {
  const auto hash = static_cast<std::uint32_t>(std::hash<std::string_view>()(word));
  std::size_t at = slot_of(word, hash);
  if (slots_[at].id >= 0) return slots_[at].id;
  if (size() >= as_size(std::numeric_limits<std::int32_t>::max()) - 2) throw std::length_error("too many words");
  if (2 * (size() + 1) > slots_.size()) {
    grow();
    at = slot_of(word, hash);
  }
  slots_[at] = {hash, static_cast<std::int32_t>(size())};
  text_ += word;
  begins_.push_back(text_.size());
  return slots_[at].id;
}

void NGramVocabulary::grow() {
  const auto old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    std::size_t at = slot.hash & (slots_.size() - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

std::size_t NGramVocabulary::memory() const {
  return text_.capacity() + begins_.capacity() * sizeof(begins_[0]) + slots_.capacity() * sizeof(Slot);
}

}  // namespace langzoo
