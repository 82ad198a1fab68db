#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/base/line_batches.h"
#include "apps/cli/text_lines.h"
#include "apps/cli/translation/sentence_translator.h"
#include "data/files/files.h"
#include "data/parallel/parallel_corpus.h"

namespace langzoo {

namespace {

/// Sentences that are read, translated and printed at a time: enough to find some of like length.
constexpr std::size_t kSentencesAtOnce = 2048;

class TranslateVerb : public ComputeVerb {
 public:
  explicit TranslateVerb(std::unique_ptr<TranslationMethod> method) : method_(std::move(method)) {}
  std::string name() const override { return "translate"; }
  std::string summary() const override { return "translate sentences"; }
  std::string examples() const override {
    return "translate --model run --text \"She reads.\"\n"
           "translate --model run --data test.en --num-beams 5 > test.fr\n"
           "echo \"12+5\" | {program} translate --model run --json\n"
           "translate --model run --data test.en --num-beams 5 --n-best 5 --json\n";
  }
  std::string notes() const override {
    return "Without --text and --data the sentences come from stdin, one a line. A blank line stays blank. A sentence\n"
           "of more tokens than --max-source, or than the model has positions for, is cut there, which is said on "
           "stderr.\n"
           "What flags leave open is as the model folder's generation_config.json says, as an older config.json does,\n"
           "or as shown above; its bad words, forced and suppressed tokens always hold.\n"
           "Fields under --json: source, text, ids (an end token included), score; with --n-best also sentence (its "
           "number,\n"
           "from 0 on), and an object for each translation, best first. As text these are Moses' n-best lines:\n"
           "SENTENCE ||| TEXT ||| SCORE.\n";
  }
  bool warns_itself() const override { return true; }
  void add_own_options(Options& options) override {
    declared_ = &options;
    options.add("--model", model_, "a model folder: an earlier --out").required();
    options.add("--text", text_, "the sentence to translate");
    options.add("--data", data_, "a file of sentences, one a line").excludes("--text");
    options.add("--max-source", max_source_, "tokens of the longest sentence").range(1, 1 << 20);
    method_->add_options(options);
  }
  bool has_device() const override { return method_->has_device(); }

  void compute(const ComputeOptions& common) override {
    json_ = common.json;
    if (data_ && data_ != "-" && !std::filesystem::exists(*data_)) throw FileError(*data_, "does not exist");
    translator_ = method_->load(model_, common);
    warn_of_idle(*declared_);  // not before: the folder says how many beams there are
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
  void translate(const std::vector<std::string>& sentences, const Where& where) {
    const auto most = std::min(max_source_, translator_->max_source());
    std::vector<std::vector<TokenId>> sources(sentences.size());
    for (std::size_t i = 0; i < sentences.size(); ++i) {
      if (!has_words(sentences[i])) continue;
      encode_from(where(i), [&] { translator_->tokenizers().source().encode(sentences[i], sources[i]); });
      if (static_cast<std::int64_t>(sources[i].size()) <= most) continue;
      std::cerr << fmt::format("{}: {} tokens, cut to {}\n", where(i), sources[i].size(), most);
      sources[i].resize(static_cast<std::size_t>(most));
    }
    const auto found = translator_->translate(sources);
    for (std::size_t i = 0; i < sentences.size(); ++i) {
      for (const auto& hypothesis : found[i]) print(sentences[i], sentences_ + i, hypothesis);
    }
    std::cout << std::flush;
    sentences_ += sentences.size();
  }

  void print(const std::string& source, std::size_t sentence, const Hypothesis& hypothesis) const {
    const auto text = translator_->text(hypothesis, source);
    if (json_) {
      JsonMembers members = {{"source", source}, {"text", text}, {"ids", hypothesis.ids}, {"score", hypothesis.score}};
      if (method_->has_n_best()) members.emplace_back("sentence", sentence);
      return print_json(members);
    }
    if (method_->has_n_best()) {
      std::cout << fmt::format("{} ||| {} ||| {:.4f}\n", sentence, text, hypothesis.score);
    } else {
      std::cout << text << '\n';
    }
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
  std::size_t sentences_ = 0;  ///< translated so far
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> translate_verb(std::unique_ptr<TranslationMethod> method) {
  return std::make_unique<TranslateVerb>(std::move(method));
}

}  // namespace langzoo
