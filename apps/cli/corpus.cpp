#include "apps/cli/corpus.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "apps/cli/base/program.h"
#include "apps/cli/tokenizer_spec.h"
#include "data/files/files.h"
#include "data/files/text_source.h"
#include "data/microworld/microworld.h"
#include "tokenizers/char_level.h"
#include "tokenizers/trainers/byte_level_bpe_trainer.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// A vocabulary is trained on this much text at most: more changes little.
constexpr std::uint64_t kTokenizerBytes = 256 << 20;

/// Training and validation text of one seed come from different streams of stories.
std::uint64_t train_seed(std::uint64_t seed) {
  return 2 * seed;
}
std::uint64_t valid_seed(std::uint64_t seed) {
  return 2 * seed + 1;
}

struct ToldText {
  std::string text;
  double nats = 0;
};

ToldText tell(std::uint64_t seed, std::uint64_t min_bytes) {
  ToldText told;
  Microworld world(seed);
  do {
    const auto story = world.next();
    told.text += story.text;
    told.nats += story.nats;
  } while (told.text.size() < min_bytes);
  return told;
}

/// A text's files; microworld is told into `file` first.
struct Documents {
  std::vector<fs::path> files;
  std::optional<double> nats;
};

Documents find_documents(const std::string& data, const fs::path& file, std::uint64_t seed, std::uint64_t bytes) {
  if (data != kMicroworld) return {find_text_files(data), std::nullopt};
  const auto told = tell(seed, bytes);
  write_file_atomically(file, told.text);
  return {{file}, told.nats};
}

/// The characters of `files`, each once.
std::string distinct_characters(const std::vector<fs::path>& files) {
  std::set<char32_t> characters;
  for (const auto& path : files) {
    const MappedFile file(path);
    const auto text = file.text();
    for (std::size_t at = 0; at < text.size();) {
      const auto c = decode_utf8(text, at);
      if (!c.valid) {
        throw FileError(
            path, fmt::format("is not UTF-8 at byte {}; a byte-level tokenizer (train:bytebpe:N) takes any bytes", at));
      }
      characters.insert(c.code_point);
      at += c.length;
    }
  }
  std::string text;
  for (const auto c : characters) append_utf8(text, c);
  return text;
}

std::unique_ptr<Tokenizer> train_bpe(std::size_t size, const std::vector<fs::path>& files, double fraction,
                                     const Message& message) {
  message(fmt::format("training a byte-level BPE of {} tokens", size));
  std::uint64_t total = 0;
  for (const auto& path : files) total += fs::file_size(path);
  auto room = std::min(kTokenizerBytes, static_cast<std::uint64_t>(fraction * static_cast<double>(total)));
  std::size_t file = 0;
  std::optional<TextReader> reader;
  const auto next = [&](std::string& text) {
    for (; room > 0 && file < files.size(); ++file, reader.reset()) {
      if (!reader) reader.emplace(files[file]);
      if (!reader->next(text)) continue;
      if (text.size() > room) text.resize(room);
      room -= text.size();
      return true;
    }
    return false;
  };
  ByteLevelBpeTrainerOptions options;
  options.vocab_size = size;
  options.threads = std::thread::hardware_concurrency();
  return train_byte_level_bpe(next, options);
}

std::unique_ptr<Tokenizer> make_tokenizer(const CorpusOptions& options, const std::vector<fs::path>& train,
                                          const std::vector<fs::path>& valid, const Message& message) {
  const auto spec = parse_tokenizer_spec(options.tokenizer, "data.tokenizer", {"bytebpe"});
  if (spec.kind == "char") {
    auto files = train;
    files.insert(files.end(), valid.begin(), valid.end());
    return CharLevel::from_text(distinct_characters(files));
  }
  if (spec.kind == "bytebpe") {
    return train_bpe(spec.vocab_size, train, valid.empty() ? 1 - options.valid_fraction : 1, message);
  }
  return load_tokenizer(spec.text);
}

TokenizedText open_tokens(const Documents& documents, const Tokenizer& tokenizer, const fs::path& path,
                          const Message& message) {
  TokenFileOptions options;
  bool told = false;
  options.progress = [&](std::uint64_t /*done*/, std::uint64_t total) {
    if (total >= 1000000 && !std::exchange(told, true))
      message(fmt::format("encoding {:.1f} MB of text", static_cast<double>(total) / 1e6));
  };
  auto file = std::make_shared<TokenFile>(TokenFile::open_or_build(documents.files, tokenizer, path, options));
  return {file->tokens(), file->bytes(), file->words(), documents.nats, file};
}

/// The bytes and words of the text that `tokens` stand for.
void count_text(TokenizedText& text, const Tokenizer& tokenizer) {
  std::vector<std::int64_t> wide;
  std::vector<TokenId> ids;
  bool in_word = false;
  for (std::size_t at = 0; at < text.tokens.size(); at += wide.size()) {
    wide.resize(std::min<std::size_t>(text.tokens.size() - at, 1 << 16));
    text.tokens.read(at, wide);
    ids.assign(wide.begin(), wide.end());
    const auto part = tokenizer.decode(ids, true);
    text.bytes += part.size();
    for (const char c : part) {
      const bool space = c == ' ' || (c >= '\t' && c <= '\r');
      if (!space && !in_word) ++text.words;
      in_word = !space;
    }
  }
}

/// A directory that goes away with the object.
class ScratchDir {
 public:
  ScratchDir() {
    auto name = (fs::temp_directory_path() / "langzoo-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw FileError(fs::temp_directory_path(), "cannot hold a temporary folder");
    path_ = name;
  }
  ~ScratchDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::uint64_t valid_bytes(const CorpusOptions& options) {
  return static_cast<std::uint64_t>(options.valid_fraction * static_cast<double>(options.microworld_bytes));
}

}  // namespace

void CorpusOptions::for_each_field(FieldVisitor& visit) {
  visit("train", train, {.help = "a file, a folder of .txt files, or microworld"});
  visit("valid", valid, {.help = "likewise; empty: the last part of data.train"});
  visit("tokenizer", tokenizer, {.help = "char, train:bytebpe:N or a path"});
  visit("valid_fraction", valid_fraction,
        {.least = 0, .most = 0.9, .help = "set aside for validation where data.valid is empty"});
  visit("microworld_bytes", microworld_bytes,
        {.least = 1000, .most = 1LL << 40, .help = "training text that microworld tells"});
  visit("microworld_seed", microworld_seed, {.help = "which stories it tells"});
}

Corpus open_corpus(const CorpusOptions& options, const fs::path& dir, const Message& message) {
  if (options.train.empty()) throw UsageError("--data is missing: a text file, a folder of .txt files, or microworld");
  const auto work = dir / "data";
  std::error_code error;
  fs::create_directories(work, error);
  if (error) throw FileError(work, "cannot be created: " + error.message());

  const auto train = find_documents(options.train, work / "train.txt", train_seed(options.microworld_seed),
                                    static_cast<std::uint64_t>(options.microworld_bytes));
  auto valid_data = options.valid;
  if (valid_data.empty() && options.train == kMicroworld && options.valid_fraction > 0) valid_data = kMicroworld;
  Documents valid;
  if (!valid_data.empty()) {
    valid = find_documents(valid_data, work / "valid.txt", valid_seed(options.microworld_seed), valid_bytes(options));
  }

  Corpus corpus;
  if (fs::exists(dir / "tokenizer.json")) {
    corpus.tokenizer = load_tokenizer(dir);
  } else {
    corpus.tokenizer = make_tokenizer(options, train.files, valid.files, message);
    corpus.tokenizer->save(dir);
  }
  corpus.train = open_tokens(train, *corpus.tokenizer, work / "train.tokens", message);
  if (!valid.files.empty()) {
    corpus.valid = open_tokens(valid, *corpus.tokenizer, work / "valid.tokens", message);
  } else if (options.valid_fraction > 0) {
    const auto all = corpus.train.tokens;
    const auto kept = static_cast<std::size_t>(static_cast<double>(all.size()) * (1 - options.valid_fraction));
    corpus.valid = TokenizedText{all.slice(kept, all.size() - kept), 0, 0, std::nullopt, corpus.train.owner};
    corpus.train.tokens = all.slice(0, kept);
    count_text(*corpus.valid, *corpus.tokenizer);
  }
  return corpus;
}

TokenizedText open_text(const std::string& data, const Tokenizer& tokenizer, std::uint64_t microworld_seed) {
  const ScratchDir scratch;
  const auto documents =
      find_documents(data, scratch.path() / "text.txt", valid_seed(microworld_seed), valid_bytes(CorpusOptions{}));
  return open_tokens(documents, tokenizer, scratch.path() / "text.tokens", [](const std::string&) {});
}

}  // namespace langzoo
