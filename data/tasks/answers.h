/// What a language model's free text answers, and whether that is right: the rules of chain-of-thought prompting (Wei
/// et al. 2022, Kojima et al. 2022).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// What answers are. Their names are the metrics of a prompt's task.
enum class AnswerKind {
  kChoice,  ///< acc: none of these; the likeliest of given choices
  kText,    ///< exact_match: a text, white space and a last full stop aside
  kNumber,  ///< number: compared as numbers, commas and currency aside
  kLetter,  ///< letter: a capital from A to Z that stands alone
  kYesNo,   ///< yes_no
};
/// In the order of AnswerKind.
inline constexpr std::string_view kAnswerKindNames[] = {"acc", "exact_match", "number", "letter", "yes_no"};

/// What stands before an answer at the end of a chain of thought.
inline constexpr std::string_view kAnswerTrigger = "The answer is";
/// Begins a chain without examples.
inline constexpr std::string_view kChainTrigger = "Let's think step by step.";
/// Asks for the answer after such a chain: "Therefore, the answer (arabic numerals) is".
std::string_view chain_answer_trigger(AnswerKind kind);

/// The answer in a text: the first after the last trigger, whatever its case, else the last there is. Empty: there is
/// none. Of kText what follows the trigger up to the line's end, else the whole text.
std::string extract_answer(std::string_view text, AnswerKind kind);

/// Whether an extracted answer is this one, which may be a text that holds it. Nothing is equal to none.
bool same_answer(std::string_view extracted, std::string_view expected, AnswerKind kind);

/// That which most of the extracted answers are, the earliest of several (self-consistency, Wang et al. 2022). Empty:
/// there is none.
std::string majority_answer(const std::vector<std::string>& extracted, AnswerKind kind);

}  // namespace langzoo
