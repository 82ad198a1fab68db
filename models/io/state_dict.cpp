#include "models/io/state_dict.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/files/escaped.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// A tensor of a module and every name it is registered under.
struct NamedTensor {
  torch::Tensor tensor;
  std::vector<std::string> names;
};

bool same_memory(const torch::Tensor& a, const torch::Tensor& b) {
  return a.is_same(b) || (a.numel() > 0 && a.is_alias_of(b) && a.storage_offset() == b.storage_offset() &&
                          a.sizes() == b.sizes() && a.strides() == b.strides());
}

std::vector<NamedTensor> tensors_of(const torch::nn::Module& module) {
  std::vector<NamedTensor> result;
  std::unordered_map<const void*, std::vector<std::size_t>> by_storage;
  const auto add = [&](const std::string& name, const torch::Tensor& tensor) {
    auto& candidates = by_storage[tensor.storage().unsafeGetStorageImpl()];
    for (const std::size_t i : candidates) {
      if (same_memory(result[i].tensor, tensor)) {
        result[i].names.push_back(name);
        return;
      }
    }
    candidates.push_back(result.size());
    result.push_back({tensor, {name}});
  };
  for (const auto& item : module.named_parameters()) add(item.key(), item.value());
  for (const auto& item : module.named_buffers()) add(item.key(), item.value());
  return result;
}

std::string shape_text(const torch::Tensor& tensor) {
  return fmt::format("({})", fmt::join(tensor.sizes().begin(), tensor.sizes().end(), ", "));
}

void append_list(std::string& text, const char* title, const std::vector<std::string>& items, std::size_t most = 3) {
  if (items.empty()) return;
  const auto end = items.begin() + static_cast<std::ptrdiff_t>(std::min(items.size(), most));
  text +=
      fmt::format("{}{} {}: {}", text.empty() ? "" : "; ", items.size(), title, fmt::join(items.begin(), end, ", "));
  if (items.size() > most) text += ", ...";
}

}  // namespace

std::string LoadReport::faults() const {
  std::string text;
  append_list(text, "missing", missing);
  append_list(text, "unexpected", unexpected);
  append_list(text, "of another shape", wrong_shape);
  return escaped(text);
}

std::string LoadReport::summary() const {
  std::string text = opened_as;
  if (!ok()) text += (text.empty() ? "" : "; ") + faults();
  append_list(text, "new", fresh);
  append_list(text, "new in place of another shape", replaced);
  append_list(text, "left out as another model's head", other_heads);
  append_list(text, "not tied", untied);
  append_list(text, "tied", tied);
  append_list(text, "ignored", ignored);
  append_list(text, "config keys not used", unmodelled, 12);
  return escaped(text);
}

StateDict state_dict(const torch::nn::Module& module) {
  StateDict result;
  for (const auto& item : tensors_of(module)) result.insert(item.names.front(), item.tensor.detach());
  return result;
}

LoadReport load_state_dict(torch::nn::Module& module, const StateDict& tensors, const LoadOptions& options) {
  const torch::NoGradGuard no_grad;
  LoadReport report;
  std::vector<std::pair<torch::Tensor, torch::Tensor>> assignments;  // module's tensor <- file's tensor
  std::set<std::string> known;
  const auto may_be_fresh = [&](const std::string& name) { return options.may_be_fresh && options.may_be_fresh(name); };
  for (const NamedTensor& target : tensors_of(module)) {
    known.insert(target.names.begin(), target.names.end());
    const torch::Tensor* source = nullptr;
    for (const std::string& name : target.names) {
      const torch::Tensor* found = tensors.find(name);
      if (found != nullptr && source != nullptr) report.ignored.push_back(name);
      if (source == nullptr) source = found;
    }
    const std::string& name = target.names.front();
    if (source == nullptr) {
      (may_be_fresh(name) ? report.fresh : report.missing).push_back(name);
    } else if (source->sizes() != target.tensor.sizes()) {
      (may_be_fresh(name) ? report.replaced : report.wrong_shape)
          .push_back(fmt::format("{}: file {}, model {}", name, shape_text(*source), shape_text(target.tensor)));
    } else if (source->is_floating_point() != target.tensor.is_floating_point()) {
      report.wrong_shape.push_back(fmt::format("{}: file {}, model {}", name, c10::toString(source->scalar_type()),
                                               c10::toString(target.tensor.scalar_type())));
    } else {
      assignments.emplace_back(target.tensor, *source);
    }
  }
  for (const auto& item : tensors) {
    if (known.count(item.key()) == 0) report.unexpected.push_back(item.key());
  }
  if (options.strict && !report.ok()) {
    throw std::runtime_error("the weights do not fit the model: " + report.faults());
  }

  std::set<const void*> adopted;
  for (auto& [target, source] : assignments) {
    const auto dtype = options.dtype && target.is_floating_point() ? *options.dtype : target.scalar_type();
    if (!options.share_memory && dtype == target.scalar_type()) {
      target.copy_(source);
      continue;
    }
    torch::Tensor value = source.detach().to(target.device(), dtype).contiguous();
    const void* storage = value.storage().unsafeGetStorageImpl();
    if (!options.share_memory && value.is_alias_of(source)) value = value.clone();
    if (options.share_memory && !adopted.insert(storage).second) value = value.clone();
    target.set_data(value);
  }
  return report;
}

}  // namespace langzoo
