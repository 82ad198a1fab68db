/// Processes that train one model together: PyTorch's own engine, c10d with Gloo for the CPU and NCCL for CUDA, told
/// who they are by whoever starts them (langzoo-launch, torchrun, Slurm). All calls are made by all ranks in the same
/// order, from one thread.
///
/// A rank that is killed, ends or hangs ends the others: whoever waits for it gets a DistributedError that names it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <torch/types.h>

#include "data/batching/batch_iterator.h"

namespace langzoo {

/// What a process has to know to find the others.
struct RendezvousOptions {
  Rank rank;
  std::int64_t local_rank = 0;  ///< among those of this machine
  /// Where rank 0 can be reached: it keeps the store there (c10d::TCPStore) through which ranks find each other.
  std::string master_address = "127.0.0.1";
  std::uint16_t master_port = 29500;
  bool store_is_there = false;  ///< another process serves it, as torchrun's agent does
  std::string attempt = "0";    ///< ranks of a restarted run find no traces of earlier ones
  std::string interface = {};   ///< the network interface to use; empty: the one that leads to rank 0
  double timeout = 60;          ///< seconds for all ranks to come, and for any of them to hang
};

/// Something is wrong with another rank, or between ranks.
class DistributedError : public std::runtime_error {
 public:
  enum class Kind {
    kDisagreement,  ///< found by all ranks alike: each is in order, and one of them may speak for all
    kLost,          ///< a rank does not answer, or said that it ends
  };
  DistributedError(Kind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

class Distributed {
 public:
  /// Comes together with the other ranks. Throws DistributedError naming who did not come within the timeout, who was
  /// told of another world size, a rank that is there twice; std::runtime_error for a port that is in use.
  explicit Distributed(const RendezvousOptions& options);
  /// Waits for the others to come here too, unless something went wrong.
  ~Distributed();
  Distributed(const Distributed&) = delete;
  Distributed& operator=(const Distributed&) = delete;

  Rank rank() const;
  bool leads() const { return rank().index == 0; }

  /// A collective under way; what it works on must stay as it is until wait() returns.
  class Pending {
   public:
    Pending() = default;
    void wait();

   private:
    friend class Distributed;
    std::function<void()> wait_;
  };
  /// Whether tensors of a device may be handed over: the CPU's always, CUDA's where LibTorch and the build have NCCL.
  static bool takes(torch::Device device);

  // In place, on contiguous tensors of a device that takes() says. Throw DistributedError.

  /// Sums of all ranks, the same bytes on each.
  [[nodiscard]] Pending start_sum(const torch::Tensor& tensor);
  void sum(const torch::Tensor& tensor) { start_sum(tensor).wait(); }
  void sum(std::span<double> numbers);
  void largest(const torch::Tensor& tensor);
  void broadcast(const torch::Tensor& tensor);  ///< that of rank 0
  /// Shapes: own (N), all (world*N), of which a rank's own part may be `own`.
  void gather(const torch::Tensor& own, const torch::Tensor& all);
  std::vector<std::string> gather(const std::string& text);  ///< of each rank
  std::string broadcast(const std::string& text);            ///< that of rank 0

  /// `work` of every rank; where that of one throws, all throw: its own error there, and elsewhere a DistributedError
  /// with its message. What takes long is no hang.
  void together(const std::string& doing, const std::function<void()>& work);
  /// One rank after the other: rank 0 first, alone, then the others.
  void leader_first(const std::string& doing, const std::function<void()>& work);

  /// While it lives other ranks wait without end: this one saves a checkpoint, or evaluates.
  class Busy {
   public:
    Busy(Distributed* ranks, const std::string& doing);  ///< of one process: nothing
    ~Busy();
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    Distributed* ranks_;
  };
  /// Tells the others why this rank ends, and gives them the time to hear it. No collectives follow.
  void fail(const std::string& why);
  /// fail() need tell nobody: the error was found by all alike.
  void all_know();
  /// Whether a rank was lost, or fail() was called: what is under way will never end, so that the process should.
  bool failed() const;

  /// Bytes of tensors that this rank has handed over for sums since the start.
  std::int64_t summed_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether part `i` of an evaluation is this process's.
inline bool is_own_part(const Distributed* ranks, std::int64_t i) {
  return ranks == nullptr || i % ranks->rank().world == ranks->rank().index;
}
/// The sums over all ranks, where there are several.
inline void sum_over(Distributed* ranks, std::span<double> numbers) {
  if (ranks != nullptr) ranks->sum(numbers);
}

}  // namespace langzoo
