// Files of tasks. An input's first byte says what the others are:
//   c  words and tags in columns, w the same without tags, j in JSON lines;
//   q  SQuAD's JSON, l questions in JSON lines; what was read is cut into windows and answered;
//   x  choices in CSV, y in JSON lines;
//   m  labels of a row that may have several;
//   s  documents of sentences, of which examples are made.
#include "data/pretraining/pretraining.h"
#include "data/tasks/augmentation.h"
#include "data/tasks/question_windows.h"
#include "data/tasks/tagged_text.h"
#include "data/tasks/text_rows.h"
#include "data/tasks/word_pieces.h"
#include "tests/data/pretraining/special_tokenizer.h"
#include "tests/data/tasks/word_piece.h"
#include "tests/support/fuzz.h"
#include "tests/support/test.h"

namespace langzoo::task_files_fuzz {

using langzoo::test::require;

void use(const std::vector<TaggedSentence>& sentences, bool tags, const Tokenizer& tokenizer) {
  for (const auto& sentence : sentences) {
    require(!tags || !sentence.words.empty(), "a tagged sentence without words");
    require(!tags || sentence.tags.size() == sentence.words.size(), "not a tag a word");
    const auto pieces = word_pieces(sentence.words, tokenizer, 16);
    require(pieces.ids.size() <= 16, "more pieces than asked for");
    std::int32_t before = 0;
    for (const auto first : pieces.first) {
      require(first < 0 || first > before, "first pieces out of order");
      before = std::max(before, first);
    }
  }
}

void use(const std::vector<Question>& questions, const Tokenizer& tokenizer) {
  for (const auto& question : questions) {
    const std::string_view context = *question.context;
    const auto windows =
        question_windows(question.question, context, tokenizer, {.max_length = 24, .overlap = 4, .max_question = 5});
    std::vector<std::vector<float>> starts, ends;
    for (const auto& window : windows) {
      starts.emplace_back();
      ends.emplace_back();
      for (std::size_t i = 0; i < window.ids.size(); ++i) {
        starts.back().push_back(static_cast<float>(i * 7 % 5));
        ends.back().push_back(static_cast<float>(i * 3 % 7));
      }
    }
    const auto answer = best_answer(context, windows, starts, ends, {.max_answer = 4, .may_be_none = true});
    for (const auto& candidate : answer.nbest) {
      const auto bytes = byte_range(context, candidate.start, candidate.end - candidate.start);
      require(context.substr(bytes.begin, bytes.end - bytes.begin) == candidate.answer, "an answer that is not there");
    }
    for (const auto& [text, start] : question.answers) {
      const auto begin = byte_range(context, start, 0).begin;
      require(context.substr(begin, text.size()) == text, "a reference that is not there");
      for (const auto& window : windows) {
        const auto [first, last] = answer_tokens(window, {begin, begin + text.size()});
        require(first <= last && last < window.ids.size(), "tokens of an answer beyond the window");
      }
    }
  }
}

void use(const SentenceCorpus& corpus, TokenView tokens, const Tokenizer& tokenizer) {
  std::size_t sum = 0;
  for (std::size_t s = 0; s < corpus.sentences(); ++s) {
    require(corpus.length(s) > 0, "an empty sentence");
    sum += corpus.length(s);
  }
  require(sum == corpus.tokens(), "not every token in a sentence");
  for (const auto task : {SentenceTask::kPacked, SentenceTask::kNextSentence, SentenceTask::kSentenceOrder}) {
    const PretrainingDataset dataset(tokens, tokenizer, {.sentences = task, .max_length = 16}, 1);
    for (std::int64_t n = 0; n < std::min<std::int64_t>(dataset.num_examples(), 50); ++n) {
      const auto size = dataset.example(1, n).ids.size();
      require(size >= 3 && size <= 16, "an example of another length");
    }
  }
}

}  // namespace langzoo::task_files_fuzz

LANGZOO_FUZZER(task_files) {
  using namespace langzoo;
  using namespace langzoo::task_files_fuzz;
  const test::TempDir dir;
  const auto tokenizer = test::word_piece({"a", "b", "##a", "##b", "c", "was", "the", "key", ".", "?"});
  const test::SpecialTokenizer letters(260);
  const std::string squad =
      R"({"data": [{"paragraphs": [{"context": "\u00e9 the key was a c aaab . b", "qas": [{"id": "1", "question": "was a ?",)"
      R"( "answers": [{"text": "key was", "answer_start": 6}]}, {"id": "2", "question": "b ?", "is_impossible": true}]}]}]})";
  const std::vector<std::string> seeds{
      "cThe\tO\nkey\tI-X\nb\tI-X\n\n# c\na\tB-X\r\n",
      "c-DOCSTART- -X- O\n\na b O\nc c S-X\n#b c E-Y\n",
      "c# id = 3\n1-2\tab\t_\n1\ta\tO\n2\tb\tB-X\n\n",
      "wa bab\n\nc\n",
      "j{\"words\": [\"a\", \"b b\"], \"tags\": [\"O\", \"L-X\"]}\n",
      "q" + squad,
      "l{\"question\": \"a?\", \"context\": \"the key\", \"answers\": {\"text\": [\"key\"], \"answer_start\": [4]}}\n",
      "xpremise,choice1,choice2,label\n\"a,\nb\",c,\"d\"\"\",1\n",
      "y{\"premise\": \"p\", \"choice1\": \"a\", \"choice2\": \"b\", \"question\": \"cause\", \"label\": 0}\n",
      "m[\"a\", 3]",
      "ma, b,c",
      "sabc\nde\n\nfghijklmnopqrstuvwxyzabcdef\r\nx",
      "s" + std::string(300, 'a')};
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& input) {
    if (input.empty()) return;
    const auto kind = input[0];
    const auto bytes = input.substr(1);
    const auto path = dir / (kind == 'c'                                 ? "f.conll"
                             : kind == 'w'                               ? "f.txt"
                             : kind == 'q'                               ? "f.json"
                             : kind == 'x'                               ? "f.csv"
                             : kind == 'j' || kind == 'l' || kind == 'y' ? "f.jsonl"
                                                                         : "f.text");
    if (kind == 'm') {
      for (const auto& label : labels_of(bytes)) require(label.size() <= bytes.size() + 8, "a label longer than all");
      const auto same = [](auto, auto words) {
        return std::vector<std::vector<std::string>>(words.size(), std::vector<std::string>{"x", "y"});
      };
      for (const auto& text : augmented_texts(bytes, same, {.copies = 3}, 1, 1))
        require(text != bytes, "the same text");
      return;
    }
    test::write_file(path, bytes);
    if (kind == 'c' || kind == 'j') return use(read_tagged_text(path), true, *tokenizer);
    if (kind == 'w') return use(read_tagged_text(path, {.tags = false}), false, *tokenizer);
    if (kind == 'q' || kind == 'l') return use(read_questions(path), *tokenizer);
    if (kind == 'x' || kind == 'y') {
      const std::vector<std::string> columns = {"premise", "choice1", "choice2", "label"};
      for (const auto& example : read_choices(path, columns)) {
        require(example.choices.size() == 2 && example.label >= 0 && example.label < 2, "a label that is no choice");
      }
      return;
    }
    const std::vector<std::filesystem::path> files = {path};
    const auto sentences =
        open_or_build_sentences(files, letters, dir / "sentences", {.threads = 1, .chunk_bytes = 64});
    use(SentenceCorpus(sentences.tokens(), 6), sentences.tokens(), letters);
  });
}
