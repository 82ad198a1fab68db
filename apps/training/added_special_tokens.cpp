#include "apps/training/added_special_tokens.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "apps/training/run_tokenizer.h"
#include "data/files/config_error.h"
#include "data/files/files.h"

namespace langzoo {

std::shared_ptr<const Tokenizer> with_special_tokens(std::shared_ptr<const Tokenizer> tokenizer,
                                                     const std::vector<std::string_view>& tokens,
                                                     const std::filesystem::path& dir, const std::string& key) {
  std::vector<std::string_view> missing;
  for (const auto token : tokens) {
    if (!tokenizer->token_to_id(token)) missing.push_back(token);
  }
  if (missing.empty()) return tokenizer;
  const auto path = dir / "tokenizer.json";
  tokenizer->save(dir);
  if (!std::filesystem::exists(path)) {
    throw ConfigError(fmt::format("{}: takes no tokens {}: it is no tokenizer.json; one of train:bytebpe:N is, say",
                                  key, fmt::join(missing, ", ")));
  }
  auto json = nlohmann::ordered_json::parse(read_file(path));
  auto id = tokenizer->vocab_size();
  for (const auto token : missing) {
    json["added_tokens"].push_back({{"id", id++},
                                    {"content", token},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  }
  write_file_atomically(path, json.dump(2));
  return load_run_tokenizer(dir);
}

}  // namespace langzoo
