#!/usr/bin/env bash
# The programs of the README run, and give what they promise to give.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cargo run --quiet --release --example pinvoke
cargo run --quiet --release --example pinvoke -- --workers 1 --json >"$out/pinvoke.json"
cargo run --quiet --release --example pinvoke -- --safe
cargo run --quiet --release --example nested -- --elements 3
cargo run --quiet --release --example callbacks -- --json "$out/callbacks.json"
cargo run --quiet --release --example callbacks -- --tasks 1000 --workers 1 --migrating
cargo run --quiet --release --example scope -- --mib 8
cargo run --quiet --release --example pipeline -- src
cargo run --quiet --release --example blocking_database
cargo run --quiet --release --example blocking_database -- --safe --workers 1 --json >"$out/database.json"
cargo run --quiet --release --example stall -- --trials 5 --json "$out/stall.json"
cargo run --quiet --release --example stall -- --trials 5 --workers 2
cargo run --quiet --release --example hosting_trace
cargo run --quiet --release --example hosting_trace -- --json >"$out/hosting.json"
cargo run --quiet --release -p sortie-cli -- doctor
cargo run --quiet --release -p sortie-cli -- \
    bench switch yield1 yield1k spawnseq native_nop --workers 1 --runs 3 --json "$out/bench.json"
test -s "$out/callbacks.json" && test -s "$out/pinvoke.json" && test -s "$out/database.json" && test -s "$out/stall.json" && test -s "$out/hosting.json" && test -s "$out/bench.json"
echo "programs: all ran"
