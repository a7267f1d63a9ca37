#!/usr/bin/env bash
# The whole check: what CI runs and what a contributor runs before a commit.
# Needs Rust; installs the Debian packages that the tests use if they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
export RUSTDOCFLAGS=${RUSTDOCFLAGS:--D warnings}

step() { printf '\n== %s\n' "$*"; }

# curl is the Digest and Basic client that the showcase is tried with.
missing=()
command -v curl >/dev/null || missing+=(curl)
command -v cc >/dev/null || missing+=(gcc libc6-dev)
if ((${#missing[@]})); then
    step "install ${missing[*]}"
    sudo=$([[ $(id -u) == 0 ]] || echo sudo)
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq "${missing[@]}"
fi

step "format"
cargo fmt --all --check

step "clippy, all features"
cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings

step "tests, all features"
cargo test --workspace --all-features --quiet

libraries=(apikey-layer auth-layer jwt-layer login session-layer)

step "each library alone, without features and with its defaults"
for library in "${libraries[@]}" redis-store; do
    cargo clippy --package "$library" --no-default-features --quiet -- -D warnings
    cargo check --package "$library" --quiet
done
for feature in refresh remote reqwest key-ring; do
    cargo clippy --package jwt-layer --no-default-features --features "aws-lc,$feature" --quiet -- -D warnings
done
for feature in apikey jwt; do
    cargo clippy --package redis-store --no-default-features --features "$feature" --quiet -- -D warnings
done
for database in sqlite postgres; do
    cargo clippy --package sql-store --no-default-features --features "$database" --quiet -- -D warnings
done

step "no library brings a database, an HTTP client or a web framework with it"
for library in "${libraries[@]}"; do
    tree=$(cargo tree --package "$library" --edges normal --prefix none --format '{p}' | cut -d' ' -f1 | sort -u)
    if heavy=$(grep -xE 'axum|deadpool-redis|redis|reqwest|sqlx|tokio-postgres|hyper' <<<"$tree"); then
        echo "$library depends on" $heavy
        exit 1
    fi
done

step "tests, no features"
cargo test "${libraries[@]/#/--package=}" --no-default-features --quiet

step "benchmarks and fuzz targets still run"
cargo run --package bench --quiet -- --quick >/dev/null
cargo check --manifest-path fuzz/Cargo.toml --target-dir target/fuzz --quiet

step "documentation"
cargo doc --workspace --all-features --no-deps --quiet

step "all checks passed"
