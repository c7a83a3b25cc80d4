#!/usr/bin/env bash
# The engine's tests on a graphics processor, from binaries that were built elsewhere: such machines often have no Rust.
#
# usage: tests/cuda.sh build [FOLDER]      builds the tests, the program `cnn` and the peer of PyTorch and packs them: FOLDER.tar.gz [target/cuda]
#        tests/cuda.sh run [FOLDER]        unpacks them and runs the tests on the first graphics processor, from the repository's folder
#        tests/cuda.sh measure [FOLDER]    unpacks them, compares fused logits, measures beside PyTorch in bf16 and trains: FOLDER/measured-DATE
#        tests/cuda.sh emulate             the same tests with kernels emulated on this machine's processor; wants Rust
#
# Measuring wants PyTorch for PYTHON [python3]; beside it nothing is begun after BUDGET seconds [3600]. ResNet-20 is trained if CIFAR10 is the
# folder of CIFAR-10's binary version. What fails leaves the rest to be measured.
#
# Running wants an NVIDIA driver, libnvrtc and cuDNN 9, by LD_LIBRARY_PATH or next to Python's `nvidia-*` packages. Random networks
# are many and small: set CNN_TEST_SEEDS to have fewer, CNN_CUDA_TUNE=0 to spend no time on finding the fastest convolutions.
set -euo pipefail
cifar10=${CIFAR10:+$(realpath -m "$CIFAR10")}
folder=$(realpath -m "${2:-$(dirname "$0")/../target/cuda}")
cd "$(dirname "$0")/.."

unpack() {
    if [ -f "$folder.tar.gz" ]; then
        mkdir -p "$folder"
        tar -C "$folder" -xzf "$folder.tar.gz"
    fi
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || true
}

tests="engine trainer trainer_recipes engine_training engine_inference cuda preload"

case "${1:-}" in
build)
    mkdir -p "$folder"
    for name in $tests; do
        binary=$(cargo test --release -p cnn-tests --test "$name" --no-run 2>&1 | sed -n 's/.*Executable .*(\(.*\))/\1/p')
        strip -o "$folder/$name" "$binary"
    done
    cargo build --release -p cnn-runtime --features cuda,program --bin cnn --example vs_peers
    strip -o "$folder/cnn" target/release/cnn
    strip -o "$folder/vs_peers" target/release/examples/vs_peers
    tar -C "$folder" -czf "$folder.tar.gz" $tests cnn vs_peers
    du -h "$folder.tar.gz"
    ;;
run)
    unpack
    cd tests
    export CNN_TESTS=$PWD
    for name in $tests; do
        echo "== $name"
        CNN_TEST_DEVICE=cuda "$folder/$name" --nocapture --test-threads 1
    done
    ;;
measure)
    unpack
    measured=$folder/measured-$(date +%Y%m%d-%H%M%S)
    mkdir -p "$measured"
    failed=0
    part() {
        echo "== $*"
        "$@" || failed=1
    }
    # Logits of what cuDNN compiles together, which nobody has by default.
    part env CNN_TESTS="$PWD/tests" CNN_TEST_DEVICE=cuda CNN_CUDA_FUSE=1 "$folder/cuda" ten_networks --nocapture
    # What has not been measured yet comes first.
    part "${PYTHON:-python3}" benches/vs_peers/cuda.py --ours "$folder/vs_peers" --precision bf16 --budget "${BUDGET:-3600}" \
        --train efficientnet_b0:256 resnet18:256 resnet50:256 resnet20_cifar:128 lenet5:64 \
        --infer resnet50:128 resnet50:1 efficientnet_b0:128 efficientnet_b0:1 resnet18:128 resnet18:1 lenet5:128 lenet5:1 \
        --json "$measured/peers.json" --markdown "$measured/peers.md"
    if [ -n "$cifar10" ]; then
        part "$folder/cnn" train resnet20_cifar --recipe resnet-cifar --data "cifar10:$cifar10" --device cuda:0 --precision bf16 \
            --out "$measured/resnet20_cifar"
    fi
    exit "$failed"
    ;;
emulate)
    arguments=()
    for name in $tests; do arguments+=(--test "$name"); done
    CNN_TEST_DEVICE=cuda-emulated cargo test -p cnn-tests "${arguments[@]}"
    ;;
*)
    sed -n '4,7s/^# //p' "$0"
    exit 2
    ;;
esac
