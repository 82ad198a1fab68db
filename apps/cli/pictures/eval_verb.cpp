#include <fmt/format.h>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/pictures/draw_options.h"
#include "apps/cli/pictures/verbs.h"
#include "data/files/files.h"
#include "models/pretrained.h"

namespace langzoo {

namespace {

class EvalVerb : public ModelVerb {
 public:
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure a model on pictures with captions"; }
  std::string examples() const override {
    return "eval --model run --data microworld\n"
           "eval --model run --data pictures --json\n"
           "eval --model drawer --data microworld --captioner run --candidates 4\n";
  }
  std::string notes() const override {
    return "A captioner writes a caption of each picture, the likeliest token each time. What draws draws a picture "
           "of\n"
           "each picture's first caption, and a --captioner says what it sees in it. microworld's pictures are those\n"
           "that follow the ones that the model learned from, of the same seed, unless --seed says another.\n"
           "Fields under --json: pictures; exact_match and bleu (in per cent) and cider_d of the captions; holds, in "
           "per\n"
           "cent: captions that are true of their pictures, or drawings that are what their captions say, by\n"
           "microworld's parser; null for what there is none of. Of microworld's pictures likeliest_exact_match,\n"
           "likeliest_bleu and likeliest_cider_d, of the most probable caption of each: nobody does better but by "
           "luck.\n"
           "Of a captioner loss and source_loss (the captions' entropy), in nats a token; of what draws loss of a\n"
           "picture's token, and kept, the per cent of pictures in which the autoencoder leaves what there is.\n";
  }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--data", pictures_.data, "microworld, a folder of PNG files with captions.tsv, or such a table")
        .required();
    options.add("--pictures", pictures_.pictures, "that microworld draws")
        .range(1, 1'000'000)
        .needs("--data microworld", [this] { return is_drawn(pictures_.data); });
    options.add("--out", out_, "a file for what captioners write, a line a picture: its name, TAB, the caption");
    flags_.add_to(options, "a captioner as --model", [this] { return !draws(); });
    options.idle_where("--seed", "a captioner reads files", [this] { return !draws() && !is_drawn(pictures_.data); });
  }

  void compute(const ComputeOptions& common) override {
    pictures_.seed = common.seed;
    if (is_standard_output(out_)) throw UsageError("--out: stdout is for the figures; name a file");
    if (!out_.empty()) check_writable(out_);
    draws() ? evaluate_drawings(common) : evaluate_captions(common);
    print_figures(figures_, common.json);
  }

 private:
  /// Asked before anything says whether there is such a folder.
  bool draws() const {
    try {
      return model_type_of(model_) == "image-tokens";
    } catch (const std::exception&) {
      return false;
    }
  }

  void evaluate_captions(const ComputeOptions& common) {
    const auto captioner = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_captioner(model_, options, report);
    });
    double nats = -1;
    const auto pictures = open_evaluation_pictures(pictures_, model_, captioner.image_size(), &nats);
    std::vector<std::string> captions;
    const auto metrics = evaluate_captioner(captioner, pictures, nats, &captions);
    add_count(pictures);
    add(metrics, "loss", "nats per token");
    add(metrics, "source_loss", "their entropy", 4, "   no model does better");
    add_scores(metrics, "captions true");
    add_likeliest(pictures);
    write(pictures, captions);
  }

  void evaluate_drawings(const ComputeOptions& common) {
    auto options = flags_.options(common.seed_or(1));
    flags_.open(common);
    options.captioner = flags_.captioner();
    const auto drawer = load_and_report(model_, common, [&](const DeviceOptions& device, LoadReport* report) {
      return load_drawer(model_, device, report);
    });
    auto pictures = open_evaluation_pictures(pictures_, model_, drawer.model->config().image_size);
    add_count(pictures);
    auto metrics = evaluate_drawer(drawer, pictures);
    for (auto& captions : pictures.captions) captions.resize(1);
    std::vector<std::string> asked;
    for (const auto& captions : pictures.captions) asked.push_back(captions.front());
    pictures.pixels = draw_pictures(drawer, asked, options);
    if (options.captioner != nullptr) {
      const auto seen = write_captions(*options.captioner, pictures.pixels);
      score_captions(seen, pictures).add_to(metrics);
      write(pictures, seen);
    } else if (!out_.empty()) {
      throw UsageError("--out: what draws writes no captions without a --captioner");
    }
    metrics["holds"] = {share_that_holds(pictures.pixels, asked)};
    add(metrics, "loss", "nats per token");
    add(metrics, "kept", "autoencoder keeps", 2, " %");
    add_scores(metrics, "drawings hold");
  }

  void add_count(const PictureSet& pictures) { figures_.push_back({"pictures", "pictures", pictures.size()}); }
  /// What is not there is null under --json.
  void add(const EvalMetrics& metrics, const std::string& key, const std::string& label, int decimals = 4,
           const std::string& suffix = {}, const std::string& prefix = {}) {
    const auto found = metrics.find(key);
    const bool is_there = found != metrics.end();
    figures_.push_back(
        {prefix + key, is_there ? label : "", is_there ? found->second.value : std::nan(""), decimals, suffix});
  }
  void add_scores(const EvalMetrics& metrics, const std::string& holds) {
    add(metrics, "exact_match", "exact match", 2, " %");
    add(metrics, "bleu", "BLEU", 2);
    add(metrics, "cider_d", "CIDEr-D", 3);
    add(metrics, "holds", holds, 2, " %");
  }
  void add_likeliest(const PictureSet& pictures) {
    const auto best = likeliest_scores(pictures);
    if (!best) return;
    EvalMetrics metrics;
    best->add_to(metrics);
    add(metrics, "exact_match", "likeliest: exact match", 2, " %   of the grammar's most probable captions",
        "likeliest_");
    add(metrics, "bleu", "likeliest: BLEU", 2, "", "likeliest_");
    add(metrics, "cider_d", "likeliest: CIDEr-D", 3, "", "likeliest_");
  }
  void write(const PictureSet& pictures, const std::vector<std::string>& captions) const {
    if (out_.empty()) return;
    std::string lines;
    for (std::size_t i = 0; i < captions.size(); ++i) lines += fmt::format("{}\t{}\n", pictures.files[i], captions[i]);
    write_file_atomically(out_, lines);
  }

  EvaluationPictures pictures_;
  std::string out_;
  DrawFlags flags_;
  std::vector<Figure> figures_;
};

}  // namespace

std::unique_ptr<Verb> caption_eval_verb() {
  return std::make_unique<EvalVerb>();
}

}  // namespace langzoo
