#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "apps/cli/tokenizer/encoding_json.h"
#include "apps/cli/tokenizer/pieces.h"
#include "apps/cli/tokenizer/verbs.h"
#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "data/files/text_lines.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// More than anybody looks at, little enough for a browser.
constexpr std::size_t kMostBytes = 1 << 16;

/// "bert" for models/bert, models/bert/ and models/bert/tokenizer.json.
std::string name_of(const fs::path& path) {
  const auto file = fs::weakly_canonical(path);
  const bool named_by_folder =
      fs::is_regular_file(file) && (file.filename() == "tokenizer.json" || file.filename() == "spiece.model");
  return (named_by_folder ? file.parent_path() : file).filename().string();
}

class ShowVerb : public Verb {
 public:
  std::string name() const override { return "show"; }
  std::string summary() const override { return "the pieces of a text, with their ids beneath"; }
  std::string examples() const override {
    return "show --tokenizer gpt2 --text \"Tokenization is fun.\"\n"
           "show --tokenizer gpt2 --tokenizer bert poem.txt --html poem.html\n";
  }
  std::string notes() const override {
    return "Without --text and FILE the text comes from stdin. A space is shown as ·, a tab as →, a line feed as ⏎. "
           "What\n"
           "the tokenizer drops is grey and has no id; tokens that it adds are reversed.\n"
           "Under --json an object a tokenizer: ids, tokens, offsets, type_ids.\n";
  }
  void add_options(Options& options) override {
    options.add("--tokenizer", paths_, "a tokenizer's folder or file; several are shown one after the other")
        .required()
        .one_each();
    options.add("--text", text_, "the text");
    options.add("FILE", file_, "a file that holds it").excludes("--text");
    options.add("--html", html_, "write a page there instead").excludes("--json");
    options.add("--color", color_, "auto: on a terminal; always; never")
        .one_of({"auto", "always", "never"})
        .idle_with("--html")
        .idle_with("--json");
  }
  void run(const CommonOptions& common) override {
    const auto text = read_text();
    std::vector<TextPieces> all;
    for (const auto& path : paths_) all.push_back(pieces_of(name_of(path), *load_tokenizer(path), text));
    if (!html_.empty()) {
      write_file_atomically(html_, pieces_page(text, all));
      std::cerr << fmt::format("written to {}\n", html_);
    } else if (common.json) {
      for (const auto& pieces : all) std::cout << encoding_json(pieces.encoding) << '\n';
    } else {
      const bool terminal = isatty(STDOUT_FILENO) == 1;
      const bool colors = color_ == "always" || (color_ == "auto" && terminal);
      for (const auto& pieces : all) std::cout << terminal_view(pieces, terminal ? columns() : kColumns, colors);
    }
  }

 private:
  static constexpr std::size_t kColumns = 80;

  static std::size_t columns() {
    winsize size{};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kColumns;
  }

  std::string read_text() const {
    std::string text;
    if (text_) {
      text = *text_;
    } else if (!file_.empty()) {
      refuse_other_kind(file_);
      text = read_file(file_);
    } else {
      text.assign(std::istreambuf_iterator<char>(std::cin), {});
    }
    text.erase(0, text.size() - without_byte_order_mark(text).size());
    if (text.empty()) throw UsageError("there is no text to show: give --text, a file, or text on stdin");
    if (text.size() > kMostBytes) {
      const auto whole = text.size();
      text.resize(kMostBytes);
      text.resize(complete_utf8_length(text));
      std::cerr << fmt::format("note: the first {} bytes of {} are shown\n", text.size(), whole);
    }
    return text;
  }

  std::vector<std::string> paths_;
  std::optional<std::string> text_;
  std::string file_, html_, color_ = "auto";
};

}  // namespace

std::unique_ptr<Verb> show_verb() {
  return std::make_unique<ShowVerb>();
}

}  // namespace langzoo
