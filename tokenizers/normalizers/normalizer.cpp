#include "tokenizers/normalizers/normalizer.h"

#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizers/base64.h"
#include "tokenizers/json_field.h"
#include "tokenizers/normalizers/bert_normalizer.h"
#include "tokenizers/normalizers/precompiled_normalizer.h"
#include "tokenizers/normalizers/replace_normalizer.h"
#include "tokenizers/normalizers/simple_normalizers.h"
#include "tokenizers/normalizers/unicode_normalizer.h"

namespace langzoo {

namespace {

using Pointer = std::shared_ptr<const Normalizer>;

template <class T, class... Arguments>
Pointer read_plain(const JsonField& field, Arguments... arguments) {
  field.only({"type"});
  return std::make_shared<T>(arguments...);
}

Pointer read_sequence(const JsonField& field) {
  field.only({"type", "normalizers"});
  const JsonField list = field.at("normalizers");
  std::vector<Pointer> steps;
  for (std::size_t i = 0; i < list.array().size(); ++i) {
    const JsonField step = list.item(list.value()[i], i);
    if (step.is_null()) step.fail("is null, expected a normalizer");
    steps.push_back(read_normalizer(step));
  }
  return std::make_shared<SequenceNormalizer>(std::move(steps));
}

Pointer read_bert(const JsonField& field) {
  field.only({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  BertNormalizerOptions options;
  options.clean_text = field.at("clean_text").boolean();
  options.handle_chinese_chars = field.at("handle_chinese_chars").boolean();
  if (field.has("strip_accents") && !field.at("strip_accents").is_null()) {
    options.strip_accents = field.at("strip_accents").boolean();
  }
  options.lowercase = field.at("lowercase").boolean();
  return std::make_shared<BertNormalizer>(options);
}

Pointer read_strip(const JsonField& field) {
  field.only({"type", "strip_left", "strip_right"});
  return std::make_shared<StripNormalizer>(field.at("strip_left").boolean(), field.at("strip_right").boolean());
}

Pointer read_prepend(const JsonField& field) {
  field.only({"type", "prepend"});
  return std::make_shared<PrependNormalizer>(field.at("prepend").string());
}

Pointer read_replace(const JsonField& field) {
  field.only({"type", "pattern", "content"});
  const JsonField pattern = field.at("pattern");
  pattern.only({"String", "Regex"});
  std::string content = field.at("content").string();
  if (pattern.value().size() != 1) pattern.fail("must be one of String and Regex");
  if (pattern.has("String")) {
    return std::make_shared<ReplaceNormalizer>(pattern.at("String").string(), std::move(content));
  }
  const JsonField regex = pattern.at("Regex");
  try {
    return std::make_shared<ReplaceNormalizer>(Regex(regex.string()), std::move(content));
  } catch (const std::invalid_argument& error) {
    regex.fail(error.what());
  }
}

Pointer read_precompiled(const JsonField& field) {
  field.only({"type", "precompiled_charsmap"});
  const JsonField charsmap = field.at("precompiled_charsmap");
  const auto bytes = decode_base64(charsmap.string());
  if (!bytes) charsmap.fail("is not base64");
  try {
    return std::make_shared<PrecompiledNormalizer>(*bytes);
  } catch (const std::invalid_argument& error) {
    charsmap.fail(error.what());
  }
}

constexpr std::pair<std::string_view, Pointer (*)(const JsonField&)> kKinds[] = {
    {"Sequence", read_sequence},
    {"NFC", [](const JsonField& f) { return read_plain<UnicodeNormalizer>(f, UnicodeForm::Nfc); }},
    {"NFD", [](const JsonField& f) { return read_plain<UnicodeNormalizer>(f, UnicodeForm::Nfd); }},
    {"NFKC", [](const JsonField& f) { return read_plain<UnicodeNormalizer>(f, UnicodeForm::Nfkc); }},
    {"NFKD", [](const JsonField& f) { return read_plain<UnicodeNormalizer>(f, UnicodeForm::Nfkd); }},
    {"Lowercase", [](const JsonField& f) { return read_plain<LowercaseNormalizer>(f); }},
    {"StripAccents", [](const JsonField& f) { return read_plain<StripAccentsNormalizer>(f); }},
    {"BertNormalizer", read_bert},
    {"Replace", read_replace},
    {"Prepend", read_prepend},
    {"Strip", read_strip},
    {"Precompiled", read_precompiled},
    {"Nmt", [](const JsonField& f) { return read_plain<NmtNormalizer>(f); }},
    {"ByteLevel", [](const JsonField& f) { return read_plain<ByteLevelNormalizer>(f); }},
};

}  // namespace

std::shared_ptr<const Normalizer> read_normalizer(const JsonField& field) {
  if (field.is_null()) return nullptr;
  const JsonField type = field.at("type");
  const std::string name = type.string();
  for (const auto& [kind, read] : kKinds) {
    if (kind == name) return read(field);
  }
  type.fail("the normalizer " + JsonField::shown(type.value()) + " is not supported");
}

}  // namespace langzoo
