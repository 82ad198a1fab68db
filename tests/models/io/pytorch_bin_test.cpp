#include "tests/support/test.h"

#include <cstring>

#include "data/files/file_error.h"
#include "models/io/pytorch_bin.h"
#include "models/io/weights.h"
#include "tests/support/zip.h"

namespace langzoo::test {

namespace {

using Catch::Matchers::Contains;

torch::Tensor numbers(torch::IntArrayRef shape, torch::ScalarType dtype = torch::kFloat32) {
  std::int64_t count = 1;
  for (const auto size : shape) count *= size;
  return torch::arange(count).reshape(shape).to(dtype);
}

std::string text(const std::string& value) {
  return std::string("X") + static_cast<char>(value.size()) + std::string(3, '\0') + value;
}

std::string integer(std::int32_t value) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &value, 4);
  return "J" + bytes;
}

/// The pickle of {"w": tensor} over a storage of `count` floats.
std::string tensor_pickle(int count, int offset, const std::vector<int>& sizes, const std::vector<int>& strides) {
  std::string pickle = "\x80\x02}" + text("w") + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
                       "ctorch\nFloatStorage\n" + text("0") + text("cpu") + integer(count) + "tQ" + integer(offset);
  for (const auto& list : {sizes, strides}) {
    pickle += "(";
    for (const int value : list) pickle += integer(value);
    pickle += "t";
  }
  return pickle +
         "\x89"
         "ccollections\nOrderedDict\n)RtRs.";
}

StateDict load(const std::string& bytes) {
  const TempDir dir;
  write_file(dir / "x.bin", bytes);
  return load_pytorch_bin(dir / "x.bin");
}

StateDict load_pickle(const std::string& pickle) {
  return load(zip_archive({{"a/data.pkl", pickle}, {"a/data/0", std::string(24, '\0')}}));
}

}  // namespace

TEST_CASE("a state dict that torch.save wrote") {
  for (const std::string name : {"io/bin/pytorch_model.bin", "io/plain_dict.bin", "io/protocol4.bin"}) {
    CAPTURE(name);
    const StateDict tensors = load_pytorch_bin(fixture(name));
    CHECK(tensors.keys() == std::vector<std::string>{"wte.weight", "lm_head.weight", "slice", "transposed", "half",
                                                     "float16", "long", "bool", "parameter", "scalar", "empty"});
    const torch::Tensor wte = numbers({4, 3});
    CHECK(torch::equal(tensors["wte.weight"], wte));
    CHECK(torch::equal(tensors["slice"], wte.slice(0, 1, 3)));
    CHECK(torch::equal(tensors["transposed"], wte.t()));
    CHECK(torch::equal(tensors["half"], numbers({5}, torch::kBFloat16)));
    CHECK(torch::equal(tensors["float16"], numbers({5}, torch::kFloat16)));
    CHECK(torch::equal(tensors["long"], numbers({2, 2}, torch::kInt64)));
    CHECK(torch::equal(tensors["bool"], torch::tensor({true, false})));
    CHECK(torch::equal(tensors["parameter"], numbers({2})));
    CHECK(torch::equal(tensors["scalar"], torch::tensor(7.0, torch::kFloat64)));
    CHECK(tensors["empty"].sizes() == torch::IntArrayRef({0, 4}));
    CHECK(tensors["wte.weight"].is_alias_of(tensors["lm_head.weight"]));
    CHECK_FALSE(tensors["wte.weight"].is_alias_of(tensors["half"]));
  }
}

TEST_CASE("directories of one or several .bin files") {
  CHECK(load_weights(fixture("io/bin")).size() == 11);
  const StateDict tensors = load_weights(fixture("io/bin_sharded"));
  CHECK(tensors.size() == 2);
  CHECK(torch::equal(tensors["a"], numbers({2})));
  CHECK(torch::equal(tensors["b"], numbers({3})));
}

TEST_CASE("what is no state dict is refused by name and nothing runs") {
  CHECK_THROWS_WITH(load_pytorch_bin(fixture("io/malicious.bin")),
                    Contains("malicious.bin: refers to") && Contains("check_output"));
  CHECK_THROWS_WITH(load_pytorch_bin(fixture("io/nested.bin")), Contains("entry model is not a tensor"));
  CHECK_THROWS_WITH(load_pytorch_bin(fixture("io/legacy.bin")), Contains("before 1.6") && Contains("torch.save"));
  CHECK_THROWS_WITH(load_pytorch_bin(fixture("io/every_dtype.safetensors")), Contains("torch.save"));
  CHECK_THROWS_WITH(load("PK"), Contains("zip archive"));
  CHECK_THROWS_WITH(load(zip_archive({{"a/b", ""}})), Contains("no data.pkl"));
  CHECK_THROWS_WITH(load(zip_archive({{"a/data.pkl", "."}}, 8)), Contains("compressed"));
  CHECK_THROWS_WITH(load(zip_archive({{"a/data.pkl", "."}, {"a/data.pkl", "."}})), Contains("two zip records"));
  CHECK_THROWS_WITH(load(zip_archive({{"a/byteorder", "big"}, {"a/data.pkl", "."}})), Contains("big-endian"));
}

TEST_CASE("tensors stay inside their storage") {
  CHECK(torch::equal(load_pickle(tensor_pickle(6, 0, {2, 3}, {3, 1}))["w"], torch::zeros({2, 3})));
  CHECK(load_pickle(tensor_pickle(6, 5, {1}, {1}))["w"].numel() == 1);
  CHECK(load_pickle(tensor_pickle(6, 0, {0, 1000000}, {1, 1}))["w"].numel() == 0);
  CHECK_THROWS_WITH(load_pickle(tensor_pickle(7, 0, {7}, {1})), Contains("storage 0 has 24 bytes, too few for 7"));
  CHECK_THROWS_WITH(load_pickle(tensor_pickle(-1, 0, {7}, {1})), Contains("too few for -1"));
  CHECK_THROWS_WITH(load_pickle(tensor_pickle(6, 6, {1}, {1})), Contains("outside its storage"));
  CHECK_THROWS_WITH(load_pickle(tensor_pickle(6, -1, {1}, {1})), Contains("outside its storage"));
  CHECK_THROWS_WITH(load_pickle(tensor_pickle(6, 0, {2, 3}, {4, 1})), Contains("outside its storage"));
  CHECK_THROWS_WITH(load_pickle(tensor_pickle(6, 0, {2000000000}, {0})), Contains("outside its storage"));
  CHECK_THROWS_WITH(load_pickle(tensor_pickle(6, 0, {2000000000, 2000000000, 2000000000}, {0, 0, 0})),
                    Contains("outside its storage"));
  CHECK_THROWS_WITH(load_pickle(tensor_pickle(6, 0, {0, 2000000000, 2000000000, 2000000000}, {1, 1, 1, 1})),
                    Contains("outside its storage"));
  CHECK_THROWS_WITH(load_pickle(tensor_pickle(6, 0, {-1}, {1})), Contains("damaged"));
  CHECK_THROWS_WITH(load_pickle(tensor_pickle(6, 0, {2, 3}, {1})), Contains("damaged"));
}

TEST_CASE("pickles that misuse the machine are refused") {
  for (const std::string pickle : {"", ".", "\x80\x09.", "t.", "(.", "h\x01.", "(0.", "}R.", "}}s.", "(}tR.", "q\x01.",
                                   "X\xff\xff\xff\x7f.", "ctorch\nFloatStorage", "}(Nu.", "Nb.", ")Q."}) {
    CAPTURE(pickle);
    CHECK_THROWS_AS(load_pickle(pickle), FileError);
  }
  CHECK_THROWS_WITH(load_pickle("N."), Contains("holds no dictionary"));
  CHECK_THROWS_WITH(load_pickle("}K\x01K\x01s."), Contains("not a string"));
  CHECK_THROWS_WITH(load_pickle("cos\nsystem\n."), Contains("refers to os.system"));
  CHECK_THROWS_WITH(load_pickle("cos\nsy\x01stem\n."), Contains("refers to os.sy?stem"));
  CHECK_THROWS_WITH(load_pickle("}q\x01h\x01h\x01s."), Contains("not a string"));
  CHECK_THROWS_WITH(load_pickle(std::string(5'000'000, '}') + "."), Contains("too many values"));
  CHECK_THROWS_WITH(load_pickle(")" + std::string(3'000'000, '\x85') + "."), Contains("holds no dictionary"));
}

}  // namespace langzoo::test
