#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/pictures/verbs.h"
#include "apps/training/tasks/pictures/captioning.h"
#include "data/images/image.h"

namespace langzoo {

namespace {

class CaptionVerb : public ModelVerb {
 public:
  std::string name() const override { return "caption"; }
  std::string summary() const override { return "say what there is in pictures"; }
  std::string examples() const override {
    return "caption --model run --image a.png b.png\n"
           "caption --model run --image a.png --num-beams 5 --json\n";
  }
  std::string notes() const override {
    return "Pictures are PNG files of the size that the model was trained on, of any kind of color; what is "
           "transparent\n"
           "lies on white. Fields under --json, an object a picture: file, text.\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--image", images_, "PNG files").required();
    options.add("--num-beams", num_beams_, "captions under way at a time; 1: the likeliest token each time")
        .range(1, 1000);
  }
  void compute(const ComputeOptions& common) override {
    const auto captioner = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_captioner(model_, options, report);
    });
    std::vector<Image> images;
    for (const auto& file : images_) images.push_back(read_png(file));
    const auto texts = write_captions(captioner, picture_bytes(images, images_, captioner.image_size()), num_beams_);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (common.json) {
        print_json({{"file", images_[i]}, {"text", texts[i]}});
      } else if (texts.size() == 1) {
        std::cout << texts[i] << '\n';
      } else {
        std::cout << images_[i] << '\t' << texts[i] << '\n';
      }
    }
  }

 private:
  std::vector<std::string> images_;
  std::int64_t num_beams_ = 1;
};

}  // namespace

std::unique_ptr<Verb> caption_verb() {
  return std::make_unique<CaptionVerb>();
}

}  // namespace langzoo
