#include "tokenizers/json_field.h"

namespace langzoo {

using nlohmann::json;

namespace {
constexpr int kMaxDepth = 32;
}

json parse_json(std::string_view text, const std::filesystem::path& path) {
  const auto bound_depth = [&](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) throw FileError(path, fmt::format("is nested more than {} deep", kMaxDepth));
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), bound_depth);
  } catch (const json::exception& error) {
    throw FileError(path, sanitize_utf8(fmt::format("is not valid JSON: {}", error.what())));
  }
}

}  // namespace langzoo
