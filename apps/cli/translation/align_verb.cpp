#include <iostream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/tokenizer/visible_text.h"
#include "apps/cli/translation/alignment_view.h"
#include "apps/cli/translation/decode.h"
#include "apps/cli/translation/pair_corpus.h"
#include "data/files/files.h"

namespace langzoo {

namespace {

/// A token to read: without the blank before a word, and something to see in every case.
std::string shown(const Tokenizer& tokenizer, TokenId id) {
  auto text = tokenizer.decode(std::span(&id, 1));
  if (text.empty()) text = tokenizer.id_to_token(id);
  if (text.size() > 1 && text.front() == ' ') text.erase(0, 1);
  return visible_text(text);
}

class AlignVerb : public ComputeVerb {
 public:
  explicit AlignVerb(const TranslationFamily& family) : family_(family) {}
  std::string name() const override { return "align"; }
  std::string summary() const override { return "show what a model attends to in a source as it writes the target"; }
  std::string examples() const override {
    return "align --model run --text \"She reads.\"\n"
           "align --model run --text \"She reads.\" --translation \"Elle lit.\"\n"
           "align --model run --data test.tsv --pairs 20 --out alignment.html\n";
  }
  std::string notes() const override {
    return "Pictures go to the terminal, or with --out into one self-contained page. A --text without --translation "
           "is\n"
           "translated first.\n"
           "Fields under --json: source_tokens, target_tokens, attention (a list for each target token, with a weight "
           "for\n"
           "each source token).\n";
  }
  void add_own_options(CLI::App& app) override {
    app.add_option("--model", model_, "a model folder: an earlier --out")->required();
    auto* text = app.add_option("--text", text_, "a source sentence");
    app.add_option("--translation", translation_, "its target")->needs(text);
    app.add_option("--data", pairs_.data, "pairs as in train, or sources")->excludes(text);
    app.add_option("--target", pairs_.target, "the targets, one a line, where they have a file of their own");
    app.add_option("--pairs", count_, "how many pairs, from the first on")
        ->check(integer_from(1, 1 << 20))
        ->capture_default_str();
    app.add_option("--out", out_, "the page to write");
    decoding_.add_to(app);
  }

  void compute(const ComputeOptions& common) override {
    const auto options = decoding_.options();
    if (!text_ && pairs_.data.empty()) throw UsageError("nothing to align: give --text or --data");
    const auto translator = load_translator(family_, model_, common);
    std::vector<AlignmentView> views;
    for (const auto& pair : sentence_pairs(translator, options)) {
      views.push_back(view_of(translator, pair));
      if (common.json) {
        print_json({{"source_tokens", views.back().source},
                    {"target_tokens", views.back().target},
                    {"attention", views.back().attention}});
      } else if (out_.empty()) {
        std::cout << alignment_text(views.back()) << '\n';
      }
    }
    if (out_.empty()) return;
    const auto title = std::filesystem::path(model_).lexically_normal().filename().string();
    write_file_atomically(out_,
                          alignment_page(title, fmt::format("attention of {} sentence pairs", views.size()), views));
    std::cerr << fmt::format("{} pairs written to {}\n", views.size(), out_);
  }

 private:
  struct TokenPair {
    std::vector<TokenId> source, target;
  };

  std::vector<TokenPair> sentence_pairs(const Translator& translator, const BeamSearchOptions& options) const {
    std::vector<TokenPair> found;
    const auto add = [&](const std::string& source, const std::string& target) {
      TokenPair pair;
      translator.tokenizers.source().encode(source, pair.source);
      translator.tokenizers.target().encode(target, pair.target);
      if (!pair.source.empty()) found.push_back(std::move(pair));
    };
    if (!text_) {
      const auto pairs = open_pairs(pairs_);
      SentencePair pair;
      while (std::ssize(found) < count_ && pairs->next(pair)) add(pair.source, pair.target);
      return found;
    }
    add(*text_, translation_.value_or(""));
    if (found.empty()) throw UsageError("--text: the sentence has no tokens");
    if (!translation_) {
      const std::vector<std::vector<TokenId>> sources = {found.front().source};
      found.front().target = decode_sources(translator, sources, options, 1).front().front().ids;
      auto& ids = found.front().target;
      if (!ids.empty() && ids.back() == translator.model->end_token()) ids.pop_back();
    }
    return found;
  }

  AlignmentView view_of(const Translator& translator, const TokenPair& pair) const {
    const c10::InferenceMode inference;
    ParallelCorpus corpus;
    corpus.add(pair.source, pair.target);
    const auto batch = to_device(parallel_batch(corpus, {0}, translator.marks), translator.device);
    const auto attention = translator.model->attention(batch);
    if (!attention.defined()) {
      throw std::runtime_error(fmt::format("{}: the model has no attention to show", model_));
    }
    AlignmentView view;
    const auto& tokenizers = translator.tokenizers;
    for (const auto id : pair.source) view.source.push_back(shown(tokenizers.source(), id));
    view.source.push_back(shown(tokenizers.source(), *translator.marks.source_end));
    for (const auto id : pair.target) view.target.push_back(shown(tokenizers.target(), id));
    view.target.push_back(shown(tokenizers.target(), *translator.marks.target_end));
    const auto weights = attention[0].to(torch::kCPU, torch::kFloat64).contiguous();  // (T,S)
    for (std::int64_t t = 0; t < weights.size(0); ++t) {
      const auto* row = weights.data_ptr<double>() + t * weights.size(1);
      view.attention.emplace_back(row, row + weights.size(1));
    }
    return view;
  }

  const TranslationFamily& family_;
  std::string model_, out_;
  std::optional<std::string> text_, translation_;
  PairsOptions pairs_;
  std::int64_t count_ = 10;
  DecodeFlags decoding_;
};

}  // namespace

std::unique_ptr<Verb> align_verb(const TranslationFamily& family) {
  return std::make_unique<AlignVerb>(family);
}

}  // namespace langzoo
