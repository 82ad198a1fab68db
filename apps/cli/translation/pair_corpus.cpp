#include "apps/cli/translation/pair_corpus.h"

#include <iostream>

namespace langzoo {

Option& add_pairs_options(Options& options, PairsOptions& pairs) {
  auto& data = options.add("--data", pairs.data, "pairs as in train; with --target their sources");
  options.add("--target", pairs.target, "the targets, one a line, where they have a file of their own").needs("--data");
  options
      .add("--keep-padding", pairs.keep_padding,
           "source_target lines and tasks: keep the spaces that fill up; a model trained so does by itself")
      .needs("--data");
  const auto json_lines = [&pairs] { return may_be_json_lines(pairs.data) && pairs.target.empty(); };
  options.add("--source-key", pairs.source_key, "the field of the source").needs("--data FILE.jsonl", json_lines);
  options.add("--target-key", pairs.target_key, "of the target").needs("--data FILE.jsonl", json_lines);
  return data;
}

void tell_left_out(const std::string& what) {
  if (!what.empty()) std::cerr << "left out: " << what << '\n';
}

}  // namespace langzoo
