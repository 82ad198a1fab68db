#include "apps/training/distributed/distributed.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apps/training/distributed/heartbeat.h"
#include "third_party/torch.h"

#include "third_party/c10d.h"

namespace langzoo {

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;
using Kind = DistributedError::Kind;

constexpr Milliseconds kNoTimeout = std::chrono::hours(24 * 365);

Milliseconds milliseconds(double seconds) {
  return Milliseconds(static_cast<std::int64_t>(seconds * 1000));
}
double seconds(Clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

/// LibTorch's messages go on with a backtrace, whose symbols take seconds to find.
std::string first_line(const std::exception& error) {
  const auto* const own = dynamic_cast<const c10::Error*>(&error);
  const std::string text = own == nullptr ? error.what() : own->what_without_backtrace();
  return text.substr(0, text.find('\n'));
}

/// The address of this machine on the way to `host`: where the others can reach it, which its own name need not tell.
std::string own_address(const std::string& host, std::uint16_t port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return {};
  std::string address;
  for (const auto* at = found; at != nullptr && address.empty(); at = at->ai_next) {
    const int fd = socket(at->ai_family, SOCK_DGRAM, 0);
    if (fd < 0) continue;
    sockaddr_storage own{};
    socklen_t size = sizeof(own);
    char text[NI_MAXHOST] = {};
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0 &&
        getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) == 0) {
      address = text;
    }
    close(fd);
  }
  freeaddrinfo(found);
  return address;
}

/// Rings when a collective of the CPU is done.
class Bell {
 public:
  void ring() {
    {
      const std::lock_guard lock(mutex_);
      rung_ = true;
    }
    changed_.notify_all();
  }
  bool wait_for(Milliseconds most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, most, [&] { return rung_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

/// Waits for at most so long, and says whether a collective is done.
using Done = std::function<bool(Milliseconds)>;

Done when_done(const c10::intrusive_ptr<c10d::Work>& work, bool on_device) {
  if (on_device) {
    // NCCL's futures are there at once: what they stand for is still to come on the device.
    return [work](Milliseconds most) {
      const auto end = Clock::now() + most;
      while (!work->isCompleted()) {
        if (Clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
      return true;
    };
  }
  const auto bell = std::make_shared<Bell>();
  work->getFuture()->addCallback([bell](auto& /*future*/) { bell->ring(); });
  return [bell](Milliseconds most) { return bell->wait_for(most); };
}

std::string ranks_in_words(const std::vector<std::int64_t>& ranks) {
  return fmt::format("{} {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(ranks, ", "));
}

}  // namespace

struct Distributed::State {
  explicit State(const RendezvousOptions& o) : options(o), rank(o.rank) {}

  c10::intrusive_ptr<c10d::Store> connect(bool serve) const;
  void come_together();
  void make_group();
  c10d::Backend& backend_of(const torch::Tensor& tensor);
  bool hosts_store() const { return rank.index == 0 && !options.store_is_there; }
  std::function<void()> watched(const c10::intrusive_ptr<c10d::Work>& work, const torch::Tensor& tensor);
  void look_around(Clock::time_point& begin, std::int64_t collective);
  [[noreturn]] void broken(const std::string& why);
  [[noreturn]] void lost(const std::string& why);
  void linger() const;

  const RendezvousOptions options;
  const Rank rank;
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::Backend> group, device_group;
  std::unique_ptr<Heartbeat> heartbeat;
  std::int64_t collectives = 0, bytes = 0;
  bool failed = false, told = false;
};

c10::intrusive_ptr<c10d::Store> Distributed::State::connect(bool serve) const {
  c10d::TCPStoreOptions of_store;
  of_store.port = options.master_port;
  of_store.isServer = serve;
  of_store.waitWorkers = false;
  of_store.timeout = milliseconds(options.timeout);
  const auto prefix = fmt::format("langzoo/{}", options.attempt);
  try {
    return c10::make_intrusive<c10d::PrefixStore>(
        prefix, c10::make_intrusive<c10d::TCPStore>(options.master_address, of_store));
  } catch (const std::exception& error) {
    const auto what = first_line(error);
    if (serve && (what.find("EADDRINUSE") != std::string::npos || what.find("already in use") != std::string::npos)) {
      throw std::runtime_error(
          fmt::format("port {} of {} is in use: --master-port of langzoo-launch, or MASTER_PORT, chooses another",
                      options.master_port, options.master_address));
    }
    throw DistributedError(Kind::kLost,
                           fmt::format("rank 0 does not answer at {}:{} within {} s: {}", options.master_address,
                                       options.master_port, options.timeout, what));
  }
}

void Distributed::State::come_together() {
  const auto own = std::to_string(rank.world);
  const auto key = [](std::int64_t r) { return fmt::format("world/{}", r); };
  if (store->add(fmt::format("here/{}", rank.index), 1) > 1) {
    throw std::runtime_error(fmt::format("there is a rank {} already at {}:{}: every process has a RANK of its own",
                                         rank.index, options.master_address, options.master_port));
  }
  store->set(key(rank.index), own);
  const auto end = Clock::now() + milliseconds(options.timeout);
  std::vector<std::int64_t> missing;
  for (std::int64_t r = 0; r < rank.world; ++r) missing.push_back(r);
  while (true) {
    std::erase_if(missing, [&](std::int64_t r) {
      if (!store->check({key(r)})) return false;
      const auto said = store->get(key(r));
      const std::string theirs(said.begin(), said.end());
      if (theirs != own) {
        throw DistributedError(Kind::kLost, fmt::format("rank {} was told of {} ranks, rank {} of {} (WORLD_SIZE)", r,
                                                        theirs, rank.index, own));
      }
      return true;
    });
    if (missing.empty()) return;
    if (Clock::now() > end) {
      throw DistributedError(
          Kind::kLost, fmt::format("{} of {} did not come within {} s to {}:{}", ranks_in_words(missing), rank.world,
                                   options.timeout, options.master_address, options.master_port));
    }
    std::this_thread::sleep_for(Milliseconds(20));
  }
}

void Distributed::State::make_group() {
  using Gloo = c10d::ProcessGroupGloo;
  const auto address = own_address(options.master_address, options.master_port);
  const auto of_gloo = Gloo::Options::create(milliseconds(options.timeout));
  of_gloo->devices.push_back(!options.interface.empty() ? Gloo::createDeviceForInterface(options.interface)
                             : !address.empty()         ? Gloo::createDeviceForHostname(address)
                                                        : Gloo::createDefaultDevice());
  try {
    group = c10::make_intrusive<Gloo>(store, static_cast<int>(rank.index), static_cast<int>(rank.world), of_gloo);
  } catch (const std::exception& error) {
    throw DistributedError(Kind::kLost,
                           fmt::format("the ranks cannot reach each other (from {}; GLOO_SOCKET_IFNAME chooses the "
                                       "interface): {}",
                                       options.interface.empty() ? address : options.interface, first_line(error)));
  }
  // Who waits for how long is decided by look_around().
  group->setTimeout(kNoTimeout);
#ifdef LANGZOO_NCCL
  // For backend_of(), which other threads call too. Else NCCL's watchdog ends the process before anybody can say which
  // rank is gone.
  setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0", /*overwrite=*/0);
#endif
}

/// The group of the tensor's device: NCCL's is made when it is first needed, which is at the same collective
/// everywhere.
c10d::Backend& Distributed::State::backend_of(const torch::Tensor& tensor) {
  if (tensor.is_cpu()) return *group;
  if (!Distributed::takes(tensor.device()))
    throw std::logic_error(fmt::format("tensors of {} cannot be exchanged by this build", tensor.device().str()));
#ifdef LANGZOO_NCCL
  if (!device_group) {
    const auto of_nccl = c10d::ProcessGroupNCCL::Options::create();
    of_nccl->timeout = kNoTimeout;
    device_group = c10::make_intrusive<c10d::ProcessGroupNCCL>(c10::make_intrusive<c10d::PrefixStore>("nccl", store),
                                                               static_cast<int>(rank.index),
                                                               static_cast<int>(rank.world), of_nccl);
  }
#endif
  return *device_group;
}

/// Something at the connections is broken; a moment later it shows what.
void Distributed::State::broken(const std::string& why) {
  constexpr auto kSilent = Milliseconds(2500), kPatience = Milliseconds(6000);
  const auto begin = Clock::now();
  while (Clock::now() - begin < kPatience) {
    const auto peers = heartbeat->peers();
    for (std::int64_t r = 0; r < rank.world; ++r) {
      const auto& failure = peers[static_cast<std::size_t>(r)].failure;
      if (r != rank.index && !failure.empty()) lost(fmt::format("rank {} ended: {}", r, failure));
    }
    if (heartbeat->store_is_gone() && !hosts_store()) lost("rank 0 is gone: its connections are closed");
    for (std::int64_t r = 0; r < rank.world; ++r) {
      const auto heard = peers[static_cast<std::size_t>(r)].heard;
      // Only what could have been heard: a store that does not answer says nothing of others.
      if (r != rank.index && heartbeat->answered() - heard > kSilent)
        lost(fmt::format("rank {} is gone: its connection is closed and it does not answer", r));
    }
    std::this_thread::sleep_for(Milliseconds(100));
  }
  lost(fmt::format("the connection to another rank broke: {}", why));
}

void Distributed::State::lost(const std::string& why) {
  failed = true;
  heartbeat->failed(why);
  linger();
  throw DistributedError(Kind::kLost, why);
}

/// Long enough for the others to hear it, from the store that ends with this process.
void Distributed::State::linger() const {
  std::this_thread::sleep_for(hosts_store() ? Milliseconds(1500) : Milliseconds(700));
}

void Distributed::State::look_around(Clock::time_point& begin, std::int64_t collective) {
  const auto now = Clock::now();
  const auto timeout = milliseconds(options.timeout);
  const auto peers = heartbeat->peers();
  bool busy = false;
  std::vector<std::int64_t> late;
  for (std::int64_t r = 0; r < rank.world; ++r) {
    if (r == rank.index) continue;
    const auto& peer = peers[static_cast<std::size_t>(r)];
    if (!peer.failure.empty()) lost(fmt::format("rank {} ended: {}", r, peer.failure));
    busy = busy || !peer.busy.empty();
    if (!peer.waits || peer.collective < collective) late.push_back(r);
  }
  const auto answered = heartbeat->answered();
  if (!hosts_store() && (heartbeat->store_is_gone() || now - answered > timeout)) {
    lost(fmt::format("rank 0 has not answered for {:.0f} s", seconds(now - answered)));
  }
  for (std::int64_t r = 0; r < rank.world; ++r) {
    const auto silent = answered - peers[static_cast<std::size_t>(r)].heard;
    if (r != rank.index && silent > timeout)
      lost(fmt::format("rank {} has not answered for {:.0f} s: it hangs, or its machine is gone", r, seconds(silent)));
  }
  if (busy) begin = now;
  if (now - begin < timeout) return;
  if (late.empty())
    lost(fmt::format("no exchange between the ranks within {} s: is the network blocked?", options.timeout));
  lost(fmt::format("{} hung: {} did not come within {} s to where the others wait", ranks_in_words(late),
                   late.size() == 1 ? "it" : "they", options.timeout));
}

std::function<void()> Distributed::State::watched(const c10::intrusive_ptr<c10d::Work>& work,
                                                  const torch::Tensor& tensor) {
  return [this, work, done = when_done(work, !tensor.is_cpu()), collective = ++collectives] {
    auto begin = Clock::now();
    bool tells = false;
    while (!done(Milliseconds(tells ? 200 : 20))) {
      if (!std::exchange(tells, true)) heartbeat->came_to(collective);
      look_around(begin, collective);
    }
    if (tells) heartbeat->left();
    try {
      work->wait();
      // NCCL's work is completed after an error as well.
      if (const auto error = work->exception()) std::rethrow_exception(error);
    } catch (const std::exception& error) {
      broken(first_line(error));
    }
  };
}

Distributed::Distributed(const RendezvousOptions& options) : state_(std::make_unique<State>(options)) {
  check_rank(options.rank);
  State& s = *state_;
  FLAGS_caffe2_log_level = std::max(FLAGS_caffe2_log_level, 2);  // errors come as exceptions
  s.store = s.connect(s.hosts_store());
  try {
    s.come_together();
    const auto own = s.connect(false);
    s.heartbeat = std::make_unique<Heartbeat>(std::shared_ptr<c10d::Store>(own.get(), [own](c10d::Store* /*store*/) {}),
                                              options.rank);
    s.make_group();
  } catch (const DistributedError&) {
    s.linger();  // those who come to the store now find out as well
    throw;
  } catch (const c10::Error& error) {
    throw DistributedError(Kind::kLost, fmt::format("rank 0 at {}:{} is gone: {}", options.master_address,
                                                    options.master_port, first_line(error)));
  }
}

Distributed::~Distributed() {
  State& s = *state_;
  if (!s.failed) {
    try {
      sum(torch::zeros({1}));
    } catch (const std::exception&) {
      s.failed = true;
    }
  }
  if (s.failed) {
    // Threads of the group wait for what never comes, and would be waited for.
    s.heartbeat->abandon();
    [[maybe_unused]] auto* const left = state_.release();
    return;
  }
  s.heartbeat.reset();
  s.device_group.reset();
  s.group.reset();
  // The store ends last.
  try {
    const auto gone = s.store->add("gone", 1);
    if (!s.hosts_store()) return;
    const auto end = Clock::now() + Milliseconds(5000);
    for (auto left = gone; left < s.rank.world && Clock::now() < end; left = s.store->add("gone", 0))
      std::this_thread::sleep_for(Milliseconds(5));
  } catch (const std::exception&) {  // so has the run
  }
}

Rank Distributed::rank() const {
  return state_->rank;
}

bool Distributed::takes(torch::Device device) {
#ifdef LANGZOO_NCCL
  if (device.is_cuda()) return true;
#endif
  return device.is_cpu();
}

void Distributed::Pending::wait() {
  if (wait_) std::exchange(wait_, nullptr)();
}

Distributed::Pending Distributed::start_sum(const torch::Tensor& tensor) {
  std::vector<at::Tensor> tensors = {tensor};
  state_->bytes += static_cast<std::int64_t>(tensor.nbytes());
  Pending pending;
  pending.wait_ = state_->watched(state_->backend_of(tensor).allreduce(tensors), tensor);
  return pending;
}

void Distributed::sum(std::span<double> numbers) {
  auto tensor = torch::from_blob(numbers.data(), {std::ssize(numbers)}, torch::kFloat64);
  sum(tensor);
}

void Distributed::largest(const torch::Tensor& tensor) {
  std::vector<at::Tensor> tensors = {tensor};
  c10d::AllreduceOptions options;
  options.reduceOp = c10d::ReduceOp::MAX;
  state_->watched(state_->backend_of(tensor).allreduce(tensors, options), tensor)();
}

void Distributed::broadcast(const torch::Tensor& tensor) {
  std::vector<at::Tensor> tensors = {tensor};
  state_->watched(state_->backend_of(tensor).broadcast(tensors), tensor)();
}

void Distributed::gather(const torch::Tensor& own, const torch::Tensor& all) {
  std::vector<std::vector<at::Tensor>> outputs(1);
  for (auto& part : all.chunk(rank().world)) outputs[0].push_back(part);
  std::vector<at::Tensor> inputs = {own};
  state_->watched(state_->backend_of(own).allgather(outputs, inputs), own)();
}

std::vector<std::string> Distributed::gather(const std::string& text) {
  const auto world = rank().world;
  auto sizes = torch::zeros({world}, torch::kInt64);
  gather(torch::tensor({std::ssize(text)}, torch::kInt64), sizes);
  const auto longest = std::max<std::int64_t>(1, sizes.max().item<std::int64_t>());
  auto own = torch::zeros({longest}, torch::kUInt8);
  std::memcpy(own.data_ptr(), text.data(), text.size());
  auto all = torch::empty({world * longest}, torch::kUInt8);
  gather(own, all);
  std::vector<std::string> texts;
  for (std::int64_t r = 0; r < world; ++r) {
    texts.emplace_back(static_cast<const char*>(all.const_data_ptr()) + r * longest,
                       static_cast<std::size_t>(sizes[r].item<std::int64_t>()));
  }
  return texts;
}

std::string Distributed::broadcast(const std::string& text) {
  auto size = torch::tensor({std::ssize(text)}, torch::kInt64);
  broadcast(size);
  auto bytes = torch::zeros({std::max<std::int64_t>(1, size.item<std::int64_t>())}, torch::kUInt8);
  if (leads()) std::memcpy(bytes.data_ptr(), text.data(), text.size());
  broadcast(bytes);
  return {static_cast<const char*>(bytes.const_data_ptr()), static_cast<std::size_t>(size.item<std::int64_t>())};
}

void Distributed::together(const std::string& doing, const std::function<void()>& work) {
  std::exception_ptr own;
  std::string said;
  {
    const Busy busy(this, doing);
    try {
      work();
    } catch (const DistributedError&) {
      throw;
    } catch (const std::exception& error) {
      own = std::current_exception();
      said = "!" + first_line(error);
    }
  }
  const auto all = gather(said);
  if (std::all_of(all.begin(), all.end(), [](const auto& text) { return text.empty(); })) return;
  state_->told = true;
  const auto alike = std::all_of(all.begin(), all.end(), [&](const auto& text) { return text == all.front(); });
  // One speaks where all have the same to say.
  if (own && (!alike || leads())) std::rethrow_exception(own);
  for (std::size_t r = 0; r < all.size(); ++r) {
    if (all[r].empty()) continue;
    throw DistributedError(Kind::kDisagreement, fmt::format("rank {}: {}", r, all[r].substr(1)));
  }
}

void Distributed::leader_first(const std::string& doing, const std::function<void()>& work) {
  together(doing, [&] {
    if (leads()) work();
  });
  together(doing, [&] {
    if (!leads()) work();
  });
}

Distributed::Busy::Busy(Distributed* ranks, const std::string& doing) : ranks_(ranks) {
  if (ranks_ != nullptr) ranks_->state_->heartbeat->busy(doing);
}

Distributed::Busy::~Busy() {
  if (ranks_ != nullptr) ranks_->state_->heartbeat->busy({});
}

void Distributed::fail(const std::string& why) {
  if (std::exchange(state_->failed, true)) return;
  if (state_->told) return std::this_thread::sleep_for(Milliseconds(300));  // until all have read it
  state_->heartbeat->failed(why);
  state_->linger();
}

void Distributed::all_know() {
  state_->told = true;
}

bool Distributed::failed() const {
  return state_->failed;
}

std::int64_t Distributed::summed_bytes() const {
  return state_->bytes;
}

}  // namespace langzoo
