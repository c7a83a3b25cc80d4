#!/usr/bin/env bash
# What a network costs its user at compile time; see README.md beside this file.
#
# usage: benches/compile_time.sh [NETWORK …]        REPEATS=5 benches/compile_time.sh ResNet-152
set -euo pipefail
source "$(dirname "$0")/crates.sh"

repeats=${REPEATS:-3}
# A space of networks is proven, all of its members at once; its input is `space` here.
#         name         file             network           input              defaults changed
networks="AlexNet      alexnet.rs       AlexNet           Rank4<2,3,224,224>
          VGG-16       vgg.rs           VGG16             Rank4<2,3,224,224>
          ResNet-18    resnet.rs        ResNet18          Rank4<2,3,224,224>
          ResNet-50    resnet.rs        ResNet50          Rank4<2,3,224,224>
          ResNet-152   resnet.rs        ResNet50          Rank4<2,3,224,224> units=[3,8,36,3]
          ResNet-1001  identity_mappings.rs  ResNet1001Cifar  Rank4<2,3,32,32>
          DenseNet-121 densenet.rs      DenseNet121       Rank4<2,3,224,224>
          MnasNet-space spaces/mnasnet.rs MnasNetSpace    space"

#       name         seconds to check, to build
limits="ResNet-152   1.5  8
        ResNet-1001  2    -
        DenseNet-121 -    15
        MnasNet-space 2   -"

# Everything a network's program does but the network: its code is subtracted.
baseline() {
    crate baseline <<'RUST'
use cnn_runtime::prelude::*;

fn main() {
    let work = || {
        let device = Cpu::default();
        let tensor: Tensor<Rank2<2, 3>, f32, _> = device.zeros();
        println!("{:?} {}", tensor.sum::<Rank0, _>().array(), cnn_runtime::zoo::ALL.len());
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}
RUST
}

# Inference and training are compiled; what runs is asked for by name, since unoptimised arithmetic takes minutes.
program() { # CRATE FILE NETWORK INPUT [ARGUMENT=DEFAULT]
    local source
    source=$(text "$2" "$3" "${5:-}")
    [[ $source == *"pub $3("* ]] || fail "$2 has no paragraph that begins \`pub $3(\`"
    [[ -z ${5:-} || $source == *"${5#*=}"* ]] || fail "$3 in $2 has no argument to set ${5}"
    if [[ $4 == space ]]; then
        crate "$1" <<RUST
use cnn_runtime::space::SearchSpace;

cnn_runtime::search_space! {
$source
}

fn main() {
    println!("2^{:.1} networks", $3::LOG2_SIZE);
}
RUST
        return
    fi
    crate "$1" <<RUST
use cnn_runtime::prelude::*;

cnn_runtime::network! {
$source
}

fn main() {
    let asked = |what: &str| std::env::args().any(|argument| argument == what);
    let (infer, train) = (asked("forward"), asked("train"));
    let work = move || {
        let device = Cpu::default();
        let mut net = device.build_module::<$3, f32>();
        let x: Tensor<$4, f32, _> = device.zeros();
        if infer {
            println!("{:?}", net.forward(x.clone()).shape());
        }
        if train {
            let gradients = net.alloc_grads();
            println!("{:?}", net.forward_mut(x.traced(gradients)).shape());
        }
        println!("{} parameters", <$3>::PARAMS);
    };
    // The stack of Rust's own threads: a test that builds a network has no more.
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}
RUST
}

# Seconds to check or build a crate alone, the median of several times.
seconds() { # check|build CRATE
    local times=() begin end
    for ((i = 0; i < repeats; i++)); do
        touch "$work/$2/src/main.rs"
        begin=$EPOCHREALTIME
        quietly cargo "$1" --quiet --offline --package "$2"
        end=$EPOCHREALTIME
        times+=("$(awk "BEGIN { print $end - $begin }")")
    done
    printf '%s\n' "${times[@]}" | sort -n | awk '{ t[NR] = $1 } END { printf "%.2f\n", (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2 }'
}

minus() { awk "BEGIN { d = $1 - $2; printf \"%.1f\", (d > 0 ? d : 0) }"; }

selected() { # NAME …: the lines of these networks, all of them without a name
    if [ $# -eq 0 ]; then echo "$networks"; fi
    for name in "$@"; do
        awk -v name="$name" '$1 == name { print; found = 1 } END { exit !found }' <<<"$networks" ||
            fail "no network $name; there are: $(awk '{ printf "%s ", $1 }' <<<"$networks")"
    done
}

chosen=$(selected "$@")
baseline
while read -r name file network input change; do
    program "${name,,}" "$file" "$network" "$input" "$change"
done <<<"$chosen"

workspace
cd "$work"

echo "building dependencies and every crate once" >&2
quietly cargo check --quiet
quietly cargo build --quiet

base_check=$(seconds check baseline)
base_build=$(seconds build baseline)
echo "a crate without a network takes $base_check s to check, $base_build s to build; each network, in s on top of that:" >&2

exceeded=0
while read -r name _; do
    check=$(minus "$(seconds check "${name,,}")" "$base_check")
    build=$(minus "$(seconds build "${name,,}")" "$base_build")
    echo "$name $check $build"
    read -r _ check_limit build_limit < <(awk -v name="$name" '$1 == name' <<<"$limits") || continue
    for one in "check $check $check_limit" "build $build $build_limit"; do
        read -r what found limit <<<"$one"
        if [ "$limit" != - ] && awk "BEGIN { exit !($found > $limit) }"; then
            echo "compile_time.sh: $name takes $found s to $what, more than $limit s" >&2
            exceeded=1
        fi
    done
done <<<"$chosen"

while read -r name _; do
    quietly "$CARGO_TARGET_DIR/debug/${name,,}"
done <<<"$chosen"
echo "every network is built in a thread with a stack of 2 MiB" >&2
exit $exceeded
