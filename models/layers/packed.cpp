#include "models/layers/packed.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

/// Shapes: lengths (B) -> (B+1).
Tensor row_ends(const Tensor& lengths) {
  auto ends = at::zeros({lengths.size(0) + 1}, torch::kInt64);
  ends.narrow(0, 1, lengths.size(0)).copy_(lengths.cumsum(0));
  return ends;
}

Tensor mask_of(const Tensor& lengths, std::int64_t places) {
  if (lengths.dim() != 1)
    throw std::invalid_argument(c10::str("packed rows: lengths must be (B), are ", lengths.sizes()));
  return at::arange(places, lengths.options()) < lengths.unsqueeze(1);  // (B,T)
}

}  // namespace

PackedRows::PackedRows(const Tensor& mask) {
  if (mask.dim() != 2) throw std::invalid_argument(c10::str("packed rows: a mask must be (B,T), is ", mask.sizes()));
  const auto kept = mask != 0;
  places = mask.size(1);
  cu_seqlens = row_ends(kept.sum(1));
  index = kept.flatten().nonzero().squeeze(1);
}

PackedRows::PackedRows(const Tensor& lengths, std::int64_t places) : PackedRows(mask_of(lengths, places)) {}

Tensor PackedRows::pack(const Tensor& x) const {
  if (x.dim() < 2 || x.size(0) != batch() || x.size(1) != places)
    throw std::invalid_argument(c10::str("packed rows: ", x.sizes(), " is no batch of ", batch(), " x ", places));
  const auto tokens = x.flatten(0, 1);
  return (padded() ? tokens.index_select(0, index.to(x.device())) : tokens).unsqueeze(0);
}

Tensor PackedRows::unpack(const Tensor& x) const {
  if (x.dim() < 2 || x.size(0) != 1 || x.size(1) != tokens())
    throw std::invalid_argument(c10::str("packed rows: ", x.sizes(), " is not 1 x ", tokens(), " tokens"));
  auto all = x.squeeze(0);
  if (padded()) {
    auto shape = all.sizes().vec();
    shape[0] = batch() * places;
    all = at::zeros(shape, x.options().requires_grad(false)).index_copy(0, index.to(x.device()), all);
  }
  return all.unflatten(0, {batch(), places});
}

}  // namespace langzoo
