/// What a model folder says of the run that made it.
#pragma once

#include <filesystem>
#include <string>

#include "models/io/config_fields.h"

namespace langzoo {

/// Gives `fields` the values that they have in the section of that name ("data") of the run.json in `dir`, or in the
/// folder above it, whose folder best `dir` may be. What is not there stays as it is: the model does without. Throws
/// FileError naming file and field for what is no JSON, or no value of its field; above a folder that no run makes in
/// its own stands nobody's file.
void read_run_section(const std::filesystem::path& dir, const std::string& section, const Fields& fields);
template <HasFields Struct>
void read_run_section(const std::filesystem::path& dir, const std::string& section, Struct& fields) {
  read_run_section(dir, section, fields_in(fields));
}

}  // namespace langzoo
