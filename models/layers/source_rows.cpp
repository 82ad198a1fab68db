#include "models/layers/source_rows.h"

#include <numeric>
#include <stdexcept>

#include <ATen/ATen.h>
#include <c10/util/StringUtil.h>

namespace langzoo {

SourceRows::SourceRows(std::int64_t sources) : source_(static_cast<std::size_t>(sources)), sources_(sources) {
  std::iota(source_.begin(), source_.end(), 0);
}

torch::Tensor SourceRows::reorder(const torch::Tensor& rows) {
  const auto from = rows.to(at::kCPU, at::kLong).contiguous();
  std::vector<std::int64_t> next, kept;                                          // kept: by new number, the old one
  std::vector<std::int64_t> renumbered(static_cast<std::size_t>(sources_), -1);  // by old number, the new one
  for (std::int64_t i = 0; i < from.numel(); ++i) {
    const auto row = from.const_data_ptr<std::int64_t>()[i];
    if (row < 0 || row >= this->rows())
      throw std::out_of_range(c10::str("row ", row, " to go on from: there are ", this->rows()));
    auto& number = renumbered[source_[row]];
    if (number < 0) {
      number = std::ssize(kept);
      kept.push_back(source_[row]);
    }
    next.push_back(number);
  }
  bool unchanged = std::ssize(kept) == sources_;
  for (std::int64_t i = 0; i < std::ssize(kept); ++i) unchanged = unchanged && kept[i] == i;
  source_ = std::move(next);
  sources_ = std::ssize(kept);
  const auto group = sources_ > 0 ? this->rows() / sources_ : 1;
  grouped_ = group * sources_ == this->rows();
  for (std::int64_t i = 0; i < this->rows(); ++i) grouped_ = grouped_ && source_[i] == i / group;
  return unchanged ? torch::Tensor() : at::tensor(kept, at::kLong);
}

torch::Tensor SourceRows::index() const {
  return at::tensor(source_, at::kLong);
}

}  // namespace langzoo
