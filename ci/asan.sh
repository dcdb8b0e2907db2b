#!/usr/bin/env bash
# Tests under AddressSanitizer: `ci/asan.sh` all of them that can run there, `ci/asan.sh NAME...` some.
#
# A stable toolchain builds it with RUSTC_BOOTSTRAP; the standard library is not instrumented. Left out is
# what makes a process end by a signal, puts a filter over system calls, or measures time and memory.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(rustc -vV | sed -n 's/^host: //p')
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=address"
# C is compiled with it too. Frames on stacks of ours are no use after return; threads may outlive main.
export CFLAGS="-fsanitize=address -fno-omit-frame-pointer"
export ASAN_OPTIONS="detect_stack_use_after_return=0:detect_leaks=0:abort_on_error=1"
tests=("$@")
if [ ${#tests[@]} -eq 0 ]; then
    tests=(affinity callbacks calls foreign join libraries mixture nesting offload outside panics retake
        scope scope_stress suspending_callbacks thread_affinity two_runtimes unwinding yielding)
fi
cargo test --no-fail-fast --features sanitizer --target "$target" --target-dir target/asan "${tests[@]/#/--test=}"
