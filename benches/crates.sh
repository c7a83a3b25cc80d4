# What the measurements of compile time share; to be sourced. `$work` is a folder for crates, `$zoo` the zoo's files.
export LC_ALL=C CARGO_INCREMENTAL=0
# Flags of the caller would be measured too.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
zoo=$root/cnn-runtime/src/zoo
# Dependencies are built once for all crates, and stay for the next run.
export CARGO_TARGET_DIR=$root/target/compile-time
work=$(mktemp -d)
crates=()

clean_up() {
    # The crates' names are the same in every run, but their folder is not: what was built of them is of no further use.
    if [ ${#crates[@]} -gt 0 ] && [ -f "$work/Cargo.toml" ]; then
        (cd "$work" && cargo clean --quiet --offline $(printf -- '-p %s ' "${crates[@]}")) || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# Runs a command silently; if it fails, shows what it said.
quietly() {
    local log=$work/log
    "$@" >"$log" 2>&1 || { cat "$log" >&2; fail "failed: $*"; }
}

# The blocks of a file of the zoo and one of its networks, which are paragraphs there.
text() { # FILE NETWORK [ARGUMENT=DEFAULT]
    sed -e '/^crate::define! {$/d' -e '/^}$/d' -e '/^\/\//d' "$zoo/$1" |
        awk -v network="pub $2(" 'BEGIN { RS = ""; ORS = "\n\n" } / block [a-z_]+\(/ || index($0, network)' |
        if [ -n "${3:-}" ]; then sed -E "/pub $2\(/s/${3%%=*} = \[[^]]*\]/${3%%=*} = ${3#*=}/"; else cat; fi
}

crate() { # NAME, main.rs on standard input
    mkdir -p "$work/$1/src"
    cat >"$work/$1/src/main.rs"
    cat >"$work/$1/Cargo.toml" <<TOML
[package]
name = "$1"
version = "0.0.0"
edition = "2024"

[dependencies]
cnn-runtime = { path = "$root/cnn-runtime" }
TOML
    crates+=("$1")
}

# The crates so far as one workspace.
workspace() {
    cp "$root/Cargo.lock" "$work/Cargo.lock"
    {
        echo '[workspace]'
        echo 'resolver = "3"'
        echo "members = [$(printf '"%s", ' "${crates[@]}")]"
    } >"$work/Cargo.toml"
}
