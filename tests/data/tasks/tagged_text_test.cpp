#include "tests/support/test.h"

#include "data/metrics/entities.h"
#include "data/random/random.h"
#include "data/tasks/tagged_text.h"

using namespace langzoo;
using Catch::Contains;
using test::TempDir;

namespace langzoo::tagged_text_test {

using Texts = std::vector<std::string>;

/// "line: word/tag word/tag", a sentence each.
Texts read(const std::string& name, const std::string& content, const TaggedTextOptions& options = {}) {
  const TempDir dir;
  test::write_file(dir / name, content);
  Texts sentences;
  for (const auto& sentence : read_tagged_text(dir / name, options)) {
    auto& text = sentences.emplace_back(std::to_string(sentence.line) + ":");
    for (std::size_t i = 0; i < sentence.words.size(); ++i) {
      text += " " + sentence.words[i] + (options.tags ? "/" + sentence.tags.at(i) : "");
    }
  }
  return sentences;
}

Texts to_bio(const std::string& tags) {
  Texts all;
  std::istringstream in(tags);
  for (std::string tag; in >> tag;) all.push_back(tag);
  return bio_tags(std::vector<std::string_view>(all.begin(), all.end()));
}
Texts words(const std::string& text) {
  std::istringstream in(text);
  Texts all;
  for (std::string word; in >> word;) all.push_back(word);
  return all;
}

TEST_CASE("a word a line: columns, blank lines, document starts, CRLF") {
  CHECK(read("a.conll", "The\tDET\ncat\tNOUN\n\n\n.\tPUNCT") == Texts{"1: The/DET cat/NOUN", "5: ./PUNCT"});
  CHECK(read("a.tsv", "The\tDET\r\ncat\tNOUN\r\n\r\n.\tPUNCT\r\n") == Texts{"1: The/DET cat/NOUN", "4: ./PUNCT"});
  CHECK(read("a.conll", "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n-DOCSTART- O O O\n. . O O\n") ==
        Texts{"3: EU/B-ORG rejects/O", "6: ./O"});
  CHECK(read("a.conll", "EU NNP B-NP B-ORG\n", {.tag_column = "2"}) == Texts{"1: EU/NNP"});
  CHECK(read("a.conll", "NNP EU\n", {.word_column = "2", .tag_column = "1"}) == Texts{"1: EU/NNP"});
  CHECK(read("a.conll", "New York\tB-LOC\n") == Texts{"1: New York/B-LOC"});
}

TEST_CASE("comments are left out, words that begin with # are not") {
  CHECK(read("a.iob2",
             "# newdoc id = a\n# sent_id = a-1\n# text = in tampa bay\n1\tin\tO\t-\t-\n2\ttampa\tB-LOC\t-\ta\n"
             "3\tbay\tI-LOC\t-\ta\n\n# sent_id = a-2\n1\t#\tO\t-\t-\n") ==
        Texts{"4: in/O tampa/B-LOC bay/I-LOC", "9: #/O"});
  CHECK(read("a.conll", "#tbt\tO\nyes\tO\n\n#no\tO\n#\tO\n") == Texts{"1: #tbt/O yes/O", "4: #no/O #/O"});
  CHECK(read("a.conll", "# a comment of words\na O\n# O\n\n#b O\n") == Texts{"2: a/O #/O", "5: #b/O"});
  CHECK(read("a.conll", "#only O\n") == Texts{"1: #only/O"});
  CHECK(read("a.conll", "# id = 4\nx y z O\n\n# newdoc\nx y z O\n").size() == 2);
}

TEST_CASE("CoNLL-U: words and parts of speech; multiword tokens and empty words are left out") {
  const std::string rest = "\t_\t_\t0\t_\t_\t_\n";
  CHECK(read("a.conll", "# text = vamos\n1-2\tvamonos\t_\t_" + rest + "1\tvamos\tir\tVERB" + rest +
                            "2\tnos\tnos\tPRON" + rest + "2.1\tx\tx\tX" + rest) == Texts{"3: vamos/VERB nos/PRON"});
}

TEST_CASE("without tags: files of columns, and sentences a line") {
  CHECK(read("a.conll", "EU NNP B-ORG\nrejects VBZ O\n", {.tags = false}) == Texts{"1: EU rejects"});
  CHECK(read("a.tsv", "EU\nrejects\n\nit\n", {.tags = false}) == Texts{"1: EU rejects", "4: it"});
  CHECK(read("a.txt", "EU  rejects\n\nit\n", {.tags = false}) == Texts{"1: EU rejects", "2:", "3: it"});
}

TEST_CASE("JSON lines of words and tags") {
  CHECK(read("a.jsonl",
             "{\"words\": [\"a\", \"b c\"], \"tags\": [\"X\", \"Y\"]}\n\n{\"tokens\": [\"d\"], \"ner_tags\": [3]}\n") ==
        Texts{"1: a/X b c/Y", "3: d/3"});
  CHECK(read("a.jsonl", "{\"w\": [\"a\"], \"t\": [\"I-X\"]}\n", {.word_column = "w", .tag_column = "t"}) ==
        Texts{"1: a/B-X"});
}

TEST_CASE("entities of every scheme become BIO") {
  CHECK(to_bio("O I-X I-X O I-Y I-X") == words("O B-X I-X O B-Y B-X"));              // IO
  CHECK(to_bio("I-X I-X B-X I-X O B-Y") == words("B-X I-X B-X I-X O B-Y"));          // IOB1
  CHECK(to_bio("B-X I-X O S-Y B-X E-X S-X") == words("B-X I-X O B-Y B-X I-X B-X"));  // IOBES
  CHECK(to_bio("B-X I-X L-X U-X U-X") == words("B-X I-X I-X B-X B-X"));              // BILOU
  CHECK(to_bio("B-X M-X E-X S-X O") == words("B-X I-X I-X B-X O"));                  // BMES
  CHECK(to_bio("B-X I-X B-X I-Y O I-Y") == words("B-X I-X B-X B-Y O B-Y"));  // BIO, and an I that nothing begins
  CHECK(to_bio("B I O B") == words("B I O B"));
  CHECK(read("a.conll", "a I-X\nb I-X\n\nc O\n") == Texts{"1: a/B-X b/I-X", "4: c/O"});
  CHECK(read("a.conll", "a I-X\nb I-X\n", {.spelling = TagSpelling::kAsWritten}) == Texts{"1: a/I-X b/I-X"});
  CHECK(read("a.conll", "a B\nb NOUN\n") == Texts{"1: a/B b/NOUN"});
}

TEST_CASE("or IOBES") {
  const auto to_iobes = [](const std::string& tags) {
    const auto all = words(tags);
    return iobes_tags(std::vector<std::string_view>(all.begin(), all.end()));
  };
  CHECK(to_iobes("B-X I-X I-X O B-Y B-X I-X") == words("B-X I-X E-X O S-Y B-X E-X"));
  CHECK(to_iobes("I-X I-Y O") == words("S-X S-Y O"));
  CHECK(to_iobes("B I O B") == words("B E O S"));
  CHECK(read("a.conll", "a B-X\nb I-X\n", {.spelling = TagSpelling::kIobes}) == Texts{"1: a/B-X b/E-X"});
}

TEST_CASE("conversion leaves the entities as they are") {
  const char* const letters[] = {"O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "E-Y", "S-Y"};
  for (std::uint64_t i = 0; i < 500; ++i) {
    Random random(1, i);
    std::vector<std::string_view> tags(1 + random.below(12));
    for (auto& tag : tags) tag = letters[random.below(9)];
    const auto bio = bio_tags(tags);
    CHECK((find_entities(std::vector<std::string_view>(bio.begin(), bio.end()), TagScheme::kIob2) ==
           find_entities(tags)));
    CHECK(bio_tags(std::vector<std::string_view>(bio.begin(), bio.end())) == bio);
  }
}

TEST_CASE("entities in words, and the set of tags") {
  const auto spans = entity_spans(words("in New York , Ann"), words("O B-LOC I-LOC O B-PER"));
  REQUIRE(spans.size() == 2);
  CHECK(spans[0] == EntitySpan{"LOC", 1, 3, "New York"});
  CHECK(spans[1] == EntitySpan{"PER", 4, 5, "Ann"});
  CHECK_THROWS_WITH(entity_spans(words("a b"), words("O")), "2 words, 1 tags");
  const std::vector<TaggedSentence> sentences = {{{"a", "b"}, {"I-X", "B-X"}, 1}, {{"c"}, {"O"}, 3}};
  CHECK(tag_set(sentences) == Texts{"O", "B-X", "I-X"});
}

TEST_CASE("what is wrong with tagged text is told with file and line") {
  const auto wrong = [](const std::string& name, const std::string& content, const std::string& what,
                        const TaggedTextOptions& options = {}) {
    INFO(content);
    CHECK_THROWS_WITH(read(name, content, options), Contains(name) && Contains(what));
  };
  wrong("a.conll", "a O\nb\n", "line 2: has 1 columns, the lines before have 2");
  wrong("a.conll", "a\tO\n\tO\n", "line 2: has an empty word");
  wrong("a.conll", "a\tO\nb\t\n", "line 2: has an empty tag");
  wrong("a.conll", "a\nb\n", "line 1: has one column, expected a word and its tag");
  wrong("a.conll", "a O\n", "line 1: has no column 3; the columns are 1 to 2", {.tag_column = "3"});
  wrong("a.conll", "a O\n", "has no column tag; the columns are 1 to 2", {.tag_column = "tag"});
  wrong("a.conll", "a O\n\xff O\n", "line 2: is not UTF-8");
  wrong("a.conll", "\n\n", "holds no sentences");
  wrong("a.jsonl", "{\"words\": [\"a\"], \"tags\": []}\n", "line 1: has 1 words and 0 tags");
  wrong("a.jsonl", "{\"words\": \"a\"}\n", "line 1: field \"words\" is no list of texts");
  wrong("a.jsonl", "{\"words\": [\"a\"]}\n", "line 1: has no field \"tags\" or \"ner_tags\"");
  wrong("a.jsonl", "[]\n", "line 1: is not a JSON object");
}

}  // namespace langzoo::tagged_text_test
