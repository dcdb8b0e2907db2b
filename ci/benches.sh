#!/usr/bin/env bash
# The benches compile and run once, the peers compile and are measured once, and no piece costs more instructions
# than is committed, where there is a valgrind to count them.
set -euo pipefail
cargo test --quiet --benches
cargo clippy -p sortie-cli --features peers --all-targets -- -D warnings
cargo test --quiet -p sortie-cli --features peers
if command -v valgrind >/dev/null; then
    bash ci/instructions.sh
else
    echo "instructions: not counted, for there is no valgrind (apt-get install valgrind)"
fi
echo "benches: all ran"
