#include "apps/cli/rank_environment.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <new>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/cli/base/program.h"
#include "data/files/config_error.h"

namespace langzoo {

namespace {

std::optional<std::string> variable(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr || *text == '\0' ? std::nullopt : std::optional<std::string>(text);
}

/// A whole number from `least` to `most`.
std::optional<std::int64_t> number(const char* name, std::int64_t least, std::int64_t most) {
  const auto text = variable(name);
  if (!text) return std::nullopt;
  const bool digits = text->size() < 10 && text->find_first_not_of("0123456789") == std::string::npos;
  const auto value = digits ? std::stoll(*text) : -1;
  if (value < least || value > most)
    throw UsageError(
        fmt::format("{} = {} in the environment must be a whole number from {} to {}", name, *text, least, most));
  return value;
}

constexpr std::int64_t kMostRanks = 1 << 20, kMostPort = 65535;

}  // namespace

bool has_ranks() {
  return number("WORLD_SIZE", 1, kMostRanks).value_or(1) > 1;
}

std::optional<RendezvousOptions> rendezvous_from_environment(std::optional<double> timeout) {
  const auto world = number("WORLD_SIZE", 1, kMostRanks), rank = number("RANK", 0, kMostRanks);
  if (!world && !rank) return std::nullopt;
  const auto require = [](bool there, const char* missing) {
    if (!there)
      throw UsageError(
          fmt::format("{} is not set in the environment, which says that this is one of several ranks", missing));
  };
  require(rank.has_value(), "RANK");
  require(world.has_value(), "WORLD_SIZE");
  if (*rank >= *world)
    throw UsageError(
        fmt::format("rank {} does not exist in a world of {} (RANK and WORLD_SIZE in the environment)", *rank, *world));
  if (*world == 1) return std::nullopt;
  RendezvousOptions options;
  options.rank = {*rank, *world};
  options.local_rank = number("LOCAL_RANK", 0, kMostRanks).value_or(0);
  const auto address = variable("MASTER_ADDR");
  const auto port = number("MASTER_PORT", 1, kMostPort);
  require(address.has_value(), "MASTER_ADDR");
  require(port.has_value(), "MASTER_PORT");
  options.master_address = *address;
  options.master_port = static_cast<std::uint16_t>(*port);
  options.store_is_there = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  options.attempt = variable("TORCHELASTIC_RESTART_COUNT").value_or("0");
  options.interface = variable("GLOO_SOCKET_IFNAME").value_or("");
  options.timeout = timeout ? *timeout : kDefaultTimeout;
  if (const auto text = variable("LANGZOO_TIMEOUT"); text && !timeout) {
    char* end = nullptr;
    options.timeout = std::strtod(text->c_str(), &end);
    if (*end != '\0' || !(options.timeout >= 1 && options.timeout <= 1e6))
      throw UsageError(fmt::format("LANGZOO_TIMEOUT = {} in the environment must be seconds from 1 to 1000000", *text));
  }
  return options;
}

bool is_restart() {
  return number("TORCHELASTIC_RESTART_COUNT", 0, kMostRanks).value_or(0) > 0;
}

void as_rank(const RendezvousOptions& options, const std::function<void(Distributed& ranks)>& work) {
  std::unique_ptr<Distributed> ranks;
  const auto own = fmt::format("rank {}: ", options.rank.index);
  const auto end = [&](const std::string& text, int code, bool tells = true) {
    if (ranks) ranks->fail(text);
    // What all know names the rank by itself.
    const auto named = text.starts_with("rank ") && code == 2 ? text : own + text;
    if (tells) std::cerr << fmt::format("error: {}\n", named) << std::flush;
    std::cout.flush();
    _exit(code);
  };
  try {
    ranks = std::make_unique<Distributed>(options);
    work(*ranks);
    ranks.reset();
    return;
  } catch (const DistributedError& error) {
    const bool agreed = error.kind() == DistributedError::Kind::kDisagreement;
    if (agreed && ranks) ranks->all_know();
    end(one_line(error), agreed ? 2 : 1, !agreed || options.rank.index == 0);
  } catch (const UsageError& error) {
    end(one_line(error), 2);
  } catch (const ConfigError& error) {
    end(one_line(error), 2);
  } catch (const std::bad_alloc&) {
    end("out of memory", 1);
  } catch (const std::exception& error) {
    end(one_line(error), 1);
  }
}

}  // namespace langzoo
