#!/usr/bin/env bash
# The kernels of the fast back end under tools that watch memory. Opt-in: a quarter of an hour for the first build.
#
#   tests/sanitize.sh                 AddressSanitizer: kernels and random networks on every kind of vectors
#   tests/sanitize.sh miri            Miri: kernels on the portable path; wants nightly with `rustup component add miri rust-src`
#   tests/sanitize.sh valgrind        memcheck: kernels without AVX-512, which it does not know
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(rustc -vV | sed -n 's/^host: //p')

case "${1:-address}" in
address)
    # The sanitizer comes with rustc, its switch is nightly's. Leaks are not what is looked for: pools of threads never end.
    export RUSTC_BOOTSTRAP=1 ASAN_OPTIONS=detect_leaks=0
    export RUSTFLAGS="-Zsanitizer=address -Cdebuginfo=line-tables-only"
    set -- --target "$target" --target-dir target/asan
    cargo test "$@" -p cnn-runtime --lib engine::
    cargo test "$@" -p cnn-tests --test engine -- edges random_graphs_infer_in_32_bits random_graphs_train_on_less
    ;;
miri)
    # Small cases (`cfg(miri)` in the tests). Pools of threads never end, which Miri calls a leak.
    export MIRIFLAGS="-Zmiri-ignore-leaks" RAYON_NUM_THREADS=2
    cargo +nightly miri test -p cnn-runtime --lib engine::cpu
    ;;
valgrind)
    program=$(cargo test -p cnn-runtime --lib --no-run --message-format=json 2>/dev/null |
        sed -n 's/.*"executable":"\([^"]*cnn_runtime-[^"]*\)".*/\1/p' | tail -1)
    cd cnn-runtime
    valgrind --error-exitcode=1 "$program" engine::cpu
    ;;
*)
    echo "usage: tests/sanitize.sh [address|miri|valgrind]" >&2
    exit 2
    ;;
esac
