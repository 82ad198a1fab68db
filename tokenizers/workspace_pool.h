/// Working memory of an immutable object that many threads use: internal to the tokenizers.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>

namespace langzoo {

/// Lends each caller a Workspace that no other has; what was given back is lent again, its caches warm, to the same
/// thread if it may be. No lock: encoding a short text takes less time than waiting for one.
template <class Workspace>
class WorkspacePool {
 public:
  WorkspacePool() = default;
  WorkspacePool(const WorkspacePool&) = delete;
  WorkspacePool& operator=(const WorkspacePool&) = delete;
  ~WorkspacePool() {
    for (Slot& slot : slots_) delete slot.idle.load();
  }

  auto borrow() {
    const auto give_back = [this](Workspace* workspace) { put(workspace); };
    Workspace* const idle = take();
    return std::unique_ptr<Workspace, decltype(give_back)>(idle != nullptr ? idle : new Workspace, give_back);
  }

 private:
  static constexpr std::size_t kSlots = 16;
  struct alignas(64) Slot {  // a cache line each, so that threads do not disturb each other
    std::atomic<Workspace*> idle{nullptr};
  };

  static std::size_t first_slot() { return std::hash<std::thread::id>()(std::this_thread::get_id()) % kSlots; }

  Workspace* take() {
    const std::size_t first = first_slot();
    for (std::size_t i = 0; i < kSlots; ++i) {
      Slot& slot = slots_[(first + i) % kSlots];
      if (slot.idle.load(std::memory_order_relaxed) == nullptr) continue;
      if (Workspace* const workspace = slot.idle.exchange(nullptr, std::memory_order_acquire)) return workspace;
    }
    return nullptr;
  }

  void put(Workspace* workspace) {
    const std::size_t first = first_slot();
    for (std::size_t i = 0; i < kSlots; ++i) {
      Workspace* none = nullptr;
      if (slots_[(first + i) % kSlots].idle.compare_exchange_strong(none, workspace, std::memory_order_release,
                                                                    std::memory_order_relaxed)) {
        return;
      }
    }
    delete workspace;
  }

  std::array<Slot, kSlots> slots_;
};

}  // namespace langzoo
