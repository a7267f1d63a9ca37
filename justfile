# Conveniences; nobody needs them. CI runs scripts/test.sh.

test:
    ./scripts/test.sh

showcase:
    cargo run -p showcase

bench *arguments:
    cargo run -p bench --release -- {{ arguments }}

doc:
    cargo doc --workspace --all-features --no-deps --open
