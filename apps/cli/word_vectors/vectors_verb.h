/// What verbs that use word vectors have in common: --model, threads, words that may be unknown.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/cli/base/json_output.h"
#include "apps/cli/compute_verb.h"
#include "models/word_vectors/word_vectors.h"

namespace langzoo {

/// Declares --model, which load_vectors reads.
Option& add_model_option(Options& options, std::string& model);

class VectorsVerb : public ComputeVerb {
 protected:
  void add_own_options(Options& options) final;
  void compute(const ComputeOptions& common) final;
  bool has_device() const final { return false; }

  /// Declares the verb's options beside --model.
  virtual void add_more_options(Options& options) = 0;
  /// What can be said before the vectors are read, which may take long.
  virtual void check(const CommonOptions& /*common*/) {}
  virtual void use(const WordVectors& vectors, const CommonOptions& common) = 0;

  const std::string& model() const { return model_; }
  /// Throws UsageError where writing `out` would replace what --model is read from, FileError where it cannot be
  /// written: to be said before there is work to lose. UsageError as well where it is stdout, on which `json` has
  /// something to say.
  void check_out(const std::filesystem::path& out, bool json) const;

 private:
  std::string model_;
};

/// The word's vector, composed where the model can. Throws std::runtime_error naming words that may have been meant.
/// Shapes: -> (C).
torch::Tensor vector_of(const WordVectors& vectors, const std::string& word);

/// [{"word": ..., "similarity": ...}, ...]
std::vector<JsonValue> neighbors_json(const std::vector<Neighbor>& neighbors);
/// A line each on stdout: similarity, word.
void print_neighbors(const std::vector<Neighbor>& neighbors);

}  // namespace langzoo
