#include "apps/cli/bit_sequences/drawn_task.h"

#include <vector>

#include <fmt/format.h>

namespace langzoo {

void DrawnTask::add_to(Options& options) {
  const std::vector<std::string> names(bit_task_names().begin(), bit_task_names().end());
  options.add("--task", name_, "copy, repeat-copy, recall, ngrams or sort; the run's by default").one_of(names);
  options.add("--length", length_, "vectors of a sequence (recall: items; ngrams: bits); the run's by default")
      .range(1, 1 << 16);
  options.add("--repeats", repeats_, "of repeat-copy; the run's greatest by default").range(1, 1 << 16);
}

BitSequenceTask DrawnTask::task(const std::filesystem::path& model) const {
  auto task = bit_sequence_task_of_run(model);
  if (name_ && *name_ != task.name) {
    task.name = *name_;
    task.bits = task.length = 0;
  }
  if (length_) task.length = *length_;
  if (repeats_ && task.task() != BitTask::kRepeatCopy)
    throw UsageError(fmt::format("--repeats: the task {} has none", task.name));
  if (repeats_) task.repeats = *repeats_;
  task.validate();
  return task;
}

}  // namespace langzoo
