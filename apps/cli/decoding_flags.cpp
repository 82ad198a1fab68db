#include "apps/cli/decoding_flags.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace langzoo {

namespace {

constexpr std::uint64_t kMostToWrite = 1 << 30, kMostSequences = 1 << 20;

}  // namespace

void DecodingFlags::add_to(Options& all, const Words& words) {
  using Config = GenerationConfig;
  declared_ = &all;
  const auto setting = [&](Option& option, auto key) -> Option& { return over_folder_.add(option, key); };
  setting(all.add("--max-new-tokens", options.max_new_tokens, words.max_new_tokens), &Config::max_new_tokens)
      .range(1, kMostToWrite);
  setting(all.add("--min-new-tokens", options.min_new_tokens, "no end token before that many"), &Config::min_new_tokens)
      .range(0, kMostToWrite);
  auto& sampling = options.sampling;
  const auto beams = [this] { return more_than_one_beam(); };
  const auto only_drawing = [&](Option& option) -> Option& {
    return option.idle_with("--num-beams above 1", beams).idle_with("--greedy");
  };
  only_drawing(setting(all.add("--temperature", sampling.temperature, words.temperature), &Config::temperature));
  const auto at_temperature = [&](Option& option) -> Option& {
    return only_drawing(option).idle_with("--temperature 0", [&sampling] { return sampling.temperature == 0; });
  };
  at_temperature(setting(all.add("--top-k", sampling.top_k, "draw from the k likeliest tokens only; 0: from all"),
                         &Config::top_k));
  at_temperature(
      setting(all.add("--top-p", sampling.top_p, "draw from the likeliest tokens that make up this probability"),
              &Config::top_p));
  setting(all.add("--repetition-penalty", options.repetition_penalty, "above 1: repeat less"),
          &Config::repetition_penalty);
  setting(all.add("--no-repeat-ngram-size", options.no_repeat_ngram_size, "no n tokens twice; 0: off"),
          &Config::no_repeat_ngram_size);
  all.add("--stop", stops, "end before this text; may be given several times").one_each();
  setting(all.add("--num-return-sequences", options.num_return_sequences, words.num_return_sequences),
          &Config::num_return_sequences)
      .range(1, kMostSequences);
  all.add("--greedy", sampling.greedy, "always the likeliest token").idle_with("--num-beams above 1", beams);
  beams_.add_to(all, 1, over_folder_);
}

bool DecodingFlags::draw() const {
  return given("--temperature") || given("--top-k") || given("--top-p");
}

GenerateOptions DecodingFlags::before_folder() const {
  for (const auto& stop : stops) {
    if (stop.empty()) throw UsageError("--stop: the text is empty");
  }
  auto checked = options;
  if (!given("--max-new-tokens")) checked.max_new_tokens = std::max(checked.max_new_tokens, checked.min_new_tokens);
  return checked;
}

void DecodingFlags::heed(GenerationConfig& folder) {
  if (more_than_one_beam() || greedy() || draw()) folder.do_sample.reset();
  if (greedy() || draw()) folder.num_beams.reset();
  over_folder_.forget_given(folder);
  if (given("--max-new-tokens") || folder.max_new_tokens) folder.max_length.reset();
  if (given("--min-new-tokens")) folder.min_length.reset();
  if (!stops.empty()) folder.stop_strings.clear();
  beams_.heed(folder);
  if (folder.do_sample == true && more_than_one_beam()) {
    folder.not_done.emplace_back("do_sample = true with beams");
    folder.do_sample.reset();
  }
  if (stops.empty()) stops = folder.stop_strings;
}

void DecodingFlags::check(const GenerateOptions& checked) const {
  try {
    checked.validate();
  } catch (const std::invalid_argument& error) {
    throw_usage_error(error);
  }
  if (!more_than_one_beam() && checked.sampling.is_greedy() && checked.num_return_sequences > 1) {
    throw UsageError(
        fmt::format("--num-return-sequences {}: greedy search gives one text; --num-beams gives as many as "
                    "there are beams, --temperature and its like any number",
                    checked.num_return_sequences));
  }
}

void DecodingFlags::check_folder(const GenerationConfig& folder, const std::filesystem::path& dir,
                                 const std::function<void()>& check) const {
  const auto file = generation_file(folder, dir);
  const bool says = show_generation_config(folder, file);
  try {
    check();
  } catch (const std::exception& error) {
    if (!says || is_of_given(error.what())) throw;
    throw std::runtime_error(fmt::format("{}: {}", file, error.what()));
  }
}

bool DecodingFlags::is_of_given(const std::string& message) const {
  const auto flag = message.substr(0, message.find(' '));
  return declared_->declares(flag) && given(flag);
}

BeamSearchOptions DecodingFlags::beam_options(const DecodingOptions& of) const {
  BeamSearchOptions beams;
  static_cast<DecodingOptions&>(beams) = of;
  return beams_.apply_to(std::move(beams));
}

}  // namespace langzoo
