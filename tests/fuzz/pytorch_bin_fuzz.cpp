// Any bytes as a .bin file, and any bytes as the pickle inside one: an error or tensors whose every byte can be read.
#include "tests/support/test.h"

#include "models/io/pytorch_bin.h"
#include "models/io/zip_file.h"
#include "tests/support/fuzz.h"
#include "tests/support/zip.h"

LANGZOO_FUZZER(pytorch_bin) {
  using namespace langzoo::test;
  const TempDir dir;
  const auto path = dir / "x.bin";
  std::vector<std::string> seeds;
  std::vector<std::pair<std::string, std::string>> records;  // of the first file, the pickle left out
  for (const char* name : {"bin/pytorch_model.bin", "protocol4.bin", "malicious.bin"}) {
    seeds.push_back(langzoo::test::read_file(fixture(std::string("io/") + name)));
    const langzoo::ZipFile archive(fixture(std::string("io/") + name));
    const bool first = records.empty();
    for (const auto& [record, bytes] : archive.records()) {
      const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      const std::string file = record.substr(record.find('/') + 1);
      if (file == "data.pkl") {
        seeds.push_back(text);
      } else if (first) {
        records.emplace_back("x/" + file, text);
      }
    }
  }
  return fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    if (bytes.starts_with("PK")) {
      write_file(path, bytes);
    } else {
      auto with_pickle = records;
      with_pickle.emplace_back("x/data.pkl", bytes);
      write_file(path, zip_archive(with_pickle));
    }
    for (const auto& item : langzoo::load_pytorch_bin(path)) item.value().clone();
  });
}
