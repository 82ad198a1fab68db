#include "data/microworld/microworld.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/microworld/chooser.h"
#include "data/microworld/telling.h"

namespace langzoo {

using namespace microworld;

namespace {

/// No story is as long: at most 30 events, none told in more than 120 bytes.
constexpr std::size_t kMaxStoryBytes = 4096;

template <class Choice>
std::vector<int> weights_of(const std::vector<Choice>& choices) {
  std::vector<int> weights(choices.size());
  std::transform(choices.begin(), choices.end(), weights.begin(), [](const Choice& choice) { return choice.weight; });
  return weights;
}

/// One way of reading the beginning of a text.
struct Reading {
  World world;
  Discourse discourse;
  std::size_t consumed = 0;
  double nats = 0.0;
  std::vector<Event> events;
};

/// All ways of reading one event more.
void read_event(std::string_view text, const Reading& reading, std::vector<Reading>& longer) {
  Explorer explorer;
  const auto groups = possible_events(reading.world);
  const auto group_weights = weights_of(groups);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto item_weights = weights_of(groups[g].items);
    for (std::size_t i = 0; i < item_weights.size(); ++i) {
      const Event& event = groups[g].items[i].event;
      explorer.restart(text.substr(reading.consumed));
      do {
        Discourse discourse = reading.discourse;
        tell(event, reading.world, discourse, explorer);
        if (!explorer.matches()) continue;
        auto& next = longer.emplace_back(reading);
        next.nats = explorer.add_nats(next.nats + choice_nats(group_weights, g) + choice_nats(item_weights, i));
        next.consumed += explorer.consumed();
        next.discourse = discourse;
        next.events.push_back(event);
        apply(event, next.world);
      } while (explorer.next());
    }
  }
}

}  // namespace

Story Microworld::next() {
  // Every story has its own generator, so that one story's length does not decide the next one's text.
  Sampler sampler(seed_ * 0xd1342543de82ef95u + told_++);
  World world;
  Discourse discourse;
  Story story;
  while (story.events.empty() || story.events.back().kind != EventKind::kEnd) {
    const auto groups = possible_events(world);
    const auto& items = groups[sampler.choose(weights_of(groups))].items;
    const Event event = items[sampler.choose(weights_of(items))].event;
    tell(event, world, discourse, sampler);
    apply(event, world);
    story.events.push_back(event);
    story.ends.push_back(sampler.text().size());
  }
  story.text = sampler.text();
  story.nats = sampler.nats();
  return story;
}

std::string microworld_text(std::uint64_t seed, std::uint64_t min_bytes) {
  Microworld source(seed);
  std::string text;
  while (text.size() < min_bytes) text += source.next().text;
  return text;
}

std::optional<StoryReading> read_story(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty() || text.size() > kMaxStoryBytes) return std::nullopt;
  const std::string whole = std::string(text) + "\n\n";
  std::vector<Reading> readings(1);
  std::optional<StoryReading> result;
  while (!readings.empty()) {
    std::vector<Reading> longer;
    for (const Reading& reading : readings) read_event(whole, reading, longer);
    readings.clear();
    for (Reading& reading : longer) {
      if (reading.events.back().kind != EventKind::kEnd) {
        readings.push_back(std::move(reading));
      } else if (reading.consumed == whole.size()) {
        if (!result) {
          result = StoryReading{reading.nats, 1, std::move(reading.events)};
        } else {
          result->nats -= std::log1p(std::exp(result->nats - reading.nats));
          ++result->derivations;
        }
      }
    }
  }
  return result;
}

std::optional<double> story_nats(std::string_view text) {
  const auto reading = read_story(text);
  return reading ? std::optional(reading->nats) : std::nullopt;
}

std::optional<double> microworld_nats(std::string_view text) {
  std::optional<double> sum;
  while (text.ends_with('\n')) text.remove_suffix(1);
  while (!text.empty()) {
    const auto end = std::min(text.find("\n\n"), text.size());
    const auto nats = story_nats(text.substr(0, end));
    if (!nats) return std::nullopt;
    sum = sum.value_or(0.0) + *nats;
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return sum;
}

}  // namespace langzoo
