#include "models/tagger/tagger_encoder.h"

#include <cmath>
#include <set>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/dropout.h"
#include "models/layers/init.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

void TaggerEncoderConfig::visit_encoder_fields(FieldVisitor& visit) {
  constexpr double kLargest = 1 << 16, kLargestVocabulary = 1 << 24;
  const auto size = [](std::string_view help, double least = 1) {
    return FieldRules{.least = least, .most = kLargest, .help = help};
  };
  const auto share = [](std::string_view help) { return FieldRules{.least = 0, .below = 1, .help = help}; };
  visit("vocab_size", vocab_size,
        {.least = 1, .most = kLargestVocabulary, .from_tokenizer = true, .help = "tokens it knows"});
  visit("cell", cell, {.choices = {"rnn_tanh", "rnn_relu", "lstm", "gru"}, .help = "rnn_tanh, rnn_relu, lstm or gru"});
  visit("embedding_size", embedding_size, size("width of the words' embedding; 0: none", 0));
  visit("hidden_size", hidden_size, size("width of the layers, of each direction"));
  visit("layers", layers, {.least = 1, .most = 256, .help = "recurrent layers"});
  visit("bidirectional", bidirectional, {.help = "the layers read in both directions"});
  visit("dropout", dropout, share("of what enters each layer, and of what the last one gives"));
  visit("variational_dropout", variational_dropout, {.help = "dropout has one mask for all steps, but between layers"});
  visit("singleton_dropout", singleton_dropout,
        {.least = 0, .most = 1, .help = "how often a word that the training data has once is read as unknown"});
  visit("unk_token_id", unk_token_id, {.least = -1, .most = kLargestVocabulary, .help = "stands for unknown words"});
  visit("characters", characters,
        {.choices = {"none", "cnn", "lstm"}, .help = "words are read by their characters too: none, cnn or lstm"});
  visit("character_embedding_size", character_embedding_size, size("width of a character"));
  visit("character_hidden_size", character_hidden_size,
        size("what a word's characters become: filters, or both directions of the LSTM"));
  visit("character_width", character_width, {.least = 1, .most = 31, .help = "characters that a filter sees"});
  visit("max_characters", max_characters, {.least = 1, .most = 1024, .help = "of a word that are read"});
  visit("alphabet", alphabet, {.help = "the characters that it knows"});
  visit("features", features, {.help = "vectors of another model beside the embedding: elmo:DIR"});
  visit("feature_layers", feature_layers, size("layers of the features", 0));
  visit("feature_width", feature_width, size("their width", 0));
  labels.for_each_field(visit);
}

void TaggerEncoderConfig::check_encoder(const std::string& what) const {
  const auto require = [&](bool holds, const char* field, const auto& value, const char* rule) {
    if (!holds) throw std::invalid_argument(c10::str(what, ": ", field, " = ", value, " must be ", rule));
  };
  recurrent_cell_from_name(cell);
  require(embedding_size > 0 || characters != "none" || !features.empty(), "embedding_size", embedding_size,
          "above 0 without characters and features");
  require(characters != "lstm" || character_hidden_size % 2 == 0, "character_hidden_size", character_hidden_size,
          "even: half of it is each direction's");
  require(character_width % 2 == 1, "character_width", character_width, "odd");
  require((feature_layers > 0) == (feature_width > 0), "feature_width", feature_width, "given with feature_layers");
  require(!unk_token_id || *unk_token_id < vocab_size, "unk_token_id", unk_token_id.value_or(0), "below vocab_size");
  std::set<std::string> seen;
  for (const auto& character : alphabet)
    require(!character.empty() && seen.insert(character).second, "alphabet", character, "characters, each once");
  labels.validate(what);
}

TaggerEncoder::TaggerEncoder(torch::nn::Module& at, const TaggerEncoderConfig& config) : at_(at), config_(config) {
  const auto E = config.embedding_size;
  std::int64_t width = E;
  if (E > 0) {
    const auto table = torch::empty({config.vocab_size, E});
    embedding_ = at.register_module(
        "embedding", torch::nn::Embedding(torch::nn::EmbeddingOptions(config.vocab_size, E)._weight(table)));
    // Ma and Hovy 2016, section 3.2.
    const double bound = std::sqrt(3.0 / static_cast<double>(E));
    const torch::NoGradGuard no_grad;
    if (!SkipInit::active()) embedding_->weight.uniform_(-bound, bound);
  }
  if (config.characters != "none") {
    constexpr std::int64_t kNoneAndUnknown = 2;
    const auto alphabet = kNoneAndUnknown + static_cast<std::int64_t>(config.alphabet.size());
    characters_ = at.register_module(
        "characters", CharacterEncoder(CharacterEncoderOptions{.recurrent = config.characters == "lstm",
                                                               .alphabet = alphabet,
                                                               .embedding_size = config.character_embedding_size,
                                                               .output_size = config.character_hidden_size,
                                                               .width = config.character_width}));
    width += config.character_hidden_size;
    for (const auto& character : config.alphabet)
      character_ids_.emplace(
          character, static_cast<std::int32_t>(kNoneAndUnknown) + static_cast<std::int32_t>(character_ids_.size()));
  }
  if (config.feature_width > 0) {
    mixture_ = at.register_module("mixture", ScalarMixture(config.feature_layers));
    width += config.feature_width;
  }
  RecurrentOptions layers;
  layers.cell = recurrent_cell_from_name(config.cell);
  layers.input_size = width;
  layers.hidden_size = config.hidden_size;
  layers.num_layers = config.layers;
  layers.bidirectional = config.bidirectional;
  layers.dropout = config.dropout;
  rnn_ = at.register_module("rnn", Recurrent(layers));
}

void TaggerEncoder::set_features(std::shared_ptr<const TokenFeatures> features) {
  if (features->layers() != config_.feature_layers || features->width() != config_.feature_width) {
    throw std::invalid_argument(c10::str(config_.features, ": has ", features->layers(), " layers of width ",
                                         features->width(), ", the model has learnt with ", config_.feature_layers,
                                         " of width ", config_.feature_width));
  }
  features_ = std::move(features);
}

std::int32_t TaggerEncoder::character_id(std::string_view character) const {
  const auto found = character_ids_.find(std::string(character));
  return found == character_ids_.end() ? 1 : found->second;
}

Tensor TaggerEncoder::with_unknown(const Tensor& ids) const {
  const double p = config_.singleton_dropout;
  if (!at_.is_training() || p == 0 || !singletons_.defined() || !config_.unk_token_id || *config_.unk_token_id < 0)
    return ids;
  const auto once = singletons_.to(ids.device()).index_select(0, ids.flatten()).view(ids.sizes());
  const auto drawn = at::rand(ids.sizes(), torch::kFloat32).lt(p).to(ids.device());
  return ids.masked_fill(once.logical_and(drawn), *config_.unk_token_id);
}

Tensor TaggerEncoder::drop(const Tensor& x) const {
  const bool training = at_.is_training();
  return config_.variational_dropout ? locked_dropped(x, config_.dropout, training)
                                     : dropped(x, config_.dropout, training);
}

TaggerStates TaggerEncoder::operator()(const TokenInputs& inputs) {
  if (inputs.ids.dim() != 2)
    throw std::invalid_argument(c10::str("tagger: ids must be (B,T), are ", inputs.ids.sizes()));
  const auto B = inputs.ids.size(0), T = inputs.ids.size(1);
  const auto lengths = inputs.attention_mask.defined() ? inputs.attention_mask.ne(0).sum(1)
                                                       : at::full({B}, T, inputs.ids.options().dtype(torch::kInt64));
  const auto D_H = config_.encoded_width();
  if (T == 0) {
    const auto options = at_.parameters().front().options().requires_grad(false);
    return {at::zeros({0, B, D_H}, options), at::zeros({B, D_H}, options), lengths};
  }
  std::vector<Tensor> parts;
  if (!embedding_.is_empty()) parts.push_back(embedding_(with_unknown(inputs.ids).t()));  // (T,B,E)
  if (!characters_.is_empty()) {
    if (!inputs.characters.defined()) throw std::invalid_argument("tagger: the inputs have no characters");
    const auto words = inputs.characters.transpose(0, 1).flatten(0, 1);  // (T B,W)
    parts.push_back(characters_(words).view({T, B, -1}));
  }
  if (!mixture_.is_empty()) {
    if (!inputs.features.defined()) throw std::invalid_argument("tagger: the inputs have no features");
    parts.push_back(mixture_(inputs.features).transpose(0, 1));
  }
  const auto width = parts.size() == 1 ? parts[0] : at::cat(parts, -1);
  // A row without tokens is read as its first padding, of which nothing is left below.
  const auto read = rnn_(drop(width), RecurrentInputs{.state = {}, .lengths = lengths.clamp_min(1)});
  const auto there = lengths.gt(0).unsqueeze(1).to(read.output.scalar_type());  // (B,1)
  const auto directions = config_.bidirectional ? 2 : 1;
  const auto last = read.state.hidden.narrow(0, (config_.layers - 1) * directions, directions);  // (D,B,H)
  return {drop(read.output * there), last.transpose(0, 1).flatten(1) * there, lengths};
}

}  // namespace langzoo
