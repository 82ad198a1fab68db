#include "tests/support/test.h"

#include "apps/training/tasks/examples.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/tasks/text_rows.h"
#include "models/fasttext/fasttext.h"

using namespace langzoo;
using Catch::Contains;
using test::TempDir;

namespace {

/// Reads all its ids at once, however many.
class Reader : public torch::nn::Module, public TokenModel {
 public:
  torch::nn::Module& module() override { return *this; }
  std::int64_t vocab_size() const override { return 100; }
  std::int64_t n_positions() const override { return 0; }
  void save_pretrained(const std::filesystem::path& /*dir*/) const override {}
};

/// Two texts a row; the target is as many ids as the third column says.
class Pairs : public ExampleKindFor<Reader, TableRow> {
 public:
  const ExampleFormat& format() const override { return format_; }

 protected:
  Raws read_raws(const std::filesystem::path& file, const ExampleReading& reading) const override {
    auto names = column_names(reading.columns.empty() ? format_.columns : reading.columns);
    if (!reading.targets) names.resize(2);
    std::vector<TableColumn> wanted;
    for (const auto& name : names) wanted.push_back({name, /*required=*/wanted.size() == 2});
    return read_table(file, wanted);
  }
  std::optional<TableRow> raw_of_texts(const std::vector<std::string>& texts) const override {
    if (texts.size() != 2) return {};
    return TableRow{texts, 1};
  }
  std::vector<std::string> texts_of(const TableRow& row) const override { return {row.values[0], row.values[1]}; }
  std::string complete_config_of(ModelConfig& /*config*/, const Raws& raws) const override {
    return std::to_string(raws.size()) + " in all";
  }
  std::vector<TokenExample> encode_raw(const TableRow& row, const ExampleEncoding& encoding) const override {
    TokenExample example{.rows = {encoding.row(row.values[0], row.values[1])}};
    if (!encoding.targets) return {example};
    if (row.values.at(2) == "none") throw std::runtime_error("is no number: none");
    example.labels.assign(std::stoul(row.values[2]), 1);
    return {example};
  }
  torch::Tensor logits_of(Reader& /*model*/, const TokenBatch& batch) const override {
    return batch.mask.sum(-1, /*keepdim=*/true);
  }
  torch::Tensor loss_sum_of(const Reader& /*model*/, const torch::Tensor& logits, const TokenBatch& /*batch*/,
                            const LabelSmoothing& /*smoothing*/) const override {
    return logits.sum();
  }
  EvalMetrics scores_of(const Reader& /*model*/, const Raws& raws, const EncodedExamples& /*encoded*/,
                        const std::vector<torch::Tensor>& logits) const override {
    return {{"scored", {.value = static_cast<double>(raws.size() + logits.size())}}};
  }

 private:
  ExampleFormat format_ = {.task = "pairs",
                           .examples = "pairs of texts",
                           .inputs = "pairs",
                           .files = ".csv",
                           .columns = "first,second,count",
                           .columns_help = "what they are called",
                           .loss_unit = "",
                           .metrics = {},
                           .metrics_help = "",
                           .otherwise = "reads no pairs",
                           .decided = {}};
};

}  // namespace

TEST_CASE("columns are a key; the tokenizer learns from every input, examples become tokens and measures") {
  const TempDir dir;
  const Pairs kind;
  ExampleOptions options(kind.format());
  std::vector<std::string> names;
  for (const auto& field : fields_of(fields_in(options))) names.push_back(field.name);
  CHECK(names ==
        std::vector<std::string>{"train", "valid", "format", "tokenizer", "columns", "valid_fraction", "max_length"});
  REQUIRE(find_field(fields_in(options), "columns")->set("\"first,b,count\""));
  options.train = (dir / "train.csv").string();
  options.tokenizer = "char";
  options.valid_fraction = 0;
  test::write_file(options.train, "first,b,count\nxy,zz,2\n,q,0\n");
  std::string told;
  auto config = ModelConfig::of(FastTextConfig());
  const auto tell = [&](const std::string& text) { told = text; };
  const auto data = open_examples(kind, options, *config, dir / "run", tell);
  CHECK(told == "2 pairs, 0 to validate, 2 in all");
  CHECK(data.tokenizer->vocab_size() == 5);  // q, x, y, z and what the training text lacks
  CHECK(data.tokenizer->encode("w").ids == std::vector{*data.tokenizer->special_tokens().unk});

  Reader model;
  const ExampleEncoding encoding{*data.tokenizer, model};
  const auto encoded = encode_examples(kind, options.train, *data.train, encoding);
  CHECK(encoded.examples.length(0) == 4);
  CHECK(encoded.examples.labels(0).size() == 2);
  CHECK(encoded.examples.length(1) == 1);
  CHECK(encoded.examples.labels(1).empty());
  CHECK(encoded.first == std::vector<std::int64_t>{0, 1, 2});
  const auto inputs = kind.read(options.train, {.columns = "first,b", .targets = false});
  const ExampleEncoding without{*data.tokenizer, model, 2, /*targets=*/false};
  const auto cut = encode_examples(kind, options.train, *inputs, without);
  CHECK(cut.examples.labels(0).empty());
  CHECK(cut.examples.length(0) == 2);

  // Each example at its place, whatever batch it was in.
  const auto all = logits_of_all(kind, model, encoded, torch::kCPU);
  CHECK(all.logits[0].item<float>() == 4);
  CHECK(all.logits[1].item<float>() == 1);
  const auto metrics = evaluate(kind, model, *data.train, encoded, torch::kCPU);
  CHECK(metrics.at("scored").value == 4);
  CHECK(metrics.at("loss").value == 2.5);

  test::write_file(options.train, "first,b,count\nx,y,none\n");
  CHECK_THROWS_WITH(encode_examples(kind, "t.csv", *kind.read(options.train, {.columns = "first,b,count"}), encoding),
                    Contains("t.csv: line 2: is no number: none"));
  test::write_file(options.train, "first,b,count\nx,y,\n");
  CHECK_THROWS_WITH(kind.read(options.train, {.columns = "first,b,count"}), Contains("line 2: has an empty count"));
  options.train.clear();
  CHECK_THROWS_WITH(open_examples(kind, options, *config, dir / "run", tell),
                    "data.train is missing: a file of pairs of texts");
}

TEST_CASE("a model of another kind is refused") {
  FastTextConfig config;
  config.vocab_size = 5, config.dim = 2;
  const FastTextForSequenceClassification model(config);
  CHECK_THROWS_WITH(require_accepted(Pairs(), *model, "run"), "run: reads no pairs");
}
