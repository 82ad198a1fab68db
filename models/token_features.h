/// What models read of a sentence's tokens beside their ids: their characters, and vectors that another model, trained
/// before and left as it is, has for them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

namespace langzoo {

/// The other model: ELMo, of which a task mixes the layers.
class TokenFeatures {
 public:
  virtual ~TokenFeatures() = default;
  virtual std::int64_t layers() const = 0;  ///< J
  virtual std::int64_t width() const = 0;   ///< C
  /// Of sentences of T tokens at most, zeros behind shorter ones; no graph. Shapes: B sentences -> (J,B,T,C) float32 on
  /// the CPU.
  virtual torch::Tensor of(std::span<const std::vector<std::string>> sentences) const = 0;
};

/// Another base of a model that reads tokens' texts.
class TokenTextReader {
 public:
  virtual ~TokenTextReader() = default;

  /// Of a token's characters the first so many; 0: it reads none.
  virtual std::int64_t max_characters() const = 0;
  /// The number of a character, which is UTF-8; 1 of those that are unknown, 0 is none.
  virtual std::int32_t character_id(std::string_view character) const = 0;

  /// Which features it reads, as the user named them: "elmo:DIR"; empty: none.
  virtual const std::string& feature_source() const = 0;
  /// Throws std::invalid_argument where they have another number of layers, or another width, than the config says.
  virtual void set_features(std::shared_ptr<const TokenFeatures> features) = 0;
  /// null until they are set.
  virtual const TokenFeatures* features() const = 0;
};

}  // namespace langzoo
