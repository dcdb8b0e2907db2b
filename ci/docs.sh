#!/usr/bin/env bash
# The documentation builds without warnings, private items and their links included.
set -euo pipefail
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
