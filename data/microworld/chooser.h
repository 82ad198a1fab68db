/// Who decides at the choice points of a story. The same telling code runs under a Sampler, which draws and writes, and
/// under an Explorer, which walks through all the ways of making the choices, so that the two cannot disagree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo::microworld {

class Chooser {
 public:
  virtual ~Chooser() = default;
  /// An index into the weights, drawn with probability weight / sum; weight 0 is never drawn. The sum is positive.
  virtual std::size_t choose(std::span<const int> weights) = 0;
  std::size_t choose(std::initializer_list<int> weights) { return choose(std::span(weights.begin(), weights.size())); }
  /// The next piece of the story's text.
  virtual void say(std::string_view text) = 0;
};

/// -log(weight / sum).
double choice_nats(std::span<const int> weights, std::size_t chosen);

/// Draws with its own integer generator (splitmix64, rejection): the same story on every platform.
class Sampler : public Chooser {
 public:
  explicit Sampler(std::uint64_t seed) : state_(seed) {}
  using Chooser::choose;
  std::size_t choose(std::span<const int> weights) override;
  void say(std::string_view text) override { text_ += text; }

  const std::string& text() const { return text_; }
  double nats() const { return nats_; }
  void clear() { text_.clear(), nats_ = 0.0; }

 private:
  std::uint64_t below(std::uint64_t bound);
  std::uint64_t state_;
  std::string text_;
  double nats_ = 0.0;
};

/// Runs the code under it again and again, once for every way of choosing (depth first), or, given a text, for every
/// way whose words the text begins with:
///
///     explorer.restart(text);
///     do {
///       tell(explorer);
///       if (explorer.matches()) ... explorer.consumed(), explorer.add_nats(...)
///     } while (explorer.next());
class Explorer : public Chooser {
 public:
  Explorer() = default;
  /// Begins anew, keeping the memory.
  void restart(std::string_view text) { script_.clear(), text_ = text, rewind(); }

  using Chooser::choose;
  std::size_t choose(std::span<const int> weights) override;
  void say(std::string_view text) override;

  bool matches() const { return !failed_; }
  /// Bytes of the text that this run said.
  std::size_t consumed() const { return said_; }
  /// What this run said, when no text was given.
  const std::string& spoken() const { return spoken_; }
  /// `nats` plus the -log p of this run's choices, added one by one as the Sampler does.
  double add_nats(double nats) const;
  /// Turns to the next way; false after the last.
  bool next();

 private:
  struct Choice {
    std::size_t index, end;
    int weight, sum;
  };
  std::optional<std::string_view> text_;
  std::string spoken_;
  std::vector<Choice> script_;
  void rewind() { spoken_.clear(), depth_ = said_ = 0, failed_ = false; }

  std::size_t depth_ = 0, said_ = 0;
  bool failed_ = false;
};

}  // namespace langzoo::microworld
