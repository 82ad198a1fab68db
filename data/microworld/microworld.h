/// Microworld: the embedded corpus. Endless short stories about people, places and things, whose exact probability is
/// known, so that a model's nats can be put beside the source's own entropy.
///
/// A story is a sequence of events (world.h) put into English (telling.h) by explicit weighted choices. Its text
/// determines every choice, so -log p(text) is the sum of their nats. A story's text ends in a blank line ("\n\n"),
/// which belongs to it and costs nothing once the story has ended; a corpus is the plain concatenation of stories.
///
///     langzoo::Microworld world(1);
///     const auto story = world.next();  // story.text, story.nats, story.events
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/microworld/world.h"

namespace langzoo {

struct Story {
  std::string text;                       ///< ASCII, ends in "\n\n"
  double nats = 0.0;                      ///< exact -log p(text)
  std::vector<microworld::Event> events;  ///< what happens, the last one kEnd
  std::vector<std::size_t> ends;          ///< where in the text each event's words end; the next begin with a space
};

/// The endless source: a seed's stories are the same on every platform.
class Microworld {
 public:
  explicit Microworld(std::uint64_t seed) : seed_(seed) {}
  Story next();

 private:
  std::uint64_t seed_, told_ = 0;
};

/// The seed's first stories, as many as it takes to reach `min_bytes`.
std::string microworld_text(std::uint64_t seed, std::uint64_t min_bytes);

/// A text read as a story.
struct StoryReading {
  double nats;  ///< -log p(text): the sum over its derivations, of which there is one
  std::int64_t derivations;
  std::vector<microworld::Event> events;  ///< of the first derivation
};

/// Reads one story, with or without its final newlines; nothing when the text is not one. Takes bounded time on any
/// bytes.
std::optional<StoryReading> read_story(std::string_view text);

/// -log p of one story; nothing when the text is not one.
std::optional<double> story_nats(std::string_view text);

/// -log p of a text of stories separated by blank lines (the last may lack its own); nothing when any part of the text
/// is not a story, or there is none.
std::optional<double> microworld_nats(std::string_view text);

}  // namespace langzoo
