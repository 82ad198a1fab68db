/// Features that a trained model has for tokens, by their name.
#pragma once

#include <memory>
#include <string>

#include "models/token_features.h"

namespace langzoo {

/// "elmo:DIR" with DIR as an absolute path. Throws ConfigError "WHAT = NAME: ..." for anything else.
std::string absolute_features(const std::string& name, const std::string& what);

/// Of "elmo:DIR", a folder that langzoo-lm trained or one in the form in which ELMo was released. Throws ConfigError as
/// above, FileError.
std::shared_ptr<const TokenFeatures> load_token_features(const std::string& name, const std::string& what);

}  // namespace langzoo
