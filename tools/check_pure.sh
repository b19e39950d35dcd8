#!/bin/sh
# check_pure.sh FILE...      fails when the core (its objects or archive) needs a symbol from outside other than mem*, str*
#                            and what the compiler itself calls
# check_pure.sh --self-test  shows that it can fail
set -eu
allowed='mem(cpy|move|set|cmp|chr|rchr|mem)|str[a-z]+'
compiler='__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(mem|str)[a-z]+_chk|__u?(div|mod|mul|ashl|ashr|lshr)[a-z]*[dt]i[34]|__(popcount|clz|ctz|bswap)[dst]i2'

check() {
    nm -P "$@" | awk -v allowed="^($allowed|$compiler)\$" '
        NF == 1 { object = $1; next }                       # archive[member]:
        $2 == "U" || $2 == "w" { if (!($1 in needed)) needed[$1] = object; next }
        { defined[$1] = 1; symbols++ }
        END {
            for (name in needed)
                if (!(name in defined) && name !~ allowed) { print needed[name] " needs " name; bad++ }
            printf "check_pure: %d symbols, %d impure\n", symbols, bad
            exit (bad > 0 || symbols == 0)
        }'
}

self_test() {
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    cc=${CC:-cc}
    printf '#include <string.h>\nint f(char *a, const char *b); int f(char *a, const char *b) { return strcmp(a, b); }\n' >"$dir/good.c"
    printf 'int printf(const char *, ...); int g(void); int g(void) { return printf("%%d", 1); }\n' >"$dir/print.c"
    printf 'void *malloc(unsigned long); void *h(void); void *h(void) { return malloc(7); }\n' >"$dir/heap.c"
    for name in good print heap; do $cc -O0 -c -o "$dir/$name.o" "$dir/$name.c"; done
    check "$dir/good.o" >/dev/null || { echo "check_pure: refuses a pure object"; exit 1; }
    for name in print heap; do
        if check "$dir/good.o" "$dir/$name.o" >/dev/null; then echo "check_pure: misses $name"; exit 1; fi
    done
    echo "check_pure: 2 planted faults found"
}

case "${1:-}" in
    --self-test) self_test ;;
    "") sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
    *) check "$@" ;;
esac
