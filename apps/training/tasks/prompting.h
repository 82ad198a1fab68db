/// In-context learning: what a language model answers to prompts (data/tasks/prompts.h), by the likelihood of given
/// choices or by what it writes.
///
///     const auto lm = langzoo::load_causal_lm("run");
///     const auto task = langzoo::read_prompt_task("capitals.json");
///     const auto examples = langzoo::read_prompt_examples("capitals.jsonl", task);
///     langzoo::answer_by_choice(lm, langzoo::Prompts(task, examples, 4, 1), examples, {}, [&](const auto& item) {
///       right += item.predicted == item.answer ? 1 : 0;
///     });
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/tasks/causal_lm.h"
#include "data/tasks/prompts.h"

namespace langzoo {

/// The tasks that ship, apps/prompts/<name>.json: "tldr", ...
std::vector<std::string> shipped_prompt_tasks();
/// That of a file, or a shipped one by its name. Throws FileError as read_prompt_task().
PromptTask find_prompt_task(const std::string& name);

/// Tokens and those before them.
struct Continuation {
  std::vector<TokenId> context;  ///< one at least
  std::vector<TokenId> tokens;
};

/// White space at the context's end belongs to the text, whose tokens are those beyond the context's, as in
/// lm-evaluation-harness. Without a context the beginning (else the end) token stands in its place; throws ConfigError
/// where there is none.
Continuation encode_continuation(const Tokenizer& tokenizer, std::string_view context, std::string_view text);

/// ln P(tokens | context) of each. What contexts of rows next to each other begin with alike is read once. Throws
/// std::runtime_error naming the lengths where one is longer than the model's context.
std::vector<double> log_probabilities(CausalLm& model, std::span<const Continuation> rows, torch::Device device);

/// By what the choices are compared.
enum class ChoiceScore {
  kSum,            ///< ln P(choice | prompt): acc
  kToken,          ///< the same a token
  kChar,           ///< a character of the choice: acc_norm
  kByte,           ///< a byte of the choice
  kUnconditional,  ///< ln P(choice | prompt) - ln P(choice | "Answer:"); Brown et al. 2020, section 2.4
};
/// In the order of ChoiceScore.
inline constexpr std::string_view kChoiceScoreNames[] = {"sum", "token", "char", "byte", "unconditional"};

struct ScoredChoice {
  std::string text;
  double logprob = 0;        ///< ln P(choice | prompt), summed
  double unconditional = 0;  ///< ln P(choice | "Answer:")
  double content_free = 0;   ///< of contextual calibration: the mean probability where the question says nothing
  std::int64_t tokens = 0, bytes = 0, characters = 0;
};
/// The place of the best; the first of several. With `calibrate` probabilities are divided by
/// ScoredChoice::content_free (Zhao et al. 2021).
std::size_t best_choice(std::span<const ScoredChoice> choices, ChoiceScore score, bool calibrate = false);

struct ChoiceOptions {
  ChoiceScore score = ChoiceScore::kSum;
  bool calibrate = false;
};

struct ChosenItem {
  std::string prompt;
  std::vector<ScoredChoice> choices;
  std::size_t predicted = 0, answer = 0;
};

/// Shows `visit` every item, in their order; a few are in memory at a time. Throws std::runtime_error naming the item's
/// line.
void answer_by_choice(const LoadedLm& lm, const Prompts& prompts, std::span<const PromptExample> items,
                      const ChoiceOptions& options, const std::function<void(const ChosenItem&)>& visit);

enum class Chain {
  kNone,
  kShots,     ///< shots with chains of thought before their answers (Wei et al. 2022)
  kZeroShot,  ///< "Let's think step by step.", then the answer is asked for (Kojima et al. 2022)
};

struct FreeOptions {
  AnswerKind kind = AnswerKind::kText;
  Chain chain = Chain::kNone;
  std::string separator = "\n\n";  ///< ends an answer, as an end token does
  std::int64_t samples = 1;        ///< of which the majority answers (Wang et al. 2022)
  double temperature = 0;
  std::int64_t max_new_tokens = 64;     ///< of an answer or a chain
  std::int64_t max_answer_tokens = 32;  ///< of the answer after a chain without shots
  std::int64_t batch_size = 16;         ///< prompts at once
  std::uint64_t seed = 0;
};

struct FreeItem {
  std::string prompt;
  std::vector<std::string> texts;      ///< of each sample: what was written last
  std::vector<std::string> chains;     ///< of each sample; empty without chains
  std::vector<std::string> extracted;  ///< of each sample
  std::string predicted, answer;       ///< the majority's
  bool right = false;
};

/// Likewise by what the model writes.
void answer_freely(const LoadedLm& lm, const Prompts& prompts, std::span<const PromptExample> items,
                   const FreeOptions& options, const std::function<void(const FreeItem&)>& visit);

/// A share of right answers over several draws of shots: mean and the bounds of its 95 % confidence interval, those of
/// the normal distribution, between 0 and 1; of one draw all are its value.
struct Accuracy {
  double mean = 0, low = 0, high = 0;
};
Accuracy accuracy_over(std::span<const double> values);

}  // namespace langzoo
