/// Edits that several normalizers make: internal to them.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "tokenizers/normalizers/normalized_text.h"
#include "tokenizers/normalizers/unicode_properties.h"
#include "tokenizers/utf8.h"

namespace langzoo {

/// An empty list of characters whose memory is one that this thread used before.
template <class T>
class Scratch {
 public:
  Scratch() : items_(std::exchange(spare(), {})) { items_.clear(); }
  ~Scratch() { spare() = std::move(items_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::vector<T>& operator*() { return items_; }
  std::vector<T>* operator->() { return &items_; }

 private:
  static std::vector<T>& spare() {
    thread_local std::vector<T> items;
    return items;
  }
  std::vector<T> items_;
};
using Characters = Scratch<NormalizedText::Char>;

/// Removes the characters of which `removes` holds.
template <class Predicate>
void remove_characters(NormalizedText& text, Predicate&& removes) {
  Scratch<Offset> ranges;
  const std::string_view old = text.text();
  for (std::size_t at = 0; at < old.size();) {
    const Utf8Char c = decode_utf8(old, at);
    if (removes(c.code_point)) ranges->push_back({at, at + c.length});
    at += c.length;
  }
  text.replace(*ranges, {});
}

/// Replaces every character c by map(c).
template <class Map>
void map_characters(NormalizedText& text, Map&& map) {
  const std::string_view old = text.text();
  bool changes = false;
  Characters chars;
  for (std::size_t at = 0; at < old.size();) {
    const Utf8Char c = decode_utf8(old, at);
    chars->push_back({map(c.code_point), 0});
    changes = changes || chars->back().code_point != c.code_point;
    at += c.length;
  }
  if (changes) text.transform(*chars);
}

void lowercase(NormalizedText& text);

}  // namespace langzoo
