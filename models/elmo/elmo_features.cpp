#include "models/elmo/elmo_features.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "data/files/file_error.h"
#include "data/files/files.h"
#include "models/io/hdf5.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;
using torch::Tensor;

namespace {

constexpr const char* kOptionsFile = "options.json";
constexpr const char* kWeightsFile = "weights.hdf5";

/// Of options.json, by bilm-tf's names; a size that has to be said is 0 until it is.
struct ReleasedEmbedding {
  std::int64_t dim = 0;
  void for_each_field(FieldVisitor& visit) { visit("dim", dim, {.least = 1}); }
};

struct ReleasedCharacters {
  std::string activation;
  std::vector<std::vector<std::int64_t>> filters;
  std::optional<std::int64_t> n_highway;
  ReleasedEmbedding embedding;
  std::int64_t n_characters = 262, max_characters_per_token = 0;

  void for_each_field(FieldVisitor& visit) {
    visit("activation", activation, {.choices = {"relu", "tanh"}});
    visit("filters", filters, {.least = 1});
    visit("n_highway", n_highway, {.least = 0});
    visit.object("embedding", embedding);
    // One more is the released code's padding behind a sentence.
    visit("n_characters", n_characters, {.least = kElmoCharacters, .most = kElmoCharacters + 1});
    visit("max_characters_per_token", max_characters_per_token, {.least = 3});
  }
};

struct ReleasedLstm {
  bool use_skip_connections = false;
  std::int64_t projection_dim = 0, dim = 0, n_layers = 1;
  std::optional<double> cell_clip, proj_clip;

  void for_each_field(FieldVisitor& visit) {
    visit("use_skip_connections", use_skip_connections);
    visit("projection_dim", projection_dim, {.least = 1});
    visit("dim", dim, {.least = 1});
    visit("n_layers", n_layers, {.least = 1});
    visit("cell_clip", cell_clip, {.least = 0});
    visit("proj_clip", proj_clip, {.least = 0});
  }
};

struct ReleasedOptions {
  ReleasedLstm lstm;
  ReleasedCharacters char_cnn;

  void for_each_field(FieldVisitor& visit) {
    visit.object("lstm", lstm);
    visit.object("char_cnn", char_cnn);
  }

  ElmoConfig config() const {
    ElmoConfig config;
    config.vocab_size = 1;  // nothing is predicted
    config.character_size = char_cnn.embedding.dim;
    config.max_characters = char_cnn.max_characters_per_token;
    config.filters = char_cnn.filters;
    config.activation = char_cnn.activation;
    config.highway_layers = char_cnn.n_highway.value_or(0);
    config.projection_size = lstm.projection_dim;
    config.hidden_size = lstm.dim;
    config.layers = lstm.n_layers;
    config.cell_clip = lstm.cell_clip.value_or(0);
    config.projection_clip = lstm.proj_clip.value_or(0);
    config.skip_connections = lstm.use_skip_connections;
    return config;
  }
};

ElmoConfig released_config(const fs::path& path, std::vector<std::string>& others) {
  constexpr std::uint64_t kLargestOptions = 1 << 24;
  ReleasedOptions options;
  others = read_fields(options, read_file(path, kLargestOptions), path.string());
  const auto& [lstm, characters] = options;
  const std::pair<const char*, std::int64_t> sizes[] = {
      {"lstm.projection_dim", lstm.projection_dim},
      {"lstm.dim", lstm.dim},
      {"char_cnn.embedding.dim", characters.embedding.dim},
      {"char_cnn.max_characters_per_token", characters.max_characters_per_token}};
  for (const auto& [key, size] : sizes) {
    if (size == 0) throw FileError(path, fmt::format("{} is missing, or 0", key));
  }
  ElmoConfig config;
  try {
    check_fields(options, "ELMo options");
    config = options.config();
    config.validate();
  } catch (const std::invalid_argument& error) {
    throw FileError(path, error.what());
  }
  return config;
}

/// TensorFlow keeps matrices as (in,out).
class ReleasedWeights {
 public:
  explicit ReleasedWeights(const fs::path& path) : path_(path), file_(path) {}

  /// Throws FileError for weights that the options say nothing of: without them the model would be another.
  void refuse(const std::string& name, const char* option) const {
    if (file_.has(name)) throw FileError(path_, fmt::format("has {}, of which {} says nothing", name, option));
  }

  void matrix(const std::string& name, const Tensor& weight) const {
    weight.copy_(file_.read(name, {weight.size(1), weight.size(0)}).t());
  }
  void same(const std::string& name, const Tensor& parameter) const {
    parameter.copy_(file_.read(name, parameter.sizes().vec()));
  }
  /// (1,width,in,out) as (out,in,width).
  void convolution(const std::string& name, const Tensor& weight) const {
    const auto kernel = file_.read(name, {1, weight.size(2), weight.size(1), weight.size(0)});
    weight.copy_(kernel[0].permute({2, 1, 0}));
  }
  /// One kernel of both matrices, whose gates are i, g ("j"), f, o; 1 is added to f's bias when it is used.
  void lstm(const std::string& cell, const ProjectedLstmImpl& layer) const {
    const auto C = layer.weight_ih.size(1), P = layer.weight_hh.size(1), H = layer.options().hidden_size;
    const auto ordered = [](const Tensor& rows) {
      const auto gates = rows.chunk(4);
      return at::cat({gates[0], gates[2], gates[1], gates[3]});
    };
    const auto kernel = ordered(file_.read(cell + "W_0", {C + P, 4 * H}).t());
    layer.weight_ih.copy_(kernel.narrow(1, 0, C));
    layer.weight_hh.copy_(kernel.narrow(1, C, P));
    layer.bias.copy_(ordered(file_.read(cell + "B", {4 * H})));
    layer.bias.narrow(0, H, H).add_(1);
    if (layer.weight_hr.defined()) matrix(cell + "W_P_0", layer.weight_hr);
  }

 private:
  fs::path path_;
  Hdf5File file_;
};

}  // namespace

bool is_released_elmo(const fs::path& dir) {
  return fs::exists(dir / kOptionsFile) && !fs::exists(dir / "config.json");
}

ElmoModel load_released_elmo(const fs::path& dir, LoadReport* report) {
  const auto options = dir / kOptionsFile;
  std::vector<std::string> others;
  const auto config = released_config(options, others);
  const ReleasedWeights weights(dir / kWeightsFile);
  ElmoModel model{nullptr};
  construct_checked(options.string(), [&] {
    const SkipInit filled_below;
    model = ElmoModel(config);
  });
  check_memory(*model, options.string());
  const torch::NoGradGuard no_grad;
  const auto& tokens = *model->token_layer;
  weights.same("char_embed", tokens.char_embedding->weight);
  for (std::size_t i = 0; i < tokens.convolutions->size(); ++i) {
    const auto& own = tokens.convolutions->at<ElmoConvolutionImpl>(i);
    weights.convolution(fmt::format("CNN/W_cnn_{}", i), own.weight);
    weights.same(fmt::format("CNN/b_cnn_{}", i), own.bias);
  }
  weights.refuse(fmt::format("CNN/W_cnn_{}", tokens.convolutions->size()), "char_cnn.filters");
  for (std::size_t i = 0; i < tokens.highways->size(); ++i) {
    const auto& own = tokens.highways->at<ElmoHighwayImpl>(i);
    for (const auto& [name, linear] : {std::pair{"carry", own.carry}, std::pair{"transform", own.transform}}) {
      weights.matrix(fmt::format("CNN_high_{}/W_{}", i, name), linear->weight);
      weights.same(fmt::format("CNN_high_{}/b_{}", i, name), linear->bias);
    }
  }
  weights.refuse(fmt::format("CNN_high_{}", tokens.highways->size()), "char_cnn.n_highway");
  if (!tokens.projection.is_empty()) {
    weights.matrix("CNN_proj/W_proj", tokens.projection->weight);
    weights.same("CNN_proj/b_proj", tokens.projection->bias);
  } else {
    weights.refuse("CNN_proj", "lstm.projection_dim, which is the convolutions' width,");
  }
  for (const int direction : {0, 1}) {
    const auto& layers = direction == 0 ? model->forward_layers : model->backward_layers;
    const auto cell = [&](std::size_t i) { return fmt::format("RNN_{}/RNN/MultiRNNCell/Cell{}", direction, i); };
    for (std::size_t i = 0; i < layers->size(); ++i)
      weights.lstm(cell(i) + "/LSTMCell/", layers->at<ProjectedLstmImpl>(i));
    weights.refuse(cell(layers->size()), "lstm.n_layers");
  }
  if (report != nullptr) report->unmodelled = std::move(others);
  model->eval();
  return model;
}

ElmoFeatures::ElmoFeatures(ElmoModel model) : model_(std::move(model)) {
  model_->eval();
}

ElmoFeatures ElmoFeatures::load(const fs::path& dir, torch::Device device, torch::Dtype dtype, LoadReport* report) {
  auto model = is_released_elmo(dir) ? load_released_elmo(dir, report) : from_pretrained<ElmoModel>(dir, report);
  // The language model's output layer is known to be of no use here.
  if (report != nullptr) report->other_heads.clear(), report->opened_as.clear();
  model->to(device, dtype);
  return ElmoFeatures(std::move(model));
}

Tensor ElmoFeatures::layers(std::span<const std::string> words) const {
  const std::vector<std::string> sentence(words.begin(), words.end());
  return layers(std::span(&sentence, 1)).squeeze(1);
}

Tensor ElmoFeatures::layers(std::span<const std::vector<std::string>> sentences) const {
  if (sentences.empty()) throw std::invalid_argument("elmo features: there is no sentence");
  std::vector<std::string> different;
  std::unordered_map<std::string_view, std::int64_t> rows;
  std::size_t longest = 0;
  for (const auto& sentence : sentences) longest = std::max(longest, sentence.size());
  const auto B = static_cast<std::int64_t>(sentences.size()), T = static_cast<std::int64_t>(longest);
  const auto words = at::zeros({B, T}, torch::kInt64), lengths = at::empty({B}, torch::kInt64);
  for (std::size_t b = 0; b < sentences.size(); ++b) {
    lengths.data_ptr<std::int64_t>()[b] = std::ssize(sentences[b]);
    auto* row = words.data_ptr<std::int64_t>() + b * longest;
    for (const auto& word : sentences[b]) {
      const auto [found, is_new] = rows.emplace(word, kElmoFirstWordRow + std::ssize(different));
      if (is_new) different.push_back(word);
      *row++ = found->second;
    }
  }
  const auto device = model_->token_layer->char_embedding->weight.device();
  const torch::NoGradGuard no_grad;
  auto model = model_;
  return model->layers(elmo_characters(different, model_->config().max_characters).to(device), words.to(device),
                       lengths);
}

}  // namespace langzoo
