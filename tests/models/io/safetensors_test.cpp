#include "tests/support/test.h"

#include <csignal>

#include <sys/resource.h>

#include "data/files/files.h"
#include "models/io/safetensors.h"
#include "models/io/weights.h"

namespace langzoo::test {

namespace {

using Catch::Matchers::Contains;

/// The bytes of a safetensors file with this header and `data_bytes` zeros.
std::string file_with(const std::string& header, std::size_t data_bytes) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i));
  return bytes + header + std::string(data_bytes, '\0');
}

/// What loading such a file says.
std::string error_of(const std::string& bytes) {
  const TempDir dir;
  write_file(dir / "x.safetensors", bytes);
  try {
    load_safetensors(dir / "x.safetensors");
  } catch (const FileError& error) {
    CHECK_THAT(error.what(), Contains("x.safetensors: "));
    CHECK_THAT(error.what(), !Contains("\n"));
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("every dtype that Python writes is read") {
  SafetensorsMetadata metadata;
  const StateDict tensors = load_safetensors(fixture("io/every_dtype.safetensors"), &metadata);
  CHECK(metadata == SafetensorsMetadata{{"format", "pt"}});
  CHECK(tensors.size() == 18);
  const std::map<std::string, torch::ScalarType> dtypes = {{"f64", torch::kFloat64},
                                                           {"f32", torch::kFloat32},
                                                           {"f16", torch::kFloat16},
                                                           {"bf16", torch::kBFloat16},
                                                           {"i64", torch::kInt64},
                                                           {"i32", torch::kInt32},
                                                           {"i16", torch::kInt16},
                                                           {"i8", torch::kInt8},
                                                           {"u8", torch::kUInt8},
                                                           {"u16", torch::kUInt16},
                                                           {"u32", torch::kUInt32},
                                                           {"u64", torch::kUInt64},
                                                           {"f8_e4m3", torch::kFloat8_e4m3fn},
                                                           {"f8_e5m2", torch::kFloat8_e5m2}};
  const auto expected = torch::arange(3, torch::kFloat64).reshape({3, 1});
  for (const auto& [name, dtype] : dtypes) {
    CAPTURE(name);
    CHECK(tensors["x." + name].scalar_type() == dtype);
    CHECK(torch::equal(tensors["x." + name].to(torch::kFloat64), expected));
  }
  CHECK(torch::equal(tensors["x.bool"], torch::tensor({true, false, true})));
  CHECK(tensors["scalar"].dim() == 0);
  CHECK(tensors["scalar"].item<float>() == 7.0f);
  CHECK(tensors["empty"].sizes() == torch::IntArrayRef({0, 4}));
  CHECK(torch::equal(tensors["quote\"back\\slash\u00e9"], torch::tensor({0.0f, 1.0f})));
}

TEST_CASE("we write the bytes that Python writes") {
  const TempDir dir;
  SafetensorsMetadata metadata;
  const StateDict tensors = load_safetensors(fixture("io/every_dtype.safetensors"), &metadata);
  save_safetensors(dir / "copy.safetensors", tensors, metadata);
  CHECK(read_file(dir / "copy.safetensors") == read_file(fixture("io/every_dtype.safetensors")));
}

TEST_CASE("tensors may be written to without changing the file, and outlive each other") {
  const TempDir dir;
  StateDict tensors;
  tensors.insert("a", torch::zeros({2, 3}));
  tensors.insert("b", torch::arange(6).reshape({2, 3}).t());
  save_safetensors(dir / "x.safetensors", tensors);
  const std::string before = read_file(dir / "x.safetensors");
  torch::Tensor b;
  {
    const StateDict loaded = load_safetensors(dir / "x.safetensors");
    loaded["a"].fill_(5.0);
    b = loaded["b"];
  }
  CHECK(read_file(dir / "x.safetensors") == before);
  CHECK(torch::equal(b, tensors["b"]));
}

TEST_CASE("a tensor that is not aligned is copied") {
  const TempDir dir;
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
  std::string bytes = file_with(header, 1);
  const float values[] = {1.5f, -2.0f};
  bytes.append(reinterpret_cast<const char*>(values), sizeof values);
  write_file(dir / "x.safetensors", bytes);
  CHECK(torch::equal(load_safetensors(dir / "x.safetensors")["b"], torch::tensor({1.5f, -2.0f})));
}

TEST_CASE("what the format forbids is refused with the tensor's name and the field") {
  const auto tensor = [](const std::string& fields, std::size_t bytes = 4) {
    return error_of(file_with(R"({"w":{)" + fields + "}}", bytes));
  };
  REQUIRE(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])") == "");
  CHECK_THAT(tensor(R"("dtype":"F33","shape":[1],"data_offsets":[0,4])"), Contains("tensor w: dtype: unknown"));
  CHECK_THAT(tensor(R"("shape":[1],"data_offsets":[0,4])"), Contains("tensor w: has no dtype"));
  CHECK_THAT(tensor(R"("dtype":"F32","data_offsets":[0,4])"), Contains("tensor w: has no shape"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[1])"), Contains("tensor w: data_offsets"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), Contains("data_offsets: needs two"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), Contains("shape: -1 is negative"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"), Contains("not a whole number"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4])"), Contains("too large"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4])"),
             Contains("shape: too large"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0])", 0),
             Contains("shape: too large"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), Contains("4 bytes, the shape needs 8"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), Contains("8 is past the 4 bytes"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), Contains("4 is after 0"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])", 5), Contains("1 bytes after the last tensor"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[1,5])", 5), Contains("1 bytes before it belong"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4])"), Contains("shape is given twice"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])"), Contains("a list where none belongs"));
  CHECK_THAT(tensor(R"("dtype":"F32","shape":[{}],"data_offsets":[0,4])"), Contains("an object where none belongs"));
  CHECK_THAT(tensor(R"("dtype":{},"shape":[1],"data_offsets":[0,4])"), Contains("an object where none belongs"));
  CHECK_THAT(tensor(R"("dtype":"F32","colour":"red")"), Contains("unknown field \"colour\""));
}

TEST_CASE("headers that are no headers are refused") {
  CHECK_THAT(error_of(""), Contains("too short"));
  CHECK_THAT(error_of(std::string(7, '\0')), Contains("too short"));
  CHECK_THAT(error_of(std::string(16, '\xff')), Contains("at most 100000000"));
  CHECK_THAT(error_of(file_with("{}", 0).substr(0, 9)), Contains("truncated"));
  CHECK_THAT(error_of(file_with("", 0)), Contains("does not start with {"));
  CHECK_THAT(error_of(file_with("[]", 0)), Contains("does not start with {"));
  CHECK_THAT(error_of(file_with("{\"w\":", 0)), Contains("not valid JSON"));
  CHECK_THAT(error_of(file_with("{} x", 0)), Contains("not valid JSON"));
  CHECK_THAT(error_of(file_with("{\"w\":1}", 0)), Contains("a number where none belongs"));
  CHECK_THAT(error_of(file_with(std::string(1'000'000, '['), 0)), Contains("does not start with {"));
  std::string deep = "{";
  for (int i = 0; i < 100'000; ++i) deep += "\"a\":{";
  CHECK_THAT(error_of(file_with(deep, 0)), Contains("an object where none belongs"));
  CHECK_THAT(error_of(file_with(R"({"__metadata__":{"a":1}})", 0)), Contains("a number where none belongs"));
  const std::string twice = R"("w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  CHECK_THAT(error_of(file_with("{" + twice + "," + twice + "}", 0)), Contains("tensor w: is in the header twice"));
  const std::string overlap = R"({"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                              R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})";
  CHECK_THAT(error_of(file_with(overlap, 8)), Contains("tensor w: data_offsets: 4 bytes overlap"));
  std::string boolean = file_with(R"({"w":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", 1);
  boolean.back() = 2;
  CHECK_THAT(error_of(boolean), Contains("BOOL data must be 0 or 1"));
}

TEST_CASE("what cannot be saved is refused before anything is written") {
  const TempDir dir;
  const auto save = [&](const std::string& name, const torch::Tensor& tensor) {
    StateDict tensors;
    tensors.insert(name, tensor);
    save_safetensors(dir / "x.safetensors", tensors);
  };
  CHECK_THROWS_AS(save("w", torch::zeros(2, torch::kComplexFloat)), std::invalid_argument);
  CHECK_THROWS_AS(save("w", torch::zeros({2, 2}).to_sparse()), std::invalid_argument);
  CHECK_THROWS_AS(save("__metadata__", torch::zeros(2)), std::invalid_argument);
  CHECK_THROWS_AS(save("\xff", torch::zeros(2)), std::invalid_argument);
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("a full disk while saving leaves the old file") {
  const TempDir dir;
  StateDict tensors;
  tensors.insert("w", torch::zeros(10));
  save_safetensors(dir / "x.safetensors", tensors);
  const std::string before = read_file(dir / "x.safetensors");

  tensors["w"] = torch::ones(1 << 18);
  rlimit old_limit{};
  getrlimit(RLIMIT_FSIZE, &old_limit);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = old_limit;
  limit.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &limit);
  CHECK_THROWS_AS(save_safetensors(dir / "x.safetensors", tensors), FileError);
  setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);

  CHECK(read_file(dir / "x.safetensors") == before);
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

}  // namespace langzoo::test
