#!/usr/bin/env bash
# The README's test command, and the sum of what its runners closed with.
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --workspace 2>&1 | tee "$log"
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "all test runners together: %d passed; %d failed; %d ignored\n", passed, failed, ignored }' "$log"
