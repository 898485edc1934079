#!/usr/bin/env bash
# Fills FOLDER with what an aarch64 Debian has of the packages that a build needs, for the cross compiler and for
# qemu-aarch64. apt works on a state of its own in there: the system learns of no other architecture.
#   cmake/aarch64/sysroot.sh FOLDER
# Exit code 3, and the reason, where the packages cannot be had.
set -euo pipefail
folder=$(realpath -m "${1:?FOLDER}")

fail() {
  echo "no aarch64 packages: $1" >&2
  exit 3
}

version=$(aarch64-linux-gnu-gcc -dumpversion 2>/dev/null) || fail "no aarch64-linux-gnu-gcc runs here"
packages=(libjansson-dev libssl-dev libhwloc-dev libzip-dev zlib1g-dev libbenchmark-dev libcmocka-dev opencl-c-headers
  "libstdc++-${version%%.*}-dev" libgcc-s1) # the C++ library belongs to the compiler

wanted="${packages[*]}"
[ "$(cat "$folder/packages.txt" 2>/dev/null)" != "$wanted" ] || exit 0
rm -rf "$folder"
mkdir -p "$folder"/apt/{state/lists/partial,cache/archives/partial} "$folder/root"
: >"$folder/apt/status"
own=(-o "Dir::State=$folder/apt/state" -o "Dir::State::status=$folder/apt/status" -o "Dir::Cache=$folder/apt/cache"
  -o "Dir::Log=$folder/apt" -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Debug::NoLocking=1
  -o APT::Sandbox::User=root -o Acquire::Languages=none -o APT::Install-Recommends=0 -o Acquire::Retries=1)
apt-get "${own[@]}" update -q >"$folder/apt/log.txt" 2>&1 || fail "their list could not be fetched (no network?)"
apt-get "${own[@]}" install -yq --download-only "${packages[@]}" >>"$folder/apt/log.txt" 2>&1 ||
  fail "apt-get could not fetch them (no network?): $(grep -m 1 '^E:' "$folder/apt/log.txt" || tail -n 1 "$folder/apt/log.txt")"
for package in "$folder"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
# An absolute link would lead out of the folder.
find "$folder/root" -type l -lname '/*' | while read -r link; do
  ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$folder/root$(readlink "$link")")" "$link"
done
rm -rf "$folder/apt"
echo "$wanted" >"$folder/packages.txt"
