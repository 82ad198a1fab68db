#include "apps/cli/base/options.h"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "data/files/numbers.h"

namespace langzoo {

namespace {

/// Whether all of `text` is a number that the type can hold.
template <class Number>
bool parse(const std::string& text, Number& value) {
  const auto fault = read_number(text, value);
  return fault == NumberFault::kNone || fault == NumberFault::kNotFinite;
}

template <class Number>
Number parsed(const std::string& text) {
  Number value{};
  parse(text, value);
  return value;
}

/// The largest number of a type as people write it; others with their digits.
std::string shown_bound(std::uint64_t bound) {
  for (const int bits : {31, 32, 63, 64}) {
    if (bound == std::numeric_limits<std::uint64_t>::max() >> (64 - bits)) return fmt::format("2^{} - 1", bits);
  }
  return std::to_string(bound);
}

CLI::Option& add_to(CLI::App& app, const std::string& name, const std::string& help, const std::string& type,
                    const std::string& shown_default, const std::function<void(const std::string&)>& set) {
  const auto set_all = [set](const std::vector<std::string>& texts) {
    for (const auto& text : texts) set(text);
    return true;
  };
  return *app.add_option(name, set_all, help)->type_name(type)->default_str(shown_default);
}

}  // namespace

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::range(std::uint64_t least, std::uint64_t most) {
  least_ = least, most_ = std::min(most, most_);
  return *this;
}

Option& Option::between(double least, double most) {
  bounds_ = {least, most};
  option_->type_name(fmt::format("FLOAT in [{} - {}]", least, most));
  return *this;
}

Option& Option::one_of(const std::vector<std::string>& choices) {
  option_->check(CLI::IsMember(choices));
  return *this;
}

Option& Option::values(int count) {
  option_->expected(count);
  return *this;
}

Option& Option::one_each() {
  option_->allow_extra_args(false);
  return *this;
}

Option& Option::take_last() {
  option_->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  return *this;
}

Option& Option::group(const std::string& name) {
  option_->group(name);
  return *this;
}

Option& Option::needs(const std::string& flag) {
  return needs(flag, [all = all_, flag] { return all->given(flag); });
}

Option& Option::needs(const std::string& what, Condition condition) {
  return with_rule(Rule::kNeeds, what, std::move(condition));
}

Option& Option::idle_with(const std::string& flag) {
  return idle_with(flag, [all = all_, flag] { return all->given(flag); });
}

Option& Option::idle_with(const std::string& what, Condition condition) {
  return with_rule(Rule::kIdleWith, what, std::move(condition));
}

Option& Option::excludes(const std::string& flag) {
  return with_rule(Rule::kExcludes, flag, [all = all_, flag] { return all->given(flag); });
}

Option& Option::with_rule(Rule rule, const std::string& what, Condition condition) {
  const auto* const word = rule == Rule::kNeeds ? "needs" : rule == Rule::kExcludes ? "not with" : "no effect with";
  option_->description(fmt::format("{} ({} {})", option_->get_description(), word, what));
  all_->rules_.push_back({name(), rule, what, std::move(condition)});
  return *this;
}

bool Option::given() const {
  return option_->count() > 0;
}

std::string Option::name() const {
  return option_->get_name();
}

Option& Options::add(const std::string& name, std::vector<std::string>& field, const std::string& help) {
  const auto set = [&field](const std::vector<std::string>& texts) {
    field = texts;
    return true;
  };
  auto* option = app_->add_option(name, set, help)->type_name("TEXT")->expected(CLI::detail::expected_max_vector_size);
  return options_.emplace_back(Option(*this, *option));
}

Option& Options::add(const std::string& name, bool& field, const std::string& help) {
  return options_.emplace_back(Option(*this, *app_->add_flag(name, field, help)));
}

Option& Options::on(const std::string& name, const std::function<void(const std::string&)>& give,
                    const std::string& help) {
  return add_text(name, help, "", give);
}

Option& Options::on_flag(const std::string& name, const std::function<void()>& tell, const std::string& help) {
  return options_.emplace_back(Option(*this, *app_->add_flag_callback(name, tell, help)));
}

Option& Options::add_text(const std::string& name, const std::string& help, const std::string& shown_default,
                          const std::function<void(const std::string&)>& set) {
  return options_.emplace_back(Option(*this, add_to(*app_, name, help, "TEXT", shown_default, set)));
}

Option& Options::add_integer(const std::string& name, const std::string& help, const std::string& shown_default,
                             std::uint64_t most, const std::function<void(std::uint64_t)>& set) {
  const auto set_parsed = [set](const std::string& text) { set(parsed<std::uint64_t>(text)); };
  auto& option = options_.emplace_back(Option(*this, add_to(*app_, name, help, "INT", shown_default, set_parsed)));
  option.most_ = most;
  const auto check = [&option](const std::string& text) {
    std::uint64_t value = 0;
    const bool ok = parse(text, value) && value >= option.least_ && value <= option.most_;
    return ok ? "" : fmt::format("{} is not an integer from {} to {}", text, option.least_, shown_bound(option.most_));
  };
  option.option_->check(check, "");
  return option;
}

Option& Options::add_number(const std::string& name, const std::string& help, const std::string& shown_default,
                            const std::function<void(double)>& set) {
  const auto set_parsed = [set](const std::string& text) { set(parsed<double>(text)); };
  auto& option = options_.emplace_back(Option(*this, add_to(*app_, name, help, "FLOAT", shown_default, set_parsed)));
  const auto check = [&option](const std::string& text) {
    double value = 0;
    const bool number = parse(text, value);
    if (!option.bounds_) return number ? "" : fmt::format("{} is not a number", text);
    const auto [least, most] = *option.bounds_;
    if (number && value >= least && value <= most) return std::string();
    return fmt::format("{} is not a number from {} to {}", text, least, most);
  };
  option.option_->check(check, "");
  return option;
}

void Options::exactly_one_of(const std::vector<std::string>& flags) {
  exactly_one_of_.push_back(flags);
}

void Options::idle_where(const std::string& flag, const std::string& what, Option::Condition condition) {
  rules_.push_back({flag, Option::Rule::kIdleWhere, what, std::move(condition)});
}

std::vector<std::string> Options::idle() const {
  std::vector<std::string> found;
  for (const auto& [flag, kind, what, condition] : rules_) {
    const bool needs = kind == Option::Rule::kNeeds;
    if (kind == Option::Rule::kExcludes || condition() == needs || !given(flag)) continue;
    const auto* const word = needs ? "without" : kind == Option::Rule::kIdleWith ? "with" : "where";
    found.push_back(fmt::format("{} has no effect {} {}", flag, word, what));
  }
  return found;
}

void Options::check() const {
  for (const auto& [flag, kind, what, condition] : rules_) {
    const bool holds = condition();
    if (kind == Option::Rule::kExcludes && holds && given(flag)) {
      throw UsageError(fmt::format("{}: not with {}", flag, what));
    }
  }
  for (const auto& flags : exactly_one_of_) {
    const auto count = std::count_if(flags.begin(), flags.end(), [&](const auto& flag) { return given(flag); });
    if (count == 1) continue;
    throw UsageError(count == 0 ? fmt::format("{} is missing", fmt::join(flags, " or "))
                                : fmt::format("{}: only one of them can be given", fmt::join(flags, ", ")));
  }
}

std::string Options::shown_number(double value) {
  return fmt::format("{}", value);
}

bool Options::declares(const std::string& flag) const {
  return app_->get_option_no_throw(flag) != nullptr;
}

bool Options::given(const std::string& flag) const {
  return app_->get_option(flag)->count() > 0;
}

}  // namespace langzoo
