#include <algorithm>
#include <iostream>
#include <span>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/base/line_batches.h"
#include "apps/cli/text_lines.h"
#include "apps/cli/translation/sentence_translator.h"
#include "data/files/file_error.h"
#include "data/parallel/parallel_corpus.h"
#include "data/text/sentences.h"

namespace langzoo {

namespace {

/// Sentences that are read, translated and printed at a time: enough to find some of like length.
constexpr std::size_t kSentencesAtOnce = 2048;

/// What is translated at a time, a part of line `line`.
struct Segment {
  std::string text;
  std::size_t line;
  std::string where;
};

class TranslateVerb : public ComputeVerb {
 public:
  explicit TranslateVerb(std::unique_ptr<TranslationMethod> method) : method_(std::move(method)) {}
  std::string name() const override { return "translate"; }
  std::string summary() const override { return "translate sentences"; }
  std::string examples() const override {
    return "translate --model run --text \"She reads.\"\n"
           "translate --model run --data test.en --num-beams 5 > test.fr\n"
           "echo \"12+5\" | {program} translate --model run --json\n"
           "translate --model run --data letters.en --split-sentences\n"
           "translate --model run --data test.en --num-beams 5 --n-best 5 --json\n";
  }
  std::string notes() const override {
    return "Without --text and --data the sentences come from stdin, one a line. A blank line stays blank. A sentence\n"
           "of more tokens than --max-source, or than the model has positions for, is cut there, which is said on "
           "stderr;\n"
           "--split-sentences translates a line sentence by sentence and joins what comes out by spaces.\n"
           "What flags leave open is as the model folder's generation_config.json says, as an older config.json does,\n"
           "or as shown above; its bad words, forced and suppressed tokens always hold.\n"
           "Fields under --json: source, text, ids (an end token included), score; with --n-best also sentence (its "
           "number,\n"
           "from 0 on), and an object for each translation, best first. As text these are Moses' n-best lines:\n"
           "SENTENCE ||| TEXT ||| SCORE. With --split-sentences the ids are those of all sentences, score is the mean "
           "of\n"
           "theirs, and sentences has an object for each.\n";
  }
  bool warns_itself() const override { return true; }
  void add_own_options(Options& options) override {
    declared_ = &options;
    add_model_folder(options, model_).required();
    options.add("--text", text_, "the sentence to translate");
    options.add("--data", data_, "a file of sentences, one a line").excludes("--text");
    options.add("--max-source", max_source_, "tokens of the longest sentence").range(1, 1 << 20);
    options.add("--split-sentences", split_, "lines are of several sentences, each to be translated by itself");
    method_->add_options(options);
    method_->add_n_best_to(options);
  }
  bool has_device() const override { return method_->has_device(); }

  void compute(const ComputeOptions& common) override {
    json_ = common.json;
    if (data_ && data_ != "-" && !std::filesystem::exists(*data_)) throw FileError(*data_, "does not exist");
    translator_ = method_->load(model_, common);
    ReplacedTexts replaced(translator_->tokenizers().source());
    replaced_ = &replaced;
    warn_of_idle(*declared_);  // not before: the folder says how many beams there are
    if (split_ && method_->has_n_best()) {
      throw UsageError("--n-best: sentences that are joined (--split-sentences) have one translation");
    }
    if (text_) return translate({*text_}, [](std::size_t) { return std::string("--text"); });
    if (!data_ && isatty(STDIN_FILENO) == 1) {
      return converse("sentence", [this](const std::string& line) {
        translate({line}, [](std::size_t) { return std::string("sentence"); });
      });
    }
    translate_lines();
  }

 private:
  template <class Where>
  void translate(const std::vector<std::string>& lines, const Where& where) {
    const auto segments = segments_of(lines, where);
    const auto most = std::min(max_source_, translator_->max_source());
    std::vector<std::vector<TokenId>> sources(segments.size());
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const auto& [text, line, place] = segments[i];
      if (!has_words(text)) continue;
      encode_from(place, [&, &text = text] { translator_->tokenizers().source().encode(text, sources[i]); });
      replaced_->see(place, text);
      if (static_cast<std::int64_t>(sources[i].size()) <= most) continue;
      std::cerr << fmt::format("{}: {} tokens, cut to {}\n", place, sources[i].size(), most);
      sources[i].resize(static_cast<std::size_t>(most));
    }
    const auto found = translator_->translate(sources);
    for (std::size_t i = 0; i < segments.size();) {
      const auto first = i;
      while (i < segments.size() && segments[i].line == segments[first].line) ++i;
      if (split_) {
        print_joined(lines[segments[first].line], std::span(segments).subspan(first, i - first),
                     std::span(found).subspan(first, i - first));
      } else {
        for (const auto& hypothesis : found[first]) print(segments[first], sentences_ + first, hypothesis);
      }
    }
    std::cout << std::flush;
    sentences_ += lines.size();
  }

  /// Of every line one at least.
  template <class Where>
  std::vector<Segment> segments_of(const std::vector<std::string>& lines, const Where& where) const {
    std::vector<Segment> segments;
    for (std::size_t line = 0; line < lines.size(); ++line) {
      const auto ranges = split_ ? sentence_ranges(lines[line]) : std::vector<std::pair<std::size_t, std::size_t>>();
      if (ranges.size() < 2) segments.push_back({lines[line], line, where(line)});
      for (std::size_t i = 0; ranges.size() > 1 && i < ranges.size(); ++i) {
        const auto [begin, end] = ranges[i];
        segments.push_back(
            {lines[line].substr(begin, end - begin), line, fmt::format("{}, sentence {}", where(line), i + 1)});
      }
    }
    return segments;
  }

  JsonMembers members(const std::string& source, const Hypothesis& hypothesis) const {
    return {{"source", source},
            {"text", translator_->text(hypothesis, source)},
            {"ids", hypothesis.ids},
            {"score", hypothesis.score}};
  }

  void print(const Segment& segment, std::size_t sentence, const Hypothesis& hypothesis) const {
    if (json_) {
      auto object = members(segment.text, hypothesis);
      if (method_->has_n_best()) object.emplace_back("sentence", sentence);
      return print_json(object);
    }
    const auto text = translator_->text(hypothesis, segment.text);
    if (method_->has_n_best()) {
      std::cout << fmt::format("{} ||| {} ||| {:.4f}\n", sentence, text, hypothesis.score);
    } else {
      std::cout << text << '\n';
    }
  }

  /// A line whose sentences were translated each by itself.
  void print_joined(const std::string& line, std::span<const Segment> segments,
                    std::span<const Hypotheses> found) const {
    std::string text;
    std::vector<std::int32_t> ids;
    double score = 0;
    std::vector<JsonValue> sentences;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const auto& best = found[i].front();
      text += (i > 0 ? " " : "") + translator_->text(best, segments[i].text);
      ids.insert(ids.end(), best.ids.begin(), best.ids.end());
      score += best.score / static_cast<double>(segments.size());
      if (json_) sentences.emplace_back(members(segments[i].text, best));
    }
    if (!json_) {
      std::cout << text << '\n';
      return;
    }
    print_json({{"source", line}, {"text", text}, {"ids", ids}, {"score", score}, {"sentences", std::move(sentences)}});
  }

  void translate_lines() {
    LineBatches lines(data_.value_or(""));
    while (lines.next()) {
      const auto& all = lines.lines();
      for (std::size_t first = 0; first < all.size(); first += kSentencesAtOnce) {
        const auto last = std::min(all.size(), first + kSentencesAtOnce);
        translate({all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(last)},
                  [&](std::size_t i) { return lines.where(first + i); });
      }
    }
  }

  std::unique_ptr<TranslationMethod> method_;
  const Options* declared_ = nullptr;
  std::string model_;
  std::optional<std::string> text_, data_;
  std::int64_t max_source_ = 1024;
  std::unique_ptr<SentenceTranslator> translator_;
  ReplacedTexts* replaced_ = nullptr;  ///< compute()'s
  std::size_t sentences_ = 0;          ///< translated so far
  bool json_ = false, split_ = false;
};

}  // namespace

std::unique_ptr<Verb> translate_verb(std::unique_ptr<TranslationMethod> method) {
  return std::make_unique<TranslateVerb>(std::move(method));
}

}  // namespace langzoo
