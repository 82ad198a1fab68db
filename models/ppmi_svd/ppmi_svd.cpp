#include "models/ppmi_svd/ppmi_svd.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>
#include <torch/torch.h>

#include "models/io/config_json.h"
#include "models/ppmi_svd/ppmi.h"
#include "models/ppmi_svd/truncated_svd.h"

namespace langzoo {

void PpmiSvdConfig::validate() const {
  const auto require = [](bool holds, const char* field, const auto& value, const char* rule) {
    if (!holds) throw std::invalid_argument(c10::str("ppmi-svd config: ", field, " = ", value, " must be ", rule));
  };
  require(vocab_size >= 1 && vocab_size <= std::int64_t{1} << 30, "vocab_size", vocab_size, "between 1 and 2^30");
  require(dim >= 1 && dim <= vocab_size, "dim", dim, c10::str("between 1 and the ", vocab_size, " words").c_str());
  require(context_smoothing > 0 && context_smoothing <= 1, "context_smoothing", context_smoothing,
          "above 0, at most 1");
  require(shift >= 1 && shift <= 1e6, "shift", shift, "between 1 (none) and 1e6");
  require(eigenvalue_weight >= 0 && eigenvalue_weight <= 1, "eigenvalue_weight", eigenvalue_weight, "between 0 and 1");
}

PpmiSvdConfig PpmiSvdConfig::from_json(std::string_view text, const std::string& origin) {
  const ConfigReader reader(text, origin);
  PpmiSvdConfig config;
  reader.get("vocab_size", config.vocab_size);
  reader.get("dim", config.dim);
  reader.get("context_smoothing", config.context_smoothing);
  reader.get("shift", config.shift);
  reader.get("eigenvalue_weight", config.eigenvalue_weight);
  reader.get("add_contexts", config.add_contexts);
  reader.validate(config);
  return config;
}

std::string PpmiSvdConfig::to_json() const {
  ConfigWriter writer;
  return writer.set("vocab_size", vocab_size)
      .set("dim", dim)
      .set("context_smoothing", context_smoothing)
      .set("shift", shift)
      .set("eigenvalue_weight", eigenvalue_weight)
      .set("add_contexts", add_contexts)
      .text();
}

const PretrainedTraits& PpmiSvdImpl::pretrained_traits() {
  static const PretrainedTraits traits{"ppmi-svd", "PpmiSvd", ""};
  return traits;
}

PpmiSvdImpl::PpmiSvdImpl(const PpmiSvdConfig& config) : config_(config) {
  config_.validate();
  const torch::nn::EmbeddingOptions options(config_.vocab_size, config_.dim);
  embeddings = register_module("embeddings", torch::nn::Embedding(torch::nn::EmbeddingOptions(options)._weight(
                                                 torch::zeros({config_.vocab_size, config_.dim}))));
}

void PpmiSvdImpl::fit(const SparseMatrix& counts, std::uint64_t seed) {
  if (counts.rows != config_.vocab_size || counts.columns != config_.vocab_size) {
    throw std::invalid_argument(c10::str("co-occurrences of ", counts.rows, " x ", counts.columns,
                                         " words, the model has ", config_.vocab_size));
  }
  const torch::NoGradGuard no_grad;
  TruncatedSvdOptions options;
  options.seed = seed;
  const auto svd = truncated_svd(ppmi(counts, {config_.context_smoothing, config_.shift}), config_.dim, options);
  embeddings->weight.copy_(svd_word_vectors(svd, config_.eigenvalue_weight, config_.add_contexts));
}

void PpmiSvdImpl::save_pretrained(const std::filesystem::path& dir) const {
  langzoo::save_pretrained(*this, config_.to_json(), pretrained_traits(), dir);
}

}  // namespace langzoo
