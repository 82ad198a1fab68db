// Mutated directories of tokenizer.json, vocab.txt, vocab.json, merges.txt, subword-nmt codes, Marian's files and the
// configurations beside them: loading one is an error or gives a tokenizer that encodes, decodes and saves.
#include "tests/support/plain_test.h"

#include <functional>
#include <map>

#include "tests/support/fuzz_json.h"
#include "tests/support/fuzz_tokenizer.h"

namespace {

using namespace langzoo;
using Files = std::map<std::string, std::string>;

const std::string kNames[] = {"vocab.txt",
                              "vocab.json",
                              "merges.txt",
                              "codes",
                              "tokenizer_config.json",
                              "special_tokens_map.json",
                              "config.json",
                              "tokenizer.json",
                              "added_tokens.json",
                              "source.spm",
                              "target.spm",
                              "target_vocab.json"};

/// An input: for each file 0x1E, its name, a line break and its bytes.
std::string join(const Files& files) {
  std::string bytes;
  for (const auto& [name, content] : files) bytes += '\x1E' + name + '\n' + content;
  return bytes;
}

/// The name that stands behind `bytes`[at], which is 0x1E; empty where it is a byte of a file.
std::string name_at(const std::string& bytes, std::size_t at) {
  for (const std::string& name : kNames) {
    if (bytes.compare(at + 1, name.size() + 1, name + '\n') == 0) return name;
  }
  return {};
}

Files split(const std::string& bytes) {
  Files files;
  std::string* content = nullptr;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const std::string name = bytes[at] == '\x1E' ? name_at(bytes, at) : std::string();
    if (!name.empty()) {
      content = &files[name];
      content->clear();
      at += name.size() + 1;
    } else if (content != nullptr) {
      *content += bytes[at];
    }
  }
  return files;
}

/// Lines are dropped, doubled and exchanged.
std::string mutate_lines(const std::string& text, test::FuzzRandom& random) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    lines.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  if (lines.empty()) return text;
  std::swap(lines[test::below(random, lines.size())], lines[test::below(random, lines.size())]);
  lines[test::below(random, lines.size())] = lines[test::below(random, lines.size())];
  std::string mutated;
  for (const std::string& line : lines) {
    if (test::below(random, 100) != 0) mutated += line;
  }
  return mutated;
}

}  // namespace

LANGZOO_FUZZER(tokenizer_directory) {
  std::vector<Files> directories;
  std::vector<std::string> seeds;
  std::vector<nlohmann::json> configs = {
      {{"tokenizer_class", "BertTokenizer"}, {"do_lower_case", false}, {"strip_accents", true}, {"mask_token", "[M]"}},
      {{"tokenizer_class", "RobertaTokenizer"}, {"add_prefix_space", true}, {"cls_token", "<s>"}, {"sep_token", "a"}},
      {{"tokenizer_class", "MPNetTokenizer"}, {"unk_token", "[UNK]"}, {"mask_token", {{"content", "<mask>"}}}}};
  const std::string plain = "tokenizers/pipelines/directories/", marian = "marian/";
  for (const auto& folder :
       {plain + "bert", plain + "bert_cased", plain + "distilbert", plain + "electra", plain + "openai-gpt",
        plain + "gpt2", plain + "gpt2_bos", marian + "opus", marian + "multilingual", marian + "separate"}) {
    Files files;
    for (const std::string& file : kNames) {
      const auto path = test::fixture(folder) / file;
      if (!std::filesystem::exists(path)) continue;
      files[file] = test::read_file(path);
      if (file.ends_with("config.json")) configs.push_back(nlohmann::json::parse(files[file]));
    }
    directories.push_back(files);
  }
  directories.push_back({{"codes", test::read_file(test::fixture("tokenizers/subword_nmt.codes"))}});
  for (const auto& entry : nlohmann::json::parse(test::read_file(test::fixture("tokenizers/configurations.json")))) {
    directories.push_back(entry["files"].get<Files>());
    for (const auto& [name, content] : directories.back()) {
      const bool mutable_json = name != "tokenizer.json" && nlohmann::json::accept(content);
      if (mutable_json) configs.push_back(nlohmann::json::parse(content));
    }
  }
  for (const Files& files : directories) seeds.push_back(join(files));

  const auto mutate = [&](test::FuzzRandom& random) {
    Files files = directories[test::below(random, directories.size())];
    if (test::below(random, 4) == 0) {
      files["tokenizer_config.json"] =
          test::mutate_json(configs[test::below(random, configs.size())], configs, random).dump();
    }
    auto& [name, content] = *std::next(files.begin(), static_cast<std::ptrdiff_t>(test::below(random, files.size())));
    if (test::below(random, 3) == 0) {
      content = test::mutate_bytes(content, seeds, random);
    } else if (name.ends_with(".json") && nlohmann::json::accept(content)) {
      content = test::mutate_json(nlohmann::json::parse(content), configs, random).dump();
    } else {
      content = mutate_lines(content, random);
    }
    return join(files);
  };
  return test::fuzz_main(
      argc, argv, seeds,
      [](const std::string& bytes) {
        const test::TempDir dir;
        const Files files = split(bytes);
        for (const auto& [name, content] : files) test::write_file(dir / name, content);
        const auto tokenizer = load_tokenizer(files.contains("codes") ? dir / "codes" : dir.path());
        test::FuzzRandom random(std::hash<std::string>{}(bytes));
        test::exercise(*tokenizer, random);
      },
      mutate);
}
