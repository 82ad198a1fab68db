#include "models/io/weights.h"

#include <functional>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "models/io/pytorch_bin.h"
#include "models/io/safetensors.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

using Loader = std::function<StateDict(const fs::path&)>;

constexpr std::uint64_t kMaxIndexBytes = 100'000'000;

/// `weight_map` of an index file: tensor name -> shard file name. Read event by event: nothing else is stored.
class IndexReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit IndexReader(const fs::path& path) : path_(path) {}

  std::map<std::string, std::string> weight_map;

  bool start_object(std::size_t) override {
    if (++depth_ == 2 && key_ == "weight_map") in_map_ = true;
    return true;
  }
  bool end_object() override {
    if (depth_-- == 2) in_map_ = false;
    return true;
  }
  bool start_array(std::size_t) override { return ++depth_, true; }
  bool end_array() override { return --depth_, true; }
  bool key(std::string& name) override {
    key_ = std::move(name);
    return true;
  }
  bool string(std::string& text) override {
    if (in_map_ && depth_ == 2 && !weight_map.emplace(key_, text).second) fail(key_ + " is in weight_map twice");
    return true;
  }
  bool number_unsigned(std::uint64_t) override { return no_shard(); }
  bool number_integer(std::int64_t) override { return no_shard(); }
  bool number_float(double, const std::string&) override { return no_shard(); }
  bool null() override { return no_shard(); }
  bool boolean(bool) override { return no_shard(); }
  bool binary(binary_t&) override { return no_shard(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    fail("not valid JSON at byte " + std::to_string(position));
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw FileError(path_, what); }
  bool no_shard() const {
    if (in_map_) fail("weight_map: " + key_ + " names no file");
    return true;
  }

  const fs::path& path_;
  std::string key_;
  int depth_ = 0;
  bool in_map_ = false;
};

StateDict load_sharded(const fs::path& index, const Loader& load) {
  const std::string text = read_file(index, kMaxIndexBytes);
  IndexReader reader(index);
  nlohmann::json::sax_parse(text, &reader);
  if (reader.weight_map.empty()) throw FileError(index, "has no weight_map");

  std::map<std::string, std::size_t> shards;  // file name -> tensors the index expects in it
  for (const auto& [tensor, shard] : reader.weight_map) ++shards[shard];
  StateDict result;
  for (const auto& [shard, expected] : shards) {
    if (shard.empty() || shard == "." || shard == ".." || shard.find_first_of(std::string("/\\\0", 3)) != shard.npos) {
      throw FileError(index, "weight_map: \"" + shard + "\" is not a file name in this directory");
    }
    const fs::path path = index.parent_path() / shard;
    const StateDict tensors = load(path);
    for (const auto& item : tensors) {
      const auto mapped = reader.weight_map.find(item.key());
      if (mapped == reader.weight_map.end() || mapped->second != shard) {
        throw FileError(path, "tensor " + item.key() + ": " + index.filename().string() + " does not place it here");
      }
      result.insert(item.key(), item.value());
    }
    if (tensors.size() == expected) continue;
    for (const auto& [tensor, file] : reader.weight_map) {
      if (file == shard && !tensors.contains(tensor)) {
        throw FileError(path, "has no tensor " + tensor + ", which " + index.filename().string() + " places here");
      }
    }
  }
  return result;
}

}  // namespace

StateDict load_weights(const fs::path& dir) {
  const std::pair<const char*, Loader> forms[] = {{"model.safetensors",
                                                   [](const fs::path& path) {
                                                     refuse_other_kind(path, {FileKind::kSafetensors});
                                                     return load_safetensors(path);
                                                   }},
                                                  {"pytorch_model.bin", [](const fs::path& path) {
                                                     refuse_other_kind(path, {FileKind::kZip, FileKind::kPickle});
                                                     return load_pytorch_bin(path);
                                                   }}};
  for (const auto& [name, load] : forms) {
    if (fs::exists(dir / name)) return load(dir / name);
    const fs::path index = dir / (std::string(name) + ".index.json");
    if (fs::exists(index)) return load_sharded(index, load);
  }
  throw FileError(dir, "no weights: looked for model.safetensors, pytorch_model.bin and the .index.json of either");
}

}  // namespace langzoo
