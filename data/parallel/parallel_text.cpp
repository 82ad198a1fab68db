#include "data/parallel/parallel_text.h"

#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/text_lines.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

using nlohmann::json;

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t") == std::string_view::npos;
}

/// Lines of bounded length.
class Lines : public FileLines {
 public:
  using FileLines::FileLines;

  bool next(std::string_view& line) {
    if (!FileLines::next(line)) return false;
    if (line.size() > kMaxPairLineBytes) throw error(fmt::format("is longer than {} bytes", kMaxPairLineBytes));
    return true;
  }
};

class TwoFiles : public SentencePairs {
 public:
  TwoFiles(const fs::path& source, const fs::path& target) : source_(source), target_(target) {}

  bool next(SentencePair& pair) override {
    std::string_view source, target;
    const bool more = source_.next(source);
    if (target_.next(target) != more) throw unequal(more ? source_ : target_);
    if (!more) return false;
    if (source_.number() == 1 && source.find('\t') != std::string_view::npos) {
      throw source_.error("has a TAB, as a file of pairs has: such a file takes no other for the targets");
    }
    pair.source = source;
    pair.target = target;
    pair.line = static_cast<std::int64_t>(source_.number());
    return true;
  }
  std::string name() const override { return source_.path().string() + ", " + target_.path().string(); }

 private:
  FileError unequal(Lines& longer) {
    for (std::string_view line; longer.next(line);) {
    }
    return {source_.path(), fmt::format("has {} lines, {} has {}: line i of one belongs to line i of the other",
                                        source_.number(), target_.path().string(), target_.number())};
  }

  Lines source_, target_;
};

/// What the formats of one file have in common.
class OneFile : public SentencePairs {
 public:
  explicit OneFile(const fs::path& path) : lines_(path) {}

  bool next(SentencePair& pair) override {
    std::string_view line;
    if (!lines_.next(line)) return false;
    pair.source.clear();
    pair.target.clear();
    pair.line = static_cast<std::int64_t>(lines_.number());
    if (!is_blank(line)) split(line, pair);
    return true;
  }
  std::string name() const override { return lines_.path().string(); }

 protected:
  /// Fills the sentences of `pair`.
  virtual void split(std::string_view line, SentencePair& pair) = 0;
  FileError error(const std::string& what) const { return lines_.error(what); }

 private:
  Lines lines_;
};

class Tsv : public OneFile {
 public:
  using OneFile::OneFile;

  std::string left_out() const override {
    if (longer_ == 0) return {};
    return fmt::format("what follows a second TAB in {} lines, line {} the first", longer_, first_longer_);
  }

 private:
  void split(std::string_view line, SentencePair& pair) override {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) throw error("has no TAB between source and target");
    const std::size_t second = line.find('\t', tab + 1);
    pair.source = line.substr(0, tab);
    pair.target = line.substr(tab + 1, second - tab - 1);
    if (second != std::string_view::npos && longer_++ == 0) first_longer_ = pair.line;
  }

  std::int64_t longer_ = 0, first_longer_ = 0;
};

class JsonLines : public OneFile {
 public:
  JsonLines(const fs::path& path, std::string source_key, std::string target_key)
      : OneFile(path), source_key_(std::move(source_key)), target_key_(std::move(target_key)) {}

 private:
  void split(std::string_view line, SentencePair& pair) override {
    const json object = json::parse(line, nullptr, false);
    if (!object.is_object()) throw error("is not a JSON object");
    pair.source = sentence(object, source_key_);
    pair.target = sentence(object, target_key_);
  }

  std::string sentence(const json& object, const std::string& key) const {
    auto field = object.find(key);
    if (field == object.end()) {
      const auto translation = object.find("translation");
      const bool inside = translation != object.end() && translation->is_object();
      if (!inside || (field = translation->find(key)) == translation->end()) {
        throw error(fmt::format("has no field \"{}\", nor one in \"translation\"", key));
      }
    }
    if (!field->is_string()) throw error(fmt::format("field \"{}\" is not a string", key));
    return field->get<std::string>();
  }

  std::string source_key_, target_key_;
};

class FixedWidth : public OneFile {
 public:
  FixedWidth(const fs::path& path, bool keep_padding) : OneFile(path), keep_padding_(keep_padding) {}

 private:
  void split(std::string_view line, SentencePair& pair) override {
    const std::size_t mark = line.find('_');
    if (mark == std::string_view::npos) throw error("has no _ between source and target");
    pair.source = sentence(line.substr(0, mark));
    pair.target = sentence(line.substr(mark + 1));
  }
  std::string_view sentence(std::string_view field) const {
    return keep_padding_ ? field : field.substr(0, field.find_last_not_of(' ') + 1);
  }

  bool keep_padding_;
};

}  // namespace

std::unique_ptr<SentencePairs> read_two_files(const fs::path& source, const fs::path& target) {
  return std::make_unique<TwoFiles>(source, target);
}

std::unique_ptr<SentencePairs> read_tsv(const fs::path& path) {
  return std::make_unique<Tsv>(path);
}

std::unique_ptr<SentencePairs> read_json_lines(const fs::path& path, const std::string& source_key,
                                               const std::string& target_key) {
  return std::make_unique<JsonLines>(path, source_key, target_key);
}

std::unique_ptr<SentencePairs> read_fixed_width(const fs::path& path, bool keep_padding) {
  return std::make_unique<FixedWidth>(path, keep_padding);
}

std::unique_ptr<SentencePairs> open_parallel_text(const fs::path& path, bool keep_padding,
                                                  const std::string& source_key, const std::string& target_key) {
  const auto json_lines = [&] { return read_json_lines(path, source_key, target_key); };
  if (path.extension() == ".jsonl") return json_lines();
  Lines lines(path);
  for (std::string_view line; lines.next(line);) {
    if (line.find('\t') != std::string_view::npos) return read_tsv(path);
    if (line.starts_with('{') && json::accept(line)) return json_lines();
    if (line.find('_') != std::string_view::npos) return read_fixed_width(path, keep_padding);
    if (!is_blank(line)) {
      throw lines.error(
          "is no sentence pair: expected source TAB target, a JSON object, or the fixed-width form "
          "source_target");
    }
  }
  throw FileError(path, "holds no sentence pairs");
}

std::vector<SentencePair> read_all(SentencePairs& pairs) {
  std::vector<SentencePair> all;
  for (SentencePair pair; pairs.next(pair);) all.push_back(std::move(pair));
  return all;
}

}  // namespace langzoo
