/// Reading and writing the flat JSON objects that configs are, without JSON types in any header.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// A parsed config.json. Each get() leaves `value` as it is when the key is absent, so that a config's defaults stand,
/// and throws std::runtime_error "ORIGIN: KEY: ..." when it has another type or is out of range:
///
///     ConfigReader reader(text, origin);
///     reader.get("n_embd", config.n_embd, 1);
///     reader.get("layer_norm_epsilon", config.layer_norm_epsilon);
///     reader.validate(config);
class ConfigReader {
 public:
  /// `origin` (a path) starts every message. Throws std::runtime_error when `text` is not one JSON object.
  ConfigReader(std::string_view text, std::string origin);
  ~ConfigReader();
  ConfigReader(ConfigReader&&) noexcept;
  ConfigReader& operator=(ConfigReader&&) noexcept;

  bool has(const std::string& key) const;  ///< present and not null

  void get(const std::string& key, std::int64_t& value, std::int64_t min = std::numeric_limits<std::int64_t>::min(),
           std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;
  void get(const std::string& key, double& value, double min = -std::numeric_limits<double>::max(),
           double max = std::numeric_limits<double>::max()) const;
  void get(const std::string& key, bool& value) const;
  void get(const std::string& key, std::string& value) const;
  void get(const std::string& key, std::vector<std::string>& value) const;
  /// null gives nullopt.
  void get(const std::string& key, std::optional<std::int64_t>& value,
           std::int64_t min = std::numeric_limits<std::int64_t>::min(),
           std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;

  /// Every key at the top, sorted.
  std::vector<std::string> keys() const;

  /// Throws std::runtime_error "ORIGIN: KEY: REASON".
  [[noreturn]] void fail(const std::string& key, const std::string& reason) const;

  /// config.validate(), with the origin put before what it throws.
  template <class Config>
  void validate(const Config& config) const {
    try {
      config.validate();
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(origin_ + ": " + error.what());
    }
  }

 private:
  struct Object;
  std::unique_ptr<Object> object_;
  std::string origin_;
};

/// The counterpart: keys in the order given, two spaces of indentation.
class ConfigWriter {
 public:
  ConfigWriter();
  /// Starts from the object in `text`; throws std::invalid_argument when it is none.
  explicit ConfigWriter(std::string_view text);
  ~ConfigWriter();
  ConfigWriter(ConfigWriter&&) noexcept;
  ConfigWriter& operator=(ConfigWriter&&) noexcept;

  ConfigWriter& set(const std::string& key, std::int64_t value);
  ConfigWriter& set(const std::string& key, double value);
  ConfigWriter& set(const std::string& key, bool value);
  ConfigWriter& set(const std::string& key, const std::string& value);
  ConfigWriter& set(const std::string& key, const char* value);
  ConfigWriter& set(const std::string& key, const std::vector<std::string>& value);
  ConfigWriter& set(const std::string& key, std::optional<std::int64_t> value);  ///< nullopt is null

  /// Ends with a newline. Throws std::invalid_argument for a string that is not UTF-8.
  std::string text() const;

 private:
  struct Object;
  std::unique_ptr<Object> object_;
};

}  // namespace langzoo
