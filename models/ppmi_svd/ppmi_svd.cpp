#include "models/ppmi_svd/ppmi_svd.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/init.h"
#include "models/ppmi_svd/ppmi.h"
#include "models/ppmi_svd/truncated_svd.h"
#include "third_party/torch.h"

namespace langzoo {

void PpmiSvdConfig::for_each_field(FieldVisitor& visit) {
  visit("vocab_size", vocab_size, {.least = 1, .most = 1 << 30, .help = "words"});
  visit("dim", dim, {.least = 1, .most = 1 << 30, .help = "width of the vectors"});
  visit("association", association,
        {.choices = {"ppmi", "counts"}, .help = "ppmi-svd: ppmi, or counts: ln(1 + count), to compare with"});
  visit("context_smoothing", context_smoothing,
        {.most = 1, .above = 0, .help = "ppmi-svd: power of the context counts"});
  visit("shift", shift, {.least = 1, .most = 1e6, .help = "ppmi-svd: log2 of it is taken off; 1: none"});
  visit("eigenvalue_weight", eigenvalue_weight,
        {.least = 0, .most = 1, .help = "ppmi-svd: power of the singular values"});
  visit("add_contexts", add_contexts, {.help = "ppmi-svd: add each word's vector as a context"});
}

void PpmiSvdConfig::validate() const {
  check_fields(*this, "ppmi-svd config");
  if (dim > vocab_size)
    throw std::invalid_argument(
        c10::str("ppmi-svd config: dim = ", dim, " must be at most the number of words, ", vocab_size));
}

const PretrainedTraits& PpmiSvdImpl::pretrained_traits() {
  static const PretrainedTraits traits{"ppmi-svd", "PpmiSvd", ""};
  return traits;
}

PpmiSvdImpl::PpmiSvdImpl(const PpmiSvdConfig& config) : config_(config) {
  config_.validate();
  const auto table = torch::empty({config_.vocab_size, config_.dim});
  const auto options = torch::nn::EmbeddingOptions(config_.vocab_size, config_.dim)._weight(table);
  embeddings = register_module("embeddings", torch::nn::Embedding(options));
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  embeddings->weight.zero_();
}

void PpmiSvdImpl::fit(const SparseMatrix& counts, std::uint64_t seed) {
  if (counts.rows != config_.vocab_size || counts.columns != config_.vocab_size) {
    throw std::invalid_argument(c10::str("co-occurrences of ", counts.rows, " x ", counts.columns,
                                         " words, the model has ", config_.vocab_size));
  }
  const torch::NoGradGuard no_grad;
  TruncatedSvdOptions options;
  options.seed = seed;
  const auto weighed =
      config_.association == "ppmi" ? ppmi(counts, {config_.context_smoothing, config_.shift}) : log_counts(counts);
  const auto svd = truncated_svd(weighed, config_.dim, options);
  embeddings->weight.copy_(svd_word_vectors(svd, config_.eigenvalue_weight, config_.add_contexts));
}

void PpmiSvdImpl::save_pretrained(const std::filesystem::path& dir) const {
  langzoo::save_pretrained(*this, config_, pretrained_traits(), dir);
}

}  // namespace langzoo
