#include "data/pretraining/entity_masking.h"

#include <algorithm>
#include <map>
#include <vector>

#include "data/text/causal_lm.h"
#include "third_party/torch.h"

namespace langzoo {

PhraseMatcher name_tokens(std::span<const std::string> names, const Tokenizer& tokenizer) {
  PhraseMatcher matcher;
  const auto unknown = tokenizer.special_tokens().unk;
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::vector<TokenId> tokens;
    tokenizer.encode(names[i], tokens);
    if (tokens.empty() || (unknown && std::find(tokens.begin(), tokens.end(), *unknown) != tokens.end())) continue;
    matcher.add(std::vector<std::int64_t>(tokens.begin(), tokens.end()), static_cast<std::int64_t>(i));
  }
  return matcher;
}

EntityBatch entity_batch(const PretrainingBatch& batch, const PhraseMatcher& names, Random& random) {
  const auto text = torch::where(batch.labels == kIgnoredTarget, batch.ids, batch.labels).cpu().contiguous();
  const auto lengths = batch.lengths.cpu();
  const auto rows = text.size(0), width = text.size(1);
  struct Named {
    std::int64_t place, entity;
  };
  std::vector<Named> named;
  std::map<std::int64_t, std::int64_t> numbers;  // of the batch's entities
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::span ids(text.data_ptr<std::int64_t>() + row * width,
                        static_cast<std::size_t>(lengths[row].item<std::int64_t>()));
    for (const auto& match : names.longest_matches(ids)) {
      named.push_back({row * width + static_cast<std::int64_t>(match.begin), match.phrase});
      numbers.emplace(match.phrase, 0);
    }
  }
  std::vector<std::int64_t> candidates;
  for (auto& [entity, number] : numbers) {
    number = static_cast<std::int64_t>(candidates.size());
    candidates.push_back(entity);
  }
  EntityBatch entities{torch::full({rows, width}, -1, torch::kInt64), torch::tensor(candidates, torch::kInt64),
                       torch::full({rows, width}, kIgnoredTarget, torch::kInt64)};
  for (const auto& [place, entity] : named) {
    const double draw = random.uniform();
    const auto read = draw < 0.05 ? candidates[random.below(candidates.size())] : draw < 0.2 ? -1 : entity;
    entities.ids.data_ptr<std::int64_t>()[place] = read;
    entities.labels.data_ptr<std::int64_t>()[place] = numbers.at(entity);
  }
  return entities;
}

}  // namespace langzoo
