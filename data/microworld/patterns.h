/// Texts in which tasks appear as patterns, so that a small language model can learn to do in context what no document
/// before has asked for (Brown et al. 2020, section 1.1), and word problems with their solutions.
///
/// A document shows one task several times:
///
///     garden zu        (labels)     key lamp -> lamp key    (reverse)    dog: ka, cat: mi. cat dog -> mi ka
///     hat lo
///     lake zu
///
/// Which kind of word has which label, and what a word is translated to, is drawn anew for each document. Everything is
/// decided by the seed, the same on every platform.
///
/// What lets a small model learn it soon: a label stands right behind its word, where what followed the word before is
/// found in one step; half of the documents are labels, and half of those say few words again and again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/tasks/prompts.h"

namespace langzoo {

enum class PatternKind {
  kLabels,     ///< a word's kind (person, place, thing, color) has a label; two kinds a document
  kCopy,       ///< words, written again
  kReverse,    ///< words in the other order
  kTranslate,  ///< words by a dictionary of the document, which each line shows
};
/// In the order of PatternKind.
inline constexpr std::string_view kPatternNames[] = {"labels", "copy", "reverse", "translate"};

struct PatternExample {
  std::string input, answer;
};

/// The examples of a document: of one rule.
struct PatternDocument {
  PatternKind kind;
  std::vector<PatternExample> examples;
  std::vector<std::string> choices;  ///< of kLabels: the two labels
};
/// Labels follow their word, other answers an arrow.
constexpr std::string_view pattern_mark(PatternKind kind) {
  return kind == PatternKind::kLabels ? " " : " -> ";
}
PatternDocument microworld_pattern(PatternKind kind, std::uint64_t seed, std::uint64_t document, std::int64_t examples);

/// Documents of labels and of the other kinds in turn, input, mark and answer a line, a blank line behind each; at
/// least that many bytes.
std::string microworld_patterns(std::uint64_t seed, std::uint64_t min_bytes);

/// Of people who have, get, give and lose things; of `steps` steps, whose numbers stay between 0 and 20.
struct WordProblem {
  std::string question;               ///< "Anna has 3 apples. Ben gives her 4 more. How many apples has Anna?"
  std::int64_t first = 0;             ///< what there is: 3
  std::vector<std::int64_t> changes;  ///< by each step: 4; less is below 0
  std::int64_t answer = 0;

  /// The steps in their order: "3 + 4 = 7."
  std::string chain() const;
};
WordProblem microworld_problem(std::uint64_t seed, std::uint64_t number, std::int64_t steps);

enum class ProblemAnswers {
  kBare,       ///< "A: The answer is 7."
  kWorked,     ///< "A: 3 + 4 = 7. The answer is 7."
  kVaried,     ///< worked, of the orders of steps whose numbers stay between 0 and 20 a drawn one
  kTriggered,  ///< as kBare, or after kChainTrigger: "A: Let's think step by step. 3 + 4 = 7.\nTherefore, ... is 7."
};
/// Problems of 1 to `most_steps` steps, "Q: ...\nA: ...\n\n"; at least that many bytes.
std::string microworld_problems(std::uint64_t seed, std::uint64_t min_bytes, std::int64_t most_steps,
                                ProblemAnswers answers);

/// A task for prompts, and examples of it: "labels", "copy", "reverse" and "translate" of one document, which the seed
/// chooses, or "problems-N", problems of N steps with chains of thought.
struct MicroworldPrompts {
  PromptTask task;
  std::vector<PromptExample> examples;
};
/// Throws std::invalid_argument for another name.
MicroworldPrompts microworld_prompts(std::string_view name, std::uint64_t seed, std::int64_t count);

}  // namespace langzoo
