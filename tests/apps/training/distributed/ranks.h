/// Several ranks in one process, each on a thread of its own.
#pragma once

#include "tests/support/test.h"

#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apps/training/distributed/distributed.h"

namespace langzoo::test {

/// A port that nobody listens on.
inline std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

inline RendezvousOptions rendezvous(std::int64_t rank, std::int64_t world, std::uint16_t port, double timeout = 30) {
  RendezvousOptions options;
  options.rank = {rank, world};
  options.master_port = port;
  options.timeout = timeout;
  return options;
}

/// What each rank threw; empty: nothing. Catch2's assertions belong outside of `work`, which runs on threads.
inline std::vector<std::string> errors_of_ranks(std::int64_t world, const std::function<void(Distributed&)>& work,
                                                double timeout = 30) {
  const auto port = free_port();
  std::vector<std::string> errors(static_cast<std::size_t>(world));
  std::vector<std::thread> threads;
  for (std::int64_t r = 0; r < world; ++r) {
    threads.emplace_back([&, r] {
      try {
        Distributed ranks(rendezvous(r, world, port, timeout));
        try {
          work(ranks);
        } catch (const std::exception& error) {
          ranks.fail(error.what());
          throw;
        }
      } catch (const std::exception& error) {
        errors[static_cast<std::size_t>(r)] = error.what();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return errors;
}

inline void on_ranks(std::int64_t world, const std::function<void(Distributed&)>& work) {
  for (const auto& error : errors_of_ranks(world, work)) CHECK(error.empty());
}

}  // namespace langzoo::test
