#include "models/io/safetensors.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "data/files/mapped_file.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxDimensions = 64;  // what ATen's kernels take

struct DtypeName {
  const char* name;
  torch::ScalarType dtype;
};

/// In the order in which Python's safetensors puts tensors into a file: the last one first.
constexpr std::array<DtypeName, 15> kDtypes = {{{"BOOL", torch::kBool},
                                                {"U8", torch::kUInt8},
                                                {"I8", torch::kInt8},
                                                {"F8_E5M2", torch::kFloat8_e5m2},
                                                {"F8_E4M3", torch::kFloat8_e4m3fn},
                                                {"I16", torch::kInt16},
                                                {"U16", torch::kUInt16},
                                                {"F16", torch::kFloat16},
                                                {"BF16", torch::kBFloat16},
                                                {"I32", torch::kInt32},
                                                {"U32", torch::kUInt32},
                                                {"F32", torch::kFloat32},
                                                {"F64", torch::kFloat64},
                                                {"I64", torch::kInt64},
                                                {"U64", torch::kUInt64}}};

/// What the header says of one tensor.
struct Entry {
  std::string name;
  std::optional<torch::ScalarType> dtype;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::vector<std::int64_t>> offsets;
};

/// Takes the header's events one by one, so that nothing but what the format allows is ever stored.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(const fs::path& path) : path_(path) {}

  std::vector<Entry> entries;
  SafetensorsMetadata metadata;

  bool start_object(std::size_t) override {
    if (depth_ > 0 && (depth_ > 1 || in_list_)) fail("an object where none belongs");
    if (depth_ == 1) {
      in_metadata_ = key_ == "__metadata__";
      if (!names_.insert(key_).second) fail("is in the header twice");
      if (!in_metadata_) entries.push_back({key_, {}, {}, {}});
      where_ = key_;
    }
    ++depth_;
    return true;
  }
  bool end_object() override {
    if (--depth_ == 1) where_.clear();
    return true;
  }
  bool key(std::string& name) override {
    key_ = std::move(name);
    if (depth_ == 1) where_ = key_;
    return true;
  }
  bool start_array(std::size_t) override {
    std::optional<std::vector<std::int64_t>>* field = nullptr;
    if (depth_ == 2 && !in_metadata_ && !in_list_) {
      if (key_ == "shape") field = &entries.back().shape;
      if (key_ == "data_offsets") field = &entries.back().offsets;
    }
    if (field == nullptr) fail("a list where none belongs");
    if (field->has_value()) fail(key_ + " is given twice");
    list_ = &field->emplace();
    in_list_ = true;
    return true;
  }
  bool end_array() override {
    in_list_ = false;
    return true;
  }
  bool string(std::string& text) override {
    if (depth_ != 2 || in_list_) fail("a string where none belongs");
    if (in_metadata_) {
      metadata[key_] = std::move(text);
      return true;
    }
    if (key_ != "dtype") fail("unknown field \"" + key_ + "\"");
    if (entries.back().dtype) fail("dtype is given twice");
    for (const auto& known : kDtypes) {
      if (text == known.name) entries.back().dtype = known.dtype;
    }
    if (!entries.back().dtype) fail("dtype: unknown value \"" + text.substr(0, 40) + "\"");
    return true;
  }
  bool number_unsigned(std::uint64_t value) override {
    if (!in_list_) fail("a number where none belongs");
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) fail(key_ + ": number too large");
    if (list_->size() >= kMaxDimensions) fail(key_ + ": more than 64 numbers");
    list_->push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool number_integer(std::int64_t value) override { fail(fmt::format("{}: {} is negative", key_, value)); }
  bool number_float(double, const std::string& text) override { fail(key_ + ": " + text + " is not a whole number"); }
  bool null() override { fail("null where none belongs"); }
  bool boolean(bool) override { fail("a truth value where none belongs"); }
  bool binary(binary_t&) override { fail("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    where_.clear();
    fail(fmt::format("not valid JSON at byte {}", position));
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw FileError(path_, where_.empty() ? "safetensors header: " + what : "tensor " + where_ + ": " + what);
  }

 private:
  const fs::path& path_;
  std::set<std::string> names_;
  std::string key_, where_;
  std::vector<std::int64_t>* list_ = nullptr;
  int depth_ = 0;
  bool in_metadata_ = false, in_list_ = false;
};

/// Bytes of a tensor, or nothing when they, or the strides of an empty one, overflow.
std::optional<std::int64_t> byte_count(const std::vector<std::int64_t>& shape, std::int64_t element_size) {
  std::int64_t bytes = element_size;
  bool empty = false;
  for (const std::int64_t size : shape) {
    empty = empty || size == 0;
    if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(size, 1), &bytes)) return std::nullopt;
  }
  return empty ? 0 : bytes;
}

torch::Tensor tensor_at(std::byte* data, const Entry& entry, const std::shared_ptr<MappedFile>& file) {
  const auto options = torch::TensorOptions().dtype(*entry.dtype);
  const std::size_t element_size = c10::elementSize(*entry.dtype);
  if (reinterpret_cast<std::uintptr_t>(data) % element_size == 0) {
    return torch::from_blob(
        data, *entry.shape, [file](void*) {}, options);
  }
  torch::Tensor copy = torch::empty(*entry.shape, options);
  if (copy.numel() > 0) std::memcpy(copy.mutable_data_ptr(), data, copy.nbytes());
  return copy;
}

std::size_t dtype_rank(const std::string& name, torch::ScalarType dtype) {
  for (std::size_t i = 0; i < kDtypes.size(); ++i) {
    if (kDtypes[i].dtype == dtype) return i;
  }
  throw std::invalid_argument(fmt::format("tensor {}: safetensors cannot hold {}", name, c10::toString(dtype)));
}

}  // namespace

StateDict load_safetensors(const fs::path& path, SafetensorsMetadata* metadata) {
  const auto file = std::make_shared<MappedFile>(path);
  if (file->size() < kLengthBytes) throw FileError(path, "too short for a safetensors file");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file->bytes().data(), kLengthBytes);
  if (header_bytes > kMaxHeaderBytes) {
    throw FileError(path, fmt::format("safetensors header of {} bytes, at most {} allowed (is it a safetensors file?)",
                                      header_bytes, kMaxHeaderBytes));
  }
  if (header_bytes > file->size() - kLengthBytes) {
    throw FileError(path, fmt::format("truncated: a header of {} bytes in a file of {}", header_bytes, file->size()));
  }
  const std::string_view header = file->text().substr(kLengthBytes, header_bytes);
  HeaderReader reader(path);
  if (header.empty() || header.front() != '{') reader.fail("does not start with {");
  nlohmann::json::sax_parse(header.begin(), header.end(), &reader);

  const auto data_bytes = static_cast<std::int64_t>(file->size() - kLengthBytes - header_bytes);
  for (const Entry& entry : reader.entries) {
    const auto fail = [&](const std::string& what) { throw FileError(path, "tensor " + entry.name + ": " + what); };
    if (!entry.dtype) fail("has no dtype");
    if (!entry.shape) fail("has no shape");
    if (!entry.offsets || entry.offsets->size() != 2) fail("data_offsets: needs two numbers");
    const std::int64_t begin = (*entry.offsets)[0], end = (*entry.offsets)[1];
    if (begin > end) fail(fmt::format("data_offsets: {} is after {}", begin, end));
    if (end > data_bytes) {
      fail(fmt::format("data_offsets: {} is past the {} bytes of data (truncated file?)", end, data_bytes));
    }
    const auto bytes = byte_count(*entry.shape, static_cast<std::int64_t>(c10::elementSize(*entry.dtype)));
    if (!bytes) fail("shape: too large");
    if (*bytes != end - begin) fail(fmt::format("data_offsets: {} bytes, the shape needs {}", end - begin, *bytes));
  }

  std::stable_sort(reader.entries.begin(), reader.entries.end(),
                   [](const Entry& a, const Entry& b) { return *a.offsets < *b.offsets; });
  std::int64_t position = 0;
  StateDict result;
  result.reserve(reader.entries.size());
  std::byte* const data = file->mutable_data() + kLengthBytes + header_bytes;
  for (const Entry& entry : reader.entries) {
    const std::int64_t begin = (*entry.offsets)[0];
    if (begin != position) {
      throw FileError(
          path, fmt::format("tensor {}: data_offsets: {} bytes {} (they begin at {}, expected {})", entry.name,
                            std::abs(begin - position),
                            begin < position ? "overlap another tensor" : "before it belong to none", begin, position));
    }
    position = (*entry.offsets)[1];
    if (*entry.dtype == torch::kBool &&
        std::any_of(data + begin, data + position, [](std::byte value) { return value > std::byte{1}; })) {
      throw FileError(path, "tensor " + entry.name + ": BOOL data must be 0 or 1");
    }
    result.insert(entry.name, tensor_at(data + begin, entry, file));
  }
  if (position != data_bytes) {
    throw FileError(path, fmt::format("{} bytes after the last tensor belong to none", data_bytes - position));
  }
  if (metadata != nullptr) *metadata = std::move(reader.metadata);
  return result;
}

void save_safetensors(const fs::path& path, const StateDict& tensors, const SafetensorsMetadata& metadata) {
  struct Item {
    std::size_t rank;
    const StateDict::Item* item;
  };
  std::vector<Item> items;
  for (const auto& item : tensors) {
    if (item.key() == "__metadata__") throw std::invalid_argument("tensor __metadata__: the name is reserved");
    if (item.value().layout() != torch::kStrided) {
      throw std::invalid_argument("tensor " + item.key() + ": safetensors holds dense tensors only");
    }
    items.push_back({dtype_rank(item.key(), item.value().scalar_type()), &item});
  }
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.item->key() < b.item->key();
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t position = 0;
  // Not header[name]: ordered_json looks names up one by one.
  auto& members = header.get_ref<nlohmann::ordered_json::object_t&>();
  for (const auto& [rank, item] : items) {
    const std::size_t end = position + item->value().numel() * item->value().element_size();
    nlohmann::ordered_json entry;
    entry["dtype"] = kDtypes[rank].name;
    entry["shape"] = item->value().sizes().vec();
    entry["data_offsets"] = {position, end};
    members.emplace_back(item->key(), std::move(entry));
    position = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw std::invalid_argument("a tensor name or the metadata is not valid UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMaxHeaderBytes) throw std::invalid_argument("too many tensors for one safetensors file");

  write_file_atomically(path, [&](std::ostream& out) {
    const std::uint64_t header_bytes = text.size();
    out.write(reinterpret_cast<const char*>(&header_bytes), kLengthBytes);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const auto& [rank, item] : items) {
      const torch::Tensor tensor = item->value().detach().to(torch::kCPU).contiguous();
      out.write(static_cast<const char*>(tensor.const_data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
    }
  });
}

}  // namespace langzoo
