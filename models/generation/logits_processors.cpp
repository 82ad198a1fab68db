#include "models/generation/logits_processors.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <utility>

namespace langzoo {
namespace {

using torch::Tensor;
using Ids = std::vector<std::int32_t>;

constexpr double kDrop = -std::numeric_limits<double>::infinity();

Tensor to_tensor(const std::vector<std::int64_t>& values, torch::Device device) {
  return at::tensor(values, at::kLong).to(device);
}
Tensor to_tensor(const Ids& ids, torch::Device device) {
  return to_tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), device);
}

/// `logits`, and `changed` in those rows for whose prompt lengths `holds` does.
Tensor change_rows(const Tensor& logits, const DecodingRows& rows, const std::function<bool(std::int64_t)>& holds,
                   const std::function<Tensor()>& changed) {
  std::vector<std::int64_t> chosen;
  for (const auto source : rows.sources) chosen.push_back(holds(rows.prompt_lengths[source]) ? 1 : 0);
  const auto count = std::count(chosen.begin(), chosen.end(), 1);
  if (count == 0) return logits;
  if (count == std::ssize(chosen)) return changed();
  return at::where(to_tensor(chosen, logits.device()).unsqueeze(1) != 0, changed(), logits);
}

/// `ids` alone may come, and cost nothing.
Tensor force(const Tensor& logits, const Tensor& ids) {
  return at::full_like(logits, kDrop).index_fill_(1, ids, 0);
}

class RepetitionPenalty : public LogitsProcessor {
 public:
  explicit RepetitionPenalty(double penalty) : penalty_(penalty) {}
  Tensor process(const Tensor& logits, const DecodingRows& rows) const override {
    return penalize_repetition(logits, rows.ids, rows.mask, penalty_);
  }

 private:
  double penalty_;
};

class NoRepeatNgram : public LogitsProcessor {
 public:
  explicit NoRepeatNgram(std::int64_t n) : n_(n) {}
  Tensor process(const Tensor& logits, const DecodingRows& rows) const override {
    return ban_repeated_ngrams(logits, rows.ids, rows.mask, n_);
  }

 private:
  std::int64_t n_;
};

/// A word's last token must not follow the others. Words of one length are looked for together.
class NoBadWords : public LogitsProcessor {
 public:
  NoBadWords(const std::vector<Ids>& words, torch::Device device) {
    std::map<std::size_t, std::pair<std::vector<std::int64_t>, Ids>> by_length;  // all but the last tokens, the last
    for (const auto& word : words) {
      auto& [beginnings, last] = by_length[word.size()];
      beginnings.insert(beginnings.end(), word.begin(), word.end() - 1);
      last.push_back(word.back());
    }
    for (const auto& [length, group] : by_length) {
      const auto& [beginnings, last] = group;
      const auto count = std::ssize(last), before = static_cast<std::int64_t>(length) - 1;
      groups_.push_back({to_tensor(beginnings, device).view({count, before}), to_tensor(last, device)});
    }
  }

  Tensor process(const Tensor& logits, const DecodingRows& rows) const override {
    auto result = logits;
    for (const auto& [beginnings, last] : groups_) {
      const auto before = beginnings.size(1);
      if (before == 0) {
        result = result.index_fill(1, last, kDrop);
        continue;
      }
      const auto begin = rows.ids.size(1) - before;
      if (begin < 0) continue;
      const auto held = rows.ids.narrow(1, begin, before).unsqueeze(1);                           // (R,1,n)
      const auto found = (held == beginnings).all(2).logical_and(rows.mask.narrow(1, begin, 1));  // (R,W)
      // 0 or -inf is added to the logit, so that a word that may come cannot lift another's ban.
      const auto penalty = at::zeros(found.sizes(), logits.options()).masked_fill_(found, kDrop);
      result = result.index_add(1, last, penalty);
    }
    return result;
  }

  bool reads_ids() const override {
    return std::any_of(groups_.begin(), groups_.end(), [](const auto& group) { return group.beginnings.size(1) > 0; });
  }

 private:
  struct Group {
    Tensor beginnings;  ///< (W,n)
    Tensor last;        ///< (W)
  };
  std::vector<Group> groups_;
};

/// No end token before `min_length` tokens of prompt and text together.
class MinLength : public LogitsProcessor {
 public:
  MinLength(std::int64_t min_length, Tensor eos) : min_length_(min_length), eos_(std::move(eos)) {}
  Tensor process(const Tensor& logits, const DecodingRows& rows) const override {
    return change_rows(
        logits, rows, [&](std::int64_t prompt) { return prompt + rows.new_tokens < min_length_; },
        [&] { return logits.index_fill(1, eos_, kDrop); });
  }
  bool reads_ids() const override { return false; }

 private:
  std::int64_t min_length_;
  Tensor eos_;
};

class MinNewTokens : public LogitsProcessor {
 public:
  MinNewTokens(std::int64_t min_new_tokens, Tensor eos) : min_new_tokens_(min_new_tokens), eos_(std::move(eos)) {}
  Tensor process(const Tensor& logits, const DecodingRows& rows) const override {
    return rows.new_tokens < min_new_tokens_ ? logits.index_fill(1, eos_, kDrop) : logits;
  }
  bool reads_ids() const override { return false; }

 private:
  std::int64_t min_new_tokens_;
  Tensor eos_;
};

/// Where a row's prefix goes on, its next token alone keeps its probability.
class PrefixConstraint : public LogitsProcessor {
 public:
  explicit PrefixConstraint(std::vector<Ids> prefixes) : prefixes_(std::move(prefixes)) {
    for (const auto& prefix : prefixes_) longest_ = std::max(longest_, std::ssize(prefix));
  }
  Tensor process(const Tensor& logits, const DecodingRows& rows) const override {
    if (rows.new_tokens >= longest_) return logits;
    std::vector<std::int64_t> forced;
    for (const auto source : rows.sources) {
      const auto& prefix = prefixes_[source];
      forced.push_back(rows.new_tokens < std::ssize(prefix) ? prefix[rows.new_tokens] : -1);
    }
    const auto token = to_tensor(forced, logits.device()).unsqueeze(1);  // (R,1)
    const auto index = token.clamp_min(0);
    const auto only = at::full_like(logits, kDrop).scatter_(1, index, rows.unprocessed.gather(1, index));
    return at::where(token >= 0, only, logits);
  }
  bool reads_ids() const override { return false; }

 private:
  std::vector<Ids> prefixes_;
  std::ptrdiff_t longest_ = 0;
};

class ForcedBos : public LogitsProcessor {
 public:
  explicit ForcedBos(Tensor bos) : bos_(std::move(bos)) {}
  Tensor process(const Tensor& logits, const DecodingRows& rows) const override {
    if (rows.new_tokens > 0) return logits;
    return change_rows(
        logits, rows, [](std::int64_t prompt) { return prompt == 1; }, [&] { return force(logits, bos_); });
  }
  bool reads_ids() const override { return false; }

 private:
  Tensor bos_;
};

class ForcedEos : public LogitsProcessor {
 public:
  ForcedEos(std::int64_t max_new_tokens, Tensor eos) : max_new_tokens_(max_new_tokens), eos_(std::move(eos)) {}
  Tensor process(const Tensor& logits, const DecodingRows& rows) const override {
    return rows.new_tokens == max_new_tokens_ - 1 ? force(logits, eos_) : logits;
  }
  bool reads_ids() const override { return false; }

 private:
  std::int64_t max_new_tokens_;
  Tensor eos_;
};

class SuppressTokens : public LogitsProcessor {
 public:
  explicit SuppressTokens(Tensor tokens) : tokens_(std::move(tokens)) {}
  Tensor process(const Tensor& logits, const DecodingRows&) const override {
    return logits.index_fill(1, tokens_, kDrop);
  }
  bool reads_ids() const override { return false; }

 private:
  Tensor tokens_;
};

class SuppressTokensAtBegin : public LogitsProcessor {
 public:
  SuppressTokensAtBegin(Tensor tokens, bool after_forced_bos)
      : tokens_(std::move(tokens)), after_forced_bos_(after_forced_bos) {}
  Tensor process(const Tensor& logits, const DecodingRows& rows) const override {
    if (rows.new_tokens > 1) return logits;
    return change_rows(
        logits, rows,
        [&](std::int64_t prompt) { return rows.new_tokens == (after_forced_bos_ && prompt == 1 ? 1 : 0); },
        [&] { return logits.index_fill(1, tokens_, kDrop); });
  }
  bool reads_ids() const override { return false; }

 private:
  Tensor tokens_;
  bool after_forced_bos_;
};

class Renormalize : public LogitsProcessor {
 public:
  Tensor process(const Tensor& logits, const DecodingRows&) const override { return logits.log_softmax(1); }
  bool reads_ids() const override { return false; }
};

}  // namespace

LogitsProcessors logits_processors(const DecodingOptions& options, const Tensor& logits) {
  const auto vocabulary = logits.size(1);
  const auto device = logits.device();
  options.check_vocabulary(vocabulary);
  LogitsProcessors list;
  const auto add = [&]<typename Processor>(Processor processor) {
    list.push_back(std::make_shared<Processor>(std::move(processor)));
  };
  Ids ends;  // those that could come
  for (const auto id : options.eos_token_ids) {
    if (id < vocabulary) ends.push_back(id);
  }
  std::vector<Ids> words;
  for (const auto& word : options.bad_words_ids) {
    const bool is_end = word.size() == 1 && std::find(ends.begin(), ends.end(), word[0]) != ends.end();
    if (!is_end) words.push_back(word);
  }
  const auto eos = to_tensor(ends, device);
  if (options.repetition_penalty != 1) add(RepetitionPenalty(options.repetition_penalty));
  if (options.no_repeat_ngram_size > 0) add(NoRepeatNgram(options.no_repeat_ngram_size));
  if (!words.empty()) add(NoBadWords(words, device));
  if (options.min_new_tokens > 0 && !ends.empty()) {
    add(MinNewTokens(options.min_new_tokens, eos));
  } else if (options.min_length > 0 && !ends.empty()) {
    add(MinLength(options.min_length, eos));
  }
  if (!options.prefixes.empty()) add(PrefixConstraint(options.prefixes));
  if (options.forced_bos_token_id) add(ForcedBos(to_tensor(Ids{*options.forced_bos_token_id}, device)));
  if (!options.forced_eos_token_id.empty()) {
    add(ForcedEos(options.max_new_tokens, to_tensor(options.forced_eos_token_id, device)));
  }
  if (!options.suppress_tokens.empty()) add(SuppressTokens(to_tensor(options.suppress_tokens, device)));
  if (!options.begin_suppress_tokens.empty()) {
    add(SuppressTokensAtBegin(to_tensor(options.begin_suppress_tokens, device),
                              options.forced_bos_token_id.has_value()));
  }
  list.insert(list.end(), options.processors.begin(), options.processors.end());
  if (options.renormalize_logits) add(Renormalize());
  return list;
}

Tensor penalize_repetition(const Tensor& logits, const Tensor& ids, const Tensor& mask, double penalty) {
  // Padding is replaced by the row's last token, which is real: duplicates write the same value.
  const auto held = at::where(mask, ids, ids.narrow(1, ids.size(1) - 1, 1));  // (R,S)
  const auto score = logits.gather(1, held);
  return logits.scatter(1, held, at::where(score < 0, score * penalty, score / penalty));
}

Tensor ban_repeated_ngrams(const Tensor& logits, const Tensor& ids, const Tensor& mask, std::int64_t n) {
  const auto length = ids.size(1);
  if (length < n) return logits;
  const auto windows = ids.unfold(1, n, 1);         // (R,S-n+1,n)
  auto banned = mask.narrow(1, 0, length - n + 1);  // windows that begin after the padding
  if (n > 1) {
    const auto begin = length - n + 1;
    const auto suffix = ids.narrow(1, begin, n - 1).unsqueeze(1);  // (R,1,n-1)
    const auto repeats = (windows.narrow(2, 0, n - 1) == suffix).all(2);
    banned = banned.logical_and(repeats).logical_and(mask.narrow(1, begin, 1));
  }
  const auto last = windows.select(2, n - 1);  // (R,S-n+1)
  // 0 or -inf is added to the logit, so that an n-gram that may be completed cannot lift another's ban.
  const auto penalty = at::zeros({}, logits.options()).masked_fill(banned, kDrop);
  return logits.scatter_add(1, last, penalty);
}

}  // namespace langzoo
