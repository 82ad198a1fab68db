#include "models/ngram_lm/ngram_lm.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "data/files/files.h"
#include "data/files/numbers.h"
#include "data/files/text_lines.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr const char* kMixtureFile = "mixture.tsv";
constexpr std::int64_t kLargestVocabulary = (std::int64_t{1} << 31) - 3;

constexpr std::array<std::string_view, 5> kSmoothings = {"modified_kneser_ney", "kneser_ney", "add_k", kStupidBackoff,
                                                         "none"};

NGramModel uniform(const NGramLmConfig& config) {
  const std::span<const std::int32_t> nothing;
  const auto words = static_cast<std::int32_t>(std::max<std::int64_t>(config.vocab_size, 2));
  NGramOptions options;
  options.order = static_cast<int>(config.order);
  options.smoothing = NGramSmoothing::kAddK;
  options.k = 1e9;  // the one sentence there is weighs nothing
  return estimate_ngrams(std::span(&nothing, 1), words, NGramVocabulary::kSentenceEnd, options);
}

std::string_view text_of(const NGramModel& model) {
  return {reinterpret_cast<const char*>(model.bytes().data()), model.bytes().size()};
}

NGramMixture load_mixture(const fs::path& path) {
  std::vector<NGramModel> models;
  std::vector<double> weights;
  for_each_line(path, [&](std::string_view line) {
    const auto parts = words_of(line);
    if (parts.size() != 2 || read_number(parts[0], weights.emplace_back()) != NumberFault::kNone ||
        fs::path(parts[1]).filename() != fs::path(parts[1])) {
      throw std::runtime_error("expected a weight and a file's name");
    }
    models.push_back(NGramModel::load(path.parent_path() / parts[1]));
  });
  try {
    return NGramMixture(std::move(models), std::move(weights));
  } catch (const std::invalid_argument& error) {
    throw FileError(path, error.what());
  }
}

void save_mixture(const fs::path& dir, const NGramMixture& mixture) {
  std::string lines;
  for (std::size_t i = 0; i < mixture.models().size(); ++i) {
    const auto name = fmt::format("model-{}.ngram", i + 1);
    write_file_atomically(dir / name, text_of(mixture.models()[i]));
    lines += fmt::format("{}\t{}\n", mixture.weights()[i], name);
  }
  write_file_atomically(dir / kMixtureFile, lines);
}

/// The states of rows. Shares the model's bytes.
template <class Model>
class NGramStepFunction : public StepFunction {
 public:
  NGramStepFunction(const Model& model, const torch::Tensor& mask, std::int64_t capacity)
      : model_(model), capacity_(capacity) {
    if (mask.defined()) mask_ = mask.to(torch::kCPU, torch::kBool).contiguous();
  }

  torch::Tensor step(const torch::Tensor& ids) override {
    const auto rows = ids.size(0), tokens = ids.size(1);
    if (states_.empty()) states_.assign(static_cast<std::size_t>(rows), model_.start());
    const auto given = ids.to(torch::kCPU, torch::kInt64).contiguous();
    const auto* id = given.const_data_ptr<std::int64_t>();
    for (std::int64_t row = 0; row < rows; ++row) {
      auto& state = states_[static_cast<std::size_t>(row)];
      for (std::int64_t t = 0; t < tokens; ++t, ++id) {
        if (is_padding(row, seen_ + t)) continue;
        model_.log_probability(state, static_cast<std::int32_t>(*id));
        if (*id == model_.sentence_end()) state = model_.start();
      }
    }
    seen_ += tokens;
    const auto words = model_.vocabulary();
    auto logits = torch::empty({rows, words}, torch::kFloat64);
    for (std::int64_t row = 0; row < rows; ++row) {
      model_.log_probabilities(states_[static_cast<std::size_t>(row)],
                               {logits.template data_ptr<double>() + row * words, static_cast<std::size_t>(words)});
    }
    return logits.to(ids.device(), torch::kFloat32);
  }

  void reorder(const torch::Tensor& rows) override {
    const auto from = rows.to(torch::kCPU, torch::kInt64).contiguous();
    std::vector<typename Model::State> states;
    for (std::int64_t i = 0; i < from.numel(); ++i) {
      states.push_back(states_.at(static_cast<std::size_t>(from.const_data_ptr<std::int64_t>()[i])));
    }
    states_ = std::move(states);
    if (mask_.defined()) mask_ = mask_.index_select(0, from);
  }

  std::int64_t capacity() const override { return capacity_; }

 private:
  bool is_padding(std::int64_t row, std::int64_t place) const {
    return mask_.defined() && place < mask_.size(1) && !mask_[row][place].template item<bool>();
  }

  const Model model_;
  torch::Tensor mask_;  ///< (B,T) of the padded prompt; undefined without padding
  std::int64_t capacity_, seen_ = 0;
  std::vector<typename Model::State> states_;
};

}  // namespace

void NGramLmConfig::for_each_field(FieldVisitor& visit) {
  visit("model_type", model_type, {.choices = {"ngram"}});
  visit("vocab_size", vocab_size,
        {.least = 2, .most = kLargestVocabulary, .from_tokenizer = true, .help = "words, <unk> and </s> among them"});
  visit("eos_token_id", eos_token_id, {.least = 0, .most = kLargestVocabulary});
  visit("order", order, {.least = 1, .most = 64, .help = "the words of an n-gram"});
  visit("smoothing", smoothing,
        {.choices = {kSmoothings.begin(), kSmoothings.end()}, .help = "what words have that were not seen"});
  visit("k", k, {.most = 1e9, .above = 0, .help = "of add_k: what every count has more"});
  visit("backoff_factor", backoff_factor, {.least = 0, .most = 1, .help = "of stupid_backoff, for each word less"});
  visit("prune", prune,
        {.least = 0,
         .most = 1e15,
         .help = "n-grams of 1, 2, ... words that occur at most so often are left out; the first is 0"});
  visit(
      "prune_entropy", prune_entropy,
      {.least = 0, .help = "n-grams that change the perplexity by less than this share are left out as well; 0: none"});
  visit("discount_fallback", discount_fallback,
        {.help = "discounts of 0.5, 1, 1.5 where counts of counts give none; false: an error"});
  visit("mixture", mixture, {.least = 0, .most = 1000, .help = "models in it; 0: it is one"});
}

NGramOptions NGramLmConfig::options() const {
  NGramOptions options;
  options.order = static_cast<int>(order);
  while (kSmoothings.at(static_cast<std::size_t>(options.smoothing)) != smoothing) {
    options.smoothing = static_cast<NGramSmoothing>(static_cast<int>(options.smoothing) + 1);
  }
  options.k = k;
  options.backoff_factor = backoff_factor;
  options.prune = prune;
  options.discount_fallback = discount_fallback;
  return options;
}

const PretrainedTraits& NGramLmImpl::pretrained_traits() {
  static const PretrainedTraits traits = {.model_type = "ngram", .architecture = "NGramLM"};
  return traits;
}

NGramLmImpl::NGramLmImpl(const Config& config) : NGramLmImpl(config, uniform(config)) {}

NGramLmImpl::NGramLmImpl(const Config& config, AnyNGramModel model, fs::path file)
    : config_(config), model_(std::move(model)), file_(std::move(file)) {
  adopt();
}

void NGramLmImpl::set_model(NGramModel model, fs::path file) {
  model_ = std::move(model);
  file_ = std::move(file);
  adopt();
}

/// The config says what the model is.
void NGramLmImpl::adopt() {
  config_.vocab_size = vocab_size();
  config_.eos_token_id = end_tokens()[0];
  const auto* const mixture = std::get_if<NGramMixture>(&model_);
  config_.mixture = mixture == nullptr ? 0 : std::ssize(mixture->models());
  if (mixture == nullptr) config_.order = std::get<NGramModel>(model_).order();
}

std::shared_ptr<NGramLmImpl> NGramLmImpl::load(const fs::path& dir) {
  const auto origin = dir / "config.json";
  const auto config = config_from_json<NGramLmConfig>(read_config(dir, "ngram"), origin.string());
  const auto loaded = [&] {
    if (config.mixture == 0)
      return std::make_shared<NGramLmImpl>(config, NGramModel::load(dir / kNGramFile), dir / kNGramFile);
    return std::make_shared<NGramLmImpl>(config, load_mixture(dir / kMixtureFile));
  }();
  const auto require = [&](const char* field, std::int64_t says, std::int64_t has) {
    if (says != has) throw FileError(origin, fmt::format("{}: is {}, but the model's is {}", field, says, has));
  };
  require("vocab_size", config.vocab_size, loaded->config().vocab_size);
  require("eos_token_id", config.eos_token_id, loaded->config().eos_token_id);
  require("mixture", config.mixture, loaded->config().mixture);
  require("order", config.order, loaded->config().order);
  return loaded;
}

void NGramLmImpl::save_pretrained(const fs::path& dir) const {
  fs::create_directories(dir);
  if (const auto* const mixture = std::get_if<NGramMixture>(&model_)) {
    save_mixture(dir, *mixture);
  } else if (file_.empty()) {
    write_file_atomically(dir / kNGramFile, text_of(std::get<NGramModel>(model_)));
  } else if (std::error_code unknown; !fs::equivalent(file_, dir / kNGramFile, unknown)) {
    // Not through memory: pages of the mapping that are read would count as this process'.
    const auto copy = dir / (std::string(kNGramFile) + ".new");
    fs::remove(copy);
    std::error_code no_links;
    fs::create_hard_link(file_, copy, no_links);
    if (no_links) fs::copy_file(file_, copy);
    fs::rename(copy, dir / kNGramFile);
  }
  write_file_atomically(dir / "config.json", write_fields(config_));
}

std::int64_t NGramLmImpl::vocab_size() const {
  return std::visit([](const auto& model) { return std::int64_t{model.vocabulary()}; }, model_);
}

std::vector<std::int32_t> NGramLmImpl::end_tokens() const {
  return {std::visit([](const auto& model) { return model.sentence_end(); }, model_)};
}

std::optional<std::int32_t> NGramLmImpl::prompt_start() const {
  return end_tokens()[0];
}

std::vector<double> NGramLmImpl::log_probabilities(std::span<const std::int32_t> ids) const {
  std::vector<double> result;
  std::visit(
      [&](const auto& model) {
        auto state = model.start();
        for (std::size_t i = 1; i < ids.size(); ++i) {
          result.push_back(model.log_probability(state, ids[i]));
          if (ids[i] == model.sentence_end()) state = model.start();
        }
      },
      model_);
  return result;
}

torch::Tensor NGramLmImpl::logits(const torch::Tensor& ids) {
  return start({}, ids.size(1))->all_logits(ids);
}

torch::Tensor NGramLmImpl::loss_sum(const torch::Tensor& ids, const torch::Tensor& targets) {
  const auto logs = logits(ids).log_softmax(-1);  // (B,T,V): scores need not sum to 1
  const auto counted = targets.ne(-100);
  const auto chosen = logs.gather(2, targets.clamp_min(0).unsqueeze(2)).squeeze(2);
  return -chosen.masked_select(counted).sum();
}

std::unique_ptr<StepFunction> NGramLmImpl::start(const torch::Tensor& mask, std::int64_t capacity) {
  return std::visit(
      [&](const auto& model) -> std::unique_ptr<StepFunction> {
        using Model = std::decay_t<decltype(model)>;
        return std::make_unique<NGramStepFunction<Model>>(model, mask, capacity);
      },
      model_);
}

}  // namespace langzoo
