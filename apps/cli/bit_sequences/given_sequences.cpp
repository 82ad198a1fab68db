#include "apps/cli/bit_sequences/given_sequences.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/file_error.h"
#include "data/files/json_text.h"
#include "data/files/text_lines.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using nlohmann::json;

/// The rows of `input`, all of one width; `number` is the channel whose values are no bits.
std::vector<std::vector<float>> rows_of(const json& input, std::optional<std::int64_t> number) {
  if (!input.is_array() || input.empty()) throw std::runtime_error("input must be a list of rows, not empty");
  std::vector<std::vector<float>> rows;
  for (const auto& row : input) {
    const auto where = fmt::format("input, row {}", rows.size() + 1);
    if (!row.is_array() || row.empty()) throw std::runtime_error(where + ": must be a list of numbers, not empty");
    if (!rows.empty() && row.size() != rows.front().size())
      throw std::runtime_error(
          fmt::format("{}: has {} numbers, the rows before it {}", where, row.size(), rows.front().size()));
    auto& values = rows.emplace_back();
    for (const auto& value : row) {
      const auto place = std::ssize(values);
      const double x = value.is_number() ? value.get<double>() : 2;
      const bool is_number = place == number && value.is_number() && std::abs(x) <= 1e6;
      if (!is_number && x != 0 && x != 1)
        throw std::runtime_error(fmt::format("{}, number {}: is {}, expected {}", where, place + 1, value.dump(),
                                             place == number ? "a number of at most 1e6" : "0 or 1"));
      values.push_back(static_cast<float>(x));
    }
  }
  return rows;
}

BitSequenceExtras extras_of(const json& line, const BitTaskFormat& format) {
  BitSequenceExtras extras;
  const char* const needed = format.task == BitTask::kRepeatCopy ? "repeats"
                             : format.task == BitTask::kSort     ? "priorities"
                                                                 : nullptr;
  if (needed == nullptr) return extras;
  if (!line.contains(needed)) throw std::runtime_error(fmt::format("has no field \"{}\"", needed));
  const auto& value = line[needed];
  if (format.task == BitTask::kRepeatCopy) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > (1 << 20))
      throw std::runtime_error(
          fmt::format("repeats: is {}, expected a whole number from 1 to {}", value.dump(), 1 << 20));
    extras.repeats = value.get<std::int64_t>();
    return extras;
  }
  if (!value.is_array()) throw std::runtime_error("priorities must be a list of numbers");
  for (const auto& priority : value) {
    if (!priority.is_number() || !(std::abs(priority.get<double>()) <= 1e6))
      throw std::runtime_error(fmt::format("priorities: {} is no number of at most 1e6", priority.dump()));
    extras.priorities.push_back(priority.get<double>());
  }
  return extras;
}

GivenSequence sequence_of(std::string_view text, const BitTaskFormat& format, const BitSequenceModel& model) {
  if (nested_too_deeply(text)) throw std::runtime_error("is nested too deeply");
  const auto line = json::parse(text, nullptr, false);
  if (!line.is_object()) throw std::runtime_error("is not a JSON object");
  if (!line.contains("input")) throw std::runtime_error("has no field \"input\"");
  for (const auto& [name, value] : line.items()) {
    if (name != "input" && name != "repeats" && name != "priorities")
      throw std::runtime_error(fmt::format("has a field \"{}\", which means nothing here", name));
  }
  const auto& input = line["input"];
  const auto I = model.input_size();
  const bool has_row = input.is_array() && !input.empty() && input.front().is_array();
  const auto width = has_row ? std::ssize(input.front()) : I;
  const bool fits = format.input_size() == I;  // else the task is not known
  const bool framed = fits && width == format.bits && width != I;
  if (!framed && width != I)
    throw std::runtime_error(fmt::format("input, row 1: has {} numbers, expected {}the model's {}", width,
                                         fits ? fmt::format("the {} bits of a vector, or ", format.bits) : "", I));
  if (framed) {
    const auto sequence = framed_bits(format, rows_of(input, std::nullopt), extras_of(line, format));
    return {torch::tensor(sequence.inputs).view({sequence.steps, 1, I}), sequence.answer_begin};
  }
  if (line.size() > 1)
    throw std::runtime_error("repeats and priorities stand in the rows where they are as wide as the model's input");
  std::vector<float> all;
  const auto rows = rows_of(input, fits ? format.number_channel() : std::nullopt);
  for (const auto& row : rows) all.insert(all.end(), row.begin(), row.end());
  return {torch::tensor(all).view({std::ssize(rows), 1, I}), 0};
}

}  // namespace

void for_each_given_sequence(const std::string& file, const BitTaskFormat& format, const BitSequenceModel& model,
                             const std::function<void(const GivenSequence&)>& read) {
  bool any = false;
  for_each_line(file, [&](std::string_view line) {
    if (line.find_first_not_of(kSpaces) == std::string_view::npos) return;
    try {
      read(sequence_of(line, format, model));
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(error.what());
    }
    any = true;
  });
  if (!any)
    throw FileError(file, "holds no sequence: a JSON object {\"input\": [[0, 1, ...], ...]} a line is expected");
}

}  // namespace langzoo
