#include "tokenizers/pre_tokenizers/metaspace_pre_tokenizer.h"

#include <utility>

#include <fmt/format.h>

#include "tokenizers/json_field.h"
#include "tokenizers/pre_tokenizers/pieces.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr std::pair<const char*, PrependScheme> kSchemes[] = {
    {"always", PrependScheme::Always}, {"first", PrependScheme::First}, {"never", PrependScheme::Never}};

PrependScheme read_scheme(const JsonField& field) {
  const std::string name = field.string();
  for (const auto& [known, scheme] : kSchemes) {
    if (name == known) return scheme;
  }
  field.fail("'" + name + "' is not supported, expected always, first or never");
}

}  // namespace

MetaspaceOptions read_metaspace_options(const JsonField& field) {
  field.only({"type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
  MetaspaceOptions options;
  options.replacement = field.at("replacement").character();
  options.split = field.flag("split", true);
  const bool add_prefix_space = field.flag("add_prefix_space", true);
  if (field.has("prepend_scheme")) {
    options.prepend_scheme = read_scheme(field.at("prepend_scheme"));
    if (!add_prefix_space && options.prepend_scheme != PrependScheme::Never) {
      field.at("add_prefix_space").fail("false contradicts prepend_scheme");
    }
  } else if (!add_prefix_space) {
    options.prepend_scheme = PrependScheme::Never;
  }
  return options;
}

std::string metaspace_json(const MetaspaceOptions& options) {
  std::string replacement;
  append_utf8(replacement, options.replacement);
  const char* scheme = "";
  for (const auto& [name, known] : kSchemes) {
    if (known == options.prepend_scheme) scheme = name;
  }
  return fmt::format(R"({{"type": "Metaspace", "replacement": {}, "prepend_scheme": "{}", "split": {}}})",
                     json_string(replacement), scheme, options.split);
}

void MetaspacePreTokenizer::cut(std::vector<NormalizedText>& words) const {
  std::string replacement;
  append_utf8(replacement, options_.replacement);
  std::vector<Offset> spaces;
  for (NormalizedText& word : words) {
    spaces.clear();
    const std::string& text = word.text();
    for (std::size_t at = text.find(' '); at != std::string::npos; at = text.find(' ', at + 1)) {
      spaces.push_back({at, at + 1});
    }
    word.replace(spaces, replacement);
    const bool wants_prefix = options_.prepend_scheme == PrependScheme::Always ||
                              (options_.prepend_scheme == PrependScheme::First && word.at_start());
    if (wants_prefix && !word.text().starts_with(replacement)) word.prepend(replacement);
  }
  if (!options_.split) return;
  split_at_characters(words, SplitBehavior::MergedWithNext, [this](char32_t c) { return c == options_.replacement; });
}

}  // namespace langzoo
