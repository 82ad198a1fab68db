#include "tests/support/test.h"

#include <chrono>

#include "tests/apps/training/distributed/ranks.h"

namespace langzoo::test::distributed_test {

namespace {

using Errors = std::vector<std::string>;

/// Of ranks that come by themselves.
Errors meet(const std::vector<RendezvousOptions>& options) {
  Errors errors(options.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < options.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        const Distributed ranks(options[i]);
      } catch (const std::exception& error) {
        errors[i] = error.what();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return errors;
}

}  // namespace

TEST_CASE("ranks sum, spread and gather tensors and texts") {
  std::vector<torch::Tensor> sums(3), firsts(3), alls(3);
  std::vector<Errors> texts(3);
  std::vector<std::string> first_text(3);
  on_ranks(3, [&](Distributed& ranks) {
    const auto r = static_cast<std::size_t>(ranks.rank().index);
    const auto own = torch::full({5}, std::pow(10.0, ranks.rank().index));
    sums[r] = own.clone();
    ranks.sum(sums[r]);
    firsts[r] = own.clone();
    ranks.broadcast(firsts[r]);
    alls[r] = torch::empty({15});
    ranks.gather(own, alls[r]);
    texts[r] = ranks.gather(std::string(r, 'x'));
    first_text[r] = ranks.broadcast(ranks.leads() ? "of rank 0" : "of another");
    auto half = own.to(torch::kBFloat16);
    ranks.sum(half);
    if (half[0].item<double>() != 111) throw std::runtime_error("bfloat16 is not summed");
  });
  for (std::size_t r = 0; r < 3; ++r) {
    CHECK(torch::equal(sums[r], torch::full({5}, 111.0)));
    CHECK(torch::equal(firsts[r], torch::ones({5})));
    CHECK(torch::equal(alls[r].view({3, 5}).select(1, 0), torch::tensor({1.0f, 10.0f, 100.0f})));
    CHECK(texts[r] == Errors{"", "x", "xx"});
    CHECK(first_text[r] == "of rank 0");
  }
}

TEST_CASE("where the work of one rank fails, all know which and why, and go on") {
  int together = 0;
  const auto errors = errors_of_ranks(2, [&](Distributed& ranks) {
    ranks.together("counts", [] {});
    try {
      ranks.together("counts", [&] {
        if (!ranks.leads()) throw std::runtime_error("no such file");
      });
    } catch (const DistributedError& error) {
      if (std::string(error.what()) != "rank 1: no such file") throw;
    } catch (const std::runtime_error& error) {
      if (std::string(error.what()) != "no such file" || ranks.leads()) throw;
    }
    auto one = torch::ones({1});
    ranks.sum(one);
    if (ranks.leads()) together = one.item<int>();
  });
  CHECK(errors == Errors{"", ""});
  CHECK(together == 2);
}

TEST_CASE("ranks that do not fit each other find out before they begin") {
  const auto port = free_port();
  const auto missing = meet({rendezvous(0, 2, port, 1)});
  CHECK_THAT(missing[0], Catch::Contains("rank 1 of 2 did not come within 1 s"));

  const auto other = free_port();
  const auto worlds = meet({rendezvous(0, 2, other, 5), rendezvous(1, 3, other, 5)});
  CHECK_THAT(worlds[0], Catch::Contains("rank 1 was told of 3 ranks, rank 0 of 2"));
  CHECK_THAT(worlds[1], Catch::Contains("rank 0 was told of 2 ranks, rank 1 of 3"));

  const int taken = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  socklen_t size = sizeof(address);
  REQUIRE(bind(taken, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(listen(taken, 1) == 0);
  REQUIRE(getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const auto in_use = meet({rendezvous(0, 2, ntohs(address.sin6_port), 5)});
  close(taken);
  CHECK_THAT(in_use[0], Catch::Contains("is in use"));
  CHECK_THROWS_WITH(Distributed(rendezvous(2, 2, port)), Catch::Contains("rank 2 does not exist"));
}

TEST_CASE("a rank that ends takes the others with it, and one that hangs is found") {
  const auto ended = errors_of_ranks(2, [](Distributed& ranks) {
    if (!ranks.leads()) throw std::runtime_error("out of memory");
    ranks.sum(torch::ones({1}));
  });
  CHECK(ended[0] == "rank 1 ended: out of memory");
  CHECK(ended[1] == "out of memory");

  using namespace std::chrono_literals;
  const auto begin = std::chrono::steady_clock::now();
  const auto hung = errors_of_ranks(
      2,
      [&](Distributed& ranks) {
        if (!ranks.leads()) {
          {
            const Distributed::Busy busy(&ranks, "evaluates");  // that long is no hang
            std::this_thread::sleep_for(1500ms);
          }
          ranks.sum(torch::ones({1}));
          std::this_thread::sleep_for(2400ms);
          return;
        }
        ranks.sum(torch::ones({1}));
        ranks.sum(torch::ones({1}));
      },
      1.1);
  CHECK(hung[0] == "rank 1 hung: it did not come within 1.1 s to where the others wait");
  CHECK(std::chrono::steady_clock::now() - begin < 15s);
}

}  // namespace langzoo::test::distributed_test
