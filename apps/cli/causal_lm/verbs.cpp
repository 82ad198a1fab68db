#include "apps/cli/causal_lm/verbs.h"

#include <algorithm>

#include "apps/cli/average_verb.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/report_verb.h"

namespace langzoo {

LoadedLm load_lm(const Family& family, const std::filesystem::path& dir, const ComputeOptions& common,
                 bool with_tokenizer) {
  return load_and_report(dir, common, [&](const DeviceOptions& options, LoadReport* report) {
    // Of a program with models of several types, the one that the folder names.
    const auto type = model_type_of(dir);
    const auto found = std::find_if(families().begin(), families().end(), [&](const Family& other) {
      return other.program == family.program && other.model_type == type;
    });
    const auto& model = found == families().end() ? family.model() : found->model();
    return load_causal_lm(model, dir, options, with_tokenizer, report);
  });
}

Verbs causal_lm_verbs(const Family& family) {
  Verbs verbs;
  verbs.push_back(causal_lm_train_verb(family));
  verbs.push_back(eval_verb(family));
  verbs.push_back(generate_verb(family));
  verbs.push_back(score_verb(family));
  verbs.push_back(prompt_verb(family));
  verbs.push_back(attention_verb(family));
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
