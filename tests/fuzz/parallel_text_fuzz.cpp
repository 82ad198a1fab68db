// Parallel text. An input's first byte says what the others are:
//   t  TSV, j JSON lines, w fixed width, o any of them: read to the end or refused; TSV as a slow reader reads it;
//   2  two files with a NUL byte between them;
//   k  an English sentence of microworld;
//   a  alignments of the three pairs below.
// What was read is encoded and batched: every token once an epoch, and no batch beyond its budget.
#include <algorithm>

#include "data/microworld/korean.h"
#include "data/parallel/parallel_corpus.h"
#include "data/text/causal_lm.h"
#include "tests/data/byte_tokenizer.h"
#include "tests/support/fuzz.h"
#include "tests/support/test.h"

using namespace langzoo;

namespace {

using langzoo::test::require;

void require_slow_tsv(std::string bytes, const std::vector<SentencePair>& pairs) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.erase(0, 3);
  std::size_t i = 0;
  for (std::size_t at = 0; at < bytes.size(); ++i) {
    auto end = bytes.find('\n', at);
    if (end == std::string::npos) end = bytes.size();
    std::string line = bytes.substr(at, end - at);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    require(i < pairs.size() && pairs[i].line == static_cast<std::int64_t>(i) + 1, "a line is missing");
    line += "\t\t";
    const auto tab = line.find('\t');
    const bool blank = line.find_first_not_of(" \t") == std::string::npos;
    require(pairs[i].source == (blank ? "" : line.substr(0, tab)), "another source");
    require(pairs[i].target == (blank ? "" : line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1)),
            "another target");
    at = end + 1;
  }
  require(i == pairs.size(), "a pair too many");
}

void batch(SentencePairs& pairs) {
  const test::ByteTokenizer tokenizer;
  ParallelCorpusOptions options;
  options.max_source = options.max_target = 40;
  options.threads = 1;
  const auto corpus = ParallelCorpus::read(pairs, tokenizer, tokenizer, options);
  const ParallelSpecialTokens special{.start = 2, .source_end = 3, .target_end = 4, .pad = 1};
  const auto batches = parallel_batches(corpus, special, {.tokens = 90}, 7);
  std::int64_t sources = 0, targets = 0;
  for (std::int64_t i = 0; i < batches->batches_per_epoch(); ++i) {
    const auto made = batches->next();
    const auto rows = made.source.size(0);
    require(rows == 1 || made.source.numel() + made.labels.numel() <= 90, "a batch beyond its budget");
    sources += made.source_lengths.sum().item<std::int64_t>() - rows;
    targets += made.labels.ne(kIgnoredTarget).sum().item<std::int64_t>() - rows;
  }
  require(sources == corpus.source_tokens() && targets == corpus.target_tokens(), "not every token once");
}

}  // namespace

LANGZOO_FUZZER(parallel_text) {
  const test::TempDir dir;
  const auto file = dir / "fuzzed", other = dir / "other", jsonl = dir / "fuzzed.jsonl";
  const std::string tsv = "Go.\tVa !\r\n\xef\xbb\xbfHi.\tSalut !\tCC-BY\n\n \t \nna\xc3\xafve\t\xff\xfe\nlast\tone";
  const std::string json =
      "{\"source\":\"a\\u00e9\",\"target\":\"b\"}\n\n{\"translation\":{\"source\":\"c\",\"target\":\"d\"}}";
  const std::string wide = "16+75  _91  \n706+796_1502\nmay 4, 1999 _1999-05-04\n";
  const std::vector<std::string> seeds{"t" + tsv,
                                       "t\xef\xbb\xbf" + tsv,
                                       "j" + json,
                                       "j[[[[",
                                       "w" + wide,
                                       "o" + tsv,
                                       "o" + wide,
                                       "o" + json,
                                       "o",
                                       std::string("2one\ntwo\n\0un\ndeux\n", 18),
                                       std::string("2one\n\0", 6),
                                       "a0-0 1-2 2?1\n\n1-0 0p0\r\n",
                                       "kThere were some old gloves at the lake.",
                                       "k\"I need the scissors,\" Ben said, but he did not know where they were.",
                                       "kBecause Anna had the red ball, she ran back to the park."};
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& input) {
    if (input.empty()) return;
    const auto bytes = input.substr(1);
    if (input[0] == 'k') {
      const auto korean = microworld_in_korean(bytes);
      require(!korean || std::none_of(korean->begin(), korean->end(), [](char c) { return c >= 'a' && c <= 'z'; }),
              "English in the Korean");
      require(microworld_alignment(bytes).has_value() == korean.has_value(), "an alignment of no Korean");
      return;
    }
    if (input[0] == 'a') {
      const std::vector<SentencePair> three{{"the old house", "das alte Haus", 1}, {"", "", 2}, {"a b", " c ", 3}};
      test::write_file(file, bytes);
      const auto alignments = read_alignments(file, three);
      require(alignments.size() == 3, "not a line for each pair");
      for (const auto& alignment : alignments) {
        require(parse_pharaoh_line(pharaoh_line(alignment.sure)).sure == alignment.sure, "links are not what was read");
      }
      return;
    }
    const auto border = input[0] == '2' ? std::min(bytes.find('\0'), bytes.size()) : bytes.size();
    test::write_file(input[0] == 'j' ? jsonl : file, bytes.substr(0, border));
    test::write_file(other, bytes.substr(std::min(border + 1, bytes.size())));
    const auto open = [&] {
      switch (input[0]) {
        case 't':
          return read_tsv(file);
        case 'j':
          return open_parallel_text(jsonl);
        case 'w':
          return read_fixed_width(file, true);
        case '2':
          return read_two_files(file, other);
        default:
          return open_parallel_text(file);
      }
    };
    const auto pairs = read_all(*open());
    if (input[0] == 't') require_slow_tsv(bytes, pairs);
    batch(*open());
  });
}
