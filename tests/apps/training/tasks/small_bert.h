/// What tests of kinds of task have in common: examples of a few lines, and a BERT that reads them.
#pragma once

#include <memory>
#include <string>

#include "tests/support/test.h"

#include "apps/training/tasks/examples.h"
#include "models/bert/bert.h"

namespace langzoo::test {

inline BertConfig small_bert() {
  BertConfig config;
  config.hidden_size = 8, config.num_hidden_layers = 1, config.num_attention_heads = 2, config.intermediate_size = 8;
  config.max_position_embeddings = 32;
  config.vocab_size = kFromTokenizer;
  return config;
}

/// Examples of a file, the tokenizer trained on them, and the config that both decide.
struct SmallExamples {
  SmallExamples(const ExampleKind& kind, const std::string& file, const std::string& contents) {
    ExampleOptions options(kind.format());
    options.train = (dir / file).string();
    options.tokenizer = "train:wordpiece:80";
    options.valid_fraction = 0;
    write_file(options.train, contents);
    data = open_examples(kind, options, *model, dir / "run", [](const std::string&) {});
    complete_vocabulary(*model, "vocab_size", *data.tokenizer);
  }
  const BertConfig& config() const { return model->as<BertConfig>(); }

  TempDir dir;
  std::unique_ptr<ModelConfig> model = ModelConfig::of(small_bert());
  ExampleData data;
};

}  // namespace langzoo::test
