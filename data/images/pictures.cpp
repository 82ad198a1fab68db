#include "data/images/pictures.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "data/files/files.h"
#include "data/microworld/pictures.h"
#include "data/text/fingerprint.h"
#include "data/text/table.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kPrepareAhead = 2;

std::string drawn_name(std::int64_t number) {
  return fmt::format("{}.png", number);
}

}  // namespace

std::int64_t PictureSet::num_captions() const {
  return std::accumulate(captions.begin(), captions.end(), std::int64_t{0},
                         [](std::int64_t sum, const auto& texts) { return sum + std::ssize(texts); });
}

PictureSet PictureSet::part(std::int64_t begin, std::int64_t end) const {
  return {pixels.slice(0, begin, end),
          {files.begin() + begin, files.begin() + end},
          {captions.begin() + begin, captions.begin() + end}};
}

std::uint64_t PictureSet::fingerprint() const {
  Fingerprint print(1);
  const auto bytes = pixels.contiguous();
  print.add(std::string_view(static_cast<const char*>(bytes.const_data_ptr()), as_size(bytes.numel())));
  for (const auto& texts : captions) {
    print.add(texts.size());
    for (const auto& text : texts) print.add(text);
  }
  return print.value();
}

torch::Tensor picture_bytes(std::span<const Image> images, std::span<const std::string> files, std::int64_t D) {
  auto bytes = torch::empty({std::ssize(images), 3 * D * D}, torch::kUInt8);
  auto* to = bytes.data_ptr<std::uint8_t>();
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto& image = images[i];
    if (image.width() != D || image.height() != D) {
      throw FileError(files[i], fmt::format("has {} x {} pixels; the model's pictures have {} x {} (model.image_size)",
                                            image.width(), image.height(), D, D));
    }
    for (const auto channel : {&Color::red, &Color::green, &Color::blue}) {
      for (const auto& pixel : image.pixels()) *to++ = pixel.*channel;
    }
  }
  return bytes;
}

Image image_of_bytes(const torch::Tensor& bytes) {
  const auto pixels = bytes.numel() / 3;
  std::int64_t D = 1;
  while (D * D < pixels) ++D;
  if (3 * D * D != bytes.numel()) throw std::invalid_argument(fmt::format("{} bytes of no picture", bytes.numel()));
  const auto values = bytes.to(torch::kCPU, torch::kUInt8).contiguous();
  const auto* const at = values.const_data_ptr<std::uint8_t>();
  Image image(D, D);
  for (std::int64_t i = 0; i < pixels; ++i) image.at(i % D, i / D) = {at[i], at[pixels + i], at[2 * pixels + i]};
  return image;
}

PictureSet read_pictures(const fs::path& path, std::int64_t D) {
  const auto table = fs::is_directory(path) ? path / kCaptionsFile : path;
  PictureSet set;
  std::vector<Image> images;
  std::vector<std::string> paths;
  std::unordered_map<std::string, std::size_t> known;
  for (const auto& row : read_table(table, {{"file", true}, {"caption", true}})) {
    const auto [found, is_new] = known.try_emplace(row.values[0], set.files.size());
    if (is_new) {
      const auto file = table.parent_path() / row.values[0];
      try {
        images.push_back(read_png(file));
        paths.push_back(file.string());
      } catch (const FileError& error) {
        throw FileError(table, fmt::format("line {}: {}", row.line, error.what()));
      }
      set.files.push_back(row.values[0]);
      set.captions.emplace_back();
    }
    set.captions[found->second].push_back(row.values[1]);
  }
  if (images.empty()) throw FileError(table, "names no picture");
  set.pixels = picture_bytes(images, paths, D);
  return set;
}

PictureSet drawn_pictures(std::uint64_t seed, std::int64_t first, std::int64_t count, double* nats) {
  PictureSet set;
  set.pixels = torch::empty({count, 3 * kPictureSize * kPictureSize}, torch::kUInt8);
  for (std::int64_t i = 0; i < count; ++i) {
    auto picture = microworld_picture(seed, first + i);
    set.files.push_back(drawn_name(first + i));
    set.pixels[i].copy_(picture_bytes({&picture.image, 1}, {&set.files.back(), 1}, kPictureSize)[0]);
    set.captions.push_back({std::move(picture.caption)});
    if (nats != nullptr) *nats += picture.nats;
  }
  return set;
}

void write_drawn_pictures(const fs::path& dir, std::uint64_t seed, std::int64_t count) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be created: " + error.message());
  write_file_atomically(dir / kCaptionsFile, [&](std::ostream& table) {
    table << "file\tcaption\n";
    for (std::int64_t i = 0; i < count; ++i) {
      const auto picture = microworld_picture(seed, i);
      const auto file = drawn_name(i);
      write_png(dir / file, picture.image);
      table << file << '\t' << picture.caption << '\n';
    }
  });
}

CaptionExamples caption_examples(const PictureSet& pictures, const Tokenizer& tokenizer, std::int64_t most) {
  CaptionExamples examples;
  for (std::size_t i = 0; i < pictures.captions.size(); ++i) {
    for (const auto& caption : pictures.captions[i]) {
      auto ids = tokenizer.encode(caption, {.add_special_tokens = false}).ids;
      if (ids.empty() || std::ssize(ids) > most) {
        throw std::runtime_error(fmt::format("the caption of {} has {} tokens: from 1 to {} are taken",
                                             pictures.files[i], ids.size(), most));
      }
      examples.pictures.push_back(static_cast<std::int64_t>(i));
      examples.ids.push_back(std::move(ids));
    }
  }
  return examples;
}

ParallelBatch caption_batch(const PictureSet& pictures, const CaptionExamples& examples,
                            std::vector<std::int64_t> chosen, const ParallelSpecialTokens& special) {
  const auto B = std::ssize(chosen);
  std::int64_t T = 0;
  for (const auto row : chosen) T = std::max<std::int64_t>(T, std::ssize(examples.ids.at(as_size(row))));
  if (special.target_end) ++T;
  ParallelBatch batch;
  batch.decoder_input = torch::full({B, T}, special.pad, torch::kInt64);
  batch.labels = torch::full({B, T}, -100, torch::kInt64);
  auto input = batch.decoder_input.accessor<std::int64_t, 2>(), labels = batch.labels.accessor<std::int64_t, 2>();
  std::vector<std::int64_t> sources;
  for (std::int64_t b = 0; b < B; ++b) {
    const auto row = as_size(chosen[as_size(b)]);
    sources.push_back(examples.pictures[row]);
    auto ids = examples.ids[row];
    if (special.target_end) ids.push_back(*special.target_end);
    for (std::int64_t t = 0; t < std::ssize(ids); ++t) {
      input[b][t] = t == 0 ? special.start : ids[as_size(t - 1)];
      labels[b][t] = ids[as_size(t)];
    }
  }
  batch.source = pictures.pixels.index_select(0, torch::tensor(sources));
  batch.source_lengths = torch::full({B}, batch.source.size(1), torch::kInt64);
  batch.pairs = std::move(chosen);
  return batch;
}

std::unique_ptr<BatchIterator<ParallelBatch>> caption_batches(const PictureSet& pictures,
                                                              const CaptionExamples& examples,
                                                              const ParallelSpecialTokens& special,
                                                              std::int64_t batch_size, std::uint64_t seed, Rank rank) {
  const EpochOrder order(examples.size(), batch_size * rank.world, seed);
  return std::make_unique<BatchIterator<ParallelBatch>>(
      order.batches_per_epoch(),
      [&pictures, &examples, special, order, rank](const DataPosition& at) {
        return caption_batch(pictures, examples, share_of(order.examples(at), rank), special);
      },
      kPrepareAhead);
}

}  // namespace langzoo
