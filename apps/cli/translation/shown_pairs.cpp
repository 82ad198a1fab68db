#include "apps/cli/translation/shown_pairs.h"

#include <iostream>

#include <fmt/format.h>

#include "apps/cli/text_lines.h"

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
  const auto most = translator.max_source();
  const auto tokens_of = [&](const std::string& where, const Tokenizer& tokenizer, const std::string& text) {
    SentenceTokens tokens;
    encode_from(where, [&] {
      tokens = sentence_tokens(tokenizer, text);
      require_fitting(tokens.ids, most);
    });
    return tokens;
  };
  if (text_) {
    const auto source = tokens_of("--text", tokenizers.source(), *text_);
    if (source.ids.empty()) throw UsageError("--text: the sentence has no tokens");
    if (translation_) return visit(*text_, source, tokens_of("--translation", tokenizers.target(), *translation_));
    const std::vector<std::vector<TokenId>> sources = {source.ids};
    const auto found = text_of(tokenizers, translator.translate(sources).front().front());
    auto target = sentence_tokens(tokenizers.target(), found);
    if (std::ssize(target.ids) > most) {  // of a model that never ends
      std::cerr << fmt::format("the translation: {} tokens, cut to {}\n", target.ids.size(), most);
      target.ids.resize(static_cast<std::size_t>(most));
      target.words.resize(static_cast<std::size_t>(most));
    }
    return visit(*text_, source, target);
  }
  const auto pairs = open_pairs(pairs_);
  SentencePair pair;
  for (std::int64_t i = 0; i < count_ && pairs->next(pair); ++i) {
    const auto where = fmt::format("{}: line {}", pairs->name(), pair.line);
    visit(pair.source, tokens_of(where, tokenizers.source(), pair.source),
          tokens_of(where, tokenizers.target(), pair.target));
  }
  tell_left_out(pairs->left_out());
}

}  // namespace langzoo
