/// What becomes of the matches that a text is split at. Mirrors SplitDelimiterBehavior of Python's `tokenizers`.
#pragma once

namespace langzoo {

class JsonField;

enum class SplitBehavior {
  Removed,             // left out
  Isolated,            // a word each
  MergedWithPrevious,  // the end of what is before it
  MergedWithNext,      // the beginning of what follows
  Contiguous           // matches beside each other are one word
};

/// As tokenizer.json writes it: "MergedWithNext".
const char* name_of(SplitBehavior behavior);
/// The behavior that tokenizer.json's field names. Throws FileError naming the field.
SplitBehavior read_split_behavior(const JsonField& field);

}  // namespace langzoo
