#!/usr/bin/env bash
# No warnings, from the compiler or from clippy.
set -euo pipefail
cargo clippy --workspace --all-targets -- -D warnings
