#!/usr/bin/env bash
# The engine's tests on a graphics processor, from binaries that were built elsewhere: such machines often have no Rust.
#
# usage: tests/cuda.sh build [FOLDER]      builds the tests and the program `cnn` and packs them: FOLDER.tar.gz [target/cuda]
#        tests/cuda.sh run [FOLDER]        unpacks them and runs the tests on the first graphics processor, from the repository's folder
#        tests/cuda.sh emulate             the same tests with kernels emulated on this machine's processor; wants Rust
#
# Running wants an NVIDIA driver, libnvrtc and cuDNN 9, by LD_LIBRARY_PATH or next to Python's `nvidia-*` packages. Random networks
# are many and small: set CNN_TEST_SEEDS to have fewer, CNN_CUDA_TUNE=0 to spend no time on finding the fastest convolutions.
set -euo pipefail
cd "$(dirname "$0")/.."

tests="engine trainer trainer_recipes engine_training engine_inference cuda preload"
folder=$(realpath -m "${2:-target/cuda}")

case "${1:-}" in
build)
    mkdir -p "$folder"
    for name in $tests; do
        binary=$(cargo test --release -p cnn-tests --test "$name" --no-run 2>&1 | sed -n 's/.*Executable .*(\(.*\))/\1/p')
        strip -o "$folder/$name" "$binary"
    done
    cargo build --release -p cnn-runtime --features cuda,program --bin cnn
    strip -o "$folder/cnn" target/release/cnn
    tar -C "$folder" -czf "$folder.tar.gz" $tests cnn
    du -h "$folder.tar.gz"
    ;;
run)
    if [ -f "$folder.tar.gz" ]; then
        mkdir -p "$folder"
        tar -C "$folder" -xzf "$folder.tar.gz"
    fi
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || true
    cd tests
    export CNN_TESTS=$PWD
    for name in $tests; do
        echo "== $name"
        CNN_TEST_DEVICE=cuda "$folder/$name" --nocapture --test-threads 1
    done
    ;;
emulate)
    arguments=()
    for name in $tests; do arguments+=(--test "$name"); done
    CNN_TEST_DEVICE=cuda-emulated cargo test -p cnn-tests "${arguments[@]}"
    ;;
*)
    sed -n '4,6s/^# //p' "$0"
    exit 2
    ;;
esac
