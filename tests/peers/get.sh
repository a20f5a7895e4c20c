#!/usr/bin/env bash
# get.sh FOLDER: fetches the engines that tests/peers.sh compares Picket with, and builds what asks them.
# Needs python3 with venv, cargo (Rust 1.85 or later), and the network. Then:
#   PICKET_PEERS=FOLDER tests/peers.sh
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $# -eq 1 ]] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
python3 -m venv "$1/pysigma"
"$1/pysigma/bin/pip" --quiet install pysigma==2.0.1
mkdir -p "$1/source"
cp -r "$here/rsigma/." "$1/source" # cargo writes beside it
cargo build --quiet --release --manifest-path "$1/source/Cargo.toml" --target-dir "$1/rsigma"
