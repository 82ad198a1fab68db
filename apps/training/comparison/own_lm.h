/// A language model of your own, beside ours: a torch::nn::Module whose forward() turns ids into logits, and a function
/// that makes one.
///
///     struct BagImpl : torch::nn::Module {
///       BagImpl(int64_t vocab_size, int64_t width) { ... }
///       torch::Tensor forward(const torch::Tensor& ids) { return out(mean_so_far(embedding(ids))); }  // (B,T,V)
///     };
///     comparison.add(langzoo::own_lm("bag", [](int64_t vocab_size, int64_t context) {
///       return std::make_shared<BagImpl>(vocab_size, 64);
///     }));
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/comparison/comparison_task.h"
#include "models/causal_lm.h"

namespace langzoo {

/// What ids (B,T) int64 become: logits (B,T,V), those of t of ids[..t] alone.
using LmForward = std::function<torch::Tensor(const torch::Tensor& ids)>;

/// `module` as a language model that reads `context` tokens at once, to generate which it computes them anew for each.
std::shared_ptr<CausalLm> forward_lm(std::shared_ptr<torch::nn::Module> module, LmForward forward,
                                     std::int64_t vocab_size, std::int64_t context);

/// `make(vocab_size, context)` gives a std::shared_ptr of the class. `flops_per_token` is forward and backward, a
/// multiply-add being two; 0: not known, and then it takes no budget of FLOPs.
template <class Make>
OwnLm own_lm(std::string name, Make make, double flops_per_token = 0) {
  return {std::move(name),
          [make = std::move(make)](std::int64_t vocab_size, std::int64_t context) {
            auto module = make(vocab_size, context);
            return forward_lm(
                module, [raw = module.get()](const torch::Tensor& ids) { return raw->forward(ids); }, vocab_size,
                context);
          },
          flops_per_token};
}

/// One that `own` made and save_pretrained() has written. Throws FileError.
std::shared_ptr<CausalLm> load_own_lm(const OwnLm& own, const std::filesystem::path& dir);

}  // namespace langzoo
