/// KagNet: chooses among answers by a sentence encoder and by the paths of a knowledge graph that connect what question
/// and answer name: a graph convolution over the concepts, an LSTM along each path, attention over the paths of a pair
/// of concepts and over the pairs.
///
/// Paper: Lin et al., "KagNet: Knowledge-Aware Graph Networks for Commonsense Reasoning", 2019
/// (https://arxiv.org/abs/1909.02151). Python's reference is INK-USC/KagNet; parameter names are ours.
///
///     auto model = langzoo::from_pretrained<langzoo::KagNet>("run");
///     auto graph = model->ground("Where does a fish swim?", "the lake");
///     auto scores = model->scores(inputs, SchemaBatch::of(graphs, model->num_relations()));
///
/// Letters: B batch, A answers (G = B A graphs), T tokens, P pairs, R paths, D width of concepts (TransE's), C width of
/// the encoder.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <torch/nn/modules/rnn.h>

#include "models/encoder_part.h"
#include "models/kagnet/schema_batch.h"
#include "models/knowledge_reader.h"
#include "models/layers/linear.h"
#include "models/multiple_choice.h"
#include "models/transe/transe.h"

namespace langzoo {

/// config.json of model_type "kagnet". The defaults are the reference's sizes.
struct KagNetConfig {
  EncoderPart encoder;
  TranseConfig knowledge;
  GroundingLimits grounding;
  bool use_graph = true;  ///< false: the encoder alone
  std::int64_t gcn_hidden_size = 50, gcn_size = 25;
  std::int64_t path_size = 128;  ///< of the LSTM
  std::int64_t pair_hidden_size = 256, pair_size = 128;
  double dropout = 0.1;             ///< of what is scored
  double margin = 0.2;              ///< of the loss
  double initializer_range = 0.02;  ///< of the matrices that read the graph, but the LSTM's

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
};

/// What the model makes of a batch.
struct KagNetOutput {
  torch::Tensor logits;        ///< (B,A)
  torch::Tensor path_weights;  ///< (R): of each path among those of its pair
  torch::Tensor pair_weights;  ///< (P): of each pair among those of its graph
};

class KagNetImpl : public TaskModule<KagNetImpl, KagNetConfig, MultipleChoice>, public KnowledgeReader {
 public:
  static const PretrainedTraits& pretrained_traits();

  explicit KagNetImpl(const KagNetConfig& config);

  std::int64_t vocab_size() const override { return tokens().vocab_size(); }
  std::int64_t n_positions() const override { return tokens().n_positions(); }
  std::int64_t n_segments() const override { return tokens().n_segments(); }

  /// Shapes: inputs (B,A,T).
  KagNetOutput forward(const TokenInputs& inputs, const SchemaBatch& graphs);
  /// Without a graph.
  torch::Tensor logits(const TokenInputs& inputs) override;
  /// Of logits: sum over wrong answers of [margin - sigmoid(right) + sigmoid(wrong)]+, over the answers. Shapes: logits
  /// (B,A), labels (B) int64 -> scalar.
  torch::Tensor loss_sum(const torch::Tensor& logits, const torch::Tensor& labels) const;

  /// Of a model whose weights are there.
  SchemaGraph ground(std::string_view question, std::string_view answer) const;
  std::int64_t num_relations() const { return static_cast<std::int64_t>(config_.knowledge.relations.size()); }
  Encoder& encoder() { return *encoder_; }

  Transe knowledge{nullptr};  ///< frozen

 private:
  const BareEncoder& tokens() const { return *encoder_; }
  /// What the paths say of each graph, and how much each counts. Shapes: sentences (G,C) -> (G, pair + path).
  torch::Tensor read_graphs(const torch::Tensor& sentences, const SchemaBatch& graphs, KagNetOutput& output);

  std::shared_ptr<BareEncoder> encoder_;
  Linear gcn1_{nullptr}, gcn2_{nullptr}, pair1_{nullptr}, pair2_{nullptr}, path_attention_{nullptr},
      pair_attention_{nullptr}, output_{nullptr};
  torch::nn::LSTM paths_{nullptr};
  mutable std::shared_ptr<const ConceptFinder> concepts_;
};
TORCH_MODULE(KagNet);

}  // namespace langzoo
