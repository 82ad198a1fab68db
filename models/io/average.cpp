#include "models/io/average.h"

#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/files/file_error.h"
#include "models/io/weights.h"
#include "third_party/torch.h"

namespace langzoo {

StateDict average_weights(std::span<const std::filesystem::path> dirs) {
  if (dirs.empty()) throw std::invalid_argument("no weights have no mean");
  std::vector<StateDict> all;
  for (const auto& dir : dirs) all.push_back(load_weights(dir));  // pages of the files
  const auto& first = all.front();
  for (std::size_t i = 1; i < all.size(); ++i) {
    const auto refuse = [&](const std::string& name, const std::string& what) {
      throw FileError(dirs[i],
                      fmt::format("{} {}, unlike {}: their weights have no mean", name, what, dirs[0].string()));
    };
    for (const auto& item : all[i])
      if (!first.contains(item.key())) refuse(item.key(), "is there");
    for (const auto& item : first) {
      const auto* const other = all[i].find(item.key());
      if (other == nullptr) refuse(item.key(), "is missing");
      if (other->sizes() != item.value().sizes()) {
        refuse(item.key(), fmt::format("is ({}), not ({})", fmt::join(other->sizes(), ", "),
                                       fmt::join(item.value().sizes(), ", ")));
      }
      const bool number = at::isFloatingType(item.value().scalar_type());
      if (number != at::isFloatingType(other->scalar_type()) || (!number && !torch::equal(*other, item.value())))
        refuse(item.key(), "has other values, which are no floating-point numbers");
    }
  }
  const torch::NoGradGuard no_grad;
  StateDict mean;
  for (const auto& item : first) {
    if (!at::isFloatingType(item.value().scalar_type())) {
      mean.insert(item.key(), item.value().clone());
      continue;
    }
    auto sum = item.value().to(torch::kFloat64, /*non_blocking=*/false, /*copy=*/true);
    for (std::size_t i = 1; i < all.size(); ++i) sum += all[i][item.key()];
    mean.insert(item.key(), sum.div_(static_cast<double>(all.size())).to(item.value().scalar_type()));
  }
  return mean;
}

}  // namespace langzoo
