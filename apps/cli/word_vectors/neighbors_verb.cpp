#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/cli/base/line_batches.h"
#include "apps/cli/text_lines.h"
#include "apps/cli/word_vectors/vectors_verb.h"
#include "apps/cli/word_vectors/verbs.h"

namespace langzoo {

namespace {

class NeighborsVerb : public VectorsVerb {
 public:
  std::string name() const override { return "neighbors"; }
  std::string summary() const override { return "the words nearest to a word"; }
  std::string examples() const override {
    return "neighbors --model vectors --word river\n"
           "neighbors --model vectors.bin --word river --word lake --top 5 --json\n"
           "echo river | {program} neighbors --model vectors\n";
  }
  std::string notes() const override {
    return "Without --word the words come from stdin, one a line. Near is a large cosine.\n"
           "Words that the model lacks are told and left out; the exit code is 1 then.\n"
           "Fields under --json: word, neighbors (a list of word, similarity); bytes of words that are not UTF-8 are\n"
           "U+FFFD there.\n";
  }

 protected:
  void add_more_options(Options& options) override {
    options.add("--word", words_, "a word; may be given several times").one_each();
    options.add("--top", top_, "how many neighbours").range(1);
  }
  void use(const WordVectors& vectors, const CommonOptions& common) override {
    if (words_.size() == 1) return answer(vectors, words_[0], common.json, false);
    std::size_t asked = 0, unknown = 0;
    const auto ask = [&](const std::string& word, const std::string& where) {
      ++asked;
      try {
        answer(vectors, word, common.json, true);
      } catch (const std::runtime_error& error) {
        ++unknown;
        std::cerr << fmt::format("note: {}{}\n", where, one_line(error));
      }
    };
    for (const auto& word : words_) ask(word, "");
    if (words_.empty() && isatty(STDIN_FILENO) == 1) {
      return converse("word", [&](const std::string& word) {
        if (!word.empty()) answer(vectors, word, common.json, false);
      });
    }
    if (words_.empty()) {
      LineBatches batches("");
      while (batches.next()) {
        for (std::size_t i = 0; i < batches.lines().size(); ++i) {
          const std::string word(batches.lines()[i]);
          if (!word.empty()) ask(word, batches.where(i) + ": ");
        }
      }
    }
    if (unknown > 0) throw std::runtime_error(fmt::format("{} of {} words are unknown", unknown, asked));
  }

 private:
  void answer(const WordVectors& vectors, const std::string& word, bool json, bool title) const {
    const auto neighbors = vectors.nearest(vector_of(vectors, word), top_, {word});
    if (json) return print_json({{"word", word}, {"neighbors", neighbors_json(neighbors)}});
    if (title) std::cout << word << '\n';
    print_neighbors(neighbors);
  }

  std::vector<std::string> words_;
  std::int64_t top_ = 10;
};

}  // namespace

std::unique_ptr<Verb> neighbors_verb() {
  return std::make_unique<NeighborsVerb>();
}

}  // namespace langzoo
