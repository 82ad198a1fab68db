#include <array>

#include "apps/cli/word_vectors/vectors_verb.h"
#include "apps/cli/word_vectors/verbs.h"

namespace langzoo {

namespace {

class AnalogyVerb : public VectorsVerb {
 public:
  std::string name() const override { return "analogy"; }
  std::string summary() const override { return "A is to B as C is to what?"; }
  std::string examples() const override {
    return "analogy --model vectors man king woman\n"
           "analogy --model vectors.bin France Paris Italy --top 3 --json\n";
  }
  std::string notes() const override {
    return "The answers are the words nearest to B - A + C, each scaled to length 1 (3CosAdd), A, B and C left out.\n"
           "Fields under --json: a, b, c, answers (a list of word, similarity); bytes of words that are not UTF-8 are\n"
           "U+FFFD there.\n";
  }

 protected:
  void add_more_options(Options& options) override {
    options.add("WORDS", words_, "A B C: \"man king woman\" asks for queen").values(3).required();
    options.add("--top", top_, "how many answers").range(1);
  }
  void use(const WordVectors& vectors, const CommonOptions& common) override {
    std::array<torch::Tensor, 3> units;
    for (std::size_t i = 0; i < units.size(); ++i) {
      const auto vector = vector_of(vectors, words_[i]);
      units[i] = vector / vector.norm().clamp_min(1e-30);
    }
    const auto answers = vectors.nearest(units[1] - units[0] + units[2], top_, words_);
    if (!common.json) return print_neighbors(answers);
    print_json({{"a", words_[0]}, {"b", words_[1]}, {"c", words_[2]}, {"answers", neighbors_json(answers)}});
  }

 private:
  std::vector<std::string> words_;
  std::int64_t top_ = 5;
};

}  // namespace

std::unique_ptr<Verb> analogy_verb() {
  return std::make_unique<AnalogyVerb>();
}

}  // namespace langzoo
