/// ELMo as a bidirectional language model of words, for langzoo-lm: training, evaluation.
///
/// A text is a stream as other language models read it (stream_text.h), and a second one that is the same back to
/// front. The forward direction predicts every token but the first from those before, the backward direction every
/// token but the last from those behind; both carry their states from line to line. Where a sentence ends the forward
/// direction reads ELMo's begin of a sentence, and the backward direction its end. Words are read as they are written,
/// also those that are <unk> as what is predicted.
///
///     const auto lm = langzoo::load_elmo("run");
///     const auto text = langzoo::open_stream_text("test.txt", *lm.tokenizer, true, 1, /*with_forms=*/true);
///     const auto metrics = langzoo::elmo_metrics(langzoo::elmo_log_probabilities(*lm.model, text, 8, lm.device));
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/training/metric.h"
#include "apps/training/stream_text.h"
#include "apps/training/task_setup.h"
#include "data/text/text_stream.h"
#include "models/elmo/elmo.h"

namespace langzoo {

using LoadedElmo = LoadedModel<ElmoLmImpl>;
/// What `dir` holds, with its tokenizer. Throws FileError, also for the released form, which predicts nothing.
LoadedElmo load_elmo(const std::filesystem::path& dir, const DeviceOptions& options = {}, LoadReport* report = nullptr);

/// ln p of what each direction predicts, in the order of the text: the forward direction's of all tokens but the first,
/// the backward direction's of all but the last.
struct ElmoLogProbabilities {
  std::vector<double> forward, backward;
};
/// `text` has its WordForms. `batch_size`: how much is computed at once; no figure depends on it.
ElmoLogProbabilities elmo_log_probabilities(ElmoLmImpl& model, const StreamText& text, std::int64_t batch_size,
                                            torch::Device device);

/// loss, the mean over all that both directions predict, and its perplexity (Peters et al. 2018, section 3.1: the
/// average of both); forward_perplexity and backward_perplexity.
EvalMetrics elmo_metrics(const ElmoLogProbabilities& logs);

/// A task that trains on `corpus`, both of whose texts have WordForms, in as many columns as the setting's batches have
/// rows.
std::unique_ptr<TrainingTask> elmo_task(StreamCorpus corpus, std::shared_ptr<ElmoLmImpl> model,
                                        const TextStreamOptions& stream, const TrainSetting& setting);

}  // namespace langzoo
