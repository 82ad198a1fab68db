#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "apps/cli/tokenizer/pieces.h"
#include "apps/cli/tokenizer/visible_text.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// Black on backgrounds that are light enough for it, neighbours well apart; of the 256 colours every terminal has.
constexpr std::array<int, 6> kBackgrounds = {153, 223, 157, 217, 229, 183};

constexpr const char* kPlain = "\x1b[0m";
constexpr const char* kSoft = "\x1b[90m";
constexpr const char* kStrong = "\x1b[1m";
constexpr const char* kReverse = "\x1b[7m";

/// At most `cells` wide.
std::string clipped(const std::string& text, std::size_t cells) {
  if (display_width(text) <= cells) return text;
  std::string kept;
  std::size_t width = 1;
  for (std::size_t at = 0; at < text.size();) {
    const auto length = decode_utf8(text, at).length;
    width += display_width(std::string_view(text).substr(at, length));
    if (width > cells) break;
    kept.append(text, at, length);
    at += length;
  }
  return kept + "…";
}

/// Two lines under construction: pieces, and their ids beneath.
class Rows {
 public:
  Rows(std::size_t columns, bool colors) : columns_(std::max<std::size_t>(columns, 12)), colors_(colors) {}

  /// `style`: escape codes of the piece.
  void add(std::string label, const std::string& id, const std::string& style) {
    label = clipped(label, columns_ - 2);
    const auto label_width = display_width(label), width = std::max(label_width, id.size());
    if (width_ + width + 2 > columns_) flush();
    const std::string label_fill(width - label_width, ' '), id_fill(width - id.size(), ' ');
    if (colors_) {
      upper_ += style + label + label_fill + kPlain + " ";
      lower_ += kSoft + id + kPlain + id_fill + " ";
    } else {
      upper_ += (width_ == 0 ? "│" : "") + label + label_fill + "│";
      lower_ += (width_ == 0 ? "│" : "") + id + id_fill + "│";
    }
    width_ += width + 1;
  }

  void flush() {
    if (width_ == 0) return;
    done_ += upper_ + "\n" + lower_ + "\n";
    upper_.clear(), lower_.clear();
    width_ = 0;
  }

  std::string take() {
    flush();
    return std::move(done_);
  }

 private:
  std::size_t columns_;
  bool colors_;
  std::string done_, upper_, lower_;
  std::size_t width_ = 0;
};

}  // namespace

std::string terminal_view(const TextPieces& pieces, std::size_t columns, bool colors) {
  Rows rows(columns, colors);
  std::size_t color = 0;
  for (const auto& piece : pieces.pieces) {
    const auto id = piece.id ? std::to_string(*piece.id) : std::string();
    const bool added = piece.id && piece.text.empty();
    const auto background = fmt::format("\x1b[30;48;5;{}m", kBackgrounds[color % kBackgrounds.size()]);
    if (piece.id && !added) ++color;
    rows.add(visible_text(added ? std::string_view(piece.token) : piece.text), id,
             !piece.id ? kSoft
             : added   ? kReverse
                       : background);
    if (piece.text.find('\n') != std::string_view::npos) rows.flush();
  }
  const auto title =
      fmt::format("{}: {} tokens, {} characters a token", pieces.name, pieces.tokens(), pieces.characters_per_token());
  return (colors ? kStrong + title + kPlain : title) + "\n" + rows.take();
}

}  // namespace langzoo
