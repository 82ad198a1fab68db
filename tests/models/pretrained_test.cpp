#include "tests/support/test.h"

#include <chrono>

#include "data/files/files.h"
#include "models/io/safetensors.h"
#include "models/layers/linear.h"
#include "models/pretrained.h"

namespace langzoo::test {

namespace {

using Catch::Matchers::Contains;

namespace fs = std::filesystem;

struct ToyConfig {
  std::int64_t n_embd = 4;
  std::int64_t n_vocab = 6;
  std::int64_t num_labels = 3;
  bool tie_word_embeddings = true;

  void for_each_field(FieldVisitor& visit) {
    visit("n_embd", n_embd, {.least = 1});
    visit("n_vocab", n_vocab, {.least = 1});
    visit("num_labels", num_labels, {.least = 1});
    visit("tie_word_embeddings", tie_word_embeddings);
  }
  void validate() const {
    check_fields(*this, "toy config");
    if (n_embd % 2 != 0) throw std::invalid_argument("n_embd: must be even (is " + std::to_string(n_embd) + ")");
  }
};

torch::Tensor parameter(torch::IntArrayRef shape) {
  return SkipInit::active() ? torch::empty(shape) : torch::full(shape, 9.0f);
}

PretrainedTraits toy_traits(const std::string& architecture) {
  return {.model_type = "toy",
          .architecture = architecture,
          .base_model_prefix = "body",
          .heads = {"head", "classifier."},
          .ignored_prefixes = {"optimizer."},
          .ignored_suffixes = {"attn.bias"}};
}

/// An embedding and a norm: the model without a head.
struct ToyModelImpl : torch::nn::Module {
  using Config = ToyConfig;
  explicit ToyModelImpl(const ToyConfig& config) : config(config) {
    wte = register_parameter("wte", parameter({config.n_vocab, config.n_embd}));
    norm = register_module("norm", std::make_shared<torch::nn::Module>("norm"));
    norm->register_parameter("weight", parameter({config.n_embd}));
    norm->register_parameter("bias", parameter({config.n_embd}));
  }
  static const PretrainedTraits& pretrained_traits() {
    static const PretrainedTraits traits = toy_traits("ToyModel");
    return traits;
  }
  ToyConfig config;
  torch::Tensor wte;
  std::shared_ptr<torch::nn::Module> norm;
};
TORCH_MODULE(ToyModel);

/// The same with a head, tied to the embedding unless the config says otherwise.
struct ToyHeadModelImpl : torch::nn::Module {
  using Config = ToyConfig;
  explicit ToyHeadModelImpl(const ToyConfig& config) : config(config) {
    body = register_module("body", ToyModel(config));
    if (!config.tie_word_embeddings) head = register_parameter("head", parameter({config.n_vocab, config.n_embd}));
  }
  static const PretrainedTraits& pretrained_traits() {
    static const PretrainedTraits traits = [] {
      auto traits = toy_traits("ToyHeadModel");
      traits.tied = {{"head", "body.wte", "tie_word_embeddings"}};
      return traits;
    }();
    return traits;
  }
  ToyConfig config;
  ToyModel body{nullptr};
  torch::Tensor head;
};
TORCH_MODULE(ToyHeadModel);

/// The same with another head.
struct ToyClassifierImpl : torch::nn::Module {
  using Config = ToyConfig;
  explicit ToyClassifierImpl(const ToyConfig& config) : config(config) {
    body = register_module("body", ToyModel(config));
    classifier = register_module("classifier", std::make_shared<torch::nn::Module>("classifier"));
    classifier->register_parameter("weight", parameter({config.num_labels, config.n_embd}));
  }
  static const PretrainedTraits& pretrained_traits() {
    static const PretrainedTraits traits = toy_traits("ToyClassifier");
    return traits;
  }
  torch::Tensor weight() const { return classifier->named_parameters()["weight"]; }
  ToyConfig config;
  ToyModel body{nullptr};
  std::shared_ptr<torch::nn::Module> classifier;
};
TORCH_MODULE(ToyClassifier);

/// A model whose parts have no prefix in common: an embedding beside its head.
struct FlatModelImpl : torch::nn::Module {
  using Config = ToyConfig;
  explicit FlatModelImpl(const ToyConfig& config) {
    wte = register_parameter("wte", parameter({config.n_vocab, config.n_embd}));
    head = register_parameter("head", parameter({config.n_vocab, config.n_embd}));
  }
  static const PretrainedTraits& pretrained_traits() {
    static const PretrainedTraits traits{
        .model_type = "toy", .architecture = "FlatModel", .base_model_prefix = "", .heads = {"head"}};
    return traits;
  }
  torch::Tensor wte, head;
};
TORCH_MODULE(FlatModel);

const torch::Tensor kWte = torch::arange(24, torch::kFloat32).reshape({6, 4});

/// A directory with this config and these weights; "wte", "norm.weight", "norm.bias" are given values.
void write_model(const fs::path& dir, const std::string& config, const std::vector<std::string>& names,
                 torch::ScalarType dtype = torch::kFloat32) {
  StateDict tensors;
  for (const auto& name : names) {
    const bool matrix = name.ends_with("wte") || name.ends_with("head");
    tensors.insert(name, matrix ? kWte.to(dtype) : torch::full(4, name.ends_with("bias") ? 2.0f : 1.0f).to(dtype));
  }
  write_file(dir / "config.json", config);
  save_safetensors(dir / "model.safetensors", tensors);
}

const char* const kConfig = R"({"model_type": "toy", "n_embd": 4, "n_vocab": 6})";

void check_values(ToyModelImpl& model) {
  CHECK(torch::equal(model.wte, kWte));
  CHECK(model.norm->named_parameters()["weight"].eq(1).all().item<bool>());
  CHECK(model.norm->named_parameters()["bias"].eq(2).all().item<bool>());
}

}  // namespace

TEST_CASE("what save_pretrained wrote, from_pretrained reads") {
  const TempDir dir;
  ToyHeadModel model(ToyConfig{});
  model->body->wte.data().copy_(kWte);
  save_pretrained(*model, model->config, ToyHeadModelImpl::pretrained_traits(), dir / "new" / "model");
  LoadReport report;
  auto loaded = from_pretrained<ToyHeadModel>(dir / "new" / "model", &report);
  CHECK(report.ok());
  CHECK(report.ignored.empty());
  CHECK_FALSE(loaded->is_training());
  CHECK(torch::equal(loaded->body->wte, kWte));
  CHECK(loaded->body->wte.requires_grad());
  CHECK(read_file(dir / "new" / "model" / "config.json") ==
        "{\n  \"n_embd\": 4,\n  \"n_vocab\": 6,\n  \"num_labels\": 3,\n  \"tie_word_embeddings\": true,\n  "
        "\"architectures\": [\n"
        "    \"ToyHeadModel\"\n  ],\n  \"model_type\": \"toy\",\n  \"dtype\": \"float32\"\n}\n");
}

TEST_CASE("a checkpoint loads with and without the base model's prefix, either way round") {
  for (const std::string prefix : {"body.", ""}) {
    const TempDir dir;
    write_model(dir.path(), kConfig, {prefix + "wte", prefix + "norm.weight", prefix + "norm.bias", "head"});
    LoadReport report;
    check_values(*from_pretrained<ToyModel>(dir.path(), &report));
    CHECK(report.other_heads == std::vector<std::string>{"head"});
    CHECK(report.summary() == "1 left out as another model's head: head");
    check_values(*from_pretrained<ToyHeadModel>(dir.path(), &report)->body);
    CHECK(report.other_heads.empty());
    CHECK(report.ignored == std::vector<std::string>{"head"});
  }
}

TEST_CASE("a file that has the tied tensor only under its second name") {
  const TempDir dir;
  write_model(dir.path(), kConfig, {"body.norm.weight", "body.norm.bias", "head"});
  check_values(*from_pretrained<ToyHeadModel>(dir.path())->body);
}

TEST_CASE("an untied head is the model's own and must be there") {
  const TempDir dir;
  const std::string config = R"({"model_type": "toy", "tie_word_embeddings": false})";
  write_model(dir.path(), config, {"body.wte", "body.norm.weight", "body.norm.bias", "head"});
  CHECK(torch::equal(from_pretrained<ToyHeadModel>(dir.path())->head, kWte));
  write_model(dir.path(), config, {"wte", "norm.weight", "norm.bias"});
  CHECK_THROWS_WITH(from_pretrained<ToyHeadModel>(dir.path()), Contains("1 missing: head"));
  auto fresh = from_pretrained<ToyHeadModel>(dir.path(), nullptr, {.new_head = true});
  CHECK(fresh->head.eq(9).all().item<bool>());
  check_values(*fresh->body);
  write_model(dir.path(), config, {"body.wte", "body.norm.bias"});
  CHECK_THROWS_WITH(from_pretrained<ToyHeadModel>(dir.path(), nullptr, {.new_head = true}),
                    Contains("1 missing: body.norm.weight"));
}

TEST_CASE("a checkpoint with another head gives its base; its head is named, the model's is new") {
  const TempDir dir;
  const std::string config = R"({"model_type": "toy", "tie_word_embeddings": false})";
  for (const std::string prefix : {"body.", ""}) {
    write_model(dir.path(), config, {prefix + "wte", prefix + "norm.weight", prefix + "norm.bias", "head"});
    CHECK_THROWS_WITH(from_pretrained<ToyClassifier>(dir.path()), Contains("1 missing: classifier.weight"));
    LoadReport report;
    auto model = from_pretrained<ToyClassifier>(dir.path(), &report, {.new_head = true});
    check_values(*model->body);
    CHECK(model->weight().eq(9).all().item<bool>());
    CHECK(report.other_heads == std::vector<std::string>{"head"});
    CHECK(report.fresh == std::vector<std::string>{"classifier.weight"});
    CHECK(report.summary() == "1 new: classifier.weight; 1 left out as another model's head: head");
  }
  write_model(dir.path(), config, {"body.wte", "body.norm.weight", "body.norm.bias", "pooler"});
  CHECK_THROWS_WITH(from_pretrained<ToyClassifier>(dir.path(), nullptr, {.new_head = true}),
                    Contains("1 unexpected: pooler"));
  CHECK_THROWS_WITH(from_pretrained<ToyModel>(dir.path()), Contains("1 unexpected: pooler"));
}

TEST_CASE("a head of another size is refused, or new where that is asked for") {
  const TempDir dir;
  ToyClassifier trained(ToyConfig{.num_labels = 5});
  trained->body->wte.data().copy_(kWte);
  save_pretrained(*trained, trained->config, ToyClassifierImpl::pretrained_traits(), dir.path());
  const ToyConfig config{.num_labels = 2};
  CHECK_THROWS_WITH(from_pretrained<ToyClassifier>(dir.path(), config),
                    Contains("1 of another shape: classifier.weight: file (5, 4), model (2, 4)"));
  LoadReport report;
  const auto model = from_pretrained<ToyClassifier>(dir.path(), config, &report, {.new_head = true});
  CHECK(model->weight().sizes() == torch::IntArrayRef{2, 4});
  CHECK(torch::equal(model->body->wte, kWte));
  CHECK(report.replaced == std::vector<std::string>{"classifier.weight: file (5, 4), model (2, 4)"});
  // The base is never new.
  CHECK_THROWS_WITH(
      from_pretrained<ToyClassifier>(dir.path(), ToyConfig{.n_vocab = 7, .num_labels = 5}, nullptr, {.new_head = true}),
      Contains("1 of another shape: body.wte: file (6, 4), model (7, 4)"));
}

TEST_CASE("a new head needs the whole base, whether that has a prefix or not") {
  const TempDir dir;
  LoadReport report;
  write_model(dir.path(), kConfig, {"wte"});
  const auto model = from_pretrained<FlatModel>(dir.path(), &report, {.new_head = true});
  CHECK(torch::equal(model->wte, kWte));
  CHECK(model->head.eq(9).all().item<bool>());
  CHECK(report.fresh == std::vector<std::string>{"head"});
  CHECK_THROWS_WITH(from_pretrained<FlatModel>(dir.path()), Contains("1 missing: head"));

  write_model(dir.path(), kConfig, {"head"});
  CHECK_THROWS_WITH(from_pretrained<FlatModel>(dir.path(), nullptr, {.new_head = true}), Contains("1 missing: wte"));
  write_model(dir.path(), kConfig, {"something.else.wte"});
  CHECK_THROWS_WITH(from_pretrained<FlatModel>(dir.path(), nullptr, {.new_head = true}),
                    Contains("1 missing: wte; 1 unexpected: something.else.wte"));
  CHECK_THROWS_WITH(from_pretrained<ToyClassifier>(dir.path(), nullptr, {.new_head = true}),
                    Contains("3 missing: body.wte, body.norm.weight, body.norm.bias"));
}

TEST_CASE("a head of its own is kept where the config says tied, and told") {
  const TempDir dir;
  StateDict tensors;
  tensors.insert("body.wte", kWte);
  tensors.insert("body.norm.weight", torch::ones(4));
  tensors.insert("body.norm.bias", torch::full(4, 2.0f));
  tensors.insert("head", kWte + 1.0);
  write_file(dir / "config.json", kConfig);
  save_safetensors(dir / "model.safetensors", tensors);
  LoadReport report;
  auto model = from_pretrained<ToyHeadModel>(dir.path(), &report);
  check_values(*model->body);
  REQUIRE(model->head.defined());
  CHECK(torch::equal(model->head, kWte + 1.0));
  CHECK_FALSE(model->config.tie_word_embeddings);
  CHECK(report.untied ==
        std::vector<std::string>{"head differs from body.wte, although config.json says tie_word_embeddings"});
  // The base alone has no use for it.
  check_values(*from_pretrained<ToyModel>(dir.path(), &report));
  CHECK(report.untied.empty());
  CHECK(report.other_heads == std::vector<std::string>{"head"});
}

TEST_CASE("old names, leftovers and config keys not modelled") {
  const TempDir dir;
  write_model(dir.path(), R"({"model_type": "toy", "use_cache": true, "text.depth": 1, "architectures": ["ToyModel"]})",
              {"wte", "norm.gamma", "norm.beta", "h.0.attn.bias"});
  fs::remove(dir / "model.safetensors");
  StateDict tensors;
  tensors.insert("wte", kWte);
  tensors.insert("norm.gamma", torch::ones(4));
  tensors.insert("norm.beta", torch::full(4, 2.0f));
  tensors.insert("h.0.attn.bias", torch::ones({1, 1}));
  tensors.insert("optimizer.step", torch::ones({1}));
  save_safetensors(dir / "model.safetensors", tensors);
  LoadReport report;
  check_values(*from_pretrained<ToyHeadModel>(dir.path(), &report)->body);
  CHECK(report.ignored == std::vector<std::string>{"h.0.attn.bias", "optimizer.step"});
  CHECK(report.unmodelled == std::vector<std::string>{"text.depth"});
  CHECK(report.summary() ==
        "saved as ToyModel, opened as ToyHeadModel; 2 ignored: h.0.attn.bias, optimizer.step; 1 config keys not used: "
        "text.depth");
}

TEST_CASE("half precision becomes float32 unless another dtype is asked for") {
  const TempDir dir;
  write_model(dir.path(), kConfig, {"wte", "norm.weight", "norm.bias"}, torch::kBFloat16);
  auto model = from_pretrained<ToyModel>(dir.path());
  CHECK(model->wte.scalar_type() == torch::kFloat32);
  check_values(*model);
  auto half = from_pretrained<ToyModel>(dir.path(), nullptr, {.dtype = torch::kBFloat16});
  CHECK(half->wte.scalar_type() == torch::kBFloat16);
  save_pretrained(*half, half->config, ToyModelImpl::pretrained_traits(), dir / "half");
  CHECK_THAT(read_file(dir / "half" / "config.json"), Contains("\"dtype\": \"bfloat16\""));
}

TEST_CASE("training a loaded model leaves the file alone, and it may be saved over its own file") {
  const TempDir dir;
  write_model(dir.path(), kConfig, {"wte", "norm.weight", "norm.bias"});
  const std::string before = read_file(dir / "model.safetensors");
  auto model = from_pretrained<ToyModel>(dir.path());
  {
    const torch::NoGradGuard no_grad;
    model->wte.add_(1.0);
  }
  CHECK(read_file(dir / "model.safetensors") == before);
  save_pretrained(*model, model->config, ToyModelImpl::pretrained_traits(), dir.path());
  CHECK(torch::equal(model->wte, kWte + 1.0));
  CHECK(torch::equal(from_pretrained<ToyModel>(dir.path())->wte, kWte + 1.0));
}

TEST_CASE("directories that are no model of this family are refused in one line") {
  const TempDir dir;
  const auto error_of = [&](const std::string& config) {
    if (!config.empty()) write_model(dir.path(), config, {"wte", "norm.weight", "norm.bias"});
    std::string message;
    try {
      from_pretrained<ToyModel>(dir.path());
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    CHECK_THAT(message, Contains(dir.path().string()) && !Contains("\n"));
    return message;
  };
  CHECK_THAT(error_of(""), Contains("no config.json"));
  CHECK_THROWS_WITH(from_pretrained<ToyModel>(dir / "absent"), Contains("absent: no such directory"));
  CHECK_THAT(error_of("{"), Contains("config.json: not valid JSON"));
  CHECK_THAT(error_of("[]"), Contains("config.json: not a JSON object"));
  CHECK_THAT(error_of(R"({"n_embd": 8})"), Contains("wte: file (6, 4), model (6, 8)"));  // no model_type: a try
  CHECK_THAT(error_of(R"({"model_type": "bert"})"), Contains("config.json: model_type: is \"bert\", expected \"toy\""));
  CHECK(model_type_of(dir.path()) == "bert");
  CHECK_THAT(error_of(R"({"model_type": "toy", "architectures": "ToyModel"})"),
             Contains("config.json: architectures: is \"ToyModel\", expected a list, each a text"));
  CHECK_THAT(error_of(R"({"model_type": "toy", "n_embd": 3})"), Contains("config.json: n_embd: must be even (is 3)"));
  CHECK_THAT(error_of(R"({"model_type": "toy", "n_embd": "4"})"),
             Contains("config.json: n_embd: is \"4\", expected a whole number of at least 1"));
  CHECK_THAT(error_of(R"({"model_type": "toy", "n_embd": 8})"), Contains("wte: file (6, 4), model (6, 8)"));
  CHECK_THAT(error_of(R"({"model_type": "toy", "n_embd": 4000000000, "n_vocab": 4000000000})"),
             Contains("config.json: no model of these sizes can be made: "));
}

TEST_CASE("a folder of another architecture opens where the weights are there, and that is told") {
  const TempDir dir;
  const auto report_of = [&](const std::string& architectures) {
    write_model(dir.path(), R"({"model_type": "toy")" + architectures + "}", {"wte", "norm.weight", "norm.bias"});
    LoadReport report;
    from_pretrained<ToyHeadModel>(dir.path(), &report);
    return report.summary();
  };
  CHECK(report_of(R"(, "architectures": ["ToyClassifier"])") == "saved as ToyClassifier, opened as ToyHeadModel");
  CHECK(report_of(R"(, "architectures": ["Other", "ToyHeadModel"])").empty());
  CHECK(report_of(R"(, "architectures": null)").empty());
  CHECK(report_of(R"(, "architectures": ["ToyModel"], "more": 1)") ==
        "saved as ToyModel, opened as ToyHeadModel; 1 config keys not used: more");
  CHECK(report_of("").empty());
  // As transformers' classes do: they ask for no model_type.
  write_model(dir.path(), R"({"n_vocab": 6})", {"wte", "norm.weight", "norm.bias"});
  check_values(*from_pretrained<ToyModel>(dir.path()));
}

TEST_CASE("a model that memory does not hold is refused before it is touched") {
  const ToyModel model(ToyConfig{});  // 24 + 4 + 4 numbers
  CHECK_NOTHROW(check_memory(*model, "here", 128));
  CHECK_THROWS_WITH(check_memory(*model, "here", 127),
                    "here: a model of these sizes needs 0.0 GiB for its parameters, there are 0.0 GiB of memory");
  CHECK(make_checked<ToyModel>(ToyConfig{}, "here")->wte.eq(9).all().item<bool>());
  // 4 TiB. Whether the system hands out so much that is not touched is its own affair.
  CHECK_THROWS_WITH(make_checked<ToyModel>(ToyConfig{.n_embd = 1 << 20, .n_vocab = 1 << 20}, "here"),
                    Contains("here: ") && Contains("of these sizes"));
}

}  // namespace langzoo::test
