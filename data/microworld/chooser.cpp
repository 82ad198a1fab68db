#include "data/microworld/chooser.h"

#include <cmath>
#include <numeric>

namespace langzoo::microworld {

namespace {

double nats_of(int weight, int sum) {
  return sum == weight ? 0.0 : std::log(static_cast<double>(sum) / weight);
}

}  // namespace

double choice_nats(std::span<const int> weights, std::size_t chosen) {
  const int sum = std::accumulate(weights.begin(), weights.end(), 0);
  return nats_of(weights[chosen], sum);
}

// splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014); values in the incomplete
// last multiple of the bound are drawn again, so that every index is exactly equally likely.
std::uint64_t Sampler::below(std::uint64_t bound) {
  const std::uint64_t rest = (0 - bound) % bound;
  for (;;) {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    if (z >= rest) return z % bound;
  }
}

std::size_t Sampler::choose(std::span<const int> weights) {
  auto left = below(static_cast<std::uint64_t>(std::accumulate(weights.begin(), weights.end(), std::int64_t{0})));
  std::size_t i = 0;
  for (; left >= static_cast<std::uint64_t>(weights[i]); ++i) left -= static_cast<std::uint64_t>(weights[i]);
  nats_ += choice_nats(weights, i);
  return i;
}

std::size_t Explorer::choose(std::span<const int> weights) {
  if (failed_) return 0;
  if (depth_ == script_.size()) {
    std::size_t end = weights.size();
    while (weights[end - 1] == 0) --end;
    script_.push_back({0, end, 0, 0});
  }
  Choice& choice = script_[depth_++];
  while (weights[choice.index] == 0) ++choice.index;
  choice.weight = weights[choice.index];
  choice.sum = std::accumulate(weights.begin(), weights.end(), 0);
  return choice.index;
}

void Explorer::say(std::string_view text) {
  if (failed_) return;
  if (!text_) {
    spoken_ += text;
  } else if (text_->substr(said_).starts_with(text)) {
    said_ += text.size();
  } else {
    failed_ = true;
  }
}

double Explorer::add_nats(double nats) const {
  for (const Choice& choice : script_) nats += nats_of(choice.weight, choice.sum);
  return nats;
}

bool Explorer::next() {
  rewind();

  while (!script_.empty() && script_.back().index + 1 == script_.back().end) script_.pop_back();
  if (script_.empty()) return false;
  ++script_.back().index;

  return true;
}

}  // namespace langzoo::microworld
