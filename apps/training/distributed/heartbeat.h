/// Who of the processes that train together is alive, and what they wait for: each says so in the store twice a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/batching/batch_iterator.h"

namespace c10d {
class Store;
}

namespace langzoo {

class Heartbeat {
 public:
  using Clock = std::chrono::steady_clock;

  /// What another rank said last.
  struct Peer {
    bool waits = false;           ///< in a collective, for others
    std::int64_t collective = 0;  ///< the number of the last one that it came to
    std::string busy;             ///< what takes it long, which is no hang: "saves a checkpoint"
    std::string failure;          ///< why it ends
    Clock::time_point heard;      ///< when it last said anything
  };

  /// `store` is this thread's alone, a connection of its own. Throws where it does not answer.
  Heartbeat(std::shared_ptr<c10d::Store> store, Rank rank);
  /// Ends the thread unless `abandon()` was called, as it might wait for a store that never answers.
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // Of this rank:

  void came_to(std::int64_t collective);
  void left();
  void busy(const std::string& with);
  void failed(const std::string& why);

  std::vector<Peer> peers() const;
  /// Since when the store has not answered; nothing is heard of anybody then.
  Clock::time_point answered() const;
  bool store_is_gone() const;
  void abandon();

 private:
  struct State;
  static void run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace langzoo
