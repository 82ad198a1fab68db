#include "apps/cli/causal_lm/verbs.h"

#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/average_verb.h"
#include "apps/cli/examples.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/report_verb.h"
#include "data/files/file_error.h"
#include "models/elmo/elmo_features.h"

namespace langzoo {

namespace {

/// Of a program with models of several types, the one that the folder names.
const RegisteredModel& model_in(const Family& family, const std::filesystem::path& dir) {
  const auto type = model_type_of(dir);
  if (type.empty()) return family.model();
  std::vector<std::string_view> own;
  for (const auto& other : families()) {
    if (other.program != family.program) continue;
    if (other.model_type == type) return other.model();
    if (own.empty() || own.back() != other.model_type) own.push_back(other.model_type);
  }
  const auto& other = registered_model(dir);
  throw FileError(dir, fmt::format("holds a model of type {}, which {} opens; langzoo-{} opens {}", other.model_type,
                                   other.program, family.program, fmt::join(own, ", ")));
}

}  // namespace

LoadedLm load_lm(const Family& family, const std::filesystem::path& dir, const ComputeOptions& common,
                 bool with_tokenizer) {
  return load_and_report(dir, common, [&](const DeviceOptions& options, LoadReport* report) {
    const bool released = is_released_elmo(dir);
    if (released || model_in(family, dir).model_type == "elmo") {
      throw FileError(dir, fmt::format("holds an ELMo, which reads a text from both ends and continues none: {} of "
                                       "langzoo-lm take it",
                                       released ? "features" : "eval and features"));
    }
    return load_causal_lm(model_in(family, dir), dir, options, with_tokenizer, report);
  });
}

Verbs causal_lm_verbs(const Family& family) {
  Verbs verbs;
  verbs.push_back(causal_lm_train_verb(family));
  verbs.push_back(causal_lm_finetune_verb(family));
  verbs.push_back(eval_verb(family));
  verbs.push_back(example_predict_verb(all_predictions()));
  verbs.push_back(generate_verb(family));
  verbs.push_back(score_verb(family));
  verbs.push_back(prompt_verb(family));
  verbs.push_back(attention_verb(family));
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
