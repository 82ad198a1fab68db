/// Causal language models on the command line: training, evaluation, generation and scoring of every family whose
/// models are a CausalLm.
#pragma once

#include <filesystem>
#include <memory>

#include "apps/cli/compute_verb.h"
#include "apps/cli/model_checks.h"
#include "apps/training/families.h"
#include "apps/training/tasks/causal_lm.h"

namespace langzoo {

// `family` must outlive its verbs.

/// The verbs train, finetune, eval, predict, generate, score, prompt, attention, average and report.
Verbs causal_lm_verbs(const Family& family);

/// Those of the model alone, for programs that have fewer or more.
std::unique_ptr<Verb> causal_lm_train_verb(const Family& family);
std::unique_ptr<Verb> causal_lm_finetune_verb(const Family& family);
std::unique_ptr<Verb> eval_verb(const Family& family);
std::unique_ptr<Verb> generate_verb(const Family& family);
std::unique_ptr<Verb> score_verb(const Family& family);
std::unique_ptr<Verb> prompt_verb(const Family& family);
std::unique_ptr<Verb> attention_verb(const Family& family);

/// What --model may name.
inline constexpr const char* kAnyModelHelp = "a Hugging Face model folder: an earlier --out, or any other";

/// What --model DIR holds, as load_causal_lm(); tells the user what of the model was not as it should be.
LoadedLm load_lm(const Family& family, const std::filesystem::path& dir, const ComputeOptions& common,
                 bool with_tokenizer);

}  // namespace langzoo
