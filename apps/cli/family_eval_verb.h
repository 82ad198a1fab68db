/// The verb `eval` of programs whose models are measured as the table of families says.
#pragma once

#include <memory>
#include <string>

#include "apps/cli/base/program.h"

namespace langzoo {

/// `data` says what --data may be, `fields` what is printed.
std::unique_ptr<Verb> family_eval_verb(const std::string& data, const std::string& fields);

}  // namespace langzoo
