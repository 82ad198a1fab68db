#include "apps/cli/causal_lm/verbs.h"

#include <string>

#include "apps/cli/average_verb.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/report_verb.h"
#include "apps/cli/train_verb.h"

namespace langzoo {

LoadedLm load_lm(const Family& family, const std::filesystem::path& dir, const ComputeOptions& common,
                 bool with_tokenizer) {
  return load_and_report(dir, common, [&](const DeviceOptions& options, LoadReport* report) {
    return load_causal_lm(family.model(), dir, options, with_tokenizer, report);
  });
}

Verbs causal_lm_verbs(const Family& family) {
  const std::string examples =
      "train --data microworld --preset microworld --out run\n"
      "train --data book.txt --preset warandpeace-bpe --out run --set model.n_layer=6 train.max_steps=5000\n"
      "train --data book.txt --preset shakespeare-char --out run\n"
      "train --out run --resume\n";
  Verbs verbs;
  verbs.push_back(std::make_unique<TrainVerb>(std::string(family.program), examples, family.setup));
  verbs.push_back(eval_verb(family));
  verbs.push_back(generate_verb(family));
  verbs.push_back(score_verb(family));
  verbs.push_back(attention_verb(family));
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
