#!/usr/bin/env bash
# All that this program can say of the NVIDIA GPUs of a machine, in one call that needs nothing but bash and coreutils:
# no installation, no network, no root, no compiler. In a bundle it lies beside `eie`; `./run gpu` calls it too. What
# cannot be done is said, and the rest goes on.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
eie=$here/eie plots=$here/plots python=''
budget=4m out='' batches=1,64 sweep=2,4,8,16,32,256 suite=paper device='' limit='' cache=hot,dram look=yes
check=()

usage() {
  cat <<'END'
usage: gpu.sh [OPTIONS]

The NVIDIA GPUs of this machine: their kernels checked and measured beside cuBLAS, cublasLt, cuSPARSE and OpenCL, then the
accelerator's models and this processor on the same layers, then a look by compute-sanitizer, and all of it packed.

  --budget TIME     for measuring each of --batches, 90, 4m, 1h, or least (default 4m); packing weights and the windows
                    of energy come on top
  --batches LIST    inputs per call (default 1,64)
  --sweep LIST      further ones, each in the least time; none: no others (default 2,4,8,16,32,256)
  --cache MODES     where the weights of batch 1 come from: hot, dram (default hot,dram)
  --suite NAMES     as of eie bench (default paper)
  --device NAMES    comma list of names or globs, 'cuda:*' for all (default: one of each model)
  --no-sanitizer    leave compute-sanitizer out
  --limit SECONDS   end within so long; called again with the same --out, it goes on
  --out DIR         the folder of the results; one that is there is gone on with (default: gpu-DATE)
  --check OPTIONS   further options of eie check, in one word
  --eie FILE, --plots DIR, --python FILE
                    the program, the folder of the report and the Python for it, where they do not lie beside this script

Exit codes: 0 good; 1 a kernel is wrong, or compute-sanitizer found something; 2 usage or bad input; 3 nothing, or not
everything, could be measured; 4 --limit ended it before the end.
END
}

wrong() {
  printf 'gpu.sh: %s; try gpu.sh --help\n' "$1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
  --help | -h) usage; exit 0 ;;
  --no-sanitizer) look=no; shift; continue ;;
  --budget | --batches | --sweep | --suite | --cache | --device | --limit | --out | --check | --eie | --plots | --python)
    [ $# -ge 2 ] || wrong "$1 needs a value" ;;
  *) wrong "unknown argument '${1//[[:cntrl:]]/?}'" ;;
  esac
  case $1 in
  --budget) budget=$2 ;; --batches) batches=$2 ;; --sweep) sweep=$2 ;; --suite) suite=$2 ;; --device) device=$2 ;;
  --limit) limit=$2 ;; --cache) cache=$2 ;; --out) out=$2 ;; --eie) eie=$2 ;; --plots) plots=$2 ;; --python) python=$2 ;;
  --check) read -ra check <<<"$2" ;;
  esac
  shift 2
done
[[ $budget =~ ^([0-9]+|[0-9]*\.[0-9]+)[smh]?$ || $budget = least ]] || wrong "--budget '${budget//[[:cntrl:]]/?}' is no time"
[[ $batches =~ ^[1-9][0-9]{0,4}(,[1-9][0-9]{0,4})*$ ]] || wrong "--batches '${batches//[[:cntrl:]]/?}' is no list of sizes"
[[ $sweep = none || $sweep =~ ^[1-9][0-9]{0,4}(,[1-9][0-9]{0,4})*$ ]] ||
  wrong "--sweep '${sweep//[[:cntrl:]]/?}' is neither none nor a list of sizes"
[[ $cache =~ ^(hot|dram)(,(hot|dram))*$ ]] || wrong "--cache '${cache//[[:cntrl:]]/?}' is no list of hot, dram"
[[ -z $limit || $limit =~ ^[1-9][0-9]{0,5}$ ]] || wrong "--limit '${limit//[[:cntrl:]]/?}' is no number of seconds"
[ -x "$eie" ] || wrong "$eie is no program (--eie)"

# ---- what all steps share --------------------------------------------------------------------------------------------

PACKING_S=5 # left for the end
worst=0
clocks=''

# The exit code at the end: of several 2, 1, 3, 4.
remember() { # code
  local each
  for each in 2 1 3 4; do
    if [ "$1" = "$each" ] || [ "$worst" = "$each" ]; then worst=$each; return; fi
  done
}

say() { printf '\n== %s\n' "$*" | tee -a "$out/log.txt" >&2; }
tell() { printf '%s\n' "$*" | tee -a "$out/log.txt" >&2; }

seconds_left() {
  if [ -n "$limit" ]; then echo $((limit - SECONDS - PACKING_S)); else echo 1000000; fi
}

# Is the step to be done now? Not where an earlier call has done it, and not where --limit is too near.
begins() { # step
  [ ! -e "$out/done/$1" ] || return 1
  [ "$(seconds_left)" -gt 0 ] && return 0
  [ -e "$out/unfinished" ] || say "--limit: the rest is left; go on with --out $out"
  : >"$out/unfinished"
  return 1
}

# Runs a program until it ends, or the limit: 124 then.
try() { timeout --foreground -k 10 "$(seconds_left)" "$@"; }

# The step has been done, however it came out, unless the limit ended it.
ended() { # step, exit code
  if [ "$2" = 124 ] || [ "$2" = 137 ]; then
    say "--limit ended step $1; continue with --out $out"
    : >"$out/unfinished"
  elif [ "$2" = 130 ] || [ "$2" = 143 ]; then
    tell "stopped: go on with --out $out"
    exit "$2"
  else
    : >"$out/done/$1"
  fi
}

# ---- the program and what it needs -----------------------------------------------------------------------------------

# A driver, or the system's own C++ library, may be newer than the bundle's.
try_other_runtime() {
  [ -e "$here/lib/libstdc++.so.6" ] && [ -w "$here/lib" ] || return 1
  mkdir -p "$here/lib/aside" && mv "$here/lib/libstdc++.so.6" "$here/lib/libgcc_s.so.1" "$here/lib/aside/"
  echo "gpu.sh: took the system's C++ library for the bundle's, which is now in $here/lib/aside" >&2
}

starts() {
  local words
  words=$("$eie" --version 2>&1) && return 0
  case $words in
  *GLIBC* | *CXXABI*) try_other_runtime && words=$("$eie" --version 2>&1) && return 0 ;;
  esac
  printf 'gpu.sh: %s does not start: %s\n' "$eie" "$words" >&2
  return 1
}

# Where cuBLAS, cublasLt and cuSPARSE usually are: toolkits, the packages of every Python at hand, Debian's. Those that are named
# come first.
library_folders() {
  local folder at_hand
  at_hand=$(type -P python3)
  shopt -s nullglob
  for folder in ${CUDA_HOME:+"$CUDA_HOME"/lib64} ${CUDA_PATH:+"$CUDA_PATH"/lib64} \
    ${VIRTUAL_ENV:+"$VIRTUAL_ENV"/lib/python3*/site-packages/nvidia/*/lib} \
    ${CONDA_PREFIX:+"$CONDA_PREFIX"/lib "$CONDA_PREFIX"/lib/python3*/site-packages/nvidia/*/lib} \
    ${python:+"${python%/bin/*}"/lib/python3*/site-packages/nvidia/*/lib} \
    ${at_hand:+"${at_hand%/bin/*}"/lib/python3*/site-packages/nvidia/*/lib} \
    ${HOME:+"$HOME"/.local/lib/python3*/site-packages/nvidia/*/lib} \
    /usr/local/lib/python3*/{site,dist}-packages/nvidia/*/lib /usr/lib/python3*/{site,dist}-packages/nvidia/*/lib \
    /opt/*/lib/python3*/site-packages/nvidia/*/lib /opt/{*/,}.venv/lib/python3*/site-packages/nvidia/*/lib \
    /opt/*/envs/*/lib/python3*/site-packages/nvidia/*/lib ${HOME:+"$HOME"/.venv/lib/python3*/site-packages/nvidia/*/lib} \
    ${HOME:+"$HOME"/{mini,ana}conda3/lib "$HOME"/.pyenv/versions/*/lib/python3*/site-packages/nvidia/*/lib} \
    ${HOME:+"$HOME"/{mini,ana}conda3/lib/python3*/site-packages/nvidia/*/lib} /opt/nvidia/hpc_sdk/Linux_*/*/math_libs/lib64 \
    /usr/local/cuda*/lib64 /usr/local/cuda*/targets/*/lib /opt/cuda/lib64 /usr/local/nvidia/lib64; do
    [ ! -d "$folder" ] || printf '%s\n' "$folder"
  done
}

set_library_path() {
  local folder
  while IFS= read -r folder; do
    EIE_LIBRARY_PATH=${EIE_LIBRARY_PATH:-}${EIE_LIBRARY_PATH:+:}$folder
  done < <(library_folders)
  [ -z "${EIE_LIBRARY_PATH:-}" ] || export EIE_LIBRARY_PATH
  # where container engines, WSL and others put the driver's own libraries
  for folder in /usr/local/nvidia/lib64 /usr/lib64-nvidia /usr/lib/wsl/lib /run/opengl-driver/lib; do
    [ ! -e "$folder/libcuda.so.1" ] || export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  done
}

# Device names into cuda, those that are not wanted into left, those of the same GPUs under OpenCL into others; absent
# ones into absent, with the reason.
find_devices() {
  local line name pattern chosen
  cuda=() left=() others=() absent=()
  listed=$("$eie" list devices) || return 1
  while IFS= read -r line; do
    name=${line%% *}
    case $name in
    cuda:*)
      chosen=''
      if [[ $line =~ CUDA:\ (.*[^ ])\ *$ ]]; then absent+=("$name: ${BASH_REMATCH[1]}"); continue; fi
      if [ -z "$device" ]; then [[ $name = *#* ]] || chosen=yes # one of each model
      else
        local IFS=,
        for pattern in $device; do [[ $name != $pattern ]] || chosen=yes; done
      fi
      if [ -n "$chosen" ]; then cuda+=("$name"); else left+=("$name"); fi ;;
    opencl:nvidia*) others+=("$name") ;;
    esac
  done <<<"$listed"
}

joined() { local IFS=,; echo "$*"; }

# The libraries that are not here, and why.
tell_absent_libraries() {
  local line
  while IFS= read -r line; do
    [[ $line =~ ^(peers_cu[a-z_]*)\ .*\ (skipped|unsupported|error|crashed)\  ]] || continue
    tell "without ${BASH_REMATCH[1]}: ${line##*  }"
  done <"$out/kernels.txt"
}

describe_machine() {
  uname -a
  nproc
  cat /proc/meminfo /proc/driver/nvidia/version /etc/os-release
  ! command -v ldd >/dev/null || ldd --version
  ! command -v nvidia-smi >/dev/null || nvidia-smi -q
  printf 'EIE_LIBRARY_PATH=%s\n' "${EIE_LIBRARY_PATH:-}"
}

# How fast the clocks were, all along.
watch_clocks() {
  command -v nvidia-smi >/dev/null || return 0
  nvidia-smi --query-gpu=timestamp,pci.bus_id,pstate,clocks.sm,clocks.mem,power.draw,temperature.gpu,clocks_throttle_reasons.active \
    --format=csv,nounits -lms 200 >>"$out/clocks.csv" 2>&1 &
  clocks=$!
}

stop_clocks() {
  [ -z "$clocks" ] || kill "$clocks" 2>/dev/null
  clocks=''
}

# ---- the steps -------------------------------------------------------------------------------------------------------

ours='cuda_*' libraries='peers_cublas_*,peers_cublaslt_*,peers_cusparse_*'

# A pattern that names no kernel of this program is a mistake to eie.
existing() { # comma list of globs
  local pattern line found=() IFS=,
  for pattern in $1; do
    while IFS= read -r line; do
      if [[ ${line%% *} = $pattern ]]; then found+=("$pattern"); break; fi
    done <"$out/kernels.txt"
  done
  joined "${found[@]}"
}

check_kernels() {
  begins check || return 0
  say "checking the kernels on $(joined "${cuda[@]}")"
  try "$eie" check ${check[@]+"${check[@]}"} --device "$(joined "${cuda[@]}")" --kernel "$(existing "$ours,$libraries")" |
    tee "$out/check.txt"
  local code=${PIPESTATUS[0]}
  case $code in
  0 | 124) ;;
  1) tell "a kernel is wrong: no row of it has a number below" ;;
  *) tell "eie check ended with exit code $code: see $out/check.txt" ;;
  esac
  [ "$code" = 124 ] || remember "$code"
  ended check "$code"
}

bench() { # step, words, options...
  local step=$1 words=$2 resume=() code
  shift 2
  begins "$step" || return 0
  say "$words"
  [ ! -s "$out/bench.json" ] || resume=(--resume)
  try "$eie" bench "$@" ${resume[@]+"${resume[@]}"} --out "$out/bench.json" >>"$out/bench.txt" 2> >(tee -a "$out/log.txt" >&2)
  code=$?
  if [ "$code" = 2 ]; then # nothing further would go better
    tell "eie bench refuses: see above, and $out/log.txt"
    remember 2
    exit "$worst"
  fi
  if [ "$code" != 0 ] && [ "$code" != 124 ]; then
    tell "eie bench ended with exit code $code: see the rows without a number in $out/bench.txt"
    remember "$code"
  fi
  ended "$step" "$code"
}

bench_batch() { # batch, budget, cache modes
  bench "batch-$1" "batch $1, budget $2" --suite "$suite" --device "$(joined "${cuda[@]}" ${others[@]+"${others[@]}"})" \
    --cache "$3" --batch "$1" --budget "$2" --kernel "$(existing "$ours,opencl_*,$libraries,peers_clblast_*")"
}

measure() {
  local batch
  for batch in ${batches//,/ }; do
    if [ "$batch" = 1 ]; then bench_batch 1 "$budget" "$cache"; else bench_batch "$batch" "$budget" hot; fi
  done
  bench host "the accelerator's models and this processor" --suite "$suite" --cache hot --batch 1 --budget "$budget" \
    --kernel "$(existing 'model_*,cpu_auto,peers_openblas_sgemv*')"
  [ "$sweep" != none ] || return 0
  for batch in ${sweep//,/ }; do
    [[ ,$batches, = *,$batch,* ]] || bench_batch "$batch" least hot
  done
}

find_sanitizer() {
  local file folder
  shopt -s nullglob
  for file in "$(type -P compute-sanitizer)" /usr/local/cuda*/compute-sanitizer/compute-sanitizer; do
    [ ! -x "$file" ] || { printf '%s\n' "$file"; return; }
  done
  while IFS= read -r folder; do # it lies in the bin/ beside a toolkit's or a package's libraries
    [ ! -x "${folder%/lib*}/bin/compute-sanitizer" ] || { printf '%s\n' "${folder%/lib*}/bin/compute-sanitizer"; return; }
  done < <(library_folders)
}

# The lines of the tool's files that match, at most so many.
lines_of() { # most, regular expression, files...
  local most=$1 pattern=$2 file line
  shift 2
  for file in "$@"; do
    [ -r "$file" ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
      [[ $line =~ $pattern ]] || continue
      printf '%s\n' "$line"
      [ $((--most)) -gt 0 ] || return 0
    done <"$file"
  done
}

# One of compute-sanitizer's looks. Only what it finds is a failure; that it cannot look is said.
sanitize() { # program, tool
  local program=$1 tool=$2 logs="$out/sanitizer/$2" code words
  begins "sanitizer-$tool" || return 0
  say "compute-sanitizer: $tool"
  rm -f "$logs"-*.log
  try "$program" --tool "$tool" --target-processes all --log-file "$logs-%p.log" \
    "$eie" check --cases 0 ${check[@]+"${check[@]}"} --device "$(joined "${cuda[@]}")" --kernel "$ours" --timeout 10m \
    >"$logs.txt" 2>&1
  code=$?
  shopt -s nullglob
  if [ -n "$(lines_of 1 'SUMMARY: [1-9]' "$logs"-*.log)" ]; then
    lines_of 20 '=========' "$logs"-*.log >&2
    tell "$tool: found something: see $out/sanitizer"
    remember 1
  elif [ "$code" = 124 ]; then
    tell "$tool: not looked to the end"
  elif [ -z "$(lines_of 1 'SUMMARY: ' "$logs"-*.log)" ]; then
    words=$(lines_of 1 '[Ee]rror|[Nn]ot supported|denied|[Ff]ailed|terminated' "$logs"-*.log "$logs.txt")
    tell "$tool: could not look (exit code $code): ${words:-no word why}"
  else
    tell "$tool: nothing found"
  fi
  ended "sanitizer-$tool" "$code"
}

sanitizer() {
  local program tool echoing said
  [ "$look" = yes ] || return 0
  program=$(find_sanitizer)
  if [ -z "$program" ]; then
    [ -e "$out/done/sanitizer" ] || tell "no compute-sanitizer here: this look at the kernels is left out"
    : >"$out/done/sanitizer"
    return 0
  fi
  echoing=$(type -P echo) # some packages of the tool lack a file and start no program at all
  said=$(timeout -k 5 60 "$program" --target-processes all "$echoing" it starts 2>&1)
  if [[ $said != *'it starts'* ]]; then
    tell "$program: could not look, it starts no program: ${said//$'\n'/ }"
    return 0
  fi
  for tool in memcheck racecheck synccheck initcheck; do sanitize "$program" "$tool"; done
}

# GPU.md and the rest, where there is a Python for it; else `./run report bench.json` elsewhere.
report() {
  local each folder=${plots%/*}
  [ -d "$plots" ] || { tell "no report: no $plots (make it elsewhere: ./run report bench.json)"; return 0; }
  shopt -s nullglob
  for each in ${python:+"$python"} ${VIRTUAL_ENV:+"$VIRTUAL_ENV"/bin/python3} python3 /opt/*/.venv/bin/python3 /opt/conda/bin/python3; do
    command -v "$each" >/dev/null || continue
    (cd "$folder" && "$each" -B -c 'import jinja2, matplotlib, numpy, scipy, tabulate') 2>/dev/null || continue
    if (cd "$folder" && "$each" -B -m plots report "$out/bench.json" --out "$out") | tee "$out/report.txt"; then
      say "report: $out/GPU.md, $out/report.html"
    else
      tell "the report failed: make it elsewhere (./run report $out/bench.json)"
      remember 3
    fi
    return 0
  done
  tell "no report: no Python with matplotlib, scipy, tabulate and jinja2 here (make it elsewhere: ./run report bench.json)"
}

pack() {
  command -v tar >/dev/null && command -v gzip >/dev/null || { say "all of it: $out"; return 0; }
  if tar -czf "$out.tar.gz" -C "${out%/*}/" "${out##*/}"; then say "all of it: $out.tar.gz"; return; fi
  rm -f "$out.tar.gz" # half of it
  say "it could not be packed; all of it: $out"
}

# ---- in turn ---------------------------------------------------------------------------------------------------------

plots=$(cd "${plots%/*}" 2>/dev/null && pwd)/${plots##*/}
starts || exit 3
set_library_path
find_devices || exit 3
if [ ${#cuda[@]} = 0 ] && [[ "${absent[*]-}" = *CXXABI* || "${absent[*]-}" = *GLIBCXX* ]]; then
  try_other_runtime && find_devices
fi
if [ ${#cuda[@]} = 0 ]; then
  [ ${#left[@]} = 0 ] || wrong "--device '${device//[[:cntrl:]]/?}' is none of ${left[*]}"
  printf 'gpu.sh: no GPU: %s\n' "${absent[@]:-this program knows no CUDA}" >&2
  exit 3
fi
out=${out:-$PWD/gpu-$(date +%Y-%m-%dT%H%M%S)}
mkdir -p "$out/sanitizer" "$out/done" 2>/dev/null || { echo "gpu.sh: $out cannot be made" >&2; exit 3; }
out=$(cd "$out" && pwd)
rm -f "$out/unfinished"
trap stop_clocks EXIT
printf '%s\n' "$listed" >"$out/devices.txt"
"$eie" list kernels >"$out/kernels.txt"
[ ${#absent[@]} = 0 ] || tell "${absent[@]}"
[ ${#left[@]} = 0 ] || tell "left out: ${left[*]} (--device 'cuda:*' takes all)"
tell_absent_libraries
[ -e "$out/machine.txt" ] || describe_machine >"$out/machine.txt" 2>&1
watch_clocks
check_kernels
measure
stop_clocks
sanitizer
if [ -s "$out/bench.json" ]; then report
elif [ ! -e "$out/unfinished" ]; then
  tell "nothing was measured: see $out/log.txt"
  remember 3
fi
[ ! -e "$out/unfinished" ] || remember 4
pack
exit "$worst"
