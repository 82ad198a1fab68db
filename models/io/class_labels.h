/// The names of a classifier's classes, as transformers' configs hold them: id2label and label2id.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/io/config_fields.h"

namespace langzoo {

/// Part of a config, which visits it among its own fields: `labels.for_each_field(visit)`.
struct ClassLabels {
  std::map<std::int64_t, std::string> id2label = {{0, "LABEL_0"}, {1, "LABEL_1"}};  ///< transformers' default
  std::map<std::string, std::int64_t> label2id = {};                                ///< the inverse, or empty

  static ClassLabels of(const std::vector<std::string>& names);

  std::int64_t size() const { return static_cast<std::int64_t>(id2label.size()); }
  /// Throws std::invalid_argument "WHAT: ..." unless the ids are 0, 1, ... and label2id gives each name the id that has
  /// it.
  void validate(const std::string& what) const;
  void for_each_field(FieldVisitor& visit);
};

}  // namespace langzoo
