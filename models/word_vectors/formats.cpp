#include "models/word_vectors/formats.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "data/files/escaped.h"
#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "data/files/mapped_file.h"
#include "data/files/numbers.h"
#include "data/files/text_lines.h"

namespace langzoo {

static_assert(std::endian::native == std::endian::little, "binary vector files are copied as they are: little-endian");

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBlank = " \t";
/// What text has behind a word; the letters of "nan" and "inf" are there to get an error that says so.
constexpr std::string_view kNumberBytes = "0123456789+-.eE \t\rnaifNAIF";

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t kMost = 40;
  return escaped(text.substr(0, kMost)) + (text.size() <= kMost ? "" : "...");
}

std::string_view without_leading_blanks(std::string_view line) {
  return line.substr(std::min(line.find_first_not_of(kBlank), line.size()));
}

/// Lines without blanks at their ends: word2vec and fastText leave one.
class Lines {
 public:
  explicit Lines(std::string_view text) : lines_(text) {}

  bool next(std::string_view& line) {
    if (!lines_.next(line)) return false;
    while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
    return true;
  }
  /// The next line that has something in it.
  bool next_row(std::string_view& line) {
    while (next(line)) {
      if (!line.empty()) return true;
    }
    return false;
  }
  std::size_t number() const { return lines_.number(); }
  std::string_view rest() const { return lines_.rest(); }

 private:
  TextLines lines_;
};

/// Split at runs of blanks; a line that begins with one has an empty first field.
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::size_t at = 0; at != std::string_view::npos;) {
    const auto end = std::min(line.find_first_of(kBlank, at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlank, end);
  }
  return fields;
}

struct Header {
  std::int64_t words, dim;
};

std::optional<Header> read_header(std::string_view line) {
  const auto fields = fields_of(without_leading_blanks(line));
  if (fields.size() != 2) return std::nullopt;
  const auto integer = [](std::string_view text) -> std::optional<std::int64_t> {
    std::int64_t value = -1;
    const auto fault = read_number(text, value);
    if (fault == NumberFault::kNoNumber || text[0] == '-') return std::nullopt;
    return fault == NumberFault::kNone ? value : std::numeric_limits<std::int64_t>::max();
  };
  const auto words = integer(fields[0]), dim = integer(fields[1]);
  if (!words || !dim) return std::nullopt;
  return Header{*words, *dim};
}

/// ASCII that is no control character, and white space.
bool is_plain(char c) {
  return (c >= ' ' && c <= '~') || c == '\t' || c == '\n' || c == '\r';
}

/// Whether what follows a first line "V C" is text, by what stands behind its first word.
bool looks_like_text(std::string_view rest, std::int64_t dim) {
  const auto line = rest.substr(0, rest.find('\n'));
  const auto begin = line.find_first_of(kBlank);
  if (begin == std::string_view::npos) return true;
  const auto values = line.substr(begin + 1);
  if (values.find_first_not_of(kNumberBytes) != std::string_view::npos) {
    // A word with blanks, a damaged value, or float32 values: four bytes of those are seldom all plain.
    const auto window = rest.substr(begin + 1, std::max<std::size_t>(4 * static_cast<std::size_t>(dim), 64));
    return std::all_of(window.begin(), window.end(), is_plain);
  }
  if (values.size() >= 2 * static_cast<std::size_t>(dim) - 1) return true;
  // A line too short: of text, or float32 values among whose first bytes is a line feed.
  const auto window = rest.substr(begin + 1, 4 * static_cast<std::size_t>(dim));
  return std::none_of(window.begin(), window.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r';
  });
}

/// Words and rows as they are read.
class Table {
 public:
  Table(std::int64_t rows, std::int64_t dim, LeftOutRows& left_out)
      : vectors_(at::empty({rows, dim}, torch::kFloat32)), dim_(dim), left_out_(left_out) {
    next_ = vectors_.mutable_data_ptr<float>();
  }

  /// Where the values of the next word go.
  std::span<float> next() { return {next_, static_cast<std::size_t>(dim_)}; }
  /// Leaves the row out where there is no word, or the word has a row already.
  void keep(std::string_view word) {
    if (word.empty()) {
      ++left_out_.without_word;
      return;
    }
    words_.emplace_back(word);
    if (index_.add_last(words_)) {
      next_ += dim_;
    } else {
      words_.pop_back();
      ++left_out_.repeated;
    }
  }
  WordVectors finish() {
    const auto rows = static_cast<std::int64_t>(words_.size());
    return {std::move(words_), vectors_.narrow(0, 0, rows)};
  }

 private:
  torch::Tensor vectors_;
  std::int64_t dim_;
  LeftOutRows& left_out_;
  float* next_;
  std::vector<std::string> words_;
  WordIndex index_;
};

/// "0.1 0.2": whether they are exactly `values.size()` finite numbers.
bool read_numbers(std::string_view text, std::span<float> values) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (float& value : values) {
    while (at != end && is_blank(*at)) ++at;
    if (read_number(at, end, value, at) != NumberFault::kNone || (at != end && !is_blank(*at))) return false;
  }
  return at == end;
}

/// The word of a line that has something in it, which may be empty, and its values, written to `values`. Throws
/// std::runtime_error saying what is wrong.
std::string_view read_row(std::string_view line, std::span<float> values) {
  const auto blank = std::min(line.find_first_of(kBlank), line.size());
  if (read_numbers(line.substr(blank), values)) return line.substr(0, blank);
  if (blank == 0) return read_row(without_leading_blanks(line), values);
  // Else the word has blanks (glove.840B has such), or the line is wrong.
  const auto fields = fields_of(line);
  const auto dim = values.size();
  float ignored = 0;
  const bool spaced =
      fields.size() > dim + 1 && read_number(fields[fields.size() - dim - 1], ignored) == NumberFault::kNoNumber;
  if (!spaced && fields.size() != dim + 1) {
    throw std::runtime_error(
        fmt::format("\"{}\" has {} values, expected {}", excerpt(fields[0]), fields.size() - 1, dim));
  }
  const auto first = fields.size() - dim;
  for (std::size_t i = 0; i < dim; ++i) {
    const auto fault = read_number(fields[first + i], values[i]);
    if (fault == NumberFault::kNone) continue;
    throw std::runtime_error(fmt::format("\"{}\": value {}, {}, is {}", excerpt(fields[0]), i + 1,
                                         excerpt(fields[first + i]), name_of(fault)));
  }
  const auto& last = fields[first - 1];
  return line.substr(0, static_cast<std::size_t>(last.data() + last.size() - line.data()));
}

class Reader {
 public:
  Reader(const fs::path& path, const ReadVectorsOptions& options, LeftOutRows& left_out)
      : path_(path),
        file_(path),
        text_(without_byte_order_mark(file_.text())),
        options_(options),
        left_out_(left_out) {}

  WordVectors read() const {
    auto vectors = read_any();
    if (vectors.size() == 0) throw FileError(path_, "holds no row with a word");
    return vectors;
  }

 private:
  WordVectors read_any() const {
    Lines lines(text_);
    std::string_view first;
    if (!lines.next_row(first)) throw FileError(path_, "is empty");
    const auto header = read_header(first);
    if (!header) return read_glove(first);
    if (header->words == 0 || header->dim == 0) {
      throw FileError(path_, fmt::format("line 1: {} words of {} values", header->words, header->dim));
    }
    const auto rest = lines.rest();
    if (header->dim > static_cast<std::int64_t>(rest.size())) throw too_short(*header, rest.size());
    return looks_like_text(rest, header->dim) ? read_text(*header, lines) : read_binary(*header, rest);
  }

  FileError error_in(std::size_t line, const std::string& what) const {
    return {path_, fmt::format("line {}: {}", line, what)};
  }
  FileError too_short(const Header& header, std::size_t bytes) const {
    return error_in(1, fmt::format("announces {} words of {} values, more than {} bytes can hold", header.words,
                                   header.dim, bytes));
  }
  /// How many words to read. Nothing is allocated for a header before the file's size proves it plausible.
  std::int64_t checked_words(const Header& header, std::size_t bytes, std::int64_t least_bytes_a_word) const {
    if (header.words > static_cast<std::int64_t>(bytes) / least_bytes_a_word) throw too_short(header, bytes);
    return options_.max_words > 0 ? std::min(header.words, options_.max_words) : header.words;
  }

  void read_line(Table& table, std::string_view line, std::size_t number) const {
    try {
      table.keep(read_row(line, table.next()));
    } catch (const std::runtime_error& error) {
      throw error_in(number, error.what());
    }
  }

  WordVectors read_text(const Header& header, Lines lines) const {
    // The last line may lack its line feed.
    const auto words = checked_words(header, lines.rest().size() + 1, 2 * header.dim);
    Table table(words, header.dim, left_out_);
    std::string_view line;
    for (std::int64_t i = 0; i < words; ++i) {
      if (!lines.next_row(line)) {
        throw FileError(path_, fmt::format("ends after {} words, line 1 announces {}", i, header.words));
      }
      read_line(table, line, lines.number());
    }
    if (words == header.words && lines.next_row(line)) {
      throw error_in(lines.number(), fmt::format("more than the {} words announced", words));
    }
    return table.finish();
  }

  WordVectors read_glove(std::string_view first) const {
    const auto fields = fields_of(first);
    std::int64_t dim = 0;
    float ignored = 0;
    while (dim + 1 < static_cast<std::int64_t>(fields.size()) &&
           read_number(fields[fields.size() - 1 - static_cast<std::size_t>(dim)], ignored) != NumberFault::kNoNumber) {
      ++dim;
    }
    if (dim == 0) throw error_in(1, "neither \"words dimension\" nor a word with its values");
    // Every value takes two bytes; one row more, because a damaged one is written until the damage.
    auto rows = static_cast<std::int64_t>(text_.size()) / (2 * dim) + 1;
    if (options_.max_words > 0) {
      rows = std::min(rows, options_.max_words);
    } else {
      rows = std::min<std::int64_t>(rows, std::count(text_.begin(), text_.end(), '\n') + 1);
    }
    Table table(rows, dim, left_out_);
    std::int64_t words = 0;
    Lines lines(text_);
    for (std::string_view line; (options_.max_words <= 0 || words < options_.max_words) && lines.next_row(line);
         ++words) {
      read_line(table, line, lines.number());
    }
    return table.finish();
  }

  WordVectors read_binary(const Header& header, std::string_view rest) const {
    if (header.dim > static_cast<std::int64_t>(rest.size() / sizeof(float))) throw too_short(header, rest.size());
    const auto bytes = static_cast<std::size_t>(header.dim) * sizeof(float);
    const auto words = checked_words(header, rest.size(), header.dim * static_cast<std::int64_t>(sizeof(float)) + 1);
    Table table(words, header.dim, left_out_);
    for (std::int64_t i = 0; i < words; ++i) {
      // word2vec ends a row with a line feed, gensim does not.
      rest.remove_prefix(std::min(rest.find_first_not_of('\n'), rest.size()));
      const auto space = rest.find(' ');
      if (space == std::string_view::npos || rest.size() - space - 1 < bytes) {
        throw FileError(path_, fmt::format("ends in word {} of the {} announced", i + 1, header.words));
      }
      std::memcpy(table.next().data(), rest.data() + space + 1, bytes);
      table.keep(rest.substr(0, space));
      rest.remove_prefix(space + 1 + bytes);
    }
    if (words == header.words && rest.find_first_not_of('\n') != std::string_view::npos) {
      throw FileError(path_, fmt::format("goes on after the {} words announced", words));
    }
    try {
      return table.finish();
    } catch (const std::invalid_argument& error) {  // a value that is not finite
      throw FileError(path_, error.what());
    }
  }

  fs::path path_;
  MappedFile file_;
  std::string_view text_;
  ReadVectorsOptions options_;
  LeftOutRows& left_out_;
};

/// Whether a row of the format may begin with the word: other programs take white space for its end.
bool can_hold(VectorFormat format, std::string_view word) {
  using namespace std::string_view_literals;
  if (word.empty() || word.find_first_of("\t\n\v\f\r\0"sv) != std::string_view::npos) return false;
  const auto last = word.rfind(' ');
  if (last == std::string_view::npos) return true;
  float ignored = 0;
  return format == VectorFormat::kGlove && word.front() != ' ' &&
         read_number(word.substr(last + 1), ignored) == NumberFault::kNoNumber && last + 1 < word.size();
}

void append_number(std::string& text, float value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end);
}

}  // namespace

std::vector<std::string> LeftOutRows::in_words() const {
  std::vector<std::string> words;
  const auto say = [&](std::int64_t rows, const char* what) {
    if (rows > 0) words.push_back(fmt::format("{} {} {}", rows, rows == 1 ? "row" : "rows", what));
  };
  say(without_word, "without a word");
  say(repeated, "of words that were there before");
  return words;
}

WordVectors read_word_vectors(const fs::path& path, const ReadVectorsOptions& options, LeftOutRows* left_out) {
  refuse_other_kind(path);
  LeftOutRows ignored;
  return Reader(path, options, left_out != nullptr ? *left_out : ignored).read();
}

std::int64_t write_word_vectors(const fs::path& path, const WordVectors& vectors, VectorFormat format) {
  const auto left_out = std::count_if(vectors.words().begin(), vectors.words().end(),
                                      [&](const std::string& word) { return !can_hold(format, word); });
  const auto rows = static_cast<std::int64_t>(vectors.size()) - left_out;
  if (rows == 0) throw FileError(path, "is not written: every word has white space in it");
  const auto dim = static_cast<std::size_t>(vectors.dim());
  write_file_atomically(path, [&](std::ostream& out) {
    if (format != VectorFormat::kGlove) out << fmt::format("{} {}\n", rows, vectors.dim());
    const float* values = vectors.vectors().const_data_ptr<float>();
    std::string row;
    for (const auto& word : vectors.words()) {
      row.clear();
      if (can_hold(format, word)) {
        row = word;
        if (format == VectorFormat::kBinary) {
          row += ' ';
          row.append(reinterpret_cast<const char*>(values), dim * sizeof(float));
        } else {
          for (std::size_t i = 0; i < dim; ++i) row += ' ', append_number(row, values[i]);
        }
        row += '\n';
      }
      out.write(row.data(), static_cast<std::streamsize>(row.size()));
      values += dim;
    }
  });
  return left_out;
}

}  // namespace langzoo
