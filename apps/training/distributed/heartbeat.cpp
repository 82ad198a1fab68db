#include "apps/training/distributed/heartbeat.h"

#include <condition_variable>
#include <mutex>
#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "third_party/torch.h"

#include "third_party/c10d.h"

namespace langzoo {

namespace {

constexpr auto kPeriod = std::chrono::milliseconds(500);

std::string key_of(std::int64_t rank) {
  return fmt::format("heartbeat/{}", rank);
}

}  // namespace

struct Heartbeat::State {
  std::shared_ptr<c10d::Store> store;
  Rank rank;

  mutable std::mutex mutex;  ///< guards all below
  std::condition_variable changed;
  bool stopping = false, gone = false, news = false;
  std::int64_t beats = 0;
  Peer own;
  std::vector<Peer> peers;
  std::vector<std::string> said;  ///< by each peer, as it came
  Clock::time_point answered = Clock::now();
  std::thread thread;

  std::string written() {
    std::string text =
        fmt::format("{} {} {} {}\n{}\n", ++beats, own.waits ? 1 : 0, own.collective, own.busy.size(), own.busy);
    return text + own.failure;
  }
  void read(std::size_t peer, const std::string& text) {
    if (text == said[peer]) return;
    said[peer] = text;
    std::istringstream in(text);
    std::int64_t beat = 0;
    std::size_t busy = 0;
    Peer& of = peers[peer];
    in >> beat >> of.waits >> of.collective >> busy;
    in.get();
    of.busy.resize(busy);
    in.read(of.busy.data(), static_cast<std::streamsize>(busy));
    in.get();
    of.failure.assign(std::istreambuf_iterator<char>(in), {});
    of.heard = Clock::now();
  }
};

Heartbeat::Heartbeat(std::shared_ptr<c10d::Store> store, Rank rank) : state_(std::make_shared<State>()) {
  state_->store = std::move(store);
  state_->rank = rank;
  state_->peers.resize(static_cast<std::size_t>(rank.world));
  state_->said.resize(static_cast<std::size_t>(rank.world));
  for (auto& peer : state_->peers) peer.heard = Clock::now();
  state_->store->set(key_of(rank.index), state_->written());
  state_->thread = std::thread([state = state_] { run(state); });
}

Heartbeat::~Heartbeat() {
  if (!state_->thread.joinable()) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

void Heartbeat::abandon() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.detach();
}

void Heartbeat::run(const std::shared_ptr<State>& state) {
  std::vector<std::string> keys;
  for (std::int64_t r = 0; r < state->rank.world; ++r) keys.push_back(key_of(r));
  std::unique_lock lock(state->mutex);
  while (!state->stopping) {
    state->news = false;
    const auto own = state->written();
    lock.unlock();
    std::vector<std::vector<std::uint8_t>> said;
    bool gone = false;
    try {
      state->store->set(key_of(state->rank.index), own);
      said = state->store->multiGet(keys);
    } catch (const std::exception&) {
      gone = true;
    }
    lock.lock();
    if (gone) {
      state->gone = true;
      return;
    }
    state->answered = Clock::now();
    for (std::size_t r = 0; r < said.size(); ++r) state->read(r, std::string(said[r].begin(), said[r].end()));
    state->changed.wait_for(lock, kPeriod, [&] { return state->stopping || state->news; });
  }
}

void Heartbeat::came_to(std::int64_t collective) {
  const std::lock_guard lock(state_->mutex);
  state_->own.waits = true;
  state_->own.collective = collective;
}

void Heartbeat::left() {
  const std::lock_guard lock(state_->mutex);
  state_->own.waits = false;
}

void Heartbeat::busy(const std::string& with) {
  const std::lock_guard lock(state_->mutex);
  state_->own.busy = with;
  state_->news = true;
  state_->changed.notify_all();
}

void Heartbeat::failed(const std::string& why) {
  const std::lock_guard lock(state_->mutex);
  if (state_->own.failure.empty()) state_->own.failure = why;
  state_->news = true;
  state_->changed.notify_all();
}

std::vector<Heartbeat::Peer> Heartbeat::peers() const {
  const std::lock_guard lock(state_->mutex);
  return state_->peers;
}

Heartbeat::Clock::time_point Heartbeat::answered() const {
  const std::lock_guard lock(state_->mutex);
  return state_->answered;
}

bool Heartbeat::store_is_gone() const {
  const std::lock_guard lock(state_->mutex);
  return state_->gone;
}

}  // namespace langzoo
