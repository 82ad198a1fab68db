/// Sentences of words with tags: parts of speech, or entities, whose tags become BIO or IOBES whatever scheme a file is
/// written in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

struct TaggedSentence {
  std::vector<std::string> words;
  std::vector<std::string> tags;  ///< one a word; none where they were not asked for
  std::int64_t line = 0;          ///< where it begins, from 1
};

/// How the tags of entities are spelled once they are read.
enum class TagSpelling { kBio, kIobes, kAsWritten };
/// In the order of TagSpelling.
inline constexpr std::array<std::string_view, 3> kTagSpellingNames = {"bio", "iobes", "as_written"};

struct TaggedTextOptions {
  std::string word_column, tag_column;  ///< numbers from 1 (of .jsonl: names); empty: as below
  bool tags = true;                     ///< false: words only
  TagSpelling spelling = TagSpelling::kBio;
};

/// The sentences of a file.
///  - .jsonl: an object a line, with lists "words" (or "tokens") and "tags" (or "ner_tags") of equal lengths; one
///    without words is left out where tags are asked for.
///  - .conll, .iob2, .tsv and, with tags, any other: a word a line, a blank line between sentences, columns between
///    TABs where the first word's line has one, else between white space, equally many in all lines. The word stands in
///    the first column and the tag in the last; where the first column counts the words of a sentence from 1 (UNER,
///    CoNLL-U) in the second and the third or, in CoNLL-U's ten columns, the fourth: of those the lines of multiword
///    tokens and of empty words ("3-4", "3.1") are left out. -DOCSTART- lines are left out. So are comments: lines at
///    the beginning of a sentence that begin with # and either have not the file's number of columns, or read "# name =
///    ..." or "# newdoc", "# newpar"; any other # begins a word.
///  - any other, without tags: a sentence a line, an empty one too, its words between white space.
/// Throws FileError naming file and line: for a line with more or fewer columns, an empty word or tag, what is not
/// UTF-8, and a file without sentences.
std::vector<TaggedSentence> read_tagged_text(const std::filesystem::path& path, const TaggedTextOptions& options = {});

/// Whether these are the tags of entities: each O, or one of B I E S L U M alone or before "-TYPE", and not all of them
/// O.
bool are_entity_tags(std::span<const std::string_view> tags);

/// The same entities in BIO: of IO and IOB1, where B only parts neighbours of one type, of IOBES, BILOU, and BMES, and
/// of BIO with an I that nothing begins. An entity is what find_entities finds (data/metrics/entities.h), so that
/// scores are the same before and after. Throws std::invalid_argument for what is no such tag.
std::vector<std::string> bio_tags(std::span<const std::string_view> tags);
/// Likewise in IOBES: S alone; B, I, E of several words.
std::vector<std::string> iobes_tags(std::span<const std::string_view> tags);

/// An entity of a sentence.
struct EntitySpan {
  std::string type;
  std::size_t begin, end;  ///< its words
  std::string text;        ///< these, with single spaces between them
  bool operator==(const EntitySpan&) const = default;
};
/// Those that the tags name. Throws std::invalid_argument for what is no tag, and where the numbers differ.
std::vector<EntitySpan> entity_spans(std::span<const std::string> words, std::span<const std::string> tags);

/// The different tags, in the order in which label ids are given: O first, then by their bytes.
std::vector<std::string> tag_set(std::span<const TaggedSentence> sentences);

}  // namespace langzoo
