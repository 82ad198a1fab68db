/// The page that shows word vectors in the plane.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace langzoo {

struct MapNeighbor {
  std::int64_t word;  ///< its place in WordMap::words
  double similarity;  ///< cosine
};

/// A word of the map. The most frequent come first: their labels win where there is no room for all.
struct MapWord {
  std::string text;
  double x = 0, y = 0;
  double hue = 0;     ///< of its colour, in degrees
  double chroma = 0;  ///< 0 grey to 1 full colour
  std::vector<MapNeighbor> neighbors = {};
};

struct WordMap {
  std::string title, subtitle;
  std::vector<MapWord> words;
};

/// One file that needs nothing else: words to pan and zoom over, to search, and to follow from neighbour to neighbour.
/// Any bytes may be in the words.
std::string map_page(const WordMap& map);

}  // namespace langzoo
