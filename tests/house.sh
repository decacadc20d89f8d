#!/usr/bin/env bash
# house.sh - the rules of docs/hacking.md that no compiler and no linter knows.
#
# Prints file:line: what, and exits 1 when it has found anything. Quick: run it before every commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
readonly FOUND=$work/found CODE=$work/code

list_files() {
    git -c safe.directory='*' ls-files -co --exclude-standard -- "$@" | while IFS= read -r file; do
        if [ -f "$file" ]; then
            printf '%s\n' "$file"
        fi
    done
}
mapfile -t PRODUCT < <(list_files 'gateway/*.[ch]' 'gateway/*.def' 'discord-adapter/*.[ch]')
mapfile -t ALL_TEXT < <(list_files '*.c' '*.h' '*.def' '*.py' '*.sh' '*.sql' '*.cmake' 'demo' 'check' 'bench' |
    grep -vx 'tests/house.sh')

# Everything of ours as "file:line:code", with comments taken out and the contents of strings left out.
strip_comments() {
    awk '
    FNR == 1 { inside = 0 }
    {
        line = $0; out = ""; n = length(line); quote = ""
        for (i = 1; i <= n; i++) {
            two = substr(line, i, 2); c = substr(line, i, 1)
            if (inside) { if (two == "*/") { inside = 0; i++ } continue }
            if (quote != "") {
                if (c == "\\") { i++; continue }
                if (c == quote) { quote = ""; out = out c }
                continue
            }
            if (two == "/*") { inside = 1; i++; continue }
            if (two == "//") break
            if ((c == "\"" || c == "\047") && line !~ /^ *# *include/) quote = c
            out = out c
        }
        if (out ~ /[^ ]/) print FILENAME ":" FNR ":" out
    }' "$@"
}

# report WHY: every line of standard input, file:line:code, is a fault.
report() { awk -v why="$1" '{ split($0, p, ":"); print p[1] ":" p[2] ": " why }' >>"$FOUND"; }

# ban CALLS WHY [EXCEPT]: no such call, but for the files that match EXCEPT.
ban() {
    { grep -E "^[^:]*:[0-9]*:(.*[^A-Za-z0-9_>.])?($1) *\(" "$CODE" || true; } |
        { grep -vE "^(${3:-none}):" || true; } | report "$2"
}

# only INCLUDE WHERE: a header that few files may include.
only() {
    { grep -E "^[^:]*:[0-9]*: *# *include *[<\"]($1)" "$CODE" || true; } |
        { grep -vE "^($2):" || true; } | report "may not include this header ($1)"
}

# may_use FOLDER ALLOWED [ROOT]: which folders of ours its includes may come from.
may_use() {
    { grep -E "^${3:-gateway}/$1/[^:]*:[0-9]*: *# *include *\"" "$CODE" || true; } |
        { grep -vE "# *include *\"($2)/" || true; } | report "$1/ may include only from: ${2//|/, }"
}

check_calls() {
    ban 'strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|system|popen' 'this call is banned'
    ban 'malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf' \
        'memory comes from base/mem.h' 'gateway/base/mem\.c'
    ban 'printf|vprintf|puts|putchar' 'only the command line prints' \
        'gateway/(base|cli)/[^:]*|gateway/main\.c|discord-adapter/(main|run|check|register)\.c'
}

check_includes() {
    only 'microhttpd' 'gateway/http/[^:]*|discord-adapter/link/http_in\.c'
    only 'libwebsockets' 'gateway/net/(loop|ws)\.c'
    only 'curl/' 'gateway/net/(loop\.c|http_[^:]*)|gateway/cli/client\.c|gateway/fetch/[^:]*|gateway/store/s3_client\.c'
    only 'sqlite3' 'gateway/store/store_sqlite[^:]*'
    only 'png\.h|j(peg|error)|gif_lib|webp/|seccomp' 'gateway/imaging/[^:]*'
    only 'cjson|cJSON' 'gateway/cli/[^:]*|discord-adapter/[^:]*'
    { grep -E '^gateway/core/[^:]*:[0-9]*: *# *include *<(unistd|fcntl|pthread|poll|signal|sys/(socket|stat|epoll|mman))' \
        "$CODE" || true; } | report 'core/ does no I/O, locks nothing'
    { grep -E '^gateway/core/[^:]*:[0-9]*:.*[^A-Za-z0-9_>.](time|clock_gettime|gettimeofday|clock_wall_ms|clock_mono_ms|fopen|open|read|write|socket|getenv) *\(' \
        "$CODE" || true; } | report 'core/ reads no clock and does no I/O: pass it in'
    may_use base 'base'
    may_use core 'base|core'
    may_use bridge 'base|core|bridge'
    may_use store 'base|core|store'
    may_use net 'base|net'
    may_use engine 'base|core|bridge|store|net|engine'
    may_use library 'base|core|library'
    may_use http 'base|core|bridge|store|library|fetch|imaging|http'
    may_use cli 'base|core|cli'
    may_use doctor 'base|core|store|net|library|cli|doctor'
    may_use imaging 'base|imaging'
    may_use fetch 'base|fetch'
    may_use webhook 'base|core|bridge|store|net|fetch|webhook'
    may_use wire 'base|wire' discord-adapter
    may_use link 'base|net|wire|link' discord-adapter
    { grep -E '^discord-adapter/bot/[^:]*:[0-9]*: *# *include *"' "$CODE" || true; } |
        { grep -vE '# *include *"((base|net|wire|link|bot)/|settings\.h")' || true; } |
        report 'bot/ may include only from: base, net, wire, link, bot'
}

check_sizes() {
    # A test suite may be longer: it is read by the case, and stays whole.
    wc -l "${PRODUCT[@]}" | awk '$2 != "total" && $1 > 600 { print $2 ":1: " $1 " lines; a file has at most 600" }' >>"$FOUND"
    ctags -x --kinds-c=f --fields=+ne --_xformat='%{input} %{line} %{end} %{name}' "${PRODUCT[@]}" 2>/dev/null |
        awk '$3 - $2 + 1 > 60 { print $1 ":" $2 ": " $4 " has " $3 - $2 + 1 " lines; a function has at most 60" }' >>"$FOUND"
}

check_texts() {
    local file name
    for file in "${PRODUCT[@]}"; do
        name=${file##*/}
        case $file in
        *.h)
            if ! head -n 1 "$file" | grep -qF "/* $name - "; then
                echo "$file:1: a header opens with: /* $name - what it is" >>"$FOUND"
            fi
            ;;
        esac
    done
    { grep -nwHE 'TODO|FIXME|XXX|HACK' "${ALL_TEXT[@]}" || true; } | report 'an issue, not a note in the code'
}

: >"$FOUND"
strip_comments "${PRODUCT[@]}" >"$CODE"
check_calls
check_includes
check_sizes
check_texts
sort -u "$FOUND"
if [ -s "$FOUND" ]; then
    echo "house.sh: $(sort -u "$FOUND" | wc -l) places break the rules of the house"
    exit 1
fi
echo "house.sh: ${#PRODUCT[@]} files keep the rules of the house"
