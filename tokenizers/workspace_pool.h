/// Working memory of an immutable object that many threads use: internal to the tokenizers.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace langzoo {

/// Lends each caller a Workspace that no other has; what was given back is lent again, its caches warm.
template <class Workspace>
class WorkspacePool {
 public:
  auto borrow() {
    std::unique_ptr<Workspace> workspace;
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        workspace = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (!workspace) workspace = std::make_unique<Workspace>();
    const auto give_back = [this](Workspace* w) {
      std::unique_ptr<Workspace> owned(w);
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(owned));
    };
    return std::unique_ptr<Workspace, decltype(give_back)>(workspace.release(), give_back);
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace langzoo
