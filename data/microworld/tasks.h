/// Microworld's tasks: examples made of its stories, with labels that the simulated world decides. In English and
/// Korean; a seed's examples are the same on every platform. What a story tells ends before its closing remarks and
/// questions.
///
///     const auto train = langzoo::microworld_entailment(1, 10000, MicroworldLanguage::kEnglish);
///     write_file_atomically("train.jsonl", microworld_task_file(MicroworldTask::kEntailment, 1, 10000, language));
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/tasks/questions.h"
#include "data/tasks/tagged_text.h"
#include "data/tasks/text_rows.h"

namespace langzoo {

enum class MicroworldLanguage { kEnglish, kKorean };

struct LabelledStory {
  std::string text, pair;  ///< pair: empty where there is none
  std::string label;
};

/// Stories in which somebody looks for something: do they have it at the end (found), or not (missed)? Equally many of
/// both, in a random order.
std::vector<LabelledStory> microworld_classification(std::uint64_t seed, std::int64_t count,
                                                     MicroworldLanguage language);

/// A story, and a sentence of where a thing or a person is or who has a thing: entailment, contradiction (it is
/// elsewhere, at a place or with a person of the story) or neutral (thing or person are not in the story). Equally many
/// of each; what a sentence tells of is drawn before its label, so that the sentence alone does not give it away.
std::vector<LabelledStory> microworld_entailment(std::uint64_t seed, std::int64_t count, MicroworldLanguage language);

/// Two sentences of what somebody does, and from 0 to 5 how much of it is the same: of what is done, by whom, with what
/// and, where there is one, to whom.
struct SimilarPair {
  std::string a, b;
  double value = 0;
};
std::vector<SimilarPair> microworld_similarity(std::uint64_t seed, std::int64_t count, MicroworldLanguage language);

/// Sentences of stories, closing ones too, with the parts that names, things and places play in them, in BIO: AGENT who
/// acts, OTHER whom it is done to or who is met, HOLDER who is said to have something, THING ("old key"), PLACE. A name
/// alone does not tell which. Punctuation at the ends of words are words; Korean particles are not.
std::vector<TaggedSentence> microworld_tags(std::uint64_t seed, std::int64_t count, MicroworldLanguage language);

/// Questions of a story's end (where is a thing or a person, who has it, who gave it, of what color is it) whose answer
/// is a name, a place or a color of the story: the last time that it is told. A share of them asks for things that are
/// not in the story, and has no answer.
std::vector<Question> microworld_questions(std::uint64_t seed, std::int64_t count, MicroworldLanguage language,
                                           double impossible = 0);

/// A story and two sentences as of microworld_entailment, one true and one not, of the same thing or person.
std::vector<ChoiceExample> microworld_choices(std::uint64_t seed, std::int64_t count, MicroworldLanguage language);

/// Stories for pretraining on sentences: a sentence a line, a blank line behind each story; whole stories, at least
/// that many bytes.
std::string microworld_documents(std::uint64_t seed, std::uint64_t min_bytes, MicroworldLanguage language);

enum class MicroworldTask {
  kClassification,
  kEntailment,
  kSimilarity,
  kTags,
  kQuestions,
  kChoices,
  // Of data/microworld/knowledge.h: seed / 2 says which facts; an even seed's are to train on, an odd one's to
  // validate.
  kTypes,
  kRelations,
  kGraphQuestions
};
/// The examples as a file that data/tasks reads: JSON lines with text and label; text, pair and label (entailment,
/// similarity); text, ents (names with their first character and the end) and label (types: a list); premise, choice1,
/// choice2, ... and label; tags in columns; SQuAD's JSON. `suffix_of` is the name's end: ".jsonl". Throws
/// std::invalid_argument for tasks of knowledge in another language than English.
std::string microworld_task_file(MicroworldTask task, std::uint64_t seed, std::int64_t count,
                                 MicroworldLanguage language);
std::string_view suffix_of(MicroworldTask task);

}  // namespace langzoo
