#include "models/io/class_labels.h"

#include <optional>
#include <stdexcept>

#include <fmt/format.h>

namespace langzoo {

ClassLabels ClassLabels::of(const std::vector<std::string>& names) {
  ClassLabels labels{{}, {}};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto id = static_cast<std::int64_t>(i);
    labels.id2label[id] = names[i];
    labels.label2id[names[i]] = id;
  }
  return labels;
}

void ClassLabels::validate(const std::string& what) const {
  std::int64_t next = 0;
  for (const auto& [id, name] : id2label) {
    if (id != next++) throw std::invalid_argument(fmt::format("{}: id2label: has no label {}", what, next - 1));
  }
  for (const auto& [name, id] : label2id) {
    const auto label = id2label.find(id);
    if (label != id2label.end() && label->second == name) continue;
    throw std::invalid_argument(fmt::format("{}: label2id: \"{}\" is {}, but in id2label that is {}", what, name, id,
                                            label == id2label.end() ? "nothing" : '"' + label->second + '"'));
  }
}

void read_label_count(const Fields& config, std::string_view text, const std::string& origin,
                      std::vector<std::string>& others) {
  constexpr double kMost = 1 << 20;
  if (!find_field(config, "id2label") || std::erase(others, "num_labels") == 0) return;
  std::map<std::int64_t, std::string> named;
  std::optional<std::int64_t> count;
  read_fields(Fields([&](FieldVisitor& visit) {
                visit("id2label", named);
                visit("num_labels", count, {.least = 1, .most = kMost});
              }),
              text, origin);
  if (!named.empty() || !count) return;
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < *count; ++i) names.push_back(fmt::format("LABEL_{}", i));
  read_fields(config, write_fields(ClassLabels::of(names)), origin);
}

void ClassLabels::for_each_field(FieldVisitor& visit) {
  visit("id2label", id2label, {.help = "the names of the classes"});
  visit("label2id", label2id, {.help = "the same, the other way round"});
}

}  // namespace langzoo
