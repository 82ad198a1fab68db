#include "apps/training/stream_text.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "apps/training/run_tokenizer.h"
#include "apps/training/saved_run.h"
#include "apps/training/scratch_dir.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/numbers.h"
#include "data/files/text_lines.h"
#include "data/text/fingerprint.h"
#include "tokenizers/models/word_level.h"
#include "tokenizers/pipeline.h"
#include "tokenizers/pre_tokenizers/whitespace_pre_tokenizer.h"
#include "tokenizers/trainers/word_level_trainer.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kWords = "words", kWordsOf = "words:";
constexpr std::string_view kUnknown = "<unk>", kStart = "<s>", kEnd = "</s>";
constexpr auto kAll = std::numeric_limits<std::uint64_t>::max();

/// Lines of files, those of a range: of lines, or of words, of which a line then has some, behind a space that stands
/// for the line end before.
class UnitReader {
 public:
  UnitReader(std::vector<fs::path> files, bool lines, std::uint64_t begin = 0, std::uint64_t end = kAll)
      : files_(std::move(files)), by_lines_(lines), begin_(begin), end_(end) {}

  bool next(std::string_view& text) {
    while (at_ < end_) {
      if (!current_) {
        if (file_ == files_.size()) return false;
        current_.emplace(files_[file_++]);
      }
      if (!current_->next(text)) {
        current_.reset();
        continue;
      }
      if (by_lines_) {
        if (at_++ >= begin_) return true;
        continue;
      }
      const auto words = words_of(text);
      const auto before = at_;
      at_ += words.size();
      const auto first = std::min<std::uint64_t>(begin_ > before ? begin_ - before : 0, words.size());
      const auto last = std::min<std::uint64_t>(end_ - before, words.size());
      if (first >= last) continue;
      const auto *const from = words[first].data(), *const to = words[last - 1].data() + words[last - 1].size();
      text = std::string_view(from, static_cast<std::size_t>(to - from));
      if (!std::exchange(is_first_, false)) text = behind_space_.assign(1, ' ').append(text);
      return true;
    }
    return false;
  }

  FileError error(const std::string& what) const { return current_->error(what); }
  std::uint64_t units() const { return at_; }  ///< read so far, or passed over

 private:
  std::vector<fs::path> files_;
  bool by_lines_;
  std::uint64_t begin_, end_, at_ = 0;
  std::size_t file_ = 0;
  bool is_first_ = true;
  std::string behind_space_;
  std::optional<FileLines> current_;
};

std::uint64_t count_units(const std::vector<fs::path>& files, bool lines) {
  UnitReader reader(files, lines);
  for (std::string_view text; reader.next(text);) continue;
  return reader.units();
}

struct WordHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <class Value>
using WordMap = std::unordered_map<std::string, Value, WordHash, std::equal_to<>>;

void check_word(std::string_view word) {
  if (word == kStart || word == kEnd)
    throw std::runtime_error(
        fmt::format("holds {} as a word, which models have for where a sentence begins or ends", word));
}

void check_line(std::string_view line) {
  const auto at = find_invalid_utf8(line);
  if (at < line.size()) throw std::runtime_error(fmt::format("is not UTF-8 at byte {}", at + 1));
}

/// Numbers words in the order in which they come.
class FormReader {
 public:
  void end() { forms_->places.push_back(0); }
  void add(std::string_view line) {
    for (const auto word : words_of(line)) {
      auto found = places_.find(word);
      if (found == places_.end()) {
        forms_->words.emplace_back(word);
        found = places_.emplace(word, static_cast<TokenId>(forms_->words.size())).first;
      }
      forms_->places.push_back(found->second);
    }
  }
  void keep(std::size_t most) { forms_->places.resize(std::min(most, forms_->places.size())); }
  std::shared_ptr<const WordForms> take() { return std::move(forms_); }

 private:
  std::shared_ptr<WordForms> forms_ = std::make_shared<WordForms>();
  WordMap<TokenId> places_;
};

/// Whether to `tokenizer` a text begins with a space, as a word behind another does.
bool begins_with_space(const Tokenizer& tokenizer, std::string_view word) {
  std::vector<TokenId> apart, together;
  tokenizer.encode(word, apart);
  tokenizer.encode(word, apart);
  tokenizer.encode(fmt::format("{0} {0}", word), together);
  return apart == together;
}

/// `most`: tokens to predict; 0: all.
StreamText read_stream(UnitReader reader, const Tokenizer& tokenizer, bool lines, bool with_forms,
                       std::int64_t most = 0) {
  if (with_forms && !has_whole_words(tokenizer))
    throw ConfigError("data.tokenizer: a model that reads the letters of words needs words, or words:N");
  const LineEncoder encoder(tokenizer);
  std::optional<bool> has_space;
  std::optional<FormReader> forms;
  if (with_forms) forms.emplace();
  auto ids = std::make_shared<std::vector<TokenId>>();
  const auto end = [&] {
    ids->push_back(encoder.end());
    if (forms) forms->end();
  };
  end();
  for (std::string_view text; (most == 0 || std::ssize(*ids) <= most) && reader.next(text);) {
    try {
      if (!lines && text.starts_with(' ')) {
        if (!has_space) has_space = begins_with_space(tokenizer, words_of(text).front());
        if (*has_space) text.remove_prefix(1);
      }
      encoder.encode(text, *ids);
    } catch (const std::runtime_error& error) {
      throw reader.error(error.what());
    }
    if (forms) forms->add(text);
    if (lines) end();
  }
  if (most > 0 && std::ssize(*ids) > most + 1) {
    const auto kept = static_cast<std::size_t>(most) + 1;
    ids->resize(kept);
    if (forms) forms->keep(kept);
  }
  ids->shrink_to_fit();
  StreamText stream{ids, tokenizer.vocab_size()};
  if (forms) stream.forms = forms->take();
  if (encoder.unknown()) stream.unknown = std::count(ids->begin(), ids->end(), *encoder.unknown());
  return stream;
}

std::unique_ptr<Tokenizer> count_words_of(UnitReader reader, std::size_t vocab_size) {
  WordMap<std::uint64_t> counts;
  for (std::string_view line; reader.next(line);) {
    try {
      check_line(line);
      for (const auto word : words_of(line)) {
        check_word(word);
        const auto found = counts.find(word);
        if (found == counts.end()) {
          counts.emplace(word, 1);
        } else {
          ++found->second;
        }
      }
    } catch (const std::runtime_error& error) {
      throw reader.error(error.what());
    }
  }
  try {
    return word_tokenizer({counts.begin(), counts.end()}, vocab_size);
  } catch (const std::invalid_argument& error) {
    throw ConfigError(fmt::format("data.tokenizer: {}", error.what()));
  }
}

std::unique_ptr<Tokenizer> train_tokenizer_of(const std::string& wanted, UnitReader train, const Message& message) {
  if (const auto size = most_words_of(wanted)) return count_words_of(std::move(train), *size);
  const auto reader = std::make_shared<UnitReader>(std::move(train));
  const TextSource texts = [reader, left = kTokenizerTrainingBytes](std::string& text) mutable {
    std::string_view line;
    if (left == 0 || !reader->next(line)) return false;
    text.assign(line);
    left -= std::min<std::uint64_t>(left, line.size());
    return true;
  };
  return make_tokenizer(parse_tokenizer_spec(wanted, "data.tokenizer"), texts, {.special_tokens = {std::string(kEnd)}},
                        message);
}

std::uint64_t print_of(const StreamText& text) {
  Fingerprint print(1);
  const auto& ids = *text.ids;
  print.add(std::string_view(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(TokenId)));
  if (text.forms) {
    const auto& [words, places] = *text.forms;
    for (const auto& word : words) print.add(word + '\n');
    print.add(std::string_view(reinterpret_cast<const char*>(places.data()), places.size() * sizeof(TokenId)));
  }
  return print.value();
}

}  // namespace

std::optional<std::size_t> most_words_of(const std::string& text) {
  if (text == kWords) return 0;
  if (!text.starts_with(kWordsOf)) return std::nullopt;
  std::size_t size = 0;
  const auto digits = std::string_view(text).substr(kWordsOf.size());
  constexpr std::size_t kLeast = 3;  // <unk>, </s> and a word
  if (read_number(digits, size) != NumberFault::kNone || size < kLeast || size > kMaxVocabularySize) {
    throw ConfigError(fmt::format("data.tokenizer = {}: N of words:N must be an integer from {} to {}", text, kLeast,
                                  kMaxVocabularySize));
  }
  return size;
}

StreamTextOptions::StreamTextOptions() {
  tokenizer = kWords;
}

void StreamTextOptions::for_each_field(FieldVisitor& visit) {
  static const std::string tokenizers =
      "words (what stands between blanks, all of the text), words:N (the N most frequent), " + tokenizer_spec_help();
  visit("train", train, {.help = "a file, a folder of .txt files, or microworld"});
  visit("valid", valid, {.help = "likewise; empty: the last lines of data.train"});
  visit("tokenizer", tokenizer, {.help = tokenizers});
  visit("lines", lines, {.help = "a line is a sentence with its </s>; false: line ends are white space"});
  visit("max_tokens", max_tokens, {.least = 0, .help = "learn from the text's first so many tokens; 0: from all"});
  visit("valid_fraction", valid_fraction,
        {.least = 0, .most = 0.9, .help = "of the lines, set aside for validation where data.valid is empty"});
  visit("microworld_bytes", microworld_bytes,
        {.least = 1000, .most = 1LL << 40, .help = "training text that microworld tells"});
  visit("microworld_seed", microworld_seed, {.help = "which stories it tells"});
}

void StreamTextOptions::make_paths_absolute() {
  const auto kept = tokenizer;
  TextCorpusOptions::make_paths_absolute();
  if (kept == kWords || kept.starts_with(kWordsOf)) tokenizer = kept;
}

bool has_whole_words(const Tokenizer& tokenizer) {
  const auto* const pipeline = dynamic_cast<const Pipeline*>(&tokenizer);
  if (pipeline == nullptr) return false;
  const auto& parts = pipeline->parts();
  return parts.normalizer == nullptr && parts.decoder == nullptr &&
         dynamic_cast<const WordLevel*>(parts.model.get()) != nullptr &&
         dynamic_cast<const WhitespaceSplitPreTokenizer*>(parts.pre_tokenizer.get()) != nullptr;
}

std::string generated_text(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  if (!has_whole_words(tokenizer)) return tokenizer.decode_generated(ids, true);
  // A folder's configuration makes <unk> a special token, which decoding would skip.
  std::vector<TokenId> words(ids.begin(), ids.end());
  if (const auto end = tokenizer.special_tokens().eos) std::erase(words, *end);
  return tokenizer.decode_generated(words);
}

std::unique_ptr<Tokenizer> word_tokenizer(std::vector<std::pair<std::string, std::uint64_t>> counts,
                                          std::size_t vocab_size, std::shared_ptr<const Normalizer> normalizer) {
  std::vector<WordCount> words;
  words.reserve(counts.size());
  for (auto& [word, count] : counts) words.push_back({std::move(word), count});
  WordLevelTrainerOptions options;
  options.special_tokens = {std::string(kUnknown), std::string(kEnd)};
  options.vocab_size = vocab_size > 0 ? vocab_size : kMaxVocabularySize;
  auto learned = learn_word_level(words, options);
  if (vocab_size == 0 && words.size() + options.special_tokens.size() > kMaxVocabularySize) {
    throw std::invalid_argument(fmt::format("the text has {} different words, more than {}: words:N says how many",
                                            words.size(), kMaxVocabularySize));
  }
  PipelineParts parts;
  // <unk> is a word that a text may have: decoding shows it.
  parts.added_tokens = {{.content = std::string(kUnknown), .id = 0, .special = false},
                        {.content = std::string(kEnd), .id = 1}};
  parts.normalizer = std::move(normalizer);
  parts.pre_tokenizer = std::make_shared<WhitespaceSplitPreTokenizer>();
  parts.model = std::make_shared<WordLevel>(std::move(learned));
  parts.special_tokens.unk = 0;
  parts.special_tokens.eos = 1;
  return std::make_unique<Pipeline>(std::move(parts));
}

LineEncoder::LineEncoder(const Tokenizer& tokenizer)
    : tokenizer_(tokenizer),
      words_(has_whole_words(tokenizer)),
      end_(end_token_of(tokenizer, "data.tokenizer")),
      unknown_(tokenizer.special_tokens().unk) {}

std::vector<std::string_view> words_of_sentence(std::string_view line) {
  check_line(line);
  auto words = words_of(line);
  for (const auto word : words) check_word(word);
  return words;
}

void LineEncoder::encode(std::string_view line, std::vector<TokenId>& ids) const {
  const auto words = words_of_sentence(line);
  if (words_) {
    for (const auto word : words) ids.push_back(tokenizer_.token_to_id(word).value_or(*unknown_));
    return;
  }
  const auto before = std::ssize(ids);
  tokenizer_.encode(line, ids);
  if (std::find(ids.begin() + before, ids.end(), end_) == ids.end()) return;
  // That it is there need not be the text's doing: of some tokenizers it also stands for what is unknown.
  const auto token = tokenizer_.id_to_token(end_);
  if (line.find(token) != std::string_view::npos)
    throw std::runtime_error(fmt::format("holds {}, which the tokenizer has for where a sentence ends", token));
}

StreamCorpus open_stream_corpus(const StreamTextOptions& options, const fs::path& dir, const Message& message,
                                bool with_forms) {
  if (options.train.empty())
    throw ConfigError("data.train is missing: a text file, a folder of .txt files, or microworld");
  const auto work = dir / "data";
  const auto train = training_documents(options, work), valid = validation_documents(options, work);
  std::uint64_t begin_valid = kAll;
  if (valid.files.empty() && options.valid_fraction > 0) {
    const auto all = static_cast<double>(count_units(train.files, options.lines));
    begin_valid = static_cast<std::uint64_t>(all * (1 - options.valid_fraction));
  }
  const auto for_training = [&] { return UnitReader(train.files, options.lines, 0, begin_valid); };
  StreamCorpus corpus;
  corpus.tokenizer = find_tokenizer(dir);
  if (!corpus.tokenizer) {
    // All characters there are.
    auto all = train.files;
    all.insert(all.end(), valid.files.begin(), valid.files.end());
    corpus.tokenizer = train_tokenizer_of(
        options.tokenizer, options.tokenizer == "char" ? UnitReader(all, options.lines) : for_training(), message);
    corpus.tokenizer->save(dir);
  }
  const auto& tokenizer = *corpus.tokenizer;
  const auto read = [&](UnitReader reader, std::int64_t most = 0) {
    return read_stream(std::move(reader), tokenizer, options.lines, with_forms, most);
  };
  corpus.train = read(for_training(), options.max_tokens);
  if (!valid.files.empty()) {
    corpus.valid = read(UnitReader(valid.files, options.lines));
  } else if (begin_valid != kAll) {
    corpus.valid = read(UnitReader(train.files, options.lines, begin_valid));
  }
  corpus.fingerprint = fmt::format("text {:016x} validation {:016x} tokenizer {:016x} tokens {}",
                                   print_of(corpus.train), corpus.valid ? print_of(*corpus.valid) : 0,
                                   tokenizer_fingerprint(tokenizer), corpus.train.ids->size());
  return corpus;
}

StreamText open_stream_text(const std::string& data, const Tokenizer& tokenizer, bool lines,
                            std::uint64_t microworld_seed, bool with_forms) {
  const ScratchDir scratch;
  show_as(scratch.path() / "text.txt", data);
  const auto documents = evaluation_documents(data, microworld_seed, scratch.path());
  return read_stream(UnitReader(documents.files, lines), tokenizer, lines, with_forms);
}

std::optional<bool> told_lines_of_run(const fs::path& dir) {
  std::optional<bool> lines;
  read_run_section(dir, "data", [&](FieldVisitor& visit) { visit("lines", lines); });
  return lines;
}

bool lines_of_run(const fs::path& dir) {
  return told_lines_of_run(dir).value_or(StreamTextOptions().lines);
}

}  // namespace langzoo
