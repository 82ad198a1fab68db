#!/usr/bin/env bash
# From a fresh machine to a trained GPT: sets up, builds, trains on the embedded corpus (about two minutes on two cores),
# evaluates, samples, compares eight kinds of language models (two more), and says what to try next.
set -euo pipefail
cd "$(dirname "$0")/.."

bash third_party/setup.sh
mkdir -p build runs
echo "building (about five minutes the first time; log: build/build.log)" >&2
{ cmake --preset release -DLANGZOO_BUILD_TESTS=OFF && cmake --build --preset release; } >build/build.log 2>&1 ||
  { tail -n 40 build/build.log; exit 1; }

gpt=build/release/bin/langzoo-gpt
out=runs/quickstart
show() { printf '\n$ %s\n' "$*"; "$@"; }

resume=()
[ ! -d "$out" ] || resume=(--resume)
show "$gpt" train --data microworld --preset microworld --out "$out" "${resume[@]}"
show "$gpt" eval --model "$out" --data microworld
show "$gpt" generate --model "$out" --prompt "Anna" --max-new-tokens 200 --temperature 0.8 --seed 1

compared=runs/quickstart-compare
show build/release/bin/langzoo-compare lm --spec lineage --budget tokens=400K --out "$compared" --resume

cat <<END

Next:
  look at the learning curve:     $out/report.html
  the models side by side:        $compared/report.html
  your own text:                  $gpt train --data FILE --tokenizer train:bytebpe:4096 --out runs/mine
  nanoGPT's character model:      $gpt train --data FILE --preset shakespeare-char --out runs/char
  open it in Python:              transformers.AutoModelForCausalLM.from_pretrained("$out")
  every option:                   $gpt train --help
END
