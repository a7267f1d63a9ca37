#!/bin/sh
# Instructions per request, counted by callgrind: the same in every run, so they settle what is too
# close to call in nanoseconds.
#
#   cargo build -p bench --release
#   bench/instructions.sh anonymous                    every row of a section (its whole name)
#   bench/instructions.sh anonymous 'no-op layer'      one row
#
# BENCH names another binary to run. KEEP names a folder in which to leave callgrind's output.
set -eu

bench=${BENCH:-target/release/bench}
section=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Counts the serving of requests, their making included.
count() {
    valgrind --tool=callgrind --toggle-collect='*contender::Service>::serve' \
        --callgrind-out-file="$out/callgrind.$2" \
        "$bench" "$section" --alone "$1" --requests "$2" 2>&1 |
        sed -n 's/^.*Collected : \([0-9]*\).*$/\1/p'
}

each() {
    few=$(count "$1" 1000)
    many=$(count "$1" 11000)
    echo "$(((many - few) / 10000))"
}

row() {
    printf '%8d  %s\n' "$(($(each "$1") - request))" "$1"
    if [ -n "${KEEP:-}" ]; then
        mkdir -p "$KEEP"
        mv "$out/callgrind.11000" "$KEEP/$section.$(printf %s "$1" | tr -c 'A-Za-z0-9\n' _).out"
    fi
}

request=$(each 'request alone')
if [ $# -gt 1 ]; then
    row "$2"
else
    "$bench" "$section" --list | sed -n 's/^  //p' | while read -r name; do row "$name"; done
fi
