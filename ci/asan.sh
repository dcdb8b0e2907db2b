#!/usr/bin/env bash
# Tests under AddressSanitizer: `ci/asan.sh` all of them that can run there, `ci/asan.sh NAME...` some,
# `ci/asan.sh --part` those that CI runs, `ci/asan.sh --soak` a mixture of everything for ten minutes, or for
# SORTIE_SOAK_SECONDS.
#
# A stable toolchain builds it with RUSTC_BOOTSTRAP; the standard library is not instrumented.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(rustc -vV | sed -n 's/^host: //p')
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=address"
# C is compiled with it too. Frames on stacks of ours are no use after return; threads may outlive main.
export CFLAGS="-fsanitize=address -fno-omit-frame-pointer"
export ASAN_OPTIONS="detect_stack_use_after_return=0:detect_leaks=0:abort_on_error=1"

# Left out, and why.
left_out=(
    # They build programs of their own, for which the flags above are not meant.
    assembly panic_abort thread_locals
    # A filter over system calls stops the sanitizer's own lock around the start of a thread, or each futex of its own.
    affine threads_refused
    # They measure time or memory, of which a sanitizer takes several times as much.
    burning memory
)
# Where callbacks, jumps, stacks and aborts meet.
part=(abort_storm callbacks jumped short_callbacks suspending_callbacks unwinding)

run() {
    cargo test --no-fail-fast --features sanitizer --target "$target" --target-dir target/asan "$@"
}

case ${1:-} in
    "")
        all=()
        for file in tests/*.rs; do
            name=$(basename "$file" .rs)
            [[ " ${left_out[*]} overflow " == *" $name "* ]] || all+=("--test=$name")
        done
        run "${all[@]}"
        # The signal is what this is about: the sanitizer is not to take it for itself.
        ASAN_OPTIONS="$ASAN_OPTIONS:handle_segv=0" run --test=overflow
        ;;
    --part)
        run "${part[@]/#/--test=}"
        ;;
    --soak)
        SORTIE_SOAK=1 run --test=endurance -- --nocapture
        ;;
    *)
        run "${@/#/--test=}"
        ;;
esac
