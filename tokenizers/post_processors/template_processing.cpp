#include "tokenizers/post_processors/template_processing.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/escaped.h"
#include "tokenizers/post_processors/added_part.h"

namespace langzoo {

namespace {

using Kind = TemplatePiece::Kind;

TemplatePiece parse_piece(std::string_view text) {
  const auto wrong = [&] {
    return std::invalid_argument(fmt::format(
        "template: '{}' is no piece, expected $A, $B or a special token, with :TYPE_ID or without", escaped(text)));
  };
  const auto number = [&](std::string_view digits) {
    std::int32_t value = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 0) throw wrong();
    return value;
  };
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  TemplatePiece piece;
  if (!name.starts_with('$')) {
    piece.kind = Kind::SpecialToken;
    piece.special_token = name;
  } else if (name == "$B" || name == "$b") {
    piece.kind = Kind::Second;
  } else if (name != "$" && name != "$A" && name != "$a") {
    piece.type_id = number(name.substr(1));
  }
  if (colon != std::string_view::npos) piece.type_id = number(text.substr(colon + 1));
  return piece;
}

std::size_t count_added(const std::vector<TemplatePiece>& pieces, const TemplateProcessing::Options& options) {
  std::size_t count = 0;
  for (const TemplatePiece& piece : pieces) {
    if (piece.kind != Kind::SpecialToken) continue;
    const auto found = options.special_tokens.find(piece.special_token);
    if (found == options.special_tokens.end()) {
      throw std::invalid_argument(
          fmt::format("template: the special token '{}' has no ids in special_tokens", escaped(piece.special_token)));
    }
    count += found->second.ids.size();
    if (count > TemplateProcessing::kMaxAddedTokens) {
      throw std::invalid_argument(
          fmt::format("template: more than {} tokens are added", TemplateProcessing::kMaxAddedTokens));
    }
  }
  return count;
}

nlohmann::ordered_json pieces_json(const std::vector<TemplatePiece>& pieces) {
  auto list = nlohmann::ordered_json::array();
  for (const TemplatePiece& piece : pieces) {
    const bool special = piece.kind == Kind::SpecialToken;
    const std::string id = special ? piece.special_token : piece.kind == Kind::First ? "A" : "B";
    nlohmann::ordered_json body;
    body["id"] = id;
    body["type_id"] = piece.type_id;
    nlohmann::ordered_json item;
    item[special ? "SpecialToken" : "Sequence"] = std::move(body);
    list.push_back(std::move(item));
  }
  return list;
}

}  // namespace

std::vector<TemplatePiece> parse_template(std::string_view text) {
  std::vector<TemplatePiece> pieces;
  while (true) {
    const std::size_t space = text.find(' ');
    pieces.push_back(parse_piece(text.substr(0, space)));
    if (space == std::string_view::npos) return pieces;
    text.remove_prefix(space + 1);
  }
}

TemplateProcessing::TemplateProcessing(Options options) : options_(std::move(options)) {
  for (const auto& [name, token] : options_.special_tokens) {
    if (token.ids.size() != token.tokens.size()) {
      throw std::invalid_argument(fmt::format("template: the special token '{}' has {} ids and {} tokens",
                                              escaped(name), token.ids.size(), token.tokens.size()));
    }
  }
  for (const TemplatePiece& piece : options_.single) {
    if (piece.kind == Kind::Second) throw std::invalid_argument("template: single has a second text");
  }
  added_single_ = count_added(options_.single, options_);
  added_pair_ = count_added(options_.pair, options_);
}

std::vector<Encoding> TemplateProcessing::process(std::vector<Encoding> sequences, std::span<const std::string_view>,
                                                  bool add_special_tokens) const {
  if (sequences.empty() || sequences.size() > 2) {
    throw std::runtime_error(
        fmt::format("TemplateProcessing takes one or two sequences, not the {} parts that another "
                    "post-processor made",
                    sequences.size()));
  }
  const std::vector<TemplatePiece>& pieces = sequences.size() == 2 ? options_.pair : options_.single;
  std::vector<Encoding> parts;
  parts.reserve(pieces.size());
  for (auto piece_at = pieces.begin(); piece_at != pieces.end(); ++piece_at) {
    const TemplatePiece& piece = *piece_at;
    if (piece.kind == Kind::SpecialToken) {
      if (!add_special_tokens) continue;
      const SpecialToken& token = options_.special_tokens.at(piece.special_token);
      parts.push_back(added_part(token.ids, token.tokens, piece.type_id));
    } else {
      // Windows keep the type ids 0 and 1 of first and second texts, whatever the template says, as in Python.
      Encoding& sequence = sequences[piece.kind == Kind::Second];
      const bool again = std::any_of(piece_at + 1, pieces.end(), [&](const auto& p) { return p.kind == piece.kind; });
      Encoding& part = parts.emplace_back(again ? sequence : std::move(sequence));
      std::fill(part.type_ids.begin(), part.type_ids.end(), piece.type_id);
    }
  }
  return parts;
}

std::string TemplateProcessing::to_json() const {
  nlohmann::ordered_json result;
  result["type"] = "TemplateProcessing";
  result["single"] = pieces_json(options_.single);
  result["pair"] = pieces_json(options_.pair);
  auto tokens = nlohmann::ordered_json::object();
  for (const auto& [name, token] : options_.special_tokens) {
    nlohmann::ordered_json body;
    body["id"] = name;
    body["ids"] = token.ids;
    body["tokens"] = token.tokens;
    tokens[name] = std::move(body);
  }
  result["special_tokens"] = std::move(tokens);
  return result.dump();
}

}  // namespace langzoo
