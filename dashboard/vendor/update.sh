#!/usr/bin/env bash
# update.sh - brings what is in this folder from the npm registry, at the versions named here. Run it by hand after changing one;
# the build needs no network. Files stay as published, but for the name by which one finds the other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly PREACT=11.2.0 PREACT_SHA512=/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==
readonly HTM=3.1.1 HTM_SHA512=983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fetch NAME VERSION SHA512: unpacks the package into $work/NAME.
fetch() {
    curl -fsS -o "$work/$1.tgz" "https://registry.npmjs.org/$1/-/$1-$2.tgz"
    if [ "$(openssl dgst -sha512 -binary "$work/$1.tgz" | base64 -w 0)" != "$3" ]; then
        echo "update.sh: $1 $2 is not what was published under that version" >&2
        exit 1
    fi
    mkdir "$work/$1"
    tar -xzf "$work/$1.tgz" -C "$work/$1" --strip-components=1
}

# bring FILE NAME: a module, without the address of a map that is not here.
bring() { grep -v '^//# sourceMappingURL=' "$work/$1" | sed 's/from"preact"/from".\/preact.js"/' >"$2"; }

fetch preact "$PREACT" "$PREACT_SHA512"
fetch htm "$HTM" "$HTM_SHA512"
bring preact/dist/preact.mjs preact.js
bring preact/hooks/dist/hooks.mjs hooks.js
bring htm/dist/htm.mjs htm.js
cp "$work/preact/LICENSE" LICENSE.preact.txt
cp "$work/htm/LICENSE" LICENSE.htm.txt
