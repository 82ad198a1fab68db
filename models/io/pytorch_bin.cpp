#include "models/io/pytorch_bin.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "models/io/zip_file.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPickleBytes = 64 << 20;
constexpr std::size_t kMaxValues = 4'000'000;
constexpr std::size_t kMaxTensorDimensions = 64;

constexpr std::pair<std::string_view, torch::ScalarType> kStorageTypes[] = {
    {"torch.FloatStorage", torch::kFloat32}, {"torch.DoubleStorage", torch::kFloat64},
    {"torch.HalfStorage", torch::kFloat16},  {"torch.BFloat16Storage", torch::kBFloat16},
    {"torch.LongStorage", torch::kInt64},    {"torch.IntStorage", torch::kInt32},
    {"torch.ShortStorage", torch::kInt16},   {"torch.CharStorage", torch::kInt8},
    {"torch.ByteStorage", torch::kUInt8},    {"torch.BoolStorage", torch::kBool}};

constexpr std::string_view kDict = "collections.OrderedDict";
constexpr std::string_view kTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kParameter = "torch._utils._rebuild_parameter";

/// `text` fit for a one-line message.
std::string in_quotes(std::string_view text) {
  std::string result(text.substr(0, 80));
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  }
  return result;
}

enum class Kind { kNone, kBool, kInt, kFloat, kString, kTuple, kList, kDict, kGlobal, kTensor };

/// A Python object. Values refer to each other by index into one list, so neither cycles nor depth can hurt.
using Index = std::uint32_t;
struct Value {
  Kind kind = Kind::kNone;
  std::int64_t number = 0;   // bool, int
  std::string text;          // string; global: "module.name"
  std::vector<Index> items;  // tuple, list; dict: key, value, key, value ...
  torch::Tensor tensor;      // a storage is a tensor of one dimension
};

/// The subset of pickle's machine that state dicts use (protocols 2 to 5),
/// https://docs.python.org/3/library/pickletools.html
class Unpickler {
 public:
  Unpickler(const fs::path& path, const ZipFile& archive, const std::string& prefix, std::span<const std::byte> pickle)
      : path_(path), archive_(archive), prefix_(prefix), pickle_(pickle) {}

  StateDict run() {
    while (step(static_cast<unsigned char>(take(1).front()))) {
    }
    const Value& top = values_[pop()];
    if (top.kind != Kind::kDict) fail("holds no dictionary of tensors");
    StateDict result;
    for (std::size_t i = 0; i < top.items.size(); i += 2) {
      const Value &key = values_[top.items[i]], &value = values_[top.items[i + 1]];
      if (key.kind != Kind::kString) fail("a name in the state dict is not a string");
      if (value.kind != Kind::kTensor) {
        fail("entry " + in_quotes(key.text) + " is not a tensor: save the model's state_dict() alone");
      }
      if (result.contains(key.text)) fail("tensor " + in_quotes(key.text) + " is there twice");
      result.insert(key.text, value.tensor);
    }
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw FileError(path_, what); }
  [[noreturn]] void damaged() const { fail(fmt::format("damaged pickle at byte {} of data.pkl", position_)); }

  std::string_view take(std::size_t count) {
    if (count > pickle_.size() - position_) damaged();
    const char* begin = reinterpret_cast<const char*>(pickle_.data()) + position_;
    position_ += count;
    return {begin, count};
  }
  template <class Integer>
  Integer integer() {
    Integer value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view line() {
    const auto rest = std::string_view(reinterpret_cast<const char*>(pickle_.data()), pickle_.size()).substr(position_);
    const std::size_t end = rest.find('\n');
    if (end == rest.npos) damaged();
    return take(end + 1).substr(0, end);
  }

  Index push(Value value) {
    if (values_.size() >= kMaxValues) fail("holds too many values for a state dict");
    values_.push_back(std::move(value));
    stack_.push_back(static_cast<Index>(values_.size() - 1));
    return stack_.back();
  }
  void push_number(Kind kind, std::int64_t number) { push({kind, number, {}, {}, {}}); }
  void push_text(Kind kind, std::string text) { push({kind, 0, std::move(text), {}, {}}); }
  void push_tensor(torch::Tensor tensor) { push({Kind::kTensor, 0, {}, {}, std::move(tensor)}); }

  /// What lies below the last mark is out of reach, as in Python.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Index pop() {
    const Index top = peek();
    stack_.pop_back();
    return top;
  }
  Index peek() const {
    if (stack_.size() <= floor()) damaged();
    return stack_.back();
  }
  std::vector<Index> pop_many(std::size_t count) {
    if (stack_.size() - floor() < count) damaged();
    std::vector<Index> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  std::vector<Index> pop_to_mark() {
    if (marks_.empty()) damaged();
    const std::size_t mark = marks_.back();
    std::vector<Index> items = pop_many(stack_.size() - mark);
    marks_.pop_back();
    return items;
  }
  void push_tuple(std::vector<Index> items) { push({Kind::kTuple, 0, {}, std::move(items), {}}); }
  void extend_top(Kind kind, const std::vector<Index>& items) {
    Value& top = values_[peek()];
    if (top.kind != kind || (kind == Kind::kDict && items.size() % 2 != 0)) damaged();
    top.items.insert(top.items.end(), items.begin(), items.end());
  }

  void push_memo(Index key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) damaged();
    stack_.push_back(found->second);
  }

  /// One instruction; false after the last.
  bool step(unsigned char opcode) {
    switch (opcode) {
      case 0x80:  // PROTO
        if (const auto version = integer<std::uint8_t>(); version < 2 || version > 5) damaged();
        return true;
      case 0x95:  // FRAME
        take(8);
        return true;
      case '.':  // STOP
        return false;
      case '(':  // MARK
        marks_.push_back(stack_.size());
        return true;
      case 'q':  // BINPUT
        memo_[integer<std::uint8_t>()] = peek();
        return true;
      case 'r':  // LONG_BINPUT
        memo_[integer<std::uint32_t>()] = peek();
        return true;
      case 0x94:  // MEMOIZE
        memo_[static_cast<Index>(memo_.size())] = peek();
        return true;
      case 'h':  // BINGET
        push_memo(integer<std::uint8_t>());
        return true;
      case 'j':  // LONG_BINGET
        push_memo(integer<std::uint32_t>());
        return true;
      case 'N':  // NONE
        push({});
        return true;
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        push_number(Kind::kBool, opcode == 0x88);
        return true;
      case 'K':  // BININT1
        push_number(Kind::kInt, integer<std::uint8_t>());
        return true;
      case 'M':  // BININT2
        push_number(Kind::kInt, integer<std::uint16_t>());
        return true;
      case 'J':  // BININT
        push_number(Kind::kInt, integer<std::int32_t>());
        return true;
      case 0x8a:  // LONG1
        push_number(Kind::kInt, long_integer());
        return true;
      case 'G':  // BINFLOAT
        take(8);
        push_number(Kind::kFloat, 0);
        return true;
      case 'X':  // BINUNICODE
        push_text(Kind::kString, std::string(take(integer<std::uint32_t>())));
        return true;
      case 0x8c:  // SHORT_BINUNICODE
        push_text(Kind::kString, std::string(take(integer<std::uint8_t>())));
        return true;
      case ')':  // EMPTY_TUPLE
        push_tuple({});
        return true;
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        push_tuple(pop_many(opcode - 0x84));
        return true;
      case 't':  // TUPLE
        push_tuple(pop_to_mark());
        return true;
      case ']':  // EMPTY_LIST
        push({Kind::kList, 0, {}, {}, {}});
        return true;
      case 'a':  // APPEND
        extend_top(Kind::kList, {pop()});
        return true;
      case 'e':  // APPENDS
        extend_top(Kind::kList, pop_to_mark());
        return true;
      case '}':  // EMPTY_DICT
        push({Kind::kDict, 0, {}, {}, {}});
        return true;
      case 's':  // SETITEM
        extend_top(Kind::kDict, pop_many(2));
        return true;
      case 'u':  // SETITEMS
        extend_top(Kind::kDict, pop_to_mark());
        return true;
      case 'c': {  // GLOBAL
        const std::string_view module = line(), name = line();
        push_global(module, name);
        return true;
      }
      case 0x93: {  // STACK_GLOBAL
        const Index name = pop(), module = pop();
        if (values_[name].kind != Kind::kString || values_[module].kind != Kind::kString) damaged();
        push_global(std::string(values_[module].text), std::string(values_[name].text));
        return true;
      }
      case 'Q':  // BINPERSID
        push_tensor(storage(pop()));
        return true;
      case 'R': {  // REDUCE
        const Index arguments = pop(), function = pop();
        reduce(function, arguments);
        return true;
      }
      case 'b':  // BUILD: an OrderedDict's attributes (_metadata) are of no use here
        pop();
        if (values_[peek()].kind != Kind::kDict) damaged();
        return true;
      default:
        --position_;
        fail(fmt::format("opcode 0x{:02x} at byte {} of data.pkl, which no state dict needs", opcode, position_));
    }
  }

  std::int64_t long_integer() {
    const std::string_view bytes = take(integer<std::uint8_t>());
    if (bytes.size() > 8) damaged();
    std::uint64_t value = !bytes.empty() && (bytes.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return static_cast<std::int64_t>(value);
  }

  void push_global(std::string_view module, std::string_view name) {
    std::string full = fmt::format("{}.{}", module, name);
    const auto is_storage = [&](const auto& type) { return type.first == full; };
    if (full != kDict && full != kTensor && full != kParameter &&
        !std::any_of(std::begin(kStorageTypes), std::end(kStorageTypes), is_storage)) {
      fail("refers to " + in_quotes(full) + ", which no state dict needs: refused");
    }
    push_text(Kind::kGlobal, std::move(full));
  }

  /// Item `i` of a tuple, which must be of this kind.
  const Value& item(Index tuple, std::size_t i, Kind kind) const {
    const Value& value = values_[tuple];
    if (value.kind != Kind::kTuple || i >= value.items.size()) damaged();
    const Value& result = values_[value.items[i]];
    if (result.kind != kind) damaged();
    return result;
  }

  /// ("storage", class, record, location, number of elements)
  torch::Tensor storage(Index id) {
    const std::string& name = item(id, 2, Kind::kString).text;
    const std::string& type = item(id, 1, Kind::kGlobal).text;
    const std::int64_t count = item(id, 4, Kind::kInt).number;
    if (item(id, 0, Kind::kString).text != "storage") damaged();
    if (const auto known = storages_.find({name, type}); known != storages_.end()) return known->second;

    std::optional<torch::ScalarType> dtype;
    for (const auto& [storage_type, scalar_type] : kStorageTypes) {
      if (type == storage_type) dtype = scalar_type;
    }
    if (!dtype) damaged();
    const auto record = archive_.records().find(prefix_ + "data/" + name);
    if (record == archive_.records().end()) fail("storage " + in_quotes(name) + " is missing");
    const std::span<std::byte> bytes = record->second;
    const std::size_t element_size = c10::elementSize(*dtype);
    if (count < 0 || static_cast<std::uint64_t>(count) > bytes.size() / element_size) {
      fail(fmt::format("storage {} has {} bytes, too few for {} elements", in_quotes(name), bytes.size(), count));
    }
    if (*dtype == torch::kBool &&
        std::any_of(bytes.begin(), bytes.end(), [](std::byte value) { return value > std::byte{1}; })) {
      fail("storage " + in_quotes(name) + ": truth values must be 0 or 1");
    }
    torch::Tensor result;
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % element_size == 0) {
      result = torch::from_blob(
          bytes.data(), {count}, [mapping = archive_.mapping()](void*) {}, *dtype);
    } else {
      result = torch::empty({count}, *dtype);
      if (result.numel() > 0) std::memcpy(result.mutable_data_ptr(), bytes.data(), result.nbytes());
    }
    return storages_.emplace(std::pair(name, type), result).first->second;
  }

  std::vector<std::int64_t> integers(Index tuple, std::size_t i) const {
    std::vector<std::int64_t> result;
    for (const Index index : item(tuple, i, Kind::kTuple).items) {
      if (values_[index].kind != Kind::kInt || values_[index].number < 0) damaged();
      result.push_back(values_[index].number);
    }
    return result;
  }

  /// (storage, offset, sizes, strides, requires_grad, hooks)
  torch::Tensor rebuild_tensor(Index arguments) {
    const torch::Tensor& base = item(arguments, 0, Kind::kTensor).tensor;
    const std::int64_t offset = item(arguments, 1, Kind::kInt).number;
    const auto sizes = integers(arguments, 2), strides = integers(arguments, 3);
    if (base.dim() != 1 || sizes.size() != strides.size() || sizes.size() > kMaxTensorDimensions) damaged();
    const auto outside = [&] { fail("a tensor reaches outside its storage"); };
    // One past the last element used, and the number of elements; an empty tensor uses none.
    std::int64_t end = 1, count = 1;
    bool empty = false;
    if (offset < 0 || __builtin_add_overflow(end, offset, &end)) outside();
    for (std::size_t d = 0; d < sizes.size(); ++d) {
      std::int64_t reach = 0;
      empty = empty || sizes[d] == 0;
      if (__builtin_mul_overflow(count, std::max<std::int64_t>(sizes[d], 1), &count) ||
          __builtin_mul_overflow(std::max<std::int64_t>(sizes[d] - 1, 0), strides[d], &reach) ||
          __builtin_add_overflow(end, reach, &end)) {
        outside();
      }
    }
    if (empty) return torch::empty(sizes, base.options());
    // A tensor of more elements than its storage repeats them: no state dict does, and copying it could fill memory.
    if (end > base.numel() || count > base.numel()) outside();
    return base.as_strided(sizes, strides, offset);
  }

  void reduce(Index function, Index arguments) {
    const Value& callee = values_[function];
    if (callee.kind != Kind::kGlobal) damaged();
    if (callee.text == kDict) {
      if (values_[arguments].kind != Kind::kTuple || !values_[arguments].items.empty()) damaged();
      push({Kind::kDict, 0, {}, {}, {}});
    } else if (callee.text == kTensor) {
      push_tensor(rebuild_tensor(arguments));
    } else if (callee.text == kParameter) {
      push_tensor(item(arguments, 0, Kind::kTensor).tensor);
    } else {
      damaged();
    }
  }

  const fs::path& path_;
  const ZipFile& archive_;
  const std::string& prefix_;
  std::span<const std::byte> pickle_;
  std::size_t position_ = 0;
  std::vector<Value> values_;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<Index, Index> memo_;
  std::map<std::pair<std::string, std::string>, torch::Tensor> storages_;
};

}  // namespace

StateDict load_pytorch_bin(const fs::path& path) {
  {
    const MappedFile file(path);
    if (!file.text().starts_with("PK")) {
      if (file.text().starts_with("\x80\x02\x8a\x0a")) {
        throw FileError(path,
                        "is in PyTorch's format from before 1.6; convert it in Python: "
                        "torch.save(torch.load(path, weights_only=True), path)");
      }
      throw FileError(path, "is not a file that torch.save wrote");
    }
  }
  const ZipFile archive(path);
  const std::string pickle_name = "data.pkl";
  for (const auto& [name, bytes] : archive.records()) {
    // ARCHIVE/data.pkl beside ARCHIVE/data/0, ARCHIVE/data/1 ...
    if (!name.ends_with("/" + pickle_name) || std::count(name.begin(), name.end(), '/') != 1) continue;
    const std::string prefix = name.substr(0, name.size() - pickle_name.size());
    const auto order = archive.records().find(prefix + "byteorder");
    if (order != archive.records().end() && !order->second.empty() && order->second.front() != std::byte{'l'}) {
      throw FileError(path, "was written on a big-endian machine");
    }
    if (bytes.size() > kMaxPickleBytes) throw FileError(path, "data.pkl is too large for a state dict");
    return Unpickler(path, archive, prefix, bytes).run();
  }
  throw FileError(path, "is a zip archive, but not one that torch.save wrote (no data.pkl)");
}

}  // namespace langzoo
