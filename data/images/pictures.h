/// Pictures with captions: a folder of PNG files with a table, or what microworld draws; and batches of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <torch/types.h>

#include "data/batching/batch_iterator.h"
#include "data/images/image.h"
#include "data/parallel/parallel_corpus.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

inline constexpr const char* kCaptionsFile = "captions.tsv";

/// Letters: N pictures, D pixels of a side.
struct PictureSet {
  torch::Tensor pixels;                            ///< (N, 3 D D) uint8: reds, greens, blues, each row by row
  std::vector<std::string> files;                  ///< as the table has them; of drawn ones "0.png", "1.png", ...
  std::vector<std::vector<std::string>> captions;  ///< of each picture one at least

  std::int64_t size() const { return pixels.size(0); }
  std::int64_t num_captions() const;
  /// The pictures [begin, end).
  PictureSet part(std::int64_t begin, std::int64_t end) const;
  /// Of pixels and captions.
  std::uint64_t fingerprint() const;
};

/// Pictures as a model reads them. Throws FileError naming the file of one that is not D x D.
/// Shapes: -> (N, 3 D D) uint8.
torch::Tensor picture_bytes(std::span<const Image> images, std::span<const std::string> files, std::int64_t D);
/// Shapes: bytes (3 D D).
Image image_of_bytes(const torch::Tensor& bytes);

/// The pictures that the table `path`, or captions.tsv in the folder `path`, names in its column `file`, beside itself,
/// with what is in its column `caption`; a picture with several captions has several lines. Throws FileError naming
/// file and line, or the picture that cannot be read or is not D x D.
PictureSet read_pictures(const std::filesystem::path& path, std::int64_t D);
/// Those of the numbers [first, first + count) (data/microworld/pictures.h). `nats`, if given, grows by those of their
/// captions.
PictureSet drawn_pictures(std::uint64_t seed, std::int64_t first, std::int64_t count, double* nats = nullptr);
/// Writes those of the numbers [0, count) into a folder as read_pictures() reads it: files and captions.tsv. Throws
/// FileError.
void write_drawn_pictures(const std::filesystem::path& dir, std::uint64_t seed, std::int64_t count);

/// Captions as token ids, each with its picture.
struct CaptionExamples {
  std::vector<std::int64_t> pictures;
  std::vector<std::vector<TokenId>> ids;  ///< without special tokens, one at least

  std::int64_t size() const { return std::ssize(ids); }
};
/// All captions of a set. Throws std::runtime_error naming the picture of a caption without tokens, and of one with
/// more than `most`.
CaptionExamples caption_examples(const PictureSet& pictures, const Tokenizer& tokenizer, std::int64_t most);

/// The chosen examples, row by row: sources are the pictures' bytes, targets the captions, `pairs` the examples.
ParallelBatch caption_batch(const PictureSet& pictures, const CaptionExamples& examples,
                            std::vector<std::int64_t> chosen, const ParallelSpecialTokens& special);
/// Endless batches in an order that (seed, epoch) decides. What they are made of must outlive them.
std::unique_ptr<BatchIterator<ParallelBatch>> caption_batches(const PictureSet& pictures,
                                                              const CaptionExamples& examples,
                                                              const ParallelSpecialTokens& special,
                                                              std::int64_t batch_size, std::uint64_t seed, Rank rank);

}  // namespace langzoo
