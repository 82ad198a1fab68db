#include "apps/cli/translation/shown_pairs.h"

namespace langzoo {

void ShownPairs::add_to(Options& options, std::int64_t count) {
  count_ = count;
  options.add("--text", text_, "a source sentence");
  options.add("--translation", translation_, "its target").needs("--text");
  add_pairs_options(options, pairs_);
  options.exactly_one_of({"--text", "--data"});
  options.add("--pairs", count_, "how many pairs, from the first on").range(1, 1 << 20).needs("--data");
  options.idle_where("--seed", "--data names no task", [this] { return !is_pair_task(pairs_.data); });
}

void ShownPairs::read_as_run(const std::string& model, const ComputeOptions& common) {
  const auto of_run = evaluation_pairs_of(model);
  pairs_.task_seed = common.seed_or(of_run.task_seed);
  pairs_.keep_padding |= of_run.keep_padding;
}

void ShownPairs::for_each(const SentenceTranslator& translator, const Visit& visit) const {
  const auto& tokenizers = translator.tokenizers();
  if (text_) {
    const auto source = sentence_tokens(tokenizers.source(), *text_);
    if (source.ids.empty()) throw UsageError("--text: the sentence has no tokens");
    const std::vector<std::vector<TokenId>> sources = {source.ids};
    const auto target =
        translation_ ? *translation_ : text_of(tokenizers, translator.translate(sources).front().front());
    return visit(*text_, source, sentence_tokens(tokenizers.target(), target));
  }
  const auto pairs = open_pairs(pairs_);
  SentencePair pair;
  for (std::int64_t i = 0; i < count_ && pairs->next(pair); ++i) {
    visit(pair.source, sentence_tokens(tokenizers.source(), pair.source),
          sentence_tokens(tokenizers.target(), pair.target));
  }
  tell_left_out(pairs->left_out());
}

}  // namespace langzoo
