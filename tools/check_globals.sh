#!/bin/sh
# check_globals.sh FILE...      fails when an object of the core holds writable data: globals, function statics, TLS
# check_globals.sh --self-test  shows that it can fail
# .data.rel.ro is const data with addresses in it, which the loader fills in once: allowed.
set -eu

check() {
    objdump -t "$@" | awk '
        /file format/ { object = $1; files++ }
        match($0, /[ \t](\*COM\*|\.t?(data|bss)[^ \t]*)\t/) {
            split(substr($0, RSTART + 1), word, /[ \t]+/)
            if (word[1] ~ /^\.data\.rel\.ro/ || word[2] ~ /^0+$/) next
            print object " writable: " $NF " in " word[1]; bad++
        }
        END { printf "check_globals: %d objects, %d writable\n", files, bad; exit (bad > 0 || files == 0) }'
}

self_test() {
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    cc=${CC:-cc}
    printf 'extern int x; int *const p[] = {&x}; const int q = 3; int f(void); int f(void) { return q; }\n' >"$dir/good.c"
    printf 'int counter;\n' >"$dir/bss.c"
    printf 'int counter = 1;\n' >"$dir/data.c"
    printf 'int f(void); int f(void) { static int n; return ++n; }\n' >"$dir/static.c"
    printf '_Thread_local int n; int f(void); int f(void) { return ++n; }\n' >"$dir/tls.c"
    for name in good bss data static tls; do $cc -O0 -fPIC -c -o "$dir/$name.o" "$dir/$name.c"; done
    check "$dir/good.o" >/dev/null || { echo "check_globals: refuses const data"; exit 1; }
    for name in bss data static tls; do
        if check "$dir/good.o" "$dir/$name.o" >/dev/null; then echo "check_globals: misses $name"; exit 1; fi
    done
    echo "check_globals: 4 planted faults found"
}

case "${1:-}" in
    --self-test) self_test ;;
    "") sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
    *) check "$@" ;;
esac
