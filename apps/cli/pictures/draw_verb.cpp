#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/pictures/draw_options.h"
#include "apps/cli/pictures/verbs.h"
#include "apps/training/output_dir.h"
#include "data/files/files.h"
#include "data/microworld/pictures.h"

namespace langzoo {

namespace {

class DrawVerb : public ComputeVerb {
 public:
  std::string name() const override { return "draw"; }
  std::string summary() const override { return "draw the picture of a caption, or pictures of microworld"; }
  std::string examples() const override {
    return "draw --model drawer --caption \"two small red circles\" --out circles.png\n"
           "draw --model drawer --captioner run --candidates 8 --caption \"a large black square\" --out square.png\n"
           "draw --microworld 100 --seed 1 --out pictures\n";
  }
  std::string notes() const override {
    return "With --microworld the folder becomes PNG files, and captions.tsv with their names and captions.\n"
           "Fields under --json, of a model: file, caption, holds (whether the picture is what the caption says, by\n"
           "microworld's parser; null for a caption that is none of its grammar's), seen (the caption that "
           "--captioner\n"
           "gives it).\n";
  }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    options.add("--model", model_, "a folder that train --model tokens has made")
        .needs("--caption")
        .excludes("--microworld");
    options.add("--caption", caption_, "what the picture is to show").needs("--model").excludes("--microworld");
    options.add("--microworld", microworld_, "so many pictures of microworld, with captions").range(1, 10'000'000);
    options.add("--out", out_, "the PNG file; of --microworld a folder, new or empty").required();
    flags_.add_to(options, "--microworld", [this] { return microworld_.has_value(); });
    options.exactly_one_of({"--microworld", "--model"});
  }

  void compute(const ComputeOptions& common) override { microworld_ ? draw_microworld(common) : draw_caption(common); }

 private:
  void draw_microworld(const ComputeOptions& common) const {
    if (common.json) throw UsageError("--json: pictures of microworld go into the folder, with captions.tsv");
    if (!is_new_or_empty(out_)) throw UsageError(fmt::format("--out {}: is not empty", out_));
    const auto count = *microworld_;
    write_drawn_pictures(out_, common.seed_or(1), count);
    std::cerr << fmt::format("{} and {} written to {}\n", counted(count, "picture", "pictures"), kCaptionsFile, out_);
  }

  void draw_caption(const ComputeOptions& common) {
    if (caption_.empty()) throw UsageError("--caption is missing: what the picture is to show");
    const auto options = flags_.options(common.seed_or(1));
    if (common.json && is_standard_output(out_)) throw UsageError("--json: not with --out to stdout");
    flags_.open(common);
    const auto drawer = load_and_report(model_, common, [&](const DeviceOptions& device, LoadReport* report) {
      return load_drawer(model_, device, report);
    });
    check_writable(out_);
    auto with_captioner = options;
    with_captioner.captioner = flags_.captioner();
    const auto pixels = draw_pictures(drawer, {caption_}, with_captioner);
    const auto image = image_of_bytes(pixels[0]);
    write_png(out_, image);
    std::optional<bool> holds;
    if (PictureCaption::parse(caption_)) holds = caption_holds(caption_, things_in(image));
    std::optional<std::string> seen;
    if (flags_.captioner() != nullptr) seen = write_captions(*flags_.captioner(), pixels).front();
    if (common.json) return print_json({{"file", out_}, {"caption", caption_}, {"holds", holds}, {"seen", seen}});
    if (holds) std::cerr << fmt::format("{}: {}\n", out_, *holds ? "is what the caption says" : "is something else");
    if (seen) std::cerr << fmt::format("the captioner sees: {}\n", *seen);
  }

  std::optional<std::int64_t> microworld_;
  std::string model_, caption_, out_;
  DrawFlags flags_;
};

}  // namespace

std::unique_ptr<Verb> draw_verb() {
  return std::make_unique<DrawVerb>();
}

}  // namespace langzoo
