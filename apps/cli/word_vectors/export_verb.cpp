#include <iostream>
#include <map>

#include <fmt/format.h>

#include "apps/cli/word_vectors/vectors_verb.h"
#include "apps/cli/word_vectors/verbs.h"
#include "models/word_vectors/formats.h"

namespace langzoo {

namespace {

const std::map<std::string, VectorFormat> kFormats{
    {"text", VectorFormat::kText}, {"binary", VectorFormat::kBinary}, {"glove", VectorFormat::kGlove}};

class ExportVerb : public VectorsVerb {
 public:
  std::string name() const override { return "export"; }
  std::string summary() const override { return "write the vectors for other programs"; }
  std::string examples() const override {
    return "export --model vectors --format binary --out vectors.bin\n"
           "export --model glove.6B.50d.txt --format text --out vectors.txt\n";
  }
  std::string notes() const override {
    return "Formats: text, word2vec's, which fastText (.vec) and gensim read as well; binary, word2vec's, which its "
           "own\n"
           "distance and word-analogy read; glove, text without the first line.\n"
           "Fields under --json: out, format, words, dim.\n";
  }

 protected:
  void add_more_options(Options& options) override {
    options.add("--format", format_, "text, binary or glove").one_of({"text", "binary", "glove"}).required();
    options.add("--out", out_, "the file to write").required();
  }
  void check() override { check_out(out_); }
  void use(const WordVectors& vectors, const CommonOptions& common) override {
    try {
      write_word_vectors(out_, vectors, kFormats.at(format_));
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(fmt::format("{}: {}", model(), error.what()));
    }
    if (common.json) {
      return print_json({{"out", out_}, {"format", format_}, {"words", vectors.size()}, {"dim", vectors.dim()}});
    }
    std::cerr << fmt::format("{}: {} words of {} values\n", out_, vectors.size(), vectors.dim());
  }

 private:
  std::string format_, out_;
};

}  // namespace

std::unique_ptr<Verb> export_verb() {
  return std::make_unique<ExportVerb>();
}

}  // namespace langzoo
