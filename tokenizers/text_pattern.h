/// What normalizers, pre-tokenizers and decoders look for: {"String": ...} or {"Regex": ...} in tokenizer.json.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tokenizers/encoding.h"
#include "tokenizers/regex.h"

namespace langzoo {

class JsonField;

class TextPattern {
 public:
  static TextPattern literal(std::string text) { return {std::move(text), nullptr}; }
  /// Throws std::invalid_argument with the reason and its place.
  static TextPattern regex(const std::string& pattern) {
    return {pattern, std::make_shared<const Regex>(std::string_view(pattern))};
  }

  const std::string& text() const { return text_; }
  bool is_regex() const { return regex_ != nullptr; }

  /// Calls visit for the matches in `text`, which must be UTF-8, in order; they do not overlap. The empty string is
  /// found before every character and at the end, but nothing in an empty text.
  void for_each_match(std::string_view text, const std::function<void(Offset)>& visit) const;

  std::string to_json() const;

 private:
  TextPattern(std::string text, std::shared_ptr<const Regex> regex)
      : text_(std::move(text)), regex_(std::move(regex)) {}

  std::string text_;
  std::shared_ptr<const Regex> regex_;
};

/// The pattern of tokenizer.json's field. Throws FileError naming the field.
TextPattern read_text_pattern(const JsonField& field);

/// `text` with every `from` replaced by `to`; an empty `from` stands before every character and at the end.
std::string replace_all(std::string text, std::string_view from, std::string_view to);

}  // namespace langzoo
