#include "models/kagnet/kagnet.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "models/encoder_heads.h"
#include "models/layers/dropout.h"
#include "models/layers/init.h"
#include "models/layers/segments.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

void KagNetConfig::for_each_field(FieldVisitor& visit) {
  encoder.visit_type(visit, "encoder_type");
  visit.object("encoder", encoder);
  visit.object("knowledge", knowledge);
  visit("use_graph", use_graph, {.help = "false: the encoder alone decides"});
  visit("max_hops", grounding.max_hops, {.least = 1, .most = 6, .help = "steps of a path at most"});
  visit("max_paths", grounding.max_paths,
        {.least = 1, .most = 1000, .help = "of each pair of concepts, short ones first"});
  visit("max_concepts", grounding.max_concepts, {.least = 1, .most = 100, .help = "of the question, and of an answer"});
  visit("path_threshold", grounding.path_threshold,
        {.least = 0, .most = 1, .help = "paths that TransE scores lower are left out"});
  const auto size = [&](const char* name, std::int64_t& value, const char* help) {
    visit(name, value, {.least = 1, .most = 1 << 16, .help = help});
  };
  size("gcn_hidden_size", gcn_hidden_size, "width of the graph convolution's first layer");
  size("gcn_size", gcn_size, "and of its second");
  size("path_size", path_size, "width of the LSTM along paths");
  size("pair_hidden_size", pair_hidden_size, "width of the hidden layer that reads pairs of concepts");
  size("pair_size", pair_size, "and of what it makes of them");
  visit("dropout", dropout, {.least = 0, .below = 1, .help = "dropout of what is scored"});
  visit("margin", margin, {.most = 1, .above = 0, .help = "by which the right answer's score is to be larger"});
  visit("initializer_range", initializer_range, {.least = 0, .help = "standard deviation of new weights"});
}

void KagNetConfig::validate() const {
  check_fields(*this, "kagnet config");
  knowledge.validate();
  encoder.config().validate();
}

const PretrainedTraits& KagNetImpl::pretrained_traits() {
  static const PretrainedTraits traits{"kagnet", "KagNet", ""};
  return traits;
}

KagNetImpl::KagNetImpl(const KagNetConfig& config) : TaskModule(config) {
  config.validate();
  encoder_ = std::dynamic_pointer_cast<BareEncoder>(register_module("encoder", config.encoder.make()));
  knowledge = register_module("knowledge", Transe(config.knowledge));
  for (auto& parameter : knowledge->parameters()) parameter.set_requires_grad(false);
  const auto width = encoder_->width(), concept_width = config.knowledge.dim + config.gcn_size;
  const auto linear = [&](const char* name, std::int64_t in, std::int64_t out, bool with_bias = true) {
    auto layer = register_module(name, Linear(in, out, with_bias));
    if (SkipInit::active()) return layer;
    init_normal(layer->weight, config.initializer_range);
    if (with_bias) layer->bias.detach().zero_();
    return layer;
  };
  if (config.use_graph) {
    gcn1_ = linear("gcn1", config.knowledge.dim, config.gcn_hidden_size);
    gcn2_ = linear("gcn2", config.gcn_hidden_size, config.gcn_size);
    pair1_ = linear("pair1", width + 2 * concept_width, config.pair_hidden_size);
    pair2_ = linear("pair2", config.pair_hidden_size, config.pair_size);
    paths_ = register_module(
        "paths", torch::nn::LSTM(
                     torch::nn::LSTMOptions(concept_width + config.knowledge.dim, config.path_size).batch_first(true)));
    path_attention_ = linear("path_attention", config.pair_size, config.path_size, false);
    pair_attention_ = linear("pair_attention", width, config.pair_size, false);
  }
  const auto read = config.use_graph ? config.pair_size + config.path_size : 0;
  output_ = linear("output", width + read, 1);
}

SchemaGraph KagNetImpl::ground(std::string_view question, std::string_view answer) const {
  if (!config_.use_graph) return {};
  if (!concepts_) concepts_ = std::make_shared<const ConceptFinder>(knowledge->graph());
  return langzoo::ground(knowledge->graph(), *concepts_, question, answer, config_.grounding,
                         [this](const GraphPath& path) { return path_score(*knowledge, path); });
}

Tensor KagNetImpl::read_graphs(const Tensor& sentences, const SchemaBatch& graphs, KagNetOutput& output) {
  const auto pairs = graphs.pair_graphs.size(0);
  const auto row = [](const Tensor& table, const Tensor& ids) { return table.index_select(0, ids); };
  const auto x = row(knowledge->entity_embeddings->weight, graphs.nodes);  // (M,D)
  const auto spread = [&](const Tensor& y) {
    return segment_sum(row(y, graphs.from) * graphs.weights.unsqueeze(1).to(y.dtype()), graphs.to, y.size(0));
  };
  const auto concepts = at::cat({x, spread(gcn2_(spread(gcn1_(x)).relu()))}, 1);  // (M, D + gcn)

  const auto s = row(sentences, graphs.pair_graphs);  // (P,C)
  const auto read = at::cat({s, row(concepts, graphs.pair_a), row(concepts, graphs.pair_b)}, 1);
  const auto t = pair2_(at::leaky_relu(pair1_(read)));  // (P,pair)

  auto r = at::zeros({pairs, config_.path_size}, t.options());  // (P,path)
  if (const auto count = graphs.path_pairs.size(0); count > 0) {
    const auto& relations = knowledge->relation_embeddings->weight;
    const auto table = at::cat({relations, -relations, at::zeros_like(relations.narrow(0, 0, 1))});
    const auto lookup = [&](const Tensor& rows, const Tensor& ids) {
      return row(rows, ids.flatten()).unflatten(0, {count, -1});  // (R,L,.)
    };
    const auto steps = at::cat({lookup(concepts, graphs.path_nodes), lookup(table, graphs.path_relations)}, 2);
    const auto states = std::get<0>(paths_->forward(steps));  // (R,L,path)
    const auto ends = (graphs.path_lengths - 1).view({count, 1, 1}).expand({count, 1, config_.path_size});
    const auto path = states.gather(1, ends).squeeze(1);  // (R,path)
    const auto scores = (path * row(path_attention_(t), graphs.path_pairs)).sum(1);
    output.path_weights = segment_softmax(scores, graphs.path_pairs, pairs);
    r = segment_sum(path * output.path_weights.unsqueeze(1), graphs.path_pairs, pairs);
  }
  output.pair_weights = segment_softmax((t * pair_attention_(s)).sum(1), graphs.pair_graphs, graphs.graphs);
  return segment_sum(at::cat({t, r}, 1) * output.pair_weights.unsqueeze(1), graphs.pair_graphs, graphs.graphs);
}

KagNetOutput KagNetImpl::forward(const TokenInputs& inputs, const SchemaBatch& graphs) {
  const auto batch = inputs.ids.size(0), answers = inputs.ids.size(1);
  if (graphs.graphs != batch * answers)
    throw std::invalid_argument(fmt::format("kagnet: {} graphs for {} answers", graphs.graphs, batch * answers));
  auto x = encoder_->encode(choices_as_rows(inputs)).hidden.select(1, 0);  // (G,C)
  KagNetOutput output;
  if (config_.use_graph) {
    auto of_graphs = at::zeros({graphs.graphs, config_.pair_size + config_.path_size}, x.options());
    if (graphs.pair_graphs.size(0) > 0) of_graphs = read_graphs(x, graphs, output);
    x = at::cat({x, of_graphs}, 1);
  }
  output.logits = output_(dropped(x, config_.dropout, is_training())).view({batch, answers});
  return output;
}

Tensor KagNetImpl::logits(const TokenInputs& inputs) {
  const std::vector<SchemaGraph> none(static_cast<std::size_t>(inputs.ids.size(0) * inputs.ids.size(1)));
  return forward(inputs, SchemaBatch::of(none, num_relations()).on(inputs.ids.device())).logits;
}

Tensor KagNetImpl::loss_sum(const Tensor& logits, const Tensor& labels) const {
  const auto scores = logits.sigmoid();
  const auto right = scores.gather(1, labels.unsqueeze(1));  // (B,1)
  const auto over = (config_.margin - right + scores).relu();
  // The right one itself is as far above itself as the margin.
  return over.scatter(1, labels.unsqueeze(1), 0).sum() /
         static_cast<double>(std::max<std::int64_t>(1, logits.size(1) - 1));
}

}  // namespace langzoo
