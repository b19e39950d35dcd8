#!/bin/sh
# hide_symbols.sh IN.a OUT.a CC...: one object out of the archive, in which only the WEIR_API symbols stay visible. The
# compiler names the target's own tools.
set -eu
in=$1 out=$2
shift 2
object=$out.o
"$("$@" -print-prog-name=ld)" -r -o "$object" --whole-archive "$in"
"$("$@" -print-prog-name=objcopy)" --localize-hidden "$object"
rm -f "$out"
"$("$@" -print-prog-name=ar)" rcs "$out" "$object"
rm -f "$object"
