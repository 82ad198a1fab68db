#include "apps/cli/output_dir.h"

#include <fmt/format.h>

#include "apps/cli/base/program.h"
#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;

bool is_new_or_empty(const fs::path& out) {
  if (out.empty()) throw UsageError("--out: the name is empty");
  if (!fs::exists(out)) return true;
  if (!fs::is_directory(out)) throw UsageError(fmt::format("--out {}: is not a directory", out.string()));
  return fs::is_empty(out);
}

OutputGuard::OutputGuard(fs::path out) : out_(std::move(out)), existed_(fs::exists(out_)) {
  std::error_code error;
  fs::create_directories(out_, error);
  if (error) throw FileError(out_, "cannot be created: " + error.message());
  active_ = fs::is_empty(out_);
}

OutputGuard::~OutputGuard() {
  if (!active_) return;
  std::error_code ignored;
  for (const auto* name :
       {"data", "run.json", "tokenizer.json", "tokenizer_config.json", "target_tokenizer", "vocab.tsv"}) {
    fs::remove_all(out_ / name, ignored);
  }
  if (!existed_) fs::remove(out_, ignored);
}

}  // namespace langzoo
