#include "data/text/token_file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <type_traits>

#include <fmt/format.h>

#include "data/files/cpus.h"
#include "data/files/files.h"
#include "data/files/text_source.h"
#include "data/text/fingerprint.h"

namespace langzoo {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "token files are mapped as they are: little-endian");

namespace {

constexpr std::string_view kMagic = "LZTOKENS";
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kProbeBytes = std::size_t{256} << 10;

std::uint64_t magic_number() {
  std::uint64_t magic = 0;
  std::memcpy(&magic, kMagic.data(), sizeof magic);
  return magic;
}

/// Of the tokenizer, and of how it encodes the beginning of the text.
std::uint64_t encoding_fingerprint(const Tokenizer& tokenizer, const fs::path& first_document) {
  Fingerprint print(kVersion);
  print.add(tokenizer_fingerprint(tokenizer));
  std::string probe;
  TextReader(first_document, kProbeBytes).next(probe);
  std::vector<TokenId> ids;
  try {
    tokenizer.encode(probe, ids);
  } catch (const std::runtime_error& error) {
    throw FileError(first_document, error.what());
  }
  print.add(std::string_view(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(TokenId)));
  return print.value();
}

/// Counts runs of bytes that are not ASCII white space, across chunks.
class WordCounter {
 public:
  void add(std::string_view text) {
    for (const char c : text) {
      const bool space = c == ' ' || (c >= '\t' && c <= '\r');
      words_ += !space && !inside_;
      inside_ = !space;
    }
  }
  void end_document() { inside_ = false; }
  std::uint64_t words() const { return words_; }

 private:
  std::uint64_t words_ = 0;
  bool inside_ = false;
};

/// Checks ids against the vocabulary and writes them at the file's width.
class IdWriter {
 public:
  IdWriter(std::ostream& out, std::size_t vocab_size, std::uint32_t width)
      : out_(out), vocab_size_(vocab_size), width_(width) {}

  void write(std::span<const TokenId> ids) {
    for (const TokenId id : ids) {
      if (id < 0 || static_cast<std::size_t>(id) >= vocab_size_) {
        throw std::runtime_error(
            fmt::format("the tokenizer gave id {}, its vocabulary has {} tokens", id, vocab_size_));
      }
      print_.add(static_cast<std::uint64_t>(id));
    }
    count_ += ids.size();
    if (width_ == sizeof(TokenId)) return put(ids.data(), ids.size_bytes());
    narrow_.assign(ids.begin(), ids.end());
    put(narrow_.data(), narrow_.size() * sizeof(narrow_[0]));
  }
  std::uint64_t count() const { return count_; }
  std::uint64_t fingerprint() const { return print_.value(); }

 private:
  void put(const void* data, std::size_t bytes) {
    out_.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
  }

  std::ostream& out_;
  std::size_t vocab_size_;
  std::uint32_t width_;
  std::uint64_t count_ = 0;
  Fingerprint print_{kVersion};
  std::vector<std::uint16_t> narrow_;
};

/// Text to encode, and whether the end token follows.
struct Piece {
  std::string text;
  bool end_token;
  const fs::path* document;
  std::uint64_t begin;  ///< in the document, in bytes
  operator std::string_view() const { return text; }
};

/// A failure names the document and where the piece with the text at fault begins.
std::vector<std::vector<TokenId>> encode(const std::vector<Piece>& pieces, const Tokenizer& tokenizer,
                                         std::size_t threads) {
  const std::vector<std::string_view> texts(pieces.begin(), pieces.end());
  try {
    return tokenizer.encode_batch(texts, threads);
  } catch (const std::runtime_error&) {
    for (const Piece& piece : pieces) {
      std::vector<TokenId> ids;
      try {
        tokenizer.encode(piece.text, ids);
      } catch (const std::runtime_error& error) {
        const auto where = piece.begin > 0 ? fmt::format("after byte {}: ", piece.begin) : "";
        throw FileError(*piece.document, where + error.what());
      }
    }
    throw;
  }
}

/// Bytes beyond a cut that the tokenizer may look at.
constexpr std::size_t kLookAhead = 256;

}  // namespace

TokenView TokenView::slice(std::size_t begin, std::size_t count) const {
  if (begin > size_ || count > size_ - begin) {
    throw std::out_of_range(fmt::format("tokens {} to {} of {}", begin, begin + count, size_));
  }
  return {data_ + begin * static_cast<std::size_t>(width_), count, width_, vocab_size_};
}

void TokenView::read(std::size_t begin, std::span<std::int64_t> out) const {
  if (begin > size_ || out.size() > size_ - begin) {
    throw std::out_of_range(fmt::format("tokens {} to {} of {}", begin, begin + out.size(), size_));
  }
  std::int64_t largest = -1;
  const auto copy = [&](const auto* ids) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = ids[i];
      largest = std::max(largest, out[i]);
    }
  };
  if (width_ == 2) {
    copy(reinterpret_cast<const std::uint16_t*>(data_) + begin);
  } else {
    copy(reinterpret_cast<const std::uint32_t*>(data_) + begin);
  }
  if (largest >= static_cast<std::int64_t>(vocab_size_)) {
    throw std::runtime_error(fmt::format("damaged tokens: id {} among tokens {} to {}, the vocabulary has {}", largest,
                                         begin, begin + out.size(), vocab_size_));
  }
}

std::uint64_t TokenFile::Header::expected_checksum() const {
  Fingerprint print(kVersion);
  for (const std::uint64_t field : {magic, std::uint64_t{version} << 32 | width, count, vocab_size, documents, bytes,
                                    words, text_print, tokenizer_print, ids_print}) {
    print.add(field);
  }
  return print.value();
}

TokenFile TokenFile::open(const fs::path& path) {
  static_assert(std::is_trivially_copyable_v<Header> && sizeof(Header) == 88);
  MappedFile file(path);
  Header header;
  if (!kMagic.starts_with(file.text().substr(0, kMagic.size()))) {
    throw FileError(path, "is not a token file; remove it or name another file");
  }
  const auto damaged = [&](const std::string& what) {
    return FileError(path, "is a damaged token file (" + what + "); remove it to have it built again");
  };
  if (file.size() < sizeof header) {
    throw damaged(fmt::format("{} bytes, its header alone has {}", file.size(), sizeof header));
  }
  std::memcpy(&header, file.bytes().data(), sizeof header);
  if (header.version != kVersion) {
    throw FileError(path, fmt::format("is a token file of version {}, this program reads {}; remove it to have it "
                                      "built again",
                                      header.version, kVersion));
  }
  if (header.checksum != header.expected_checksum()) throw damaged("wrong checksum of the header");
  if (header.vocab_size > std::uint64_t{1} << 31 || header.width != (header.vocab_size <= 65536 ? 2 : 4)) {
    throw damaged(fmt::format("{} bytes an id for a vocabulary of {}", header.width, header.vocab_size));
  }
  const std::uint64_t space = file.size() - sizeof header;
  if (header.count != space / header.width || space % header.width != 0) {
    throw damaged(fmt::format("{} ids of {} bytes announced, {} bytes found", header.count, header.width, space));
  }
  return {std::move(file), header};
}

void TokenFile::build(std::span<const fs::path> documents, const Tokenizer& tokenizer, Header header,
                      const TokenFileOptions& options, std::ostream& out) {
  const std::size_t threads = options.threads > 0 ? options.threads : available_cpus();
  const std::uint64_t total = header.bytes;
  const auto eos = tokenizer.special_tokens().eos;
  IdWriter writer(out, header.vocab_size, header.width);
  WordCounter words;
  out.write(reinterpret_cast<const char*>(&header), sizeof header);

  // A round: a few chunks a thread, of one or many documents, encoded together and written in order.
  std::vector<Piece> round;
  std::size_t round_bytes = 0;
  std::uint64_t done = 0;
  const auto finish_round = [&] {
    const auto ids = encode(round, tokenizer, threads);
    for (std::size_t i = 0; i < round.size(); ++i) {
      writer.write(ids[i]);
      if (round[i].end_token) writer.write({&*eos, 1});
    }
    done += round_bytes;
    round.clear();
    round_bytes = 0;
    if (options.progress) options.progress(done, total);
  };
  const auto cut = [&](std::string_view text) {
    return tokenizer.cut_point(text, text.size() - std::min(kLookAhead, text.size() / 2));
  };
  std::string chunk;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    TextReader reader(documents[d], options.chunk_bytes, cut);
    std::uint64_t begin = 0;
    while (out && reader.next(chunk)) {
      words.add(chunk);
      round.push_back({std::move(chunk), false, &documents[d], begin});
      round_bytes += reader.position() - begin;
      begin = reader.position();
      if (round_bytes > 2 * threads * options.chunk_bytes) finish_round();
    }
    words.end_document();
    if (eos && d + 1 < documents.size()) round.push_back({{}, true, &documents[d], begin});
  }
  finish_round();
  if (!out) return;  // a full disk; whoever made the stream says so
  if (done != total) {
    throw FileError(documents.front(),
                    fmt::format("the text changed while it was read: {} bytes instead of {}", done, total));
  }
  header.count = writer.count();
  header.ids_print = writer.fingerprint();
  header.words = words.words();
  header.checksum = header.expected_checksum();
  out.seekp(0);
  out.write(reinterpret_cast<const char*>(&header), sizeof header);
}

TokenView TokenFile::tokens() const {
  return {file_.bytes().data() + sizeof(Header), header_.count, static_cast<int>(header_.width), header_.vocab_size};
}

TokenFile TokenFile::open_or_build(std::span<const fs::path> documents, const Tokenizer& tokenizer,
                                   const fs::path& path, const TokenFileOptions& options) {
  if (documents.empty()) throw std::invalid_argument("a token file needs at least one document");
  Header wanted;
  wanted.magic = magic_number();
  wanted.version = kVersion;
  wanted.vocab_size = tokenizer.vocab_size();
  wanted.width = wanted.vocab_size <= 65536 ? 2 : 4;
  wanted.documents = documents.size();
  const TextFingerprint text = text_fingerprint(documents, kVersion);
  wanted.bytes = text.bytes;
  wanted.text_print = text.print;
  wanted.tokenizer_print = encoding_fingerprint(tokenizer, documents.front());

  if (fs::exists(path)) {
    {
      const MappedFile file(path);
      if (!kMagic.starts_with(file.text().substr(0, kMagic.size()))) {
        throw FileError(path, "is not a token file and is left alone; remove it or name another file");
      }
    }
    try {
      TokenFile file = open(path);
      const Header& found = file.header_;
      if (found.vocab_size == wanted.vocab_size && found.text_print == wanted.text_print &&
          found.tokenizer_print == wanted.tokenizer_print) {
        return file;
      }
    } catch (const FileError&) {  // damaged, or of another version: built anew
    }
  }
  write_file_atomically(path, [&](std::ostream& out) { build(documents, tokenizer, wanted, options, out); });
  TokenFile file = open(path);
  file.was_built_ = true;
  return file;
}

}  // namespace langzoo
