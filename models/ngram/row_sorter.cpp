#include "models/ngram/row_sorter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace langzoo {

namespace {

/// Runs merged at once. More are merged in several rounds, so that the parts read of each do not become tiny.
constexpr std::size_t kMostRuns = 256;
constexpr int kDigitBits = 11;

std::span<std::byte> bytes_of(std::span<std::uint32_t> numbers) {
  return std::as_writable_bytes(numbers);
}

bool same_key(const RowOrder& order, const std::uint32_t* a, const std::uint32_t* b) {
  return std::all_of(order.columns.begin(), order.columns.end(),
                     [&](std::size_t column) { return a[column] == b[column]; });
}

bool comes_before(const RowOrder& order, const std::uint32_t* a, const std::uint32_t* b) {
  for (const std::size_t column : order.columns) {
    if (a[column] != b[column]) return a[column] < b[column];
  }
  return false;
}

void add_count(const RowOrder& order, std::uint32_t* to, const std::uint32_t* from) {
  std::uint64_t sum = 0, more = 0;
  std::memcpy(&sum, to + order.width - 2, sizeof sum);
  std::memcpy(&more, from + order.width - 2, sizeof more);
  sum += more;
  std::memcpy(to + order.width - 2, &sum, sizeof sum);
}

/// One pass of a radix sort: rows by some bits of a column, in the order of `from` where those are alike.
template <std::size_t kWidth>
void distribute(std::span<const std::uint32_t> from, std::uint32_t* to, std::size_t width, std::size_t column,
                int shift, int bits) {
  if (kWidth != 0) width = kWidth;
  std::array<std::size_t, std::size_t{1} << kDigitBits> places{};
  const std::uint32_t mask = (1u << bits) - 1;
  for (std::size_t row = column; row < from.size(); row += width) ++places[from[row] >> shift & mask];
  std::size_t begin = 0;
  for (std::size_t digit = 0; digit <= mask; ++digit) begin += std::exchange(places[digit], begin) * width;
  for (const std::uint32_t* row = from.data(); row != from.data() + from.size(); row += width) {
    std::size_t& place = places[row[column] >> shift & mask];
    std::memcpy(to + place, row, width * sizeof *row);
    place += width;
  }
}

using Distribute = void (*)(std::span<const std::uint32_t>, std::uint32_t*, std::size_t, std::size_t, int, int);

/// Copying a row costs half as much where the compiler knows its width.
Distribute distribute_rows(std::size_t width) {
  switch (width) {
    case 4:
      return distribute<4>;
    case 5:
      return distribute<5>;
    case 6:
      return distribute<6>;
    case 7:
      return distribute<7>;
    case 8:
      return distribute<8>;
    default:
      return distribute<0>;
  }
}

}  // namespace

struct RowSorter::Run {
  std::uint64_t offset;  ///< bytes in the file
  std::uint64_t rows;
};

/// A heap of runs by their first rows.
class RowSorter::Merger {
 public:
  Merger(const RowOrder& order, const TemporaryFile& disk, std::span<const Run> runs, std::size_t memory)
      : order_(order),
        disk_(disk),
        buffer_rows_(std::max<std::size_t>(1, memory / ((runs.size() + 1) * order.width * 4))) {
    for (const Run& run : runs) {
      auto& source = sources_.emplace_back();
      source.run = run;
      source.number = sources_.size();
      fill(source);
    }
    for (auto& source : sources_) heap_.push_back(&source);
    for (std::size_t i = heap_.size() / 2; i-- > 0;) sift_down(i);
  }

  /// Null at the end.
  const std::uint32_t* next() {
    if (heap_.empty()) return nullptr;
    row_.assign(heap_[0]->at(), heap_[0]->at() + order_.width);
    drop_first();
    while (order_.sum_equal && !heap_.empty() && same_key(order_, row_.data(), heap_[0]->at())) {
      add_count(order_, row_.data(), heap_[0]->at());
      drop_first();
    }
    return row_.data();
  }

 private:
  struct Source {
    Run run;
    std::size_t number = 0;
    std::vector<std::uint32_t> buffer;
    std::size_t position = 0;
    const std::uint32_t* at() const { return buffer.data() + position; }
  };

  /// False where the run has no more rows.
  bool fill(Source& source) const {
    const auto rows = std::min<std::uint64_t>(buffer_rows_, source.run.rows);
    source.buffer.resize(static_cast<std::size_t>(rows) * order_.width);
    source.position = 0;
    if (rows == 0) return false;
    disk_.read(source.run.offset, bytes_of(source.buffer));
    source.run.offset += source.buffer.size() * sizeof(std::uint32_t);
    source.run.rows -= rows;
    return true;
  }
  void drop_first() {
    Source& first = *heap_[0];
    first.position += order_.width;
    if (first.position == first.buffer.size() && !fill(first)) {
      heap_[0] = heap_.back();
      heap_.pop_back();
    }
    if (!heap_.empty()) sift_down(0);
  }
  bool precedes(const Source& a, const Source& b) const {
    if (comes_before(order_, a.at(), b.at())) return true;
    return !comes_before(order_, b.at(), a.at()) && a.number < b.number;
  }
  void sift_down(std::size_t i) {
    for (;;) {
      std::size_t child = 2 * i + 1;
      if (child >= heap_.size()) return;
      if (child + 1 < heap_.size() && precedes(*heap_[child + 1], *heap_[child])) ++child;
      if (!precedes(*heap_[child], *heap_[i])) return;
      std::swap(heap_[i], heap_[child]);
      i = child;
    }
  }

  const RowOrder order_;
  const TemporaryFile& disk_;
  const std::size_t buffer_rows_;
  std::vector<Source> sources_;
  std::vector<Source*> heap_;
  std::vector<std::uint32_t> row_;
};

// Half of the memory is for the copy that sorting needs, or for the old rows while they move to a larger place.
RowSorter::RowSorter(RowOrder order, std::size_t memory, std::filesystem::path beside)
    : order_(std::move(order)), beside_(std::move(beside)) {
  most_ = std::max<std::size_t>(memory / (2 * sizeof(std::uint32_t) * order_.width), 2) * order_.width;
}
RowSorter::RowSorter(RowSorter&&) noexcept = default;
RowSorter& RowSorter::operator=(RowSorter&&) noexcept = default;
RowSorter::~RowSorter() = default;

void RowSorter::make_room() {
  if (room_ == most_) return spill();
  room_ = std::min(most_, std::max(2 * room_, 64 * order_.width));
  auto larger = std::make_unique_for_overwrite<std::uint32_t[]>(room_);
  std::copy_n(rows_.get(), size_, larger.get());
  rows_ = std::move(larger);
}

void RowSorter::sort_rows() {
  if (order_.columns.empty() || size_ == 0) return;
  const auto distribute = distribute_rows(order_.width);
  auto other = std::make_unique_for_overwrite<std::uint32_t[]>(room_);
  for (std::size_t i = order_.columns.size(); i-- > 0;) {
    const std::size_t column = order_.columns[i];
    std::uint32_t all = 0;
    for (std::size_t row = column; row < size_; row += order_.width) all |= rows_[row];
    const int bits = std::bit_width(all);
    const int passes = (bits + kDigitBits - 1) / kDigitBits;
    for (int pass = 0, shift = 0; pass < passes; ++pass) {
      const int digit = (bits - shift + passes - pass - 1) / (passes - pass);
      distribute({rows_.get(), size_}, other.get(), order_.width, column, shift, digit);
      rows_.swap(other);
      shift += digit;
    }
  }
  if (!order_.sum_equal) return;
  std::uint32_t* last = rows_.get();
  for (const std::uint32_t* row = last + order_.width; row != rows_.get() + size_; row += order_.width) {
    if (same_key(order_, last, row)) {
      add_count(order_, last, row);
    } else {
      last += order_.width;
      if (last != row) std::memcpy(last, row, order_.width * sizeof *row);
    }
  }
  size_ = static_cast<std::size_t>(last - rows_.get()) + order_.width;
}

void RowSorter::spill() {
  sort_rows();
  if (!disk_) disk_ = std::make_unique<TemporaryFile>(beside_);
  runs_.push_back({disk_bytes_, size_ / order_.width});
  append_to_disk();
}

void RowSorter::append_to_disk() {
  disk_->write(disk_bytes_, bytes_of({rows_.get(), size_}));
  disk_bytes_ += size_ * sizeof(std::uint32_t);
  size_ = 0;
}

/// Fewer runs: each of kMostRuns that stood side by side.
std::vector<RowSorter::Run> RowSorter::merge_some(std::vector<Run> runs) {
  std::vector<Run> merged;
  const std::size_t memory = most_ * sizeof(std::uint32_t);
  const auto read = std::exchange(disk_, std::make_unique<TemporaryFile>(beside_));
  disk_bytes_ = 0;
  for (std::size_t first = 0; first < runs.size(); first += kMostRuns) {
    Merger merger(order_, *read, std::span(runs).subspan(first, std::min(kMostRuns, runs.size() - first)), memory);
    Run run{disk_bytes_, 0};
    while (const auto* row = merger.next()) {
      if (size_ + order_.width > room_) append_to_disk();
      std::copy_n(row, order_.width, rows_.get() + size_);
      size_ += order_.width;
      ++run.rows;
    }
    append_to_disk();
    merged.push_back(run);
  }
  return merged;
}

void RowSorter::sort() {
  if (!disk_) {
    sort_rows();
    row_ = size_ == 0 ? nullptr : rows_.get();
    return;
  }
  spill();
  if (order_.columns.empty()) {  // one after the other, as they came
    std::uint64_t rows = 0;
    for (const Run& run : runs_) rows += run.rows;
    runs_ = {{0, rows}};
  }
  room_ = std::max<std::size_t>(most_ / 2 / order_.width, 1) * order_.width;
  rows_ = std::make_unique_for_overwrite<std::uint32_t[]>(room_);
  while (runs_.size() > kMostRuns) runs_ = merge_some(std::move(runs_));
  rows_.reset();
  merger_ = std::make_unique<Merger>(order_, *disk_, runs_, most_ * sizeof(std::uint32_t));
  row_ = merger_->next();
}

void RowSorter::read() {
  if (!merger_) return;
  row_ = merger_->next();
  if (row_ != nullptr) return;
  merger_.reset();
  disk_.reset();
}

}  // namespace langzoo
