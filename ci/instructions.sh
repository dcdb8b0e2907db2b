#!/usr/bin/env bash
# No piece costs more instructions than is committed, nor more locked ones; and a copy of the workspace that does is
# found out. docs/TESTING.md says more.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v valgrind >/dev/null; then
    echo "error: there is no valgrind, which counts instructions: apt-get install valgrind" >&2
    exit 1
fi
cargo bench --quiet --bench instructions
cargo bench --quiet --bench instructions -- --mutant
