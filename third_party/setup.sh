#!/usr/bin/env bash
# Installs what building langzoo needs and is not there yet: Debian/Ubuntu packages, LibTorch, and sentencepiece built from
# source. Safe to run again; says nothing when nothing is missing. Without root it names the missing packages and stops.
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.13.0
torch_env=build/libtorch-env
sentencepiece_version=0.2.1
sentencepiece_sha256=8138cec27c2f2282f4a34d9a016e3374cd40e5c6e9cb335063db66a0a3b71fad
sentencepiece_patch=$PWD/third_party/sentencepiece.patch
sentencepiece_root=build/sentencepiece
packages=(g++ clang cmake ninja-build patch pkg-config python3
  nlohmann-json3-dev libpcre2-dev libutf8proc-dev libpng-dev libfmt-dev libcli11-dev catch2 libbenchmark-dev
  libhdf5-dev)

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# Sets `missing`.
find_missing_packages() {
  command -v apt-get >/dev/null || fail "needs a Debian or Ubuntu system (apt-get); elsewhere install by hand: ${packages[*]}"
  missing=()
  local package
  for package in "${packages[@]}"; do
    # A tool that is already there counts, wherever it came from.
    case $package in
      g++ | cmake | python3) command -v "$package" >/dev/null && continue ;;
      clang) command -v clang++ >/dev/null && continue ;;
      ninja-build) command -v ninja >/dev/null && continue ;;
    esac
    installed "$package" || missing+=("$package")
  done
  { find_libtorch && find_sentencepiece; } || can_make_venv || missing+=(python3-venv)
  [ ${#missing[@]} = 0 ] || [ "$(id -u)" = 0 ] || fail "missing packages; as root run: apt-get install ${missing[*]}"
}

can_make_venv() { python3 -c 'import ensurepip' 2>/dev/null; }

install_packages() {
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null || say "apt-get update failed; going on with the lists there are"
  apt-get install -y -qq "${missing[@]}" >/dev/null
}

# A folder is LibTorch (>= 2.11) when its headers say so.
is_libtorch() {
  local header=$1/include/torch/headeronly/version.h major minor
  [ -f "$header" ] && [ -f "$1/lib/libtorch_cpu.so" ] || return 1
  major=$(sed -n 's/^#define TORCH_VERSION_MAJOR //p' "$header")
  minor=$(sed -n 's/^#define TORCH_VERSION_MINOR //p' "$header")
  [ "$major" -gt 2 ] || { [ "$major" = 2 ] && [ "$minor" -ge 11 ]; }
}

# The places FindLibTorch.cmake looks at, in its order.
find_libtorch() {
  local prefix candidate
  local IFS=':;'
  for prefix in ${CMAKE_PREFIX_PATH:-} "$torch_env"; do
    for candidate in "$prefix" "$prefix/torch" "$prefix/../.." "$prefix"/lib/python3*/site-packages/torch; do
      is_libtorch "$candidate" && return 0
    done
  done
  command -v python3 >/dev/null || return 1
  candidate=$(python3 -c 'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")')
  [ -n "$candidate" ] && is_libtorch "$candidate"
}

install_libtorch() {
  find_libtorch && return 0
  say "installing LibTorch $torch_version (the Python wheel; only its libraries and headers are used) into $torch_env"
  mkdir -p build
  python3 -m venv "$torch_env"
  "$torch_env/bin/pip" install --quiet --disable-pip-version-check --no-compile --no-deps "torch==$torch_version"
  # A CPU wheel stands alone. One built for a GPU needs the libraries it names.
  if ldd "$torch_env"/lib/python3*/site-packages/torch/lib/libtorch_cpu.so | grep -q 'not found'; then
    say "this wheel needs more libraries: installing its dependencies"
    "$torch_env/bin/pip" install --quiet --disable-pip-version-check --no-compile "torch==$torch_version"
  fi
  find_libtorch || fail "LibTorch $torch_version was installed into $torch_env but cannot be used; remove that folder and try again"
}

# The places FindSentencePiece.cmake looks at, in its order. A build keeps the patch it was made with, which names the
# version; another one is built again.
find_sentencepiece() {
  local root
  for root in "${LANGZOO_SENTENCEPIECE_ROOT:-}" "$sentencepiece_root"; do
    [ -n "$root" ] && cmp -s "$sentencepiece_patch" "$root/sentencepiece.patch" && return 0
  done
  return 1
}

# Static, hidden and position-independent, to be swallowed by langzoo's tokenizer library (FindSentencePiece.cmake says
# why). It is made in a folder of its own that gets its name when all is there.
install_sentencepiece() {
  find_sentencepiece && return 0
  local work=$sentencepiece_root.partial
  say "building sentencepiece $sentencepiece_version into $sentencepiece_root (a few minutes, once; log: $work/log)"
  rm -rf "$work" "$sentencepiece_root"
  mkdir -p "$work"
  build_sentencepiece "$work" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "sentencepiece could not be built"; }
  mv "$work/root" "$sentencepiece_root"
  rm -rf "$work"
}

build_sentencepiece() (
  set -e
  cd "$1"
  echo "sentencepiece==$sentencepiece_version --hash=sha256:$sentencepiece_sha256" >requirements.txt
  python3 -m venv env
  env/bin/pip download --disable-pip-version-check --no-deps --no-binary sentencepiece --requirement requirements.txt
  tar -xzf "sentencepiece-$sentencepiece_version.tar.gz"
  patch --strip=0 --input="$sentencepiece_patch"
  source=$PWD/sentencepiece-$sentencepiece_version/sentencepiece
  # One function of 2,000 insertions into a table: 190 s at -O3.
  echo 'set_source_files_properties(unicode_script.cc PROPERTIES COMPILE_OPTIONS -O1)' >>"$source/src/CMakeLists.txt"
  cmake -G Ninja -S "$source" -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
    -DSPM_ENABLE_SHARED=OFF -DSPM_ENABLE_TCMALLOC=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    -DCMAKE_CXX_FLAGS="-fvisibility=hidden -fvisibility-inlines-hidden"
  cmake --build build --target sentencepiece-static sentencepiece_train-static
  mkdir -p root/lib root/include
  cp build/src/libsentencepiece.a build/src/libsentencepiece_train.a root/lib
  cp "$source"/src/sentencepiece_{processor,trainer}.h "$source/src/builtin_pb/sentencepiece_model.pb.h" root/include
  (cd "$source/third_party/protobuf-lite" && find google -name '*.h' -o -name '*.inc') |
    tar -C "$source/third_party/protobuf-lite" -T - -c | tar -C root/include -x
  cp "$source/LICENSE" "$sentencepiece_patch" root
)

find_missing_packages
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
# LibTorch waits for the network, packages and sentencepiece for the processor.
libtorch=
if can_make_venv; then install_libtorch & libtorch=$!; fi
install_packages
if [ -z "$libtorch" ]; then install_libtorch & libtorch=$!; fi
install_sentencepiece
wait "$libtorch"
