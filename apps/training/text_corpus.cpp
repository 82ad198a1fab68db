#include "apps/training/text_corpus.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "apps/training/run_tokenizer.h"
#include "apps/training/saved_run.h"
#include "apps/training/scratch_dir.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/text_source.h"
#include "data/microworld/microworld.h"
#include "data/microworld/patterns.h"
#include "data/text/fingerprint.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Training and validation text of one seed come from different streams of stories.
std::uint64_t train_seed(std::uint64_t seed) {
  return 2 * seed;
}
std::uint64_t valid_seed(std::uint64_t seed) {
  return 2 * seed + 1;
}

struct ToldText {
  std::string text;
  std::optional<double> nats;
};

ToldText tell(std::uint64_t seed, std::uint64_t min_bytes) {
  ToldText told{{}, 0};
  Microworld world(seed);
  do {
    const auto story = world.next();
    told.text += story.text;
    *told.nats += story.nats;
  } while (told.text.size() < min_bytes);
  return told;
}

/// What microworld tells besides its stories.
struct OtherText {
  std::string_view name;
  std::string (*tell)(std::uint64_t seed, std::uint64_t min_bytes);
};
template <ProblemAnswers kAnswers>
std::string tell_problems(std::uint64_t seed, std::uint64_t min_bytes) {
  return microworld_problems(seed, min_bytes, /*most_steps=*/4, kAnswers);
}
constexpr OtherText kOtherTexts[] = {{"microworld-patterns", microworld_patterns},
                                     {"microworld-problems", tell_problems<ProblemAnswers::kWorked>},
                                     {"microworld-problems-varied", tell_problems<ProblemAnswers::kVaried>},
                                     {"microworld-problems-bare", tell_problems<ProblemAnswers::kBare>},
                                     {"microworld-problems-triggered", tell_problems<ProblemAnswers::kTriggered>}};

ToldText tell(std::string_view data, std::uint64_t seed, std::uint64_t min_bytes, const TextFormat& format) {
  for (const auto& [name, tell_other] : kOtherTexts) {
    if (name == data) return {tell_other(seed, min_bytes), std::nullopt};
  }
  if (format.tell) return {format.tell(seed, min_bytes), std::nullopt};
  return tell(seed, min_bytes);
}

/// A text's files; microworld is told into `file` first.
TextDocuments find_documents(const std::string& data, const fs::path& file, std::uint64_t seed, std::uint64_t bytes,
                             const TextFormat& format) {
  if (!is_microworld_text(data)) return {find_text_files(data), std::nullopt};
  const auto told = tell(data, seed, bytes, format);
  // Another rank of the run may have told it already, and read it.
  std::error_code error;
  if (!fs::exists(file, error) || read_file(file) != told.text) write_file_atomically(file, told.text);
  return {{file}, told.nats};
}

/// The first `most` bytes of the files' text, in parts.
class TextOfFiles {
 public:
  /// With `utf8` throws FileError for text that is not UTF-8.
  TextOfFiles(std::vector<fs::path> files, std::uint64_t most, bool utf8)
      : files_(std::move(files)), left_(most), utf8_(utf8) {}

  bool next(std::string& text) {
    for (; left_ > 0 && file_ < files_.size(); ++file_, reader_.reset(), begin_ = 0) {
      if (!reader_) reader_.emplace(files_[file_]);
      if (!reader_->next(text)) continue;
      if (utf8_) check(text);
      begin_ += text.size();
      if (text.size() > left_) {
        text.resize(left_);
        if (utf8_) text.resize(complete_utf8_length(text));
        left_ = text.size();
      }
      left_ -= text.size();
      return true;
    }
    return false;
  }

 private:
  void check(const std::string& text) const {
    const auto at = find_invalid_utf8(text);
    if (at == text.size()) return;
    throw FileError(files_[file_], fmt::format("is not UTF-8 at byte {}; a byte-level tokenizer (train:bytebpe:N) "
                                               "takes any bytes",
                                               begin_ + at));
  }

  std::vector<fs::path> files_;
  std::size_t file_ = 0;
  std::optional<TextReader> reader_;
  std::uint64_t begin_ = 0;  ///< in the file, of the next part
  std::uint64_t left_;
  bool utf8_;
};

TextSource text_of(std::vector<fs::path> files, std::uint64_t most, bool utf8) {
  auto texts = std::make_shared<TextOfFiles>(std::move(files), most, utf8);
  return [texts](std::string& text) { return texts->next(text); };
}

std::unique_ptr<Tokenizer> train_tokenizer(const TokenizerSpec& spec, const TextCorpusOptions& options,
                                           const std::vector<fs::path>& train, const std::vector<fs::path>& valid,
                                           const TextFormat& format, const Message& message) {
  if (spec.kind == "char") {  // all characters there are, and nothing else
    auto files = train;
    files.insert(files.end(), valid.begin(), valid.end());
    return make_tokenizer(spec, text_of(files, std::numeric_limits<std::uint64_t>::max(), true),
                          {.special_tokens = format.character_tokens}, message);
  }
  std::uint64_t total = 0;
  for (const auto& path : train) total += fs::file_size(path);
  const auto share = valid.empty() ? 1 - options.valid_fraction : 1;
  const auto most = std::min(kTokenizerTrainingBytes, static_cast<std::uint64_t>(share * static_cast<double>(total)));
  return make_tokenizer(spec, text_of(train, most, !spec.takes_bytes()),
                        {.special_tokens = format.special_tokens, .ends_texts = format.ends_texts}, message);
}

struct EncodedText {
  TokenizedText text;
  std::uint64_t fingerprint;
};

/// Says how much of a file is not UTF-8.
void tell_replaced(const fs::path& path, const Message& message) {
  std::uint64_t parts = 0, first = 0;
  TextReader reader(path);
  for (std::string text; reader.next(text);) {
    for (auto at = find_invalid_utf8(text); at < text.size(); at = find_invalid_utf8(text, at)) {
      if (parts++ == 0) first = reader.position() - text.size() + at;
      at += decode_utf8(text, at).length;
    }
  }
  if (parts > 0) {
    message(fmt::format("warning: {}: is not UTF-8 in {} places, where U+FFFD is read; the first is byte {}",
                        path.string(), parts, first));
  }
}

EncodedText open_tokens(const TextDocuments& documents, const Tokenizer& tokenizer, const fs::path& path,
                        const TextFormat& format, const Message& message) {
  TokenFileOptions options;
  bool told = false;
  options.progress = [&](std::uint64_t /*done*/, std::uint64_t total) {
    if (message && total >= 1000000 && !std::exchange(told, true))
      message(fmt::format("encoding {:.1f} MB of text", static_cast<double>(total) / 1e6));
  };
  auto file = std::make_shared<TokenFile>(format.open_or_build(documents.files, tokenizer, path, options));
  if (message && file->was_built() && !keeps_bytes(tokenizer)) {
    for (const auto& document : documents.files) tell_replaced(document, message);
  }
  return {{file->tokens(), file->bytes(), file->words(), documents.nats, file}, file->fingerprint()};
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

std::uint64_t valid_bytes(const TextCorpusOptions& options) {
  return static_cast<std::uint64_t>(options.valid_fraction * static_cast<double>(options.microworld_bytes));
}

void check(const TextCorpusOptions& options) {
  if (options.train.empty()) {
    throw ConfigError("data.train is missing: a text file, a folder of .txt files, or microworld");
  }
  try {
    check_fields(options, "data");
  } catch (const std::invalid_argument& error) {
    throw ConfigError(error.what());
  }
}

}  // namespace

bool is_microworld_text(std::string_view data) {
  return data == kMicroworld || std::any_of(std::begin(kOtherTexts), std::end(kOtherTexts),
                                            [&](const OtherText& other) { return other.name == data; });
}

void TextCorpusOptions::for_each_field(FieldVisitor& visit) {
  static const std::string tokenizers = tokenizer_spec_help();
  visit("train", train, {.help = "a file, a folder of .txt files, or microworld"});
  visit("valid", valid, {.help = "likewise; empty: the last part of data.train"});
  visit("tokenizer", tokenizer, {.help = tokenizers});
  visit("valid_fraction", valid_fraction,
        {.least = 0, .most = 0.9, .help = "set aside for validation where data.valid is empty"});
  visit("microworld_bytes", microworld_bytes,
        {.least = 1000, .most = 1LL << 40, .help = "training text that microworld tells"});
  visit("microworld_seed", microworld_seed, {.help = "which stories it tells"});
}

void TextCorpusOptions::make_paths_absolute() {
  for (auto* data : {&train, &valid}) {
    if (!is_microworld_text(*data)) *data = absolute_if_there(*data);
  }
  tokenizer = absolute_tokenizer(tokenizer);
}

namespace {

void make_folder(const fs::path& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be created: " + error.message());
}

}  // namespace

TextDocuments training_documents(const TextCorpusOptions& options, const fs::path& work, const TextFormat& format) {
  make_folder(work);
  return find_documents(options.train, work / "train.txt", train_seed(options.microworld_seed),
                        static_cast<std::uint64_t>(options.microworld_bytes), format);
}

TextDocuments validation_documents(const TextCorpusOptions& options, const fs::path& work, const TextFormat& format) {
  auto data = options.valid;
  if (data.empty() && is_microworld_text(options.train) && options.valid_fraction > 0) data = options.train;
  if (data.empty()) return {};
  make_folder(work);
  return find_documents(data, work / "valid.txt", valid_seed(options.microworld_seed), valid_bytes(options), format);
}

TextDocuments evaluation_documents(const std::string& data, std::uint64_t microworld_seed, const fs::path& work,
                                   const TextFormat& format) {
  make_folder(work);
  return find_documents(data, work / "text.txt", valid_seed(microworld_seed), valid_bytes(TextCorpusOptions{}), format);
}

TextCorpus open_text_corpus(const TextCorpusOptions& options, const fs::path& dir, const Message& message,
                            const TextFormat& format) {
  check(options);
  TextCorpus corpus;
  corpus.tokenizer = find_tokenizer(dir);
  std::optional<TokenizerSpec> spec;
  if (!corpus.tokenizer) spec = parse_tokenizer_spec(options.tokenizer, "data.tokenizer");

  const auto work = dir / "data";
  const auto train = training_documents(options, work, format), valid = validation_documents(options, work, format);

  if (spec) {
    corpus.tokenizer = train_tokenizer(*spec, options, train.files, valid.files, format, message);
    corpus.tokenizer->save(dir);
  }
  auto encoded = open_tokens(train, *corpus.tokenizer, work / "train.tokens", format, message);
  corpus.train = std::move(encoded.text);
  auto valid_print = encoded.fingerprint;
  if (!valid.files.empty()) {
    auto encoded_valid = open_tokens(valid, *corpus.tokenizer, work / "valid.tokens", format, message);
    corpus.valid = std::move(encoded_valid.text);
    valid_print = encoded_valid.fingerprint;
  } else if (options.valid_fraction > 0) {
    const auto all = corpus.train.tokens;
    const auto kept = static_cast<std::size_t>(static_cast<double>(all.size()) * (1 - options.valid_fraction));
    corpus.valid = TokenizedText{all.slice(kept, all.size() - kept), 0, 0, std::nullopt, corpus.train.owner};
    corpus.train.tokens = all.slice(0, kept);
    if (format.tokens_only) count_text(*corpus.valid, *corpus.tokenizer);
  }
  corpus.fingerprint = fmt::format("text {:016x} validation {:016x} tokenizer {:016x} tokens {}", encoded.fingerprint,
                                   valid_print, tokenizer_fingerprint(*corpus.tokenizer), corpus.train.tokens.size());
  return corpus;
}

TokenizedText open_text(const std::string& data, const Tokenizer& tokenizer, std::uint64_t microworld_seed,
                        const TextFormat& format, const Message& message) {
  const ScratchDir scratch;
  show_as(scratch.path() / "text.txt", data);
  const auto documents = evaluation_documents(data, microworld_seed, scratch.path(), format);
  return open_tokens(documents, tokenizer, scratch.path() / "text.tokens", format, message).text;
}

std::uint64_t microworld_seed_of(const fs::path& dir) {
  TextCorpusOptions run;
  read_run_section(dir, "data", [&](FieldVisitor& visit) { visit("microworld_seed", run.microworld_seed); });
  return run.microworld_seed;
}

}  // namespace langzoo
