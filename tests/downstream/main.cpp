// Makes a checkpoint, loads it, backpropagates through it, makes word vectors, trains a language model on a text file,
// evaluates it and lets it write, compares a model of its own with ours, and keeps its own data/batch.h.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <torch/torch.h>

#include <langzoo/apps/training/comparison/comparison.h>
#include <langzoo/apps/training/comparison/own_lm.h>
#include <langzoo/apps/training/families.h>
#include <langzoo/apps/training/tasks/causal_lm.h>
#include <langzoo/apps/training/training_run.h>
#include <langzoo/data/words/vocabulary.h>
#include <langzoo/models/gpt/gpt.h>
#include <langzoo/models/word2vec/word2vec.h>
#include <langzoo/models/word_vectors/formats.h>

#include "data/batch.h"
#include "data/batching/batch_iterator.h"

static_assert(kConsumersOwnBatch == 42 && kConsumersOwnIterator == 42);

/// Trains a tiny GPT on a text file, measures it and continues a prompt with it.
bool train_evaluate_and_write(const std::filesystem::path& dir) {
  const auto text = dir / "text.txt";
  for (int i = 0; i < 200; ++i) std::ofstream(text, std::ios::app) << "Anna has " << i % 7 << " apples and a dog.\n";

  langzoo::TrainingRun run("gpt", langzoo::family_of_program("gpt").setup());
  run.open(dir / "run");
  run.config().set_all(R"({"data": {"tokenizer": "char"}, "train": {"max_steps": 60, "learning_rate": 0.01},
                           "model": {"n_layer": 1, "n_head": 2, "n_embd": 16, "n_positions": 16}})",
                       "main.cpp");
  run.config().set("data.train", text.string(), "main.cpp");
  run.train();

  const auto loss = langzoo::evaluate(dir / "run", text.string()).at("loss").value;
  langzoo::GenerateOptions options;
  options.max_new_tokens = 8;
  const auto written = langzoo::continue_text(langzoo::load_causal_lm(dir / "run"), "Anna ", options).at(0);
  std::printf("%.4f nats a character; Anna %s\n", loss, written.c_str());
  return loss < std::log(20.0) && written.size() == 8;
}

/// A language model of the consumer's: each token by itself says what follows.
struct PairsImpl : torch::nn::Module {
  explicit PairsImpl(std::int64_t vocab_size)
      : embedding(register_module("embedding", torch::nn::Embedding(vocab_size, 16))),
        out(register_module("out", torch::nn::Linear(16, vocab_size))) {}
  torch::Tensor forward(const torch::Tensor& ids) { return out(embedding(ids)); }
  torch::nn::Embedding embedding;
  torch::nn::Linear out;
};

/// It beside our LSTM and n-grams, on the text that train_evaluate_and_write() has written.
bool compare_with_ours(const std::filesystem::path& dir) {
  langzoo::Comparison comparison;
  comparison.add(langzoo::own_lm(
      "pairs", [](std::int64_t vocab_size, std::int64_t) { return std::make_shared<PairsImpl>(vocab_size); }));
  auto spec = langzoo::built_in_spec("lineage");
  spec.models = {spec.model("ngram"), spec.model("lstm"), {.name = "pairs"}};
  spec.data = {{"train", (dir / "text.txt").string()}, {"tokenizer", "char"}};
  spec.budget = langzoo::ComparisonBudget::parse("tokens=1600");
  spec.batch_size = 4, spec.context = 16;
  langzoo::ComparisonOptions options;
  options.resume = true;  // what is there from a test before is kept
  const auto results = comparison.run(spec, dir / "compared", options);
  std::printf("%zu bytes of results, %zu failed\n", results.json.size(), results.failed);
  return results.failed == 0 && results.json.find("\"pairs\"") != std::string::npos;
}

int main(int argc, char** argv) {
  const std::filesystem::path dir = argc > 1 ? argv[1] : "checkpoint";

  langzoo::Gpt2Config config;
  config.vocab_size = 101;
  config.n_positions = 32;
  config.n_embd = 32;
  config.n_layer = 2;
  config.n_head = 4;
  langzoo::Gpt2LmHeadModel original(config);
  original->eval();
  original->save_pretrained(dir);

  auto model = langzoo::from_pretrained<langzoo::Gpt2LmHeadModel>(dir);
  const auto ids = torch::arange(24).view({2, 12});
  const auto logits = model->forward(ids).logits;
  if (!torch::equal(logits, original->forward(ids).logits)) return std::puts("loaded logits differ"), 1;

  const auto loss =
      torch::nn::functional::cross_entropy(logits.slice(1, 0, -1).flatten(0, 1), ids.slice(1, 1).flatten());
  loss.backward();
  double norm = 0;
  for (const auto& parameter : model->parameters()) norm += parameter.grad().pow(2).sum().item<double>();
  if (!std::isfinite(norm) || norm == 0) return std::puts("no gradient"), 1;

  const langzoo::Vocabulary vocabulary({"the", "lamp"}, {2, 1});
  langzoo::Word2VecConfig word2vec;
  word2vec.vocab_size = 2;
  word2vec.dim = 8;
  const langzoo::Word2Vec words(word2vec);
  langzoo::write_word_vectors(dir / "vectors.txt", {vocabulary.words(), words->word_vectors(vocabulary.words())},
                              langzoo::VectorFormat::kText);
  const auto read = langzoo::read_word_vectors(dir / "vectors.txt");
  if (!torch::equal(read.vectors(), words->embeddings())) return std::puts("read word vectors differ"), 1;

  if (!train_evaluate_and_write(dir)) return std::puts("the model learned nothing"), 1;
  if (!compare_with_ours(dir)) return std::puts("the comparison failed"), 1;
  std::printf("loss %.4f, gradient norm %.4f\n", loss.item<double>(), std::sqrt(norm));
  return 0;
}
