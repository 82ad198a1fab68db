#include "data/text/fingerprint.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>

#include "data/files/file_error.h"
#include "data/random/random.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{64} << 10;

std::uint64_t size_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) throw FileError(file, error.message());
  return size;
}

void add_document(Fingerprint& print, const fs::path& file, std::uint64_t size) {
  print.add(size);
  std::ifstream in(file, std::ios::binary);
  if (!in) throw FileError(file, std::strerror(errno));
  std::string piece(kPieceBytes, '\0');
  for (std::uint64_t at = 0; at < size; at += kPieceBytes) {
    const auto n = std::min(kPieceBytes, size - at);
    if (!in.read(piece.data(), static_cast<std::streamsize>(n))) {
      throw FileError(file, "cannot be read, or became shorter meanwhile");
    }
    print.add(std::string_view(piece.data(), n));
  }
}

}  // namespace

void Fingerprint::add(std::uint64_t number) {
  value_ = mix_bits(value_ * 3 + number);
}

void Fingerprint::add(std::string_view bytes) {
  add(bytes.size());
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    add(word);
  }
  std::uint64_t tail = 0;
  if (!bytes.empty()) std::memcpy(&tail, bytes.data(), bytes.size());
  add(tail);
}

TextFingerprint text_fingerprint(std::span<const fs::path> documents, std::uint64_t seed) {
  Fingerprint print(seed);
  std::uint64_t bytes = 0;
  for (const fs::path& document : documents) {
    const std::uint64_t size = size_of(document);
    bytes += size;
    add_document(print, document, size);
  }
  return {bytes, print.value()};
}

std::uint64_t tokenizer_fingerprint(const Tokenizer& tokenizer) {
  Fingerprint print(1);
  print.add(tokenizer.vocab_size());
  for (std::size_t id = 0; id < tokenizer.vocab_size(); ++id) {
    try {
      print.add(tokenizer.id_to_token(static_cast<TokenId>(id)));
    } catch (const std::out_of_range&) {  // a hole in the vocabulary
      print.add(id);
    }
  }
  const SpecialTokens& special = tokenizer.special_tokens();
  for (const auto& id : {special.bos, special.eos, special.unk, special.sep, special.pad, special.cls, special.mask}) {
    print.add(id ? static_cast<std::uint64_t>(*id) + 1 : 0);
  }
  return print.value();
}

}  // namespace langzoo
