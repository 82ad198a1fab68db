#include "apps/training/tasks/example_kinds.h"

#include <algorithm>
#include <array>

#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/entity_texts.h"
#include "apps/training/tasks/kagnet.h"
#include "apps/training/tasks/multiple_choice.h"
#include "apps/training/tasks/question_answering.h"
#include "apps/training/tasks/regression.h"
#include "apps/training/tasks/tagging.h"
#include "data/files/file_error.h"

namespace langzoo {

std::span<const ExampleKind* const> example_kinds() {
  static const std::array kinds = {&classification(),          &regression(),      &tagging(),
                                   &question_answering(),      &multiple_choice(), &entity_typing(),
                                   &relation_classification(), &kagnet_choice()};
  return kinds;
}

const ExampleKind* find_example_kind(const TokenModel& model) {
  const auto kinds = example_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const auto* kind) { return kind->accepts(model); });
  return found == kinds.end() ? nullptr : *found;
}

EvalMetrics evaluate_example_model(const std::filesystem::path& dir, const std::string& data,
                                   const DeviceOptions& options, std::int64_t batch_size) {
  const auto loaded = load_example_model(dir, options);
  const auto* const kind = find_example_kind(*loaded.model);
  if (kind == nullptr) throw FileError(dir, "is no model of a task that learns from examples");
  return evaluate_examples(*kind, loaded, dir, data, batch_size);
}

}  // namespace langzoo
