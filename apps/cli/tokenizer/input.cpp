#include "apps/cli/tokenizer/input.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/numbers.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

using nlohmann::json;

/// Enough of a text to recognise it in a message.
std::string excerpt(std::string_view text) {
  constexpr std::size_t kMost = 40;
  return sanitize_utf8(text.substr(0, complete_utf8_length(text.substr(0, kMost)))) +
         (text.size() > kMost ? " ..." : "");
}

json parse_json(std::string_view line) {
  auto value = json::parse(line, nullptr, false);
  if (value.is_discarded()) throw std::runtime_error("is not JSON: " + excerpt(line));
  return value;
}

TokenId checked_id(std::int64_t id) {
  if (id < 0 || id > std::numeric_limits<TokenId>::max()) throw std::runtime_error(fmt::format("{} is not an id", id));
  return static_cast<TokenId>(id);
}

std::vector<TokenId> ids_of_json(const json& value) {
  const auto& list = value.is_object() && value.contains("ids") ? value["ids"] : value;
  if (!list.is_array()) throw std::runtime_error("expected a list of ids, or an object with the key ids");
  std::vector<TokenId> ids;
  for (const auto& id : list) {
    const bool fits = id.is_number_integer() && (!id.is_number_unsigned() || id.get<std::uint64_t>() < 1u << 31);
    if (!fits) {
      // What is nested may be nested so deep that writing it out would take all of the stack.
      const auto shown = id.is_structured() ? std::string(id.is_array() ? "[...]" : "{...}")
                                            : excerpt(id.dump(-1, ' ', false, json::error_handler_t::replace));
      throw std::runtime_error(shown + " is not an id");
    }
    ids.push_back(checked_id(id.get<std::int64_t>()));
  }
  return ids;
}

}  // namespace

void TokenizerInput::add_options(Options& options) {
  options.add("--text", texts, "a text; may be given several times").one_each();
  options.add("FILE", file, "a file with one text a line");
  options.add("--jsonl", jsonl, "a file with one {\"text\": ..., \"pair\": ...} a line; pair may be missing");
  options.add("--pair", pair, "the second text of a pair, of which each text is the first");
}

void TokenizerInput::check() const {
  std::vector<std::string> sources;
  if (!texts.empty()) sources.push_back("--text");
  if (!file.empty()) sources.push_back("the file " + file);
  if (!jsonl.empty()) sources.push_back("--jsonl " + jsonl);
  if (sources.size() > 1) {
    throw UsageError(
        fmt::format("{} and {}: texts come from one place; --text goes before each text", sources[0], sources[1]));
  }
  if (pair && !jsonl.empty()) throw UsageError("--pair and --jsonl: the second texts of --jsonl stand in the file");
}

TextBatches::TextBatches(const TokenizerInput& input, LineErrors& errors) : input_(input), errors_(errors) {
  if (input.texts.empty()) lines_.emplace(input.jsonl.empty() ? input.file : input.jsonl);
}

bool TextBatches::next() {
  texts_.clear();
  line_of_.clear();
  if (!lines_) {
    if (std::exchange(given_, true)) return false;
    for (const auto& text : input_.texts) texts_.push_back({text, input_.pair});
    return true;
  }
  while (texts_.empty()) {
    if (!lines_->next()) return false;
    if (!input_.jsonl.empty()) {
      parse_objects();
    } else {
      for (const auto& line : lines_->lines()) texts_.push_back({line, input_.pair});
    }
  }
  return true;
}

void TextBatches::parse_objects() {
  parsed_.clear();
  const auto& lines = lines_->lines();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find_first_not_of(" \t") == std::string_view::npos) continue;
    errors_.attempt(lines_->where(i), [&] {
      const auto value = parse_json(lines[i]);
      const auto keep = [&](const char* key) -> std::string_view {
        if (!value.is_object() || !value.contains(key))
          throw std::runtime_error("expected an object with the key text");
        if (!value[key].is_string()) throw std::runtime_error(fmt::format("{} is not a string", key));
        return parsed_.emplace_back(value[key].get<std::string>());
      };
      TextPair texts{keep("text"), std::nullopt};
      if (value.contains("pair") && !value["pair"].is_null()) texts.pair = keep("pair");
      texts_.push_back(texts);
      line_of_.push_back(i);
    });
  }
}

std::string TextBatches::where(std::size_t i) const {
  if (!lines_) return "--text";
  return lines_->where(line_of_.empty() ? i : line_of_[i]);
}

std::vector<TokenId> parse_ids(std::string_view line) {
  const auto first = line.find_first_not_of(" \t");
  if (first != std::string_view::npos && (line[first] == '[' || line[first] == '{'))
    return ids_of_json(parse_json(line));
  std::vector<TokenId> ids;
  constexpr std::string_view kBetween = " \t,";
  for (std::size_t at = 0; (at = line.find_first_not_of(kBetween, at)) != std::string_view::npos;) {
    const auto end = std::min(line.find_first_of(kBetween, at), line.size());
    std::int64_t id = -1;
    if (read_number(line.substr(at, end - at), id) != NumberFault::kNone) {
      throw std::runtime_error(excerpt(line.substr(at, end - at)) + " is not an id");
    }
    ids.push_back(checked_id(id));
    at = end;
  }
  return ids;
}

}  // namespace langzoo
