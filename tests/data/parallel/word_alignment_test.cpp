#include "data/parallel/word_alignment.h"

#include "data/files/file_error.h"
#include "tests/support/test.h"

using namespace langzoo;
using Catch::Contains;

TEST_CASE("alignment error rate by hand") {
  const std::vector<ReferenceAlignment> references{{{{0, 0}, {1, 1}}, {{2, 2}}}, {{{0, 0}}, {{0, 0}, {0, 1}}}};
  // A and S: 1 + 1; A and P: 2 + 2; A: 3 + 2; S: 2 + 1.
  const std::vector<AlignmentLinks> alignments{{{0, 0}, {2, 2}, {3, 3}}, {{0, 0}, {0, 1}}};
  CHECK(alignment_error_rate(alignments, references) == Approx(1 - 6.0 / 8));
  CHECK(alignment_error_rate({}, {}) == 0);
  const std::vector<AlignmentLinks> right{{{0, 0}, {1, 1}, {2, 2}}, {{0, 0}}}, none{{}, {}};
  CHECK(alignment_error_rate(right, references) == 0);
  CHECK(alignment_error_rate(none, references) == 1);
  CHECK_THROWS_AS(alignment_error_rate(alignments, {}), std::invalid_argument);
}

TEST_CASE("alignments are written and read as i-j") {
  CHECK(pharaoh_line({{2, 1}, {0, 0}, {10, 3}}) == "0-0 2-1 10-3");
  CHECK(pharaoh_line({}).empty());
  const auto alignment = parse_pharaoh_line("  0-0 10-3\t2?1 3p4 \r");
  CHECK(alignment.sure == AlignmentLinks{{0, 0}, {10, 3}});
  CHECK(alignment.possible == AlignmentLinks{{2, 1}, {3, 4}});
  CHECK(parse_pharaoh_line("+1-+2").sure == AlignmentLinks{{1, 2}});
  CHECK(parse_pharaoh_line("").sure.empty());
  for (const std::string wrong : {"0", "0-", "-0", "0-1-2", "a-b", "0--1", "1 - 2", "0:1", "0-99999999999", "0-1x"}) {
    CHECK_THROWS_WITH(parse_pharaoh_line("0-0 " + wrong), Contains("is no link"));
  }
}

TEST_CASE("a file of alignments has a line for each pair, and names words that there are") {
  const test::TempDir dir;
  const std::vector<SentencePair> pairs{{"the old house", "das alte Haus", 1}, {"", "", 2}, {"a b", " c ", 3}};
  const auto read = [&](const std::string& text) {
    test::write_file(dir / "links", text);
    return read_alignments(dir / "links", pairs);
  };
  const auto alignments = read("0-0 1-1 2?2\n\n1-0");
  REQUIRE(alignments.size() == 3);
  CHECK(alignments[0].possible == AlignmentLinks{{2, 2}});
  CHECK(alignments[2].sure == AlignmentLinks{{1, 0}});
  CHECK(read("\xef\xbb\xbf"
             "0-0 1-1 2?2\r\n\r\n1-0\r\n")
            .at(2)
            .sure == AlignmentLinks{{1, 0}});
  const auto refused = [&](const std::string& text, const std::string& names) {
    CHECK_THROWS_AS(read(text), FileError);
    CHECK_THROWS_WITH(read(text), Contains(names));
  };
  refused("0-0\n\n", "has 2 lines for 3 sentence pairs");
  refused("0-0\n\n\n\n", "has 4 lines for 3 sentence pairs");
  refused("0-0\n\n1-0 2-0\n", "line 3: link 2-0: the source has 2 words");
  refused("0-0\n\n0?1\n", "line 3: link 0-1: the target has 1 words");
  refused("0-0\n0-0\n\n", "line 2");
  refused("0-0\n\n1=0\n", "line 3: 1=0 is no link");
  CHECK_THROWS_AS(read_alignments(dir / "absent", pairs), FileError);
}

TEST_CASE("words are what stands between white space") {
  const std::string text = " l'été  dit-il :\t(oui)\n";
  std::vector<std::string> words;
  for (const auto& [begin, end] : word_ranges(text)) words.push_back(text.substr(begin, end - begin));
  CHECK(words == std::vector<std::string>{"l'été", "dit-il", ":", "(oui)"});
  CHECK(word_ranges("").empty());
}
