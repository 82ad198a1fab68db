#include "apps/cli/metrics_log.h"

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <typename T>
std::string little_endian(T value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

/// Protocol-buffer fields: a key (number << 3 | wire type) and the value.
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string integer_field(int number, std::int64_t value) {
  return varint(static_cast<std::uint64_t>(number) << 3) + varint(static_cast<std::uint64_t>(value));
}
std::string bytes_field(int number, const std::string& value) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 2) + varint(value.size()) + value;
}
std::string double_field(int number, double value) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 1) + little_endian(std::bit_cast<std::uint64_t>(value));
}
std::string float_field(int number, float value) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 5) + little_endian(std::bit_cast<std::uint32_t>(value));
}

/// TFRecord stores checksums rotated and offset, so that a checksum of checksums is no fixed point.
std::uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8u;
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

fs::path created(const fs::path& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be created: " + error.message());
  return dir;
}

/// The lines of a metrics file up to `last_step`; a line cut off by a crash ends it.
std::string kept_lines(const fs::path& path, std::int64_t last_step) {
  std::string kept;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    const auto entry = Json::parse(line, nullptr, false);
    const auto step = entry.is_object() ? entry.find("step") : entry.end();
    if (!entry.is_object() || step == entry.end() || !step->is_number_integer()) break;
    if (step->get<std::int64_t>() <= last_step) kept += line + '\n';
  }
  return kept;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      entries[i] = i;
      for (int bit = 0; bit < 8; ++bit) entries[i] = entries[i] >> 1 ^ (entries[i] & 1 ? 0x82f63b78u : 0);
    }
    return entries;
  }();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ crc >> 8;
  return ~crc;
}

EventWriter::EventWriter(const fs::path& dir, std::int64_t first_step) {
  created(dir);
  const double now = seconds_since_1970();
  // Readers take a directory's files in the order of their names, so two runs within a second must differ in order.
  int attempt = 0;
  do {
    path_ = dir / fmt::format("events.out.tfevents.{:010}.{}.{}.{}", static_cast<long long>(now), host_name(), getpid(),
                              attempt++);
  } while (fs::exists(path_));
  out_.open(path_, std::ios::binary);
  record(double_field(1, now) + bytes_field(3, "brain.Event:2"));
  if (first_step > 0) {
    const auto session_start = integer_field(1, 1);
    record(double_field(1, now) + integer_field(2, first_step + 1) + bytes_field(7, session_start));
  }
}

void EventWriter::scalars(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  std::string summary;
  for (const auto& [tag, value] : values) {
    summary += bytes_field(1, bytes_field(1, tag) + float_field(2, static_cast<float>(value)));
  }
  record(double_field(1, seconds_since_1970()) + integer_field(2, step) + bytes_field(5, summary));
}

void EventWriter::record(const std::string& payload) {
  const auto length = little_endian(static_cast<std::uint64_t>(payload.size()));
  out_ << length << little_endian(masked_crc(length)) << payload << little_endian(masked_crc(payload)) << std::flush;
  if (!out_) throw FileError(path_, "cannot be written");
}

MetricsLog::MetricsLog(const fs::path& dir, std::int64_t resumed_step)
    : path_(created(dir) / "metrics.jsonl"), events_(dir / "tensorboard", resumed_step) {
  if (fs::exists(path_)) write_file_atomically(path_, kept_lines(path_, resumed_step));
  out_.open(path_, std::ios::binary | std::ios::app);
  if (!out_) throw FileError(path_, "cannot be written");
}

void MetricsLog::on_step(const StepReport& r) {
  Json line = {{"step", r.step}, {"tokens", r.tokens}, {"loss", r.loss}};
  for (const auto& [name, loss] : r.losses) line["losses"][name] = loss;
  line["learning_rate"] = r.learning_rate;
  line["grad_norm"] = r.grad_norm;
  line["tokens_per_second"] = r.tokens_per_second;
  append(line.dump());
  std::vector<std::pair<std::string, double>> values = {{"train/learning_rate", r.learning_rate},
                                                        {"train/grad_norm", r.grad_norm},
                                                        {"train/tokens_per_second", r.tokens_per_second}};
  if (std::isfinite(r.loss)) values.insert(values.begin(), {"train/loss", r.loss});
  for (const auto& [name, loss] : r.losses) values.emplace_back("train/loss/" + name, loss);
  events_.scalars(r.step, values);
}

void MetricsLog::on_eval(const EvalReport& r) {
  append(Json{{"step", r.step}, {"valid", values_of(r.metrics)}, {"best", r.best}}.dump());
  std::vector<std::pair<std::string, double>> values;
  for (const auto& [name, metric] : r.metrics) values.emplace_back("valid/" + name, metric.value);
  events_.scalars(r.step, values);
}

void MetricsLog::append(const std::string& line) {
  out_ << line << '\n' << std::flush;
  if (!out_) throw FileError(path_, "cannot be written");
}

}  // namespace langzoo
