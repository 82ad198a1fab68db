#include "tokenizers/pre_tokenizers/metaspace.h"

#include <utility>

#include "tokenizers/json_field.h"
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

}  // namespace langzoo
