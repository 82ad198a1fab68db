#include "tokenizers/regex.h"

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "tokenizers/regex_syntax.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr std::size_t kMaxPatternLength = std::size_t{1} << 16;

// A call of PCRE2 looks for matches that begin at one of kStarts bytes and may backtrack kQuickLimit times at each.
// Only where that is too little it gets more, in proportion to the text: hostile patterns must not cost quick ones.
constexpr std::size_t kStarts = 1024;
constexpr std::uint32_t kQuickLimit = 10'000;
constexpr std::uint32_t kMaxLimit = 10'000'000;
constexpr std::uint32_t kLimitPerByte = 64;
constexpr std::size_t kCallsPerClock = 16;
constexpr std::uint32_t kHeapKib = 64 << 10;  // of the interpreter, which goes on where the JIT's stack ends
constexpr std::size_t kJitStack = std::size_t{1} << 20;

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

template <class T, void (*release)(T*)>
struct Release {
  void operator()(T* object) const { release(object); }
};
template <class T, void (*release)(T*)>
using Handle = std::unique_ptr<T, Release<T, release>>;

template <class T>
T* or_throw(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

/// What a thread matches with.
struct Matcher {
  Handle<pcre2_match_data, pcre2_match_data_free> data{or_throw(pcre2_match_data_create(1, nullptr))};
  Handle<pcre2_match_context, pcre2_match_context_free> context{or_throw(pcre2_match_context_create(nullptr))};
  Handle<pcre2_jit_stack, pcre2_jit_stack_free> stack{or_throw(pcre2_jit_stack_create(32 << 10, kJitStack, nullptr))};

  Matcher() {
    pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    pcre2_set_heap_limit(context.get(), kHeapKib);
  }
};

Matcher& matcher() {
  thread_local Matcher matcher;
  return matcher;
}

}  // namespace

struct Regex::Code {
  Handle<pcre2_code, pcre2_code_free> compiled;

  /// PCRE2's answer for a match that begins in [from, from + starts).
  int match(std::string_view text, std::size_t from, std::size_t starts, std::uint32_t limit) const {
    Matcher& with = matcher();
    pcre2_set_offset_limit(with.context.get(), from + starts - 1);
    pcre2_set_match_limit(with.context.get(), limit);
    const auto run = [&](std::uint32_t options) {
      return pcre2_match(compiled.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                         PCRE2_NO_UTF_CHECK | options, with.data.get(), with.context.get());
    };
    const int found = run(0);
    return found == PCRE2_ERROR_JIT_STACKLIMIT ? run(PCRE2_NO_JIT) : found;
  }
};

Regex::Regex(std::string_view pattern) : pattern_(pattern) {
  const auto fail = [&](const std::string& reason) {
    const std::string_view shown = std::string_view(pattern_).substr(0, 200);
    throw std::invalid_argument(
        sanitize_utf8(fmt::format("the regular expression '{}' cannot be used: {}", escaped(shown), escaped(reason))));
  };
  if (pattern.size() > kMaxPatternLength) fail(fmt::format("longer than {} bytes", kMaxPatternLength));
  std::string translated;
  try {
    translated = to_pcre2_syntax(pattern);
  } catch (const std::invalid_argument& error) {
    fail(error.what());
  }
  const Handle<pcre2_compile_context, pcre2_compile_context_free> context(
      or_throw(pcre2_compile_context_create(nullptr)));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE at = 0;
  constexpr std::uint32_t options =
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_USE_OFFSET_LIMIT | PCRE2_NEVER_BACKSLASH_C;
  Handle<pcre2_code, pcre2_code_free> code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()),
                                                         translated.size(), options, &error, &at, context.get()));
  if (!code) fail(fmt::format("{} (after '{}')", message_of(error), std::string_view(translated).substr(0, at)));
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // where there is no JIT, the interpreter matches
  code_ = std::make_unique<const Code>(Code{std::move(code)});
}

Regex::~Regex() = default;
Regex::Regex(Regex&& other) noexcept = default;
Regex& Regex::operator=(Regex&& other) noexcept = default;

Regex::Matches Regex::matches(std::string_view text) const {
  return {*this, text};
}

std::optional<Offset> Regex::Matches::next() {
  while (from_ <= text_.size() && !text_.empty()) {
    const auto match = search();
    if (!match) break;
    if (match->begin == match->end && last_end_ == match->end) {
      from_ += from_ < text_.size() ? decode_utf8(text_, from_).length : 1;
      continue;
    }
    from_ = match->end;
    last_end_ = match->end;
    return match;
  }
  from_ = text_.size() + 1;
  return {};
}

std::optional<Offset> Regex::Matches::search() {
  const auto character_begins = [&](std::size_t at) {
    return at >= text_.size() || (static_cast<unsigned char>(text_[at]) & 0xC0) != 0x80;
  };
  for (std::size_t from = from_; from <= text_.size();) {
    std::size_t starts = kStarts;
    int found = regex_->code_->match(text_, from, starts, kQuickLimit);
    if (++calls_ % kCallsPerClock == 0) check_clock();
    if (found == PCRE2_ERROR_MATCHLIMIT) {
      const std::uint64_t limit =
          std::min<std::uint64_t>(kMaxLimit, kQuickLimit + std::uint64_t{kLimitPerByte} * text_.size());
      starts = std::max<std::size_t>(1, kMaxLimit / limit);
      found = regex_->code_->match(text_, from, starts, static_cast<std::uint32_t>(limit));
    }
    if (found >= 0) {
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(matcher().data.get());
      if (range[0] < from || range[1] < range[0]) {
        throw std::runtime_error(
            fmt::format("the regular expression '{}' matches before its start", escaped(regex_->pattern_)));
      }
      return Offset{range[0], range[1]};
    }
    if (found != PCRE2_ERROR_NOMATCH) {
      throw std::runtime_error(fmt::format("the regular expression '{}' fails on a text of {} bytes: {}",
                                           escaped(regex_->pattern_), text_.size(), message_of(found)));
    }
    from += starts;
    while (!character_begins(from)) ++from;
  }
  return {};
}

void Regex::Matches::check_clock() {
  const auto now = std::chrono::steady_clock::now();
  if (calls_ == kCallsPerClock) {
    deadline_ = now + std::chrono::seconds(10) + std::chrono::microseconds(text_.size());
  } else if (now > deadline_) {
    throw std::runtime_error(fmt::format("the regular expression '{}' takes too long on a text of {} bytes",
                                         escaped(regex_->pattern_), text_.size()));
  }
}

}  // namespace langzoo
