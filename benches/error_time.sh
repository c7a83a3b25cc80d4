#!/usr/bin/env bash
# How long a mistake in a deep network takes to be on screen; see README.md beside this file.
#
# usage: benches/error_time.sh        REPEATS=5 benches/error_time.sh
set -euo pipefail
source "$(dirname "$0")/crates.sh"

repeats=${REPEATS:-3}
limit=1

# ResNet-152 whose last stage is stated a pixel too small.
source=$(text resnet.rs ResNet50 units=[3,8,36,3] | sed 's/@ 2048x7x7/@ 2048x6x6/')
[[ $source == *2048x6x6* && $source == *3,8,36,3* ]] || fail "the zoo's ResNet50 has no last stage of 2048x7x7"
crate wrong <<RUST
cnn_runtime::network! {
$source
}

fn main() {
    println!("{}", <ResNet50 as cnn_runtime::Architecture>::PARAMS);
}
RUST

# Notes when rustc starts on the crate itself; cargo asks it for its version before.
cat >"$work/rustc" <<'SH'
#!/usr/bin/env bash
if [[ " $* " == *" --crate-name wrong "* ]]; then echo "$EPOCHREALTIME" >"$NOTE"; fi
exec "$@"
SH
chmod +x "$work/rustc"
workspace
cd "$work"
export NOTE=$work/start

echo "building dependencies once, the macros unoptimised" >&2
echo 'fn main() {}' >"$work/empty.rs"
mv wrong/src/main.rs main.rs
cp empty.rs wrong/src/main.rs
quietly cargo check --quiet
mv main.rs wrong/src/main.rs

times=()
for ((i = 0; i < repeats; i++)); do
    touch wrong/src/main.rs
    shown=
    while IFS= read -r line; do
        if [[ $line == error:* && -z $shown ]]; then shown=$EPOCHREALTIME message=$line; fi
    done < <(RUSTC_WORKSPACE_WRAPPER=$work/rustc cargo check --offline --package wrong 2>&1)
    [[ -n $shown ]] || fail "cargo check found nothing wrong"
    [[ $message == *"2048x7x7, not 2048x6x6"* ]] || fail "another error: $message"
    times+=("$(awk "BEGIN { print $shown - $(<"$NOTE") }")")
done
seconds=$(printf '%s\n' "${times[@]}" | sort -n | awk '{ t[NR] = $1 } END { printf "%.2f", (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2 }')
echo "${message#error: }: $seconds s behind rustc's start"
if awk "BEGIN { exit !($seconds > $limit) }"; then fail "more than $limit s"; fi
