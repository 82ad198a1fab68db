#include "models/elmo/elmo.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/dropout.h"
#include "models/layers/init.h"
#include "models/layers/recurrent.h"
#include "models/losses/cross_entropy.h"
#include "models/losses/sampled_softmax.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

void ElmoConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kLargest = 1 << 16, kLargestVocabulary = 1 << 24;
  const auto size = [](std::string_view help) { return FieldRules{.least = 1, .most = kLargest, .help = help}; };
  visit("vocab_size", vocab_size,
        {.least = 1, .most = kLargestVocabulary, .from_tokenizer = true, .help = "words that it predicts"});
  visit("character_size", character_size, size("width of a character's embedding"));
  visit("max_characters", max_characters,
        {.least = 3, .most = 1024, .help = "bytes of a word that are read, and two for its begin and its end"});
  visit("filters", filters,
        {.least = 1, .most = kLargest, .help = "convolutions: [[characters seen at once, how many filters], ...]"});
  visit("activation", activation, {.choices = {"relu", "tanh"}, .help = "of the convolutions: relu or tanh"});
  visit("highway_layers", highway_layers, {.least = 0, .most = 64, .help = "behind the convolutions"});
  visit("projection_size", projection_size, size("width of words and of the states of each direction"));
  visit("hidden_size", hidden_size, size("cells of a layer; where it is projection_size, states are not projected"));
  visit("layers", layers, {.least = 1, .most = 64, .help = "LSTM layers of each direction"});
  visit("cell_clip", cell_clip, {.least = 0, .help = "largest magnitude of a cell; 0: any"});
  visit("projection_clip", projection_clip, {.least = 0, .help = "largest magnitude in a projected state; 0: any"});
  visit("skip_connections", skip_connections, {.help = "layers but the first add their input to their output"});
  visit("dropout", dropout, {.least = 0, .below = 1, .help = "of what enters each layer and the output layer"});
  visit("sampled_softmax", sampled_softmax,
        {.least = 0, .most = kLargestVocabulary, .help = "words that training compares each with; 0: all"});
  visit("eos_token_id", eos_token_id,
        {.least = -1, .most = kLargestVocabulary, .one_or_more = true, .help = "stands between sentences"});
}

void ElmoConfig::validate() const {
  check_fields(*this, "elmo config");
  if (filters.empty()) throw std::invalid_argument("elmo config: filters must not be empty");
  for (const auto& filter : filters) {
    if (filter.size() != 2 || filter[0] > max_characters)
      throw std::invalid_argument(
          c10::str("elmo config: filters must be pairs of a width up to max_characters = ", max_characters,
                   " and a number of filters; one is (", c10::Join(", ", filter), ")"));
  }
  if (filter_count() > (1 << 16))
    throw std::invalid_argument(c10::str("elmo config: filters are ", filter_count(), " together, more than 65536"));
  if (projection_size > hidden_size)
    throw std::invalid_argument(
        c10::str("elmo config: projection_size = ", projection_size, " must not be above hidden_size = ", hidden_size));
}

std::int64_t ElmoConfig::filter_count() const {
  std::int64_t count = 0;
  for (const auto& filter : filters) count += filter.at(1);
  return count;
}

Tensor elmo_characters(std::span<const std::string> words, std::int64_t max_characters) {
  const auto N = kElmoFirstWordRow + static_cast<std::int64_t>(words.size());
  const auto table = at::full({N, max_characters}, kElmoPadding, torch::kInt16);
  auto* row = table.data_ptr<std::int16_t>();
  const auto write = [&](const auto& characters) {
    auto* at = row;
    *at++ = kElmoWordBegin;
    for (const auto character : characters) *at++ = character;
    *at = kElmoWordEnd;
    row += max_characters;
  };
  write(std::initializer_list<std::int16_t>{kElmoSentenceBegin});
  write(std::initializer_list<std::int16_t>{kElmoSentenceEnd});
  for (const auto& word : words) {
    const auto kept = std::min(word.size(), static_cast<std::size_t>(max_characters - 2));
    write(std::span(reinterpret_cast<const unsigned char*>(word.data()), kept));
  }
  return table;
}

ElmoHighwayImpl::ElmoHighwayImpl(std::int64_t width) {
  {
    const SkipInit filled_below;
    carry = register_module("carry", Linear(width, width));
    transform = register_module("transform", Linear(width, width));
  }
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  const double std = 1 / std::sqrt(static_cast<double>(width));
  init_normal(carry->weight, std);
  carry->bias.fill_(-2);  // at first the input passes
  init_normal(transform->weight, std);
  transform->bias.zero_();
}

Tensor ElmoHighwayImpl::forward(const Tensor& x) {
  const auto share = carry(x).sigmoid();
  return x + share * (transform(x).relu() - x);
}

ElmoConvolutionImpl::ElmoConvolutionImpl(std::int64_t characters, std::int64_t width, std::int64_t filters, bool relu) {
  weight = register_parameter("weight", torch::empty({filters, characters, width}));
  bias = register_parameter("bias", torch::empty({filters}));
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  bias.zero_();
  if (relu) {
    constexpr double kRange = 0.05;  // Kim et al. 2016
    weight.uniform_(-kRange, kRange);
  } else {
    init_normal(weight, 1 / std::sqrt(static_cast<double>(width * characters)));
  }
}

Tensor ElmoConvolutionImpl::forward(const Tensor& x) {
  return std::get<0>(at::conv1d(x, weight, bias).max(-1));
}

ElmoTokenLayerImpl::ElmoTokenLayerImpl(const ElmoConfig& config) : relu_(config.activation == "relu") {
  const auto table = torch::empty({kElmoCharacters, config.character_size});
  char_embedding = register_module(
      "char_embedding", torch::nn::Embedding(torch::nn::EmbeddingOptions(table.size(0), table.size(1))._weight(table)));
  convolutions = register_module("convolutions", torch::nn::ModuleList());
  highways = register_module("highways", torch::nn::ModuleList());
  if (!SkipInit::active()) {
    const torch::NoGradGuard no_grad;
    table.uniform_(-1, 1);
  }
  for (const auto& filter : config.filters) {
    convolutions->push_back(ElmoConvolution(config.character_size, filter[0], filter[1], relu_));
    widest_ = std::max(widest_, filter[0]);
  }
  const auto F = config.filter_count(), P = config.projection_size;
  for (std::int64_t i = 0; i < config.highway_layers; ++i) highways->push_back(ElmoHighway(F));
  if (F == P) return;
  {
    const SkipInit filled_below;
    projection = register_module("projection", Linear(F, P));
  }
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  init_normal(projection->weight, 1 / std::sqrt(static_cast<double>(F)));
  projection->bias.zero_();
}

Tensor ElmoTokenLayerImpl::forward(const Tensor& characters) {
  // Beyond the longest word and one window of padding all windows are alike.
  const auto longest = characters.ne(kElmoPadding).sum(1).max().item<std::int64_t>();
  const auto kept = characters.narrow(1, 0, std::min(characters.size(1), longest + widest_)).to(torch::kInt64);
  const auto x = at::embedding(char_embedding->weight, kept).transpose(1, 2).contiguous();  // (N,character_size,M)
  std::vector<Tensor> parts;
  for (const auto& module : *convolutions) parts.push_back(module->as<ElmoConvolutionImpl>()->forward(x));
  auto y = at::cat(parts, 1);
  y = relu_ ? y.relu() : y.tanh();
  for (const auto& module : *highways) y = module->as<ElmoHighwayImpl>()->forward(y);
  return projection.is_empty() ? y : projection(y);
}

ElmoModelImpl::ElmoModelImpl(const ElmoConfig& config) : TaskModule(config) {
  config_.validate();
  token_layer = register_module("token_layer", ElmoTokenLayer(config_));
  forward_layers = register_module("forward_layers", torch::nn::ModuleList());
  backward_layers = register_module("backward_layers", torch::nn::ModuleList());
  const auto P = config_.projection_size, H = config_.hidden_size;
  const ProjectedLstmOptions options{P, H, P < H ? P : 0, config_.cell_clip, config_.projection_clip};
  for (std::int64_t i = 0; i < config_.layers; ++i) {
    forward_layers->push_back(ProjectedLstm(options));
    backward_layers->push_back(ProjectedLstm(options));
  }
}

ElmoMemory ElmoModelImpl::memory(std::int64_t rows) const {
  const auto options = token_layer->char_embedding->weight.options().requires_grad(false);
  ElmoMemory memory;
  for (const auto width : {config_.projection_size, config_.hidden_size}) {
    for (std::int64_t i = 0; i < config_.layers; ++i) memory.push_back(at::zeros({1, rows, width}, options));
  }
  return memory;
}

std::vector<Tensor> ElmoModelImpl::read(ElmoDirection direction, const Tensor& words, ElmoMemory& memory) {
  const auto L = static_cast<std::size_t>(config_.layers);
  if (memory.size() != 2 * L || words.dim() != 3 || memory.front().size(1) != words.size(1))
    throw std::invalid_argument(c10::str("elmo: the memory is not that of words ", words.sizes()));
  auto& layers = direction == ElmoDirection::kForward ? forward_layers : backward_layers;
  std::vector<Tensor> outputs;
  auto x = words;
  for (std::size_t i = 0; i < L; ++i) {
    const auto entering = dropped(x, config_.dropout, is_training());
    const auto result =
        layers[i]->as<ProjectedLstmImpl>()->forward(entering, {memory[i].squeeze(0), memory[L + i].squeeze(0)});
    memory[i] = result.state.hidden.unsqueeze(0);
    memory[L + i] = result.state.cell.unsqueeze(0);
    x = config_.skip_connections && i > 0 ? entering + result.output : result.output;
    outputs.push_back(x);
  }
  return outputs;
}

Tensor ElmoModelImpl::layers(const Tensor& characters, const Tensor& words, const Tensor& lengths) {
  if (words.dim() != 2 || lengths.dim() != 1 || lengths.size(0) != words.size(0) || words.size(0) < 1)
    throw std::invalid_argument(
        c10::str("elmo: words (B,T) and lengths (B) do not fit: ", words.sizes(), " and ", lengths.sizes()));
  const auto B = words.size(0), T = words.size(1);
  const auto device = characters.device();
  // Begin, words, end; behind a sentence's end whatever there is.
  const auto place = at::arange(T, torch::kInt64).unsqueeze(0);
  const auto own = place.lt(lengths.unsqueeze(1)).to(device);  // (B,T)
  const auto edge = at::full({B, 1}, kElmoEndRow, words.options());
  const auto bounded = at::cat(
      {at::full({B, 1}, kElmoBeginRow, words.options()), words.masked_fill(own.logical_not(), kElmoEndRow), edge},
      1);                                                          // (B,T+2)
  const auto x = at::embedding(token_layer(characters), bounded);  // (B,T+2,P)
  const auto whole = (lengths + 2).to(device);
  auto fore = memory(B), back = memory(B);
  const auto forward = read(ElmoDirection::kForward, x.transpose(0, 1).contiguous(), fore);
  const auto backward = read(ElmoDirection::kBackward, reverse_padded(x, whole).transpose(0, 1).contiguous(), back);
  std::vector<Tensor> layers = {at::cat({x, x}, -1)};
  for (std::size_t i = 0; i < forward.size(); ++i)
    layers.push_back(at::cat({forward[i].transpose(0, 1), reverse_padded(backward[i].transpose(0, 1), whole)}, -1));
  return at::stack(layers).narrow(2, 1, T) * own.unsqueeze(-1);
}

const PretrainedTraits& ElmoModelImpl::pretrained_traits() {
  static const PretrainedTraits traits{
      .model_type = "elmo", .architecture = "ElmoModel", .base_model_prefix = "elmo", .heads = {"output."}};
  return traits;
}

ElmoLmImpl::ElmoLmImpl(const ElmoConfig& config) : TaskModule(config) {
  elmo = register_module("elmo", ElmoModel(config_));
  {
    const SkipInit filled_below;
    output = register_module("output", Linear(config_.projection_size, config_.vocab_size));
  }
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  init_normal(output->weight, 1 / std::sqrt(static_cast<double>(config_.projection_size)));
  output->bias.zero_();
}

ElmoMemory ElmoLmImpl::memory(std::int64_t rows) const {
  auto memory = elmo->memory(rows);
  const auto backward = elmo->memory(rows);
  memory.insert(memory.end(), backward.begin(), backward.end());
  return memory;
}

ElmoStates ElmoLmImpl::read(const ElmoStreams& streams, ElmoMemory& memory) {
  const auto half = memory.size() / 2;
  const auto words = elmo->token_layer(streams.characters);  // (N,P)
  ElmoStates states;
  for (const auto direction : {ElmoDirection::kForward, ElmoDirection::kBackward}) {
    const bool forward = direction == ElmoDirection::kForward;
    const auto first = memory.begin() + static_cast<std::ptrdiff_t>(forward ? 0 : half);
    ElmoMemory own(first, first + static_cast<std::ptrdiff_t>(half));
    const auto& ids = forward ? streams.forward : streams.backward;
    const auto top = elmo->read(direction, at::embedding(words, ids.t()), own).back();
    std::copy(own.begin(), own.end(), first);
    (forward ? states.forward : states.backward) = dropped(top, config_.dropout, is_training());
  }
  return states;
}

Tensor ElmoLmImpl::output_loss(const Tensor& hidden, const Tensor& targets) {
  if (is_training() && config_.sampled_softmax > 0) {
    const auto samples = log_uniform_samples(config_.sampled_softmax, config_.vocab_size).to(hidden.device());
    return sampled_softmax_loss(hidden, output->weight, output->bias, targets, samples);
  }
  return linear_cross_entropy(hidden, output->weight, targets, {}, 0, output->bias);
}

const PretrainedTraits& ElmoLmImpl::pretrained_traits() {
  static const PretrainedTraits traits{
      .model_type = "elmo", .architecture = "ElmoLM", .base_model_prefix = "elmo", .heads = {"output."}};
  return traits;
}

}  // namespace langzoo
