#include <iostream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/html.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/pictures/verbs.h"
#include "apps/training/tasks/pictures/captioning.h"
#include "data/files/files.h"
#include "third_party/torch.h"
#include "tokenizers/base64.h"

namespace langzoo {

namespace {

constexpr std::size_t kMostPictures = 200;  ///< of a page

/// Of one caption the tokens as they are shown, its end included, and where the decoder looks as it writes each;
/// undefined without attention.
struct CaptionAttention {
  std::string caption;
  std::vector<std::string> tokens;
  torch::Tensor weights;  ///< (T,P)
};

/// Shapes: pixels (1, 3 D D).
CaptionAttention attention_of(const LoadedCaptioner& captioner, const torch::Tensor& pixels) {
  const c10::InferenceMode inference;
  CaptionAttention seen{.caption = write_captions(captioner, pixels).front()};
  const PictureSet picture{.pixels = pixels, .files = {seen.caption}, .captions = {{seen.caption}}};
  const auto examples = caption_examples(picture, *captioner.tokenizer, captioner.model->max_positions() - 1);
  const auto batch = to_device(caption_batch(picture, examples, {0}, captioner.special()), captioner.device);
  const auto weights = captioner.model->attention(batch.source, batch.source_lengths, batch.decoder_input);
  if (weights.defined()) seen.weights = weights[0].to(torch::kCPU, torch::kFloat32);
  for (const auto id : examples.ids.front()) seen.tokens.push_back(captioner.tokenizer->id_to_token(id));
  seen.tokens.emplace_back("(end)");
  return seen;
}

constexpr std::string_view kStyle =
    ".looks{display:flex;flex-wrap:wrap;gap:10px;margin:8px 0 28px}.looks figure{margin:0;text-align:center}"
    ".looks svg{width:112px;height:112px;border:1px solid #8886;background:#fff}.looks image{image-rendering:pixelated}"
    ".looks figcaption{font-size:13px}";

/// The picture, and over it a veil that is thin where the weight is large. Shapes: weights (P), or undefined.
std::string looked_at(const std::string& png, std::int64_t size, const torch::Tensor& weights) {
  auto svg = fmt::format(
      R"(<svg viewBox="0 0 {0} {0}"><image width="{0}" height="{0}" href="data:image/png;base64,{1}"/>)", size, png);
  if (weights.defined()) {
    std::int64_t side = 1;
    while (side * side < weights.numel()) ++side;
    const auto most = weights.max().item<double>(), cell = static_cast<double>(size) / static_cast<double>(side);
    for (std::int64_t i = 0; i < weights.numel(); ++i) {
      svg += fmt::format(R"(<rect x="{0:.2f}" y="{1:.2f}" width="{2:.2f}" height="{2:.2f}" opacity="{3:.2f}"/>)",
                         cell * static_cast<double>(i % side), cell * static_cast<double>(i / side), cell,
                         0.75 * (1 - weights[i].item<double>() / most));
    }
  }
  return svg + "</svg>";
}

class AttentionVerb : public ModelVerb {
 public:
  std::string name() const override { return "attention"; }
  std::string summary() const override { return "look at what a captioner looks at as it writes"; }
  std::string examples() const override {
    return "attention --model run --image a.png b.png --out attention.html\n"
           "attention --model run --image a.png --json\n";
  }
  std::string notes() const override {
    return "--out becomes one page that needs nothing else: the picture for each word, what weighs less under a "
           "darker\n"
           "veil. Fields under --json, an object a picture: file, text, tokens, and weights of each, of the picture's\n"
           "parts row by row (of a Transformer the mean over the heads of its last layer but one).\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--image", images_, "PNG files").required();
    options.add("--out", out_, "the page to write");
  }
  void compute(const ComputeOptions& common) override {
    if (out_.empty() && !common.json) throw UsageError("give --out a name for the page, or ask for --json");
    if (common.json && is_standard_output(out_)) throw UsageError("--json: not with --out to stdout");
    if (images_.size() > kMostPictures)
      throw UsageError(fmt::format("--image: {} pictures, a page shows {}", images_.size(), kMostPictures));
    const auto captioner = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_captioner(model_, options, report);
    });
    if (!out_.empty()) check_writable(out_);
    std::string body;
    for (const auto& file : images_) {
      const auto image = read_png(file);
      const auto seen = attention_of(captioner, picture_bytes({&image, 1}, {&file, 1}, captioner.image_size()));
      if (!seen.weights.defined()) throw std::runtime_error(model_ + ": the model has no attention to show");
      if (common.json) print(file, seen);
      const auto png = encode_base64(encode_png(image));
      const auto figure = [&](const torch::Tensor& weights, const std::string& under) {
        body += fmt::format("<figure>{}<figcaption>{}</figcaption></figure>",
                            looked_at(png, captioner.image_size(), weights), html_escaped(under));
      };
      body += fmt::format("<h2>{}</h2><p>{}</p><div class=\"looks\">", html_escaped(seen.caption), html_escaped(file));
      figure({}, "");
      for (std::size_t t = 0; t < seen.tokens.size(); ++t)
        figure(seen.weights[static_cast<std::int64_t>(t)], seen.tokens[t]);
      body += "</div>\n";
    }
    if (out_.empty()) return;
    const auto title = std::filesystem::path(model_).lexically_normal().filename().string();
    write_file_atomically(out_, html_page({.title = title,
                                           .subtitle = "what is looked at as a caption is written",
                                           .style = std::string(kStyle),
                                           .body = body}));
    std::cerr << fmt::format("{} written to {}\n", counted(std::ssize(images_), "picture", "pictures"), out_);
  }

 private:
  static void print(const std::string& file, const CaptionAttention& seen) {
    std::vector<std::vector<double>> weights;
    for (const auto& row : seen.weights.unbind(0)) {
      const auto values = row.to(torch::kFloat64).contiguous();
      weights.emplace_back(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
    }
    print_json({{"file", file}, {"text", seen.caption}, {"tokens", seen.tokens}, {"weights", weights}});
  }

  std::vector<std::string> images_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Verb> caption_attention_verb() {
  return std::make_unique<AttentionVerb>();
}

}  // namespace langzoo
