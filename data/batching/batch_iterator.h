/// Batches in an order that (seed, epoch) decides, from a position that is exactly what was consumed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace langzoo {

/// Which of the processes that train one model together this is: torch.distributed's rank and world size.
struct Rank {
  std::int64_t index = 0, world = 1;
  bool operator==(const Rank&) const = default;
};
/// Throws std::invalid_argument unless 0 <= index < world.
void check_rank(const Rank& rank);

/// Of the examples of a batch that all ranks take together, those of one rank: parts that follow each other and are as
/// even as can be. Empty where there are fewer examples than ranks.
std::vector<std::int64_t> share_of(const std::vector<std::int64_t>& examples, const Rank& rank);

/// Where training stands in its data: the batches handed out so far, each to all ranks. Nothing prepared ahead counts.
struct DataPosition {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;  ///< batches of this epoch consumed
  bool operator==(const DataPosition&) const = default;
};

/// Which examples make up each batch: every epoch visits the examples in an order of its own, in constant memory.
/// The examples that do not fill the last batch of an epoch are left out of that epoch (each epoch leaves out others);
/// when there are fewer examples than one batch holds, the batch is as large as the data.
class EpochOrder {
 public:
  /// Throws std::invalid_argument unless both numbers are positive.
  EpochOrder(std::int64_t num_examples, std::int64_t batch_size, std::uint64_t seed);

  std::int64_t batch_size() const { return batch_size_; }  ///< of every batch
  std::int64_t batches_per_epoch() const { return num_examples_ / batch_size_; }
  /// The examples of one batch. Throws std::out_of_range outside [0, batches_per_epoch()).
  std::vector<std::int64_t> examples(const DataPosition& at) const;

 private:
  std::int64_t num_examples_, batch_size_;
  std::uint64_t seed_;
};

/// The position so many batches after `at`: epochs follow each other without end.
DataPosition following(DataPosition at, std::int64_t batches_per_epoch, std::int64_t batches = 1);
/// Throws std::invalid_argument unless `at` is a position of an epoch of that many batches.
void check_position(const DataPosition& at, std::int64_t batches_per_epoch);

/// Hands out `make(position)` for one position after another. With prepare_ahead > 0 a thread of its own makes up to
/// that many batches ahead and sleeps in between; what comes out is the same, since a batch depends on its position
/// only. `make` then runs on that thread: it must not share unprotected state with the consumer. One consumer.
///
/// Ranks share every batch (share_of()): the order of N of them is that of one process whose batches are N times
/// larger, and a position means the same in any world.
///
/// A batch whose making costs microseconds is cheaper made without a thread (see tests/bench).
template <class Batch>
class BatchIterator {
 public:
  using Make = std::function<Batch(const DataPosition&)>;

  BatchIterator(std::int64_t batches_per_epoch, Make make, std::size_t prepare_ahead = 0)
      : batches_per_epoch_(batches_per_epoch), make_(std::move(make)), prepare_ahead_(prepare_ahead) {
    check_position({}, batches_per_epoch);
  }
  BatchIterator(const BatchIterator&) = delete;
  BatchIterator& operator=(const BatchIterator&) = delete;
  /// Waits for the batch being made at most.
  ~BatchIterator() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (worker_.joinable()) worker_.join();
  }

  std::int64_t batches_per_epoch() const { return batches_per_epoch_; }
  DataPosition position() const { return position_; }

  /// The batch at position(), then moves on. An exception out of `make` comes out here, in its turn, and leaves the
  /// position: calling again tries again.
  Batch next() {
    Batch batch = prepare_ahead_ == 0 ? make_(position_) : take();
    position_ = following(position_, batches_per_epoch_);
    return batch;
  }

  /// Goes anywhere; what was prepared is dropped. Throws std::invalid_argument for a batch beyond the epoch.
  void seek(const DataPosition& position) {
    check_position(position, batches_per_epoch_);
    position_ = position;
    retry_ = false;
    restart();
  }

 private:
  struct Prepared {
    std::optional<Batch> batch;
    std::exception_ptr failure;
  };

  void restart() {
    {
      const std::lock_guard lock(mutex_);
      ready_.clear();
      to_make_ = position_;
      failed_ = false;
      ++generation_;
    }
    changed_.notify_all();
  }

  Batch take() {
    if (std::exchange(retry_, false)) restart();
    if (!worker_.joinable()) worker_ = std::thread([this] { work(); });
    Prepared prepared;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !ready_.empty(); });
      prepared = std::move(ready_.front());
      ready_.pop_front();
    }
    changed_.notify_all();
    if (prepared.failure) {
      retry_ = true;
      std::rethrow_exception(prepared.failure);
    }
    return std::move(*prepared.batch);
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopping_ || (!failed_ && ready_.size() < prepare_ahead_); });
      if (stopping_) return;
      const DataPosition at = to_make_;
      const std::uint64_t generation = generation_;
      lock.unlock();
      Prepared prepared;
      try {
        prepared.batch.emplace(make_(at));
      } catch (...) {
        prepared.failure = std::current_exception();
      }
      lock.lock();
      if (generation != generation_) continue;  // somebody went elsewhere meanwhile
      failed_ = prepared.failure != nullptr;
      to_make_ = following(at, batches_per_epoch_);
      ready_.push_back(std::move(prepared));
      changed_.notify_all();
    }
  }

  const std::int64_t batches_per_epoch_;
  const Make make_;
  const std::size_t prepare_ahead_;
  DataPosition position_;  ///< the consumer's
  bool retry_ = false;     ///< the batch at position_ failed last time

  std::mutex mutex_;  ///< guards all below but the thread
  std::condition_variable changed_;
  std::deque<Prepared> ready_;
  DataPosition to_make_;
  bool failed_ = false, stopping_ = false;
  std::uint64_t generation_ = 0;  ///< a batch of an older one is thrown away
  std::thread worker_;
};

}  // namespace langzoo
