#include "data/words/word_corpus.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>

#include "data/files/cpus.h"
#include "data/files/files.h"
#include "data/files/mapped_file.h"
#include "data/text/fingerprint.h"
#include "data/words/word_chunks.h"
#include "tokenizers/parallel.h"

namespace langzoo {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "word corpora are written as they are: little-endian");

namespace {

constexpr std::string_view kCorpusMagic = "LZWORDS\n";
constexpr std::uint32_t kCorpusVersion = 1;
constexpr std::size_t kChunksPerThread = 8;  // of a round

struct CorpusHeader {
  char magic[8] = {};
  std::uint32_t version = kCorpusVersion, zero = 0;
  std::uint64_t ids = 0, words = 0, sentences = 0, blocks = 0, vocabulary_size = 0, fingerprint = 0, checksum = 0;

  std::uint64_t expected_checksum(std::span<const std::uint64_t> ends) const {
    Fingerprint print(version);
    print.add(std::string_view(reinterpret_cast<const char*>(this), sizeof *this - sizeof checksum));
    print.add(std::string_view(reinterpret_cast<const char*>(ends.data()), ends.size_bytes()));
    return print.value();
  }
};
static_assert(std::is_trivially_copyable_v<CorpusHeader> && sizeof(CorpusHeader) == 72);

template <class T>
void put(std::ostream& out, std::span<const T> values) {
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
}

/// Ends sentences that become too long, drops empty ones, and notes where blocks end.
class BlockWriter {
 public:
  BlockWriter(std::ostream& out, const WordCorpusOptions& options)
      : out_(out),
        max_sentence_(static_cast<std::uint64_t>(options.max_sentence)),
        block_words_(static_cast<std::uint64_t>(options.block_words)) {}

  void add(std::span<const std::int32_t> ids) {
    for (const std::int32_t id : ids) {
      if (id == kSentenceEnd) {
        end_sentence();
        continue;
      }
      buffer_.push_back(id);
      if (++sentence_ == max_sentence_) end_sentence();
    }
    flush();
  }
  /// Writes what is left, and counts into the header.
  void finish(CorpusHeader& header) {
    end_sentence();
    if (block_ > 0) end_block();
    flush();
    put<std::uint64_t>(out_, ends_);
    header.ids = ids_;
    header.words = words_;
    header.sentences = ids_ - words_;
    header.blocks = ends_.size();
    header.checksum = header.expected_checksum(ends_);
  }

 private:
  void end_sentence() {
    if (sentence_ == 0) return;
    buffer_.push_back(kSentenceEnd);
    words_ += sentence_;
    block_ += sentence_;
    sentence_ = 0;
    if (block_ >= block_words_) end_block();
  }
  void end_block() {
    ends_.push_back(ids_ + buffer_.size());
    block_ = 0;
  }
  void flush() {
    put<std::int32_t>(out_, buffer_);
    ids_ += buffer_.size();
    buffer_.clear();
  }

  std::ostream& out_;
  std::uint64_t max_sentence_, block_words_;
  std::uint64_t ids_ = 0, words_ = 0;       ///< written
  std::uint64_t sentence_ = 0, block_ = 0;  ///< words so far
  std::vector<std::int32_t> buffer_;
  std::vector<std::uint64_t> ends_;
};

struct EncodedChunk {
  WordChunk chunk;
  std::vector<std::int32_t> ids;
};

void encode(EncodedChunk& piece, const Vocabulary& vocabulary, bool lines) {
  std::vector<std::int32_t>& ids = piece.ids;
  ids.clear();
  for_each_word(
      piece.chunk.text,
      [&](std::string_view word) {
        const std::int32_t id = vocabulary.find(word);
        if (id >= 0) ids.push_back(id);
      },
      [&] {
        if (lines && (ids.empty() || ids.back() != kSentenceEnd)) ids.push_back(kSentenceEnd);
      });
  if (piece.chunk.ends_document) ids.push_back(kSentenceEnd);
}

void build(std::span<const fs::path> documents, const Vocabulary& vocabulary, const WordCorpusOptions& options,
           CorpusHeader header, std::ostream& out) {
  put<CorpusHeader>(out, {&header, 1});
  const std::size_t threads = options.threads > 0 ? options.threads : available_cpus();
  WordChunks chunks(documents);
  BlockWriter writer(out, options);
  std::vector<EncodedChunk> round(threads * kChunksPerThread);
  std::uint64_t done = 0;
  for (std::size_t n = round.size(); n == round.size() && out;) {
    for (n = 0; n < round.size() && chunks.next(round[n].chunk);) done += round[n++].chunk.bytes;
    std::atomic<std::size_t> next = 0;
    run_on_threads(threads, [&](std::size_t) {
      for (std::size_t i; (i = next.fetch_add(1)) < n;) encode(round[i], vocabulary, options.lines);
    });
    for (std::size_t i = 0; i < n; ++i) writer.add(round[i].ids);
    if (options.progress) options.progress(done, chunks.total_bytes());
  }
  if (!out) return;  // a full disk; whoever made the stream says so
  writer.finish(header);
  if (header.words == 0) throw std::runtime_error("no word of the text is in the vocabulary");
  out.seekp(0);
  put<CorpusHeader>(out, {&header, 1});
}

std::uint64_t corpus_fingerprint(std::span<const fs::path> documents, const Vocabulary& vocabulary,
                                 const WordCorpusOptions& options) {
  Fingerprint print(kCorpusVersion);
  print.add(text_fingerprint(documents, kCorpusVersion).print);
  print.add(vocabulary.size());
  for (const std::string& word : vocabulary.words()) print.add(word);
  print.add(options.lines ? 1 : 0);
  print.add(static_cast<std::uint64_t>(options.max_sentence));
  print.add(static_cast<std::uint64_t>(options.block_words));
  return print.value();
}

}  // namespace

struct WordCorpus::State {
  RandomAccessFile file;
  CorpusHeader header;
  std::vector<std::uint64_t> ends;
  bool was_built = false;

  /// Throws FileError for anything that is not a complete word corpus.
  explicit State(const fs::path& path) : file(path) {
    const auto damaged = [&](const std::string& what) {
      return FileError(path, "is a damaged word corpus (" + what + "); remove it to have it built again");
    };
    if (file.size() < sizeof header) throw damaged(fmt::format("{} bytes", file.size()));
    file.read(0, std::as_writable_bytes(std::span(&header, 1)));
    if (header.version != kCorpusVersion) {
      throw FileError(path, fmt::format("is a word corpus of version {}, this program reads {}; remove it to have it "
                                        "built again",
                                        header.version, kCorpusVersion));
    }
    const std::uint64_t space = file.size() - sizeof header;
    if (header.ids > space / sizeof(std::int32_t) || header.blocks > space / sizeof(std::uint64_t) ||
        header.ids * sizeof(std::int32_t) + header.blocks * sizeof(std::uint64_t) != space) {
      throw damaged(fmt::format("{} ids and {} blocks announced in {} bytes", header.ids, header.blocks, space));
    }
    ends.resize(header.blocks);
    file.read(sizeof header + header.ids * sizeof(std::int32_t), std::as_writable_bytes(std::span(ends)));
    if (header.checksum != header.expected_checksum(ends)) throw damaged("wrong checksum");
    std::uint64_t begin = 0;
    for (const std::uint64_t end : ends) {
      if (end <= begin || end > header.ids) throw damaged("a block's end out of order");
      begin = end;
    }
    if (begin != header.ids || header.words + header.sentences != header.ids) throw damaged("wrong number of ids");
  }
};

WordCorpus WordCorpus::open_or_build(std::span<const fs::path> documents, const Vocabulary& vocabulary,
                                     const fs::path& path, const WordCorpusOptions& options) {
  if (documents.empty()) throw std::invalid_argument("a word corpus needs at least one document");
  if (options.max_sentence < 1 || options.block_words < 1) {
    throw std::invalid_argument(
        fmt::format("max_sentence {}, block_words {}: expected at least 1", options.max_sentence, options.block_words));
  }
  CorpusHeader wanted;
  std::memcpy(wanted.magic, kCorpusMagic.data(), sizeof wanted.magic);
  wanted.vocabulary_size = vocabulary.size();
  wanted.fingerprint = corpus_fingerprint(documents, vocabulary, options);
  if (fs::exists(path)) {
    {
      const MappedFile file(path);
      if (!kCorpusMagic.starts_with(file.text().substr(0, kCorpusMagic.size()))) {
        throw FileError(path, "is not a word corpus and is left alone; remove it or name another file");
      }
    }
    try {
      auto state = std::make_shared<const State>(path);
      if (state->header.fingerprint == wanted.fingerprint && state->header.vocabulary_size == wanted.vocabulary_size) {
        return WordCorpus(std::move(state));
      }
    } catch (const FileError&) {  // damaged, or of another version: built anew
    }
  }
  write_file_atomically(path, [&](std::ostream& out) { build(documents, vocabulary, options, wanted, out); });
  auto state = std::make_shared<State>(path);
  state->was_built = true;
  return WordCorpus(std::move(state));
}

std::int64_t WordCorpus::words() const {
  return static_cast<std::int64_t>(state_->header.words);
}

std::int64_t WordCorpus::sentences() const {
  return static_cast<std::int64_t>(state_->header.sentences);
}

std::int64_t WordCorpus::blocks() const {
  return static_cast<std::int64_t>(state_->ends.size());
}

std::uint64_t WordCorpus::fingerprint() const {
  return state_->header.fingerprint;
}

bool WordCorpus::was_built() const {
  return state_->was_built;
}

void WordCorpus::read_block(std::int64_t index, std::vector<std::int32_t>& ids) const {
  if (index < 0 || index >= blocks()) throw std::out_of_range(fmt::format("block {} of {}", index, blocks()));
  const auto i = static_cast<std::size_t>(index);
  const std::uint64_t begin = i == 0 ? 0 : state_->ends[i - 1];
  ids.resize(state_->ends[i] - begin);
  state_->file.read(sizeof(CorpusHeader) + begin * sizeof(std::int32_t), std::as_writable_bytes(std::span(ids)));
  const auto size = static_cast<std::int64_t>(state_->header.vocabulary_size);
  bool good = ids.back() == kSentenceEnd;
  std::int32_t before = kSentenceEnd;
  for (const std::int32_t id : ids) {
    good &= id >= 0 ? id < size : id == kSentenceEnd && before != kSentenceEnd;
    before = id;
  }
  if (!good) {
    throw FileError(state_->file.path(),
                    fmt::format("is a damaged word corpus (block {} holds what is no sentence of a vocabulary of {}); "
                                "remove it to have it built again",
                                index, size));
  }
}

}  // namespace langzoo
