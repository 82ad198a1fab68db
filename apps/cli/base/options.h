/// The flags and arguments of a verb, each declared on the field it sets:
///
///     options.add("--top", top_, "how many neighbours").range(1, 1000);
///     options.add("--stop", stops_, "end before this text").one_each().excludes("--ids");
///     options.add("FILE", file_, "a file with one text a line");
///
/// Names begin with dashes, those of positional arguments do not. What a field holds when it is declared is the
/// default, which the help shows unless it is empty; a field that may stay without a value is a std::optional. A text
/// that is not what the field holds or allows, and flags that contradict each other, are a usage error; a flag that
/// changes nothing, because of what else is given, is warned of.
#pragma once

#include <concepts>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// CLI11 stays in the sources: its headers cost seconds a file.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace langzoo {

/// The command line or the run configuration asks for something that cannot be: exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Options;

/// One of them: the rules of its values and of its company.
class Option {
 public:
  using Condition = std::function<bool()>;

  Option& required();
  /// The whole numbers allowed, least and most among them; the field holds no larger ones in any case.
  Option& range(std::uint64_t least, std::uint64_t most = std::numeric_limits<std::int64_t>::max());
  /// The other numbers allowed, of which nan is none.
  Option& between(double least, double most);
  Option& one_of(const std::vector<std::string>& choices);
  /// A list's exact length.
  Option& values(int count);
  /// A list's flag takes one value each time it is given; otherwise all values up to the next flag.
  Option& one_each();
  /// Of several times that it is given the last counts; otherwise that is an error.
  Option& take_last();
  /// The headline below which the help lists it.
  Option& group(const std::string& name);

  /// Changes nothing without another flag: "--alpha has no effect without --sample".
  Option& needs(const std::string& flag);
  /// Or unless a condition holds once all is read: "--patience has no effect without --num-beams above 1".
  Option& needs(const std::string& what, Condition condition);
  /// Changes nothing beside another flag, or where a condition holds: "--top-k has no effect with --greedy".
  Option& idle_with(const std::string& flag);
  Option& idle_with(const std::string& what, Condition condition);
  /// Contradicts another flag, and is refused beside it: "--prompts: not with --prompt".
  Option& excludes(const std::string& flag);

  bool given() const;
  /// "--top"
  std::string name() const;

 private:
  friend class Options;
  Option(Options& all, CLI::Option& option) : all_(&all), option_(&option) {}
  enum class Rule { kNeeds, kIdleWith, kIdleWhere, kExcludes };
  Option& with_rule(Rule rule, const std::string& what, Condition condition);

  Options* all_;
  CLI::Option* option_;
  std::uint64_t least_ = 0, most_ = 0;               ///< of a whole number
  std::optional<std::pair<double, double>> bounds_;  ///< of another
};

class Options {
 public:
  /// Declares them in `app`, which must outlive the object.
  explicit Options(CLI::App& app) : app_(&app) {}
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  /// A field holds a text, a path, a whole number that is not negative, or a number. It must outlive the object.
  template <class T>
  Option& add(const std::string& name, T& field, const std::string& help) {
    return add_value<T>(name, help, shown(field), [&field](T value) { field = std::move(value); });
  }
  template <class T>
  Option& add(const std::string& name, std::optional<T>& field, const std::string& help) {
    return add_value<T>(name, help, "", [&field](T value) { field = std::move(value); });
  }
  /// One of several values by its name.
  template <class T>
  Option& add(const std::string& name, T& field, const std::vector<std::pair<std::string, T>>& values,
              const std::string& help) {
    std::vector<std::string> names;
    std::string shown_default;
    for (const auto& [value_name, value] : values) {
      names.push_back(value_name);
      if (value == field) shown_default = value_name;
    }
    const auto set = [&field, values](const std::string& text) {
      for (const auto& [value_name, value] : values) {
        if (value_name == text) field = value;
      }
    };
    return add_text(name, help, shown_default, set).one_of(names);
  }
  /// A list: one value or several.
  Option& add(const std::string& name, std::vector<std::string>& field, const std::string& help);
  /// A flag without a value. In "--lowercase,!--no-lowercase" the second one says false.
  Option& add(const std::string& name, bool& field, const std::string& help);

  /// Hands each text over.
  Option& on(const std::string& name, const std::function<void(const std::string&)>& give, const std::string& help);
  /// Tells that a flag without a value is given.
  Option& on_flag(const std::string& name, const std::function<void()>& tell, const std::string& help);

  /// One of these flags must be given, and only one.
  void exactly_one_of(const std::vector<std::string>& flags);

  /// Of a flag that is declared elsewhere: "--seed has no effect where nothing is drawn".
  void idle_where(const std::string& flag, const std::string& what, Option::Condition condition);

  bool declares(const std::string& flag) const;
  /// Of one that is declared.
  bool given(const std::string& flag) const;

  /// Once the command line is read. Throws UsageError for options that contradict each other.
  void check() const;
  /// What is given and changes nothing: "--top-k has no effect with --greedy".
  std::vector<std::string> idle() const;

 private:
  friend class Option;
  struct Rule {
    std::string flag;
    Option::Rule kind;
    std::string what;
    Option::Condition condition;
  };

  template <class T>
  static std::string shown(const T& value) {
    if constexpr (std::integral<T>) {
      return std::to_string(value);
    } else if constexpr (std::floating_point<T>) {
      return shown_number(value);
    } else {
      return value;
    }
  }
  static std::string shown_number(double value);

  template <class T, class Set>
  Option& add_value(const std::string& name, const std::string& help, const std::string& shown_default, Set set) {
    if constexpr (std::integral<T>) {
      return add_integer(name, help, shown_default, std::numeric_limits<T>::max(),
                         [set](std::uint64_t value) { set(static_cast<T>(value)); });
    } else if constexpr (std::floating_point<T>) {
      return add_number(name, help, shown_default, [set](double value) { set(static_cast<T>(value)); });
    } else {
      return add_text(name, help, shown_default, [set](const std::string& value) { set(T(value)); });
    }
  }
  Option& add_text(const std::string& name, const std::string& help, const std::string& shown_default,
                   const std::function<void(const std::string&)>& set);
  Option& add_integer(const std::string& name, const std::string& help, const std::string& shown_default,
                      std::uint64_t most, const std::function<void(std::uint64_t)>& set);
  Option& add_number(const std::string& name, const std::string& help, const std::string& shown_default,
                     const std::function<void(double)>& set);

  CLI::App* app_;
  std::deque<Option> options_;
  std::vector<Rule> rules_;
  std::vector<std::vector<std::string>> exactly_one_of_;
};

}  // namespace langzoo
