/// Language models of words and their text as one stream (stream_text.h): recurrent, feed-forward and Transformer, for
/// langzoo-lm.
///
///     const auto lm = langzoo::load_causal_lm("run");
///     const auto text = langzoo::open_stream_text("test.txt", *lm.tokenizer, langzoo::lines_of_run("run"));
///     const auto logs = langzoo::stream_log_probabilities(*lm.model, *text.ids, {}, lm.device);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/stream_text.h"
#include "apps/training/tasks/causal_lm.h"
#include "data/text/text_stream.h"
#include "models/stream_lm.h"

namespace langzoo {

/// The kinds of models that langzoo-lm trains: "rnn", "lstm", "gru", "ar", "transformer", "ngram", "elmo".
std::span<const std::string_view> lm_kinds();

/// Dynamic evaluation (Krause et al. 2018, https://arxiv.org/abs/1709.07432, with plain SGD): what was read is learnt
/// before the text goes on.
struct DynamicEvaluation {
  double learning_rate = 0;   ///< 0: none
  double decay = 0;           ///< the share of the way back to the weights as they were, in each update
  std::int64_t segment = 20;  ///< tokens between updates
};

/// The continuous cache of Grave et al. 2017, https://arxiv.org/abs/1612.04426: p = (1 - lambda) p_model + lambda
/// p_cache, p_cache(w) the share that w has of exp(theta h_t . h_i) over those of the last `window` words that follow
/// h_i.
struct ContinuousCache {
  std::int64_t window = 0;  ///< 0: none
  double theta = 1.0, lambda = 0.1;
};

struct StreamReading {
  std::int64_t batch_size = 8;         ///< how much is computed at once; no figure depends on it
  std::optional<std::int64_t> stride;  ///< of models with a context, tokens between windows; the context by default
  DynamicEvaluation dynamic;           ///< changes the model's weights
  ContinuousCache cache;
  Distributed* ranks = nullptr;  ///< processes that share the windows of models with a context; all call it
};

/// ln p of every token of a stream but the first. A model with a memory reads it in one go; others in windows, each
/// token predicted in the first that reaches it. Throws std::invalid_argument for a dynamic evaluation or a cache of a
/// model that is no StreamLm.
std::vector<double> stream_log_probabilities(CausalLm& model, std::span<const TokenId> ids,
                                             const StreamReading& reading, torch::Device device);

/// loss and perplexity, the means over all tokens.
EvalMetrics stream_metrics(const std::vector<double>& log_probabilities);

/// What a task carries from batch to batch, as TrainingTask::state() has it.
StateDict state_of_memory(const StreamMemory& memory);
/// Back again; empty where nothing was saved. `begins` is a memory of the same sizes. Throws std::invalid_argument for
/// another number of parts, or other shapes.
StreamMemory memory_of_state(const StateDict& state, StreamMemory begins);
/// The dimension of the columns in the part that state_of_memory() calls `name`: the one in which the memory of one
/// column, `one`, and that of two differ. What TrainingTask::state_dimension() asks.
std::optional<std::int64_t> column_dimension(const std::string& name, const StreamMemory& one, const StreamMemory& two);

/// A setup of one of lm_kinds(), or of a causal language model that another program trains, by its model type ("gpt2"),
/// which then learns from a text read as theirs is. Throws ConfigError for another name.
std::unique_ptr<TaskSetup> lm_setup(std::string_view kind);

/// A language model of a program's own with random weights, of so many tokens and so many read at once.
using MakeLm = std::function<std::shared_ptr<CausalLm>(std::int64_t vocab_size, std::int64_t context)>;
/// A setup of one: beside the keys of `data` those of `model` are vocab_size and context.
std::unique_ptr<TaskSetup> own_lm_setup(const std::string& name, MakeLm make);

/// The kind of the run in `dir`; empty where it does not say.
std::string lm_kind_of_run(const std::filesystem::path& dir);

}  // namespace langzoo
