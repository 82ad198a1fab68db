#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/base/line_batches.h"
#include "apps/cli/encoders/verbs.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/text_lines.h"
#include "apps/training/tasks/embedding.h"
#include "apps/training/tasks/labelled_texts.h"
#include "third_party/torch.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// Texts at a time, which bounds the memory.
constexpr std::size_t kAtOnce = 1024;

class EmbedVerb : public ModelVerb {
 public:
  std::string name() const override { return "embed"; }
  std::string summary() const override { return "texts as vectors"; }
  std::string examples() const override {
    return "embed --model run --text \"a fine film\" --json\n"
           "embed --model sentence-transformer --data lines.txt --json\n";
  }
  std::string notes() const override {
    return "Fields under --json, a line a text: embedding. Without it: numbers with blanks between them. A folder of\n"
           "sentence-transformers says itself how vectors are pooled, whether they are normalised, and how many "
           "tokens\n"
           "count (sentence_bert_config.json).\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--data", data_,
                "a file, - for stdin: a text a line, or a .csv, .tsv or .jsonl with a column of texts");
    options.add("--columns", column_, "the column of texts in a table: its name or number").needs("--data");
    options.add("--text", text_, "or one text");
    options.exactly_one_of({"--data", "--text"});
    options.add("--pooling", pooling_, "mean of the tokens, cls (the first one), pooler, or max; mean unless given")
        .one_of({"mean", "cls", "pooler", "max"});
    options.add("--normalize,!--no-normalize", normalize_, "vectors of length 1");
    options.add("--max-length", max_length_,
                "tokens of a text, what is longer is cut; 0: all the model takes; as in the folder unless given");
    options.add("--batch-size", batch_size_, "texts computed together").range(1, 4096);
    normalize_given_ = [&options] { return options.given("--normalize"); };
  }
  void compute(const ComputeOptions& common) override {
    EmbeddingOptions wanted;
    if (pooling_) {
      wanted.pooling = *pooling_ == "cls"      ? Pooling::kCls
                       : *pooling_ == "pooler" ? Pooling::kPooler
                       : *pooling_ == "max"    ? Pooling::kMax
                                               : Pooling::kMean;
    }
    if (normalize_given_()) wanted.normalize = normalize_;
    if (max_length_) wanted.max_length = static_cast<std::int64_t>(*max_length_);
    wanted.batch_size = static_cast<std::int64_t>(batch_size_);
    const bool table = data_ && is_table(*data_);
    if (column_ && data_ && !table) throw UsageError(fmt::format("--columns: {} is no .csv, .tsv or .jsonl", *data_));
    const auto embedder = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return SentenceEmbedder::load(model_, options, wanted, report);
    });
    std::vector<std::string> texts;
    const auto flush = [&] {
      print(embedder, texts, common.json);
      texts.clear();
    };
    const auto add = [&](std::string text) {
      texts.push_back(std::move(text));
      if (texts.size() == kAtOnce) flush();
    };
    if (text_) add(*text_);
    if (table) {
      for (auto& row : rows()) add(std::move(row.text));
    } else if (data_) {
      LineBatches lines(*data_);
      while (lines.next()) {
        for (std::size_t i = 0; i < lines.lines().size(); ++i) {
          const auto line = lines.lines()[i];
          if (!is_valid_utf8(line)) throw std::runtime_error(lines.where(i) + ": is not UTF-8");
          add(std::string(line));
        }
        flush();
      }
    }
    flush();
  }

 private:
  static bool is_table(const std::filesystem::path& file) {
    const auto suffix = file.extension();
    return suffix == ".csv" || suffix == ".tsv" || suffix == ".jsonl";
  }
  std::vector<LabelledText> rows() const {
    const auto column = column_.value_or("text");
    if (column.find(',') != std::string::npos)
      throw UsageError(fmt::format("--columns {}: a text is embedded from one column", column));
    try {
      return read_labelled_texts(*data_, {.columns = column, .targets = false});
    } catch (const std::invalid_argument& error) {
      throw UsageError(fmt::format("--columns {}: {}", column, error.what()));
    }
  }
  static void print(const SentenceEmbedder& embedder, const std::vector<std::string>& texts, bool json) {
    const auto all = embedder.embed(texts);
    const auto width = all.size(1);
    for (std::int64_t i = 0; i < all.size(0); ++i) {
      const auto* const row = all.data_ptr<float>() + i * width;
      if (json) {
        print_json({{"embedding", std::vector<double>(row, row + width)}});
      } else {
        std::cout << fmt::format("{}\n", fmt::join(row, row + width, " "));
      }
    }
  }

  std::optional<std::string> data_, column_, text_, pooling_;
  bool normalize_ = false;
  std::function<bool()> normalize_given_;
  std::optional<std::size_t> max_length_;
  std::size_t batch_size_ = 32;
};

}  // namespace

std::unique_ptr<Verb> embed_verb() {
  return std::make_unique<EmbedVerb>();
}

}  // namespace langzoo
