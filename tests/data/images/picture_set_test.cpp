#include "tests/support/test.h"

#include "data/files/file_error.h"
#include "data/images/pictures.h"
#include "data/microworld/pictures.h"
#include "tests/data/byte_tokenizer.h"

namespace langzoo::test::picture_set_test {

TEST_CASE("drawn pictures are what their folder reads as") {
  const TempDir dir;
  write_drawn_pictures(dir / "pictures", 4, 6);
  const auto read = read_pictures(dir / "pictures", kPictureSize);
  const auto drawn = drawn_pictures(4, 0, 6);
  CHECK(torch::equal(read.pixels, drawn.pixels));
  CHECK(read.files == drawn.files);
  CHECK(read.captions == drawn.captions);
  CHECK(read.fingerprint() == drawn.fingerprint());
  CHECK(image_of_bytes(read.pixels[2]) == microworld_picture(4, 2).image);
  double nats = 0;
  const auto later = drawn_pictures(4, 2, 3, &nats);
  CHECK(later.files == std::vector<std::string>{"2.png", "3.png", "4.png"});
  CHECK(torch::equal(later.pixels, drawn.pixels.slice(0, 2, 5)));
  CHECK(torch::equal(drawn.part(2, 5).pixels, later.pixels));
  CHECK(nats == Approx(microworld_picture(4, 2).nats + microworld_picture(4, 3).nats + microworld_picture(4, 4).nats));
  CHECK(later.fingerprint() != drawn.fingerprint());
  CHECK_THROWS_WITH(image_of_bytes(torch::zeros({10}, torch::kUInt8)), Catch::Contains("10 bytes"));
}

TEST_CASE("a picture may have several captions; what is wrong with a folder is named") {
  const TempDir dir;
  const auto table = dir / "captions.tsv";
  write_png(dir / "a.png", Image(4, 4, {10, 20, 30}));
  write_png(dir / "b.png", Image(4, 5));
  write_file(table, "file\tcaption\na.png\tone\na.png\ttwo\n");
  const auto set = read_pictures(table, 4);
  CHECK(set.size() == 1);
  CHECK(set.num_captions() == 2);
  CHECK(set.captions == std::vector<std::vector<std::string>>{{"one", "two"}});
  CHECK(torch::equal(set.pixels[0].view({3, 16}).select(1, 0), torch::tensor({10, 20, 30}).to(torch::kUInt8)));

  const auto refused = [&](const std::string& text, const std::string& message) {
    write_file(table, text);
    CHECK_THROWS_WITH(read_pictures(dir.path(), 4), Catch::Contains(message));
    CHECK_THROWS_AS(read_pictures(dir.path(), 4), FileError);
  };
  refused("file\tcaption\n", "holds no texts");
  refused("file\tcaption\na.png\t\n", "line 2");
  refused("name\tcaption\na.png\tone\n", "file");
  refused("file\tcaption\nb.png\tone\n", "b.png: has 4 x 5 pixels; the model's pictures have 4 x 4 (model.image_size)");
  refused("file\tcaption\na.png\tone\nnone.png\ttwo\n", "line 3");
  write_file(dir / "c.png", "no picture");
  refused("file\tcaption\nc.png\tone\n", "is no PNG");
  CHECK_THROWS_AS(read_pictures(dir / "none", 4), FileError);
}

TEST_CASE("batches have pictures and captions side by side, in an order that seed and epoch decide") {
  const ByteTokenizer tokenizer;
  auto set = drawn_pictures(1, 0, 10);
  for (std::size_t i = 0; i < 10; ++i) set.captions[i] = {std::string(1 + i % 3, static_cast<char>('a' + i))};
  set.captions[0].emplace_back("zz");
  const auto examples = caption_examples(set, tokenizer, 5);
  CHECK(examples.size() == 11);
  CHECK(examples.pictures[1] == 0);
  const ParallelSpecialTokens special{.start = 256, .target_end = 257, .pad = 258};
  const auto batch = caption_batch(set, examples, {1, 2}, special);
  CHECK(torch::equal(batch.source, set.pixels.slice(0, 0, 2)));
  CHECK(torch::equal(batch.decoder_input, torch::tensor({{256, 'z', 'z'}, {256, 'b', 'b'}})));
  CHECK(torch::equal(batch.labels, torch::tensor({{'z', 'z', 257}, {'b', 'b', 257}})));
  const auto uneven = caption_batch(set, examples, {4, 5}, special);
  CHECK(torch::equal(uneven.decoder_input, torch::tensor({{256, 'd', 258}, {256, 'e', 'e'}}).slice(1, 0, 3)));
  CHECK(torch::equal(uneven.labels, torch::tensor({{'d', 257, -100}, {'e', 'e', 257}})));

  const auto first = caption_batches(set, examples, special, 4, 1, {}),
             again = caption_batches(set, examples, special, 4, 1, {});
  CHECK(first->batches_per_epoch() == 2);
  std::vector<std::int64_t> order;
  for (int i = 0; i < 4; ++i) {
    const auto rows = first->next().pairs;
    CHECK(rows == again->next().pairs);
    order.insert(order.end(), rows.begin(), rows.end());
  }
  CHECK(std::vector(order.begin(), order.begin() + 8) != std::vector(order.begin() + 8, order.end()));
  CHECK_THROWS_WITH(caption_examples(set, tokenizer, 2),
                    Catch::Contains("the caption of 2.png has 3 tokens: from 1 to 2"));
}

}  // namespace langzoo::test::picture_set_test
