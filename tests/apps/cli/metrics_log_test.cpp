#include "tests/support/test.h"

#include <cstring>

#include "apps/cli/metrics_log.h"
#include "data/files/files.h"

using namespace langzoo;
using test::TempDir;

namespace {

/// A reader of what EventWriter writes, from the format's description and sharing no code with it.
struct Reader {
  std::string bytes;
  std::size_t at = 0;

  template <typename T>
  T take() {
    T value;
    REQUIRE(at + sizeof(T) <= bytes.size());
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    at += sizeof(T);
    return value;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = take<unsigned char>();
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string take_bytes(std::size_t n) {
    REQUIRE(at + n <= bytes.size());
    at += n;
    return bytes.substr(at - n, n);
  }
  bool done() const { return at == bytes.size(); }
};

std::uint32_t slow_crc32c(const std::string& bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const unsigned char c : bytes) {
    crc ^= c;
    for (int i = 0; i < 8; ++i) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
  }
  return ~crc;
}

std::uint32_t masked(const std::string& bytes) {
  const auto crc = slow_crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8;
}

struct Event {
  double wall_time = 0;
  std::int64_t step = 0;
  std::string version;
  std::vector<std::pair<std::string, float>> scalars;
  std::uint64_t session_status = 0;
};

Event parse_event(const std::string& payload) {
  Event event;
  Reader r{payload};
  while (!r.done()) {
    const auto key = r.varint();
    if (key == (1 << 3 | 1))
      event.wall_time = r.take<double>();
    else if (key == (2 << 3))
      event.step = static_cast<std::int64_t>(r.varint());
    else if (key == (3 << 3 | 2))
      event.version = r.take_bytes(r.varint());
    else if (key == (7 << 3 | 2)) {
      Reader session{r.take_bytes(r.varint())};
      REQUIRE(session.varint() == (1 << 3));
      event.session_status = session.varint();
    } else {
      REQUIRE(key == (5 << 3 | 2));
      Reader summary{r.take_bytes(r.varint())};
      while (!summary.done()) {
        REQUIRE(summary.varint() == (1 << 3 | 2));
        Reader value{summary.take_bytes(summary.varint())};
        REQUIRE(value.varint() == (1 << 3 | 2));
        const auto tag = value.take_bytes(value.varint());
        REQUIRE(value.varint() == (2 << 3 | 5));
        event.scalars.emplace_back(tag, value.take<float>());
        REQUIRE(value.done());
      }
    }
  }
  return event;
}

std::vector<Event> read_events(const std::filesystem::path& path) {
  std::vector<Event> events;
  Reader r{test::read_file(path)};
  while (!r.done()) {
    const auto header = r.bytes.substr(r.at, 8);
    const auto length = r.take<std::uint64_t>();
    REQUIRE(r.take<std::uint32_t>() == masked(header));
    const auto payload = r.take_bytes(length);
    REQUIRE(r.take<std::uint32_t>() == masked(payload));
    events.push_back(parse_event(payload));
  }
  return events;
}

StepReport step(std::int64_t n, double loss) {
  StepReport report;
  report.step = n, report.tokens = 100 * n, report.loss = loss, report.learning_rate = 1e-3, report.grad_norm = 0.5;
  return report;
}

}  // namespace

TEST_CASE("crc32c gives the check value and RFC 3720's vectors") {
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
}

TEST_CASE("an event file holds its version and every scalar with step and time") {
  TempDir dir;
  EventWriter writer(dir.path(), 0);
  writer.scalars(300, {{"train/loss", 2.5}, {"valid/loss", -1.25}});
  const auto events = read_events(writer.path());
  REQUIRE(events.size() == 2);
  CHECK(events[0].version == "brain.Event:2");
  CHECK(events[1].step == 300);
  CHECK(events[1].wall_time > 1.7e9);
  CHECK(events[1].scalars == std::vector<std::pair<std::string, float>>{{"train/loss", 2.5f}, {"valid/loss", -1.25f}});
}

TEST_CASE("a resumed event file tells readers to drop the steps that are done again") {
  TempDir dir;
  const auto first = EventWriter(dir.path(), 0).path();
  EventWriter writer(dir.path(), 40);
  CHECK(writer.path() != first);
  const auto events = read_events(writer.path());
  REQUIRE(events.size() == 2);
  CHECK(events[1].session_status == 1);
  CHECK(events[1].step == 41);
}

TEST_CASE("metrics.jsonl has one line a report, and resuming drops what came after the checkpoint") {
  TempDir dir;
  {
    MetricsLog log(dir.path(), 0);
    log.on_step(step(10, 3.0));
    log.on_eval({10, {{"loss", {2.9}}}, true});
    log.on_step(step(20, 2.0));
  }
  const auto whole = test::read_file(dir / "metrics.jsonl");
  CHECK(
      whole ==
      "{\"step\":10,\"tokens\":1000,\"loss\":3.0,\"learning_rate\":0.001,\"grad_norm\":0.5,\"tokens_per_second\":0.0}\n"
      "{\"step\":10,\"valid\":{\"loss\":2.9},\"best\":true}\n"
      "{\"step\":20,\"tokens\":2000,\"loss\":2.0,\"learning_rate\":0.001,\"grad_norm\":0.5,\"tokens_per_second\":0.0}"
      "\n");
  test::write_file(dir / "metrics.jsonl", whole + "{\"step\":30,\"tok");  // the process died while it wrote
  {
    MetricsLog log(dir.path(), 10);
    log.on_step(step(20, 2.0));
  }
  CHECK(test::read_file(dir / "metrics.jsonl") == whole);
}

TEST_CASE("the terms of a loss stand behind it, in the lines and in the events") {
  TempDir dir;
  {
    MetricsLog log(dir.path(), 0);
    auto report = step(10, 3.0);
    report.losses = {{"mlm", 2.5}, {"nsp", 0.5}};
    log.on_step(report);
  }
  CHECK_THAT(test::read_file(dir / "metrics.jsonl"),
             Catch::Contains("\"loss\":3.0,\"losses\":{\"mlm\":2.5,\"nsp\":0.5},\"learning_rate\""));
  for (const auto& file : std::filesystem::directory_iterator(dir / "tensorboard")) {
    const auto scalars = read_events(file.path()).back().scalars;
    const auto has = [&](const std::string& tag, float value) {
      return std::find(scalars.begin(), scalars.end(), std::pair(tag, value)) != scalars.end();
    };
    CHECK(has("train/loss", 3.0f));
    CHECK(has("train/loss/mlm", 2.5f));
    CHECK(has("train/loss/nsp", 0.5f));
  }
}

TEST_CASE("a log that cannot be written says which file") {
  TempDir dir;
  test::write_file(dir / "file", "");
  CHECK_THROWS_WITH(MetricsLog(dir / "file", 0), Catch::Contains("file"));
}
