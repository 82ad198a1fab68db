#include "apps/training/tasks/prompting.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/embedded_presets.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "models/generation/stop_strings.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// Logits that are held at once, in numbers.
constexpr std::int64_t kLogitsAtOnce = std::int64_t{1} << 25;
/// Questions that say nothing (Zhao et al. 2021, section 5).
constexpr std::string_view kContentFree[] = {"N/A", "[MASK]", ""};

std::int64_t characters_of(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

/// What a row reads: all but its last token.
std::size_t length_of(const Continuation& row) {
  return row.context.size() + row.tokens.size() - 1;
}
TokenId token_at(const Continuation& row, std::size_t at) {
  return at < row.context.size() ? row.context[at] : row.tokens[at - row.context.size()];
}

/// Tokens with which both contexts begin, before the last of each.
std::size_t shared_tokens(const Continuation& a, const Continuation& b) {
  const auto most = std::min(a.context.size(), b.context.size()) - 1;
  const auto end = a.context.begin() + static_cast<std::ptrdiff_t>(most);
  return static_cast<std::size_t>(std::mismatch(a.context.begin(), end, b.context.begin()).first - a.context.begin());
}

/// Rows that are read together: what they share once, the rest of each by itself, filled up on the right.
class RowGroup {
 public:
  explicit RowGroup(std::span<const Continuation> rows)
      : rows_(rows.first(1)), shared_(rows_[0].context.size() - 1), most_(length_of(rows_[0])) {}

  /// This and the row behind it.
  RowGroup with(std::span<const Continuation> all) const {
    auto group = *this;
    const auto& next = all[rows_.size()];
    group.rows_ = all.first(rows_.size() + 1);
    group.shared_ = std::min(shared_, shared_tokens(rows_[0], next));
    group.most_ = std::max(most_, length_of(next));
    return group;
  }
  std::size_t size() const { return rows_.size(); }
  /// Tokens that are computed, padding among them.
  std::size_t cost() const { return shared_ + tails(); }
  std::size_t tails() const { return rows_.size() * (most_ - shared_); }

  void score(CausalLm& model, torch::Device device, double* logprobs) const {
    const auto rows = std::ssize(rows_), longest = static_cast<std::int64_t>(most_ - shared_);
    const auto prefix = static_cast<std::int64_t>(shared_);
    auto ids = torch::zeros({rows, longest}, torch::kInt64);
    auto targets = torch::full({rows, longest}, -1, torch::kInt64);
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto& row = rows_[static_cast<std::size_t>(r)];
      auto* const id = ids.data_ptr<std::int64_t>() + r * longest;
      auto* const target = targets.data_ptr<std::int64_t>() + r * longest;
      for (auto at = shared_; at < length_of(row); ++at) {
        id[at - shared_] = token_at(row, at);
        if (at + 1 >= row.context.size()) target[at - shared_] = token_at(row, at + 1);
      }
    }
    const auto mask = torch::ones({prefix > 0 ? 1 : rows, prefix > 0 ? prefix : longest}, torch::kBool).to(device);
    const auto step = model.start(mask, prefix + longest);
    if (prefix > 0) {
      auto shared = torch::empty({1, prefix}, torch::kInt64);
      for (std::int64_t at = 0; at < prefix; ++at)
        shared[0][at] = token_at(rows_.front(), static_cast<std::size_t>(at));
      step->step(shared.to(device));
      step->reorder(torch::zeros({rows}, torch::kInt64).to(device));
    }
    const auto logits = step->all_logits(ids.to(device));  // (R,L,V)
    const auto wanted = targets.to(device);
    const auto chosen = logits.gather(2, wanted.clamp_min(0).unsqueeze(2)).squeeze(2) - logits.logsumexp(2);
    const auto sums = chosen.to(torch::kFloat64).masked_fill(wanted < 0, 0).sum(1).to(torch::kCPU).contiguous();
    std::copy_n(sums.const_data_ptr<double>(), rows, logprobs);
  }

 private:
  std::span<const Continuation> rows_;
  std::size_t shared_, most_;  ///< tokens that all share, and the longest row reads
};

void check_length(const Continuation& row, const CausalLm& model) {
  const auto most = model.n_positions();
  if (most == 0 || static_cast<std::int64_t>(length_of(row)) <= most) return;
  throw std::runtime_error(
      fmt::format("prompt and choice have {} tokens, but the model's context is {}", length_of(row) + 1, most));
}

/// Runs `function`; what it throws names the item's line.
template <class Function>
auto at_item(const PromptExample& item, const Function& function) {
  try {
    return function();
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("line {}: {}", item.line, error.what()));
  }
}

/// Those that the tokenizer can write: one of characters may not know all of them.
std::vector<std::string_view> content_free_texts(const Tokenizer& tokenizer) {
  std::vector<std::string_view> texts;
  for (const auto text : kContentFree) {
    try {
      std::vector<TokenId> ids;
      tokenizer.encode(text, ids);
      texts.push_back(text);
    } catch (const std::runtime_error&) {
    }
  }
  return texts;
}

}  // namespace

std::vector<std::string> shipped_prompt_tasks() {
  std::vector<std::string> names;
  for (const auto& [program, name, json] : kEmbeddedPresets) {
    if (program == kPromptTasks) names.emplace_back(name);
  }
  return names;
}

PromptTask find_prompt_task(const std::string& name) {
  if (std::filesystem::exists(name)) return read_prompt_task(name);
  for (const auto& shipped : kEmbeddedPresets) {
    if (shipped.program == kPromptTasks && shipped.name == name) return parse_prompt_task(shipped.json, name);
  }
  throw FileError(name, fmt::format("does not exist; tasks that ship are {}", fmt::join(shipped_prompt_tasks(), ", ")));
}

Continuation encode_continuation(const Tokenizer& tokenizer, std::string_view context, std::string_view text) {
  const auto end = context.find_last_not_of(" \t\r\n\v\f");
  const auto kept = end == std::string_view::npos ? 0 : end + 1;
  const auto continued = std::string(context.substr(kept)) + std::string(text);
  context = context.substr(0, kept);
  Continuation row;
  if (context.empty()) {
    const auto& special = tokenizer.special_tokens();
    if (!special.bos && !special.eos)
      throw ConfigError("the prompt is empty, and the model has no token to begin with");
    row.context.push_back(special.bos ? *special.bos : *special.eos);
    tokenizer.encode(continued, row.tokens);
    return row;
  }
  tokenizer.encode(context, row.context);
  std::vector<TokenId> whole;
  tokenizer.encode(std::string(context) + continued, whole);
  row.tokens.assign(whole.begin() + std::min(std::ssize(row.context), std::ssize(whole)), whole.end());
  return row;
}

std::vector<double> log_probabilities(CausalLm& model, std::span<const Continuation> rows, torch::Device device) {
  const c10::InferenceMode inference;
  std::vector<double> logprobs(rows.size());
  for (const auto& row : rows) check_length(row, model);
  const auto most_tails = static_cast<std::size_t>(std::max<std::int64_t>(1, kLogitsAtOnce / model.vocab_size()));
  for (std::size_t begin = 0; begin < rows.size();) {
    if (rows[begin].tokens.empty()) {  // certain
      ++begin;
      continue;
    }
    const auto left = rows.subspan(begin);
    RowGroup group(left);
    // Another row joins while that costs less than a group of its own.
    while (group.size() < left.size() && !left[group.size()].tokens.empty()) {
      const auto more = group.with(left);
      if (more.tails() > most_tails || more.cost() > group.cost() + length_of(left[group.size()])) break;
      group = more;
    }
    group.score(model, device, &logprobs[begin]);
    begin += group.size();
  }
  return logprobs;
}

std::size_t best_choice(std::span<const ScoredChoice> choices, ChoiceScore score, bool calibrate) {
  const auto value = [&](const ScoredChoice& choice) {
    const auto per = [&](std::int64_t units) {
      return choice.logprob / static_cast<double>(std::max<std::int64_t>(1, units));
    };
    const auto calibration = calibrate ? std::log(std::max(choice.content_free, 1e-30)) : 0.0;
    switch (score) {
      case ChoiceScore::kToken:
        return per(choice.tokens) - calibration;
      case ChoiceScore::kChar:
        return per(choice.characters) - calibration;
      case ChoiceScore::kByte:
        return per(choice.bytes) - calibration;
      case ChoiceScore::kUnconditional:
        return choice.logprob - choice.unconditional - calibration;
      default:
        return choice.logprob - calibration;
    }
  };
  std::size_t best = 0;
  for (std::size_t i = 1; i < choices.size(); ++i) {
    if (value(choices[i]) > value(choices[best])) best = i;
  }
  return best;
}

void answer_by_choice(const LoadedLm& lm, const Prompts& prompts, std::span<const PromptExample> items,
                      const ChoiceOptions& options, const std::function<void(const ChosenItem&)>& visit) {
  const auto& tokenizer = *lm.tokenizer;
  const bool unconditional = options.score == ChoiceScore::kUnconditional;
  std::map<std::vector<TokenId>, double> known;  // ln P(tokens | "Answer:")
  const auto content_free = options.calibrate ? content_free_texts(tokenizer) : std::vector<std::string_view>();
  constexpr std::size_t kItemsAtOnce = 32;
  for (std::size_t begin = 0; begin < items.size(); begin += kItemsAtOnce) {
    const auto batch = items.subspan(begin, std::min(kItemsAtOnce, items.size() - begin));
    std::vector<ChosenItem> chosen;
    std::vector<Continuation> rows, free, bare;
    for (const auto& item : batch) {
      auto& made = chosen.emplace_back();
      at_item(item, [&] {
        made.prompt = prompts.prompt(item);
        made.answer = static_cast<std::size_t>(item.choice);
        for (const auto& text : item.choices) {
          rows.push_back(encode_continuation(tokenizer, made.prompt, text));
          check_length(rows.back(), *lm.model);
          made.choices.push_back({.text = text,
                                  .tokens = std::ssize(rows.back().tokens),
                                  .bytes = std::ssize(text),
                                  .characters = characters_of(text)});
          if (unconditional) {
            bare.push_back({{}, rows.back().tokens});
            tokenizer.encode("Answer:", bare.back().context);
          }
        }
        if (!options.calibrate) return;
        for (const auto nothing : content_free) {
          const auto prompt = prompts.content_free_prompt(item, nothing);
          for (const auto& text : item.choices) {
            free.push_back(encode_continuation(tokenizer, prompt, text));
            check_length(free.back(), *lm.model);
          }
        }
      });
    }
    const auto logprobs = log_probabilities(*lm.model, rows, lm.device);
    const auto of_free = log_probabilities(*lm.model, free, lm.device);
    std::erase_if(bare, [&](const Continuation& row) { return !known.emplace(row.tokens, 0).second; });
    const auto of_bare = log_probabilities(*lm.model, bare, lm.device);
    for (std::size_t i = 0; i < bare.size(); ++i) known[bare[i].tokens] = of_bare[i];

    std::size_t row = 0, free_row = 0;
    for (auto& item : chosen) {
      auto& choices = item.choices;
      for (std::size_t c = 0; c < choices.size(); ++c, ++row) {
        choices[c].logprob = logprobs[row];
        if (unconditional) choices[c].unconditional = known.at(rows[row].tokens);
      }
      for (std::size_t nothing = 0; nothing < content_free.size(); ++nothing) {
        double sum = 0;
        for (std::size_t c = 0; c < choices.size(); ++c) sum += std::exp(of_free[free_row + c]);
        for (auto& choice : choices)
          choice.content_free += sum > 0
                                     ? std::exp(of_free[free_row++]) / sum / static_cast<double>(content_free.size())
                                     : (++free_row, 0);
      }
      item.predicted = best_choice(choices, options.score, options.calibrate);
      visit(item);
    }
  }
}

namespace {

/// Without the blanks at its end, which are the first thing to write: they are a word's in most vocabularies.
std::string_view without_blanks(std::string_view prompt) {
  const auto last = prompt.find_last_not_of(' ');
  return last == std::string_view::npos ? prompt : prompt.substr(0, last + 1);
}

/// The texts that follow prompts, `samples` of each next to each other. `reserved` tokens of the model's context stay
/// free behind them. A prompt that leaves no room for all new tokens does not shorten what its neighbours write.
std::vector<std::string> continue_prompts(const LoadedLm& lm, const std::vector<std::string>& prompts,
                                          const FreeOptions& options, std::int64_t samples, std::int64_t max_new_tokens,
                                          double temperature, std::int64_t reserved, std::size_t first,
                                          const std::function<std::string(std::size_t)>& where) {
  const c10::InferenceMode inference;
  const auto most = lm.model->n_positions();
  const auto room = [&](std::size_t tokens) {
    return most == 0 ? max_new_tokens
                     : std::min(max_new_tokens, most + 1 - static_cast<std::int64_t>(tokens) - reserved);
  };
  std::vector<std::vector<TokenId>> ids;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    try {
      ids.push_back(encode_prompt(std::string(without_blanks(prompts[i])), lm));
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(where(i) + error.what());
    }
    if (room(ids.back().size()) < 1)
      throw std::runtime_error(
          fmt::format("{}the prompt has {} tokens, and the answer after its chain {}: the model's "
                      "context of {} has no room for a chain",
                      where(i), ids.back().size(), reserved, most));
  }
  GenerateOptions generation;
  generation.num_return_sequences = samples;
  generation.eos_token_ids = lm.model->end_tokens();
  generation.sampling.temperature = temperature;
  generation.seed = options.seed;
  const auto decode = [&](std::span<const TokenId> given) { return lm.tokenizer->decode_generated(given, true); };
  std::vector<StopStrings> rows(prompts.size() * static_cast<std::size_t>(samples),
                                StopStrings({options.separator}, decode));
  for (std::size_t begin = 0, end = 0; begin < ids.size(); begin = end) {
    auto shortest = ids[begin].size(), longest = shortest;
    for (end = begin + 1; end < ids.size(); ++end) {
      shortest = std::min(shortest, ids[end].size());
      const auto widest = std::max(longest, ids[end].size());
      if (static_cast<std::int64_t>(end - begin) == options.batch_size || room(widest) < room(shortest)) break;
      longest = widest;
    }
    generation.max_new_tokens = room(longest);
    generation.first_sequence = first + begin;
    auto padded = pad_left(std::span(ids).subspan(begin, end - begin), 0);
    padded.ids = padded.ids.to(lm.device), padded.mask = padded.mask.to(lm.device);
    const auto step = lm.model->start(padded.mask, padded.ids.size(1) + generation.max_new_tokens - 1);
    const auto before = begin * static_cast<std::size_t>(samples);
    generate(*step, padded, generation, [&](std::size_t row, TokenId id) { return rows[before + row].append(id); });
  }
  std::vector<std::string> texts;
  for (auto& row : rows) {
    row.finish();
    auto text = row.text();
    const auto& prompt = prompts[texts.size() / static_cast<std::size_t>(samples)];
    for (auto blanks = prompt.size() - without_blanks(prompt).size(); blanks > 0 && text.starts_with(' '); --blanks)
      text.erase(0, 1);
    texts.push_back(std::move(text));
  }
  return texts;
}

/// Prompt and what follows it, a blank between words.
std::string joined(const std::string& prompt, std::string_view text) {
  const bool blank = prompt.empty() || prompt.find_last_of(" \n\t") == prompt.size() - 1;
  return prompt + (blank ? "" : " ") + std::string(text);
}

}  // namespace

void answer_freely(const LoadedLm& lm, const Prompts& prompts, std::span<const PromptExample> items,
                   const FreeOptions& options, const std::function<void(const FreeItem&)>& visit) {
  const auto samples = static_cast<std::size_t>(options.samples);
  const auto at_once = static_cast<std::size_t>(options.batch_size);
  std::int64_t reserved = 0;  // after a chain without shots the answer is asked for
  if (options.chain == Chain::kZeroShot)
    reserved = options.max_answer_tokens +
               std::ssize(encode_prompt("\n" + std::string(chain_answer_trigger(options.kind)), lm));
  for (std::size_t begin = 0; begin < items.size(); begin += at_once) {
    const auto batch = items.subspan(begin, std::min(at_once, items.size() - begin));
    const auto where = [&](std::size_t i) { return fmt::format("line {}: ", batch[i].line); };
    std::vector<std::string> texts;
    for (const auto& item : batch) {
      at_item(item, [&] { texts.push_back(prompts.prompt(item)); });
      if (options.chain == Chain::kZeroShot) texts.back() = joined(texts.back(), kChainTrigger);
    }
    auto written = continue_prompts(lm, texts, options, options.samples, options.max_new_tokens, options.temperature,
                                    reserved, begin, where);
    std::vector<std::string> chains;
    if (options.chain != Chain::kNone) chains = written;
    if (options.chain == Chain::kZeroShot) {
      std::vector<std::string> asked;
      for (std::size_t i = 0; i < written.size(); ++i)
        asked.push_back(texts[i / samples] + written[i] + "\n" + std::string(chain_answer_trigger(options.kind)));
      written = continue_prompts(lm, asked, options, 1, options.max_answer_tokens, /*temperature=*/0, /*reserved=*/0,
                                 begin * samples, [&](std::size_t i) { return where(i / samples); });
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      FreeItem item;
      item.prompt = texts[i];
      item.answer = batch[i].answer;
      for (std::size_t sample = i * samples; sample < (i + 1) * samples; ++sample) {
        item.texts.push_back(written[sample]);
        if (!chains.empty()) item.chains.push_back(chains[sample]);
        // What was asked for begins with it: a trigger that the text repeats is no nearer.
        const auto text =
            options.chain == Chain::kZeroShot ? std::string(kAnswerTrigger) + " " + written[sample] : written[sample];
        item.extracted.push_back(extract_answer(text, options.kind));
      }
      item.predicted = majority_answer(item.extracted, options.kind);
      item.right = same_answer(item.predicted, item.answer, options.kind);
      visit(item);
    }
  }
}

Accuracy accuracy_over(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  const auto mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  if (values.size() < 2) return {mean, mean, mean};
  double squares = 0;
  for (const auto value : values) squares += (value - mean) * (value - mean);
  const auto margin = 1.959964 * std::sqrt(squares / (count - 1) / count);
  return {mean, std::max(mean - margin, 0.0), std::min(mean + margin, 1.0)};
}

}  // namespace langzoo
