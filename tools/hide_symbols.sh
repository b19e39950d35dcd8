#!/bin/sh
# hide_symbols.sh IN.a OUT.a CC...: one object out of the archive, in which only the WEIR_API symbols stay visible. The
# compiler links it, so that an archive built for link-time optimisation becomes machine code here; it names the target's
# own tools.
set -eu
in=$1 out=$2
shift 2
object=$out.o
case $("$@" --version) in
*clang*) native= ;;
*) native="-flinker-output=nolto-rel -fwhole-program" ;; # what is not of the API may be inlined away
esac
"$@" -O2 -r -nostdlib $native -o "$object" -Wl,--whole-archive "$in"
"$("$@" -print-prog-name=objcopy)" --localize-hidden "$object"
rm -f "$out"
"$("$@" -print-prog-name=ar)" rcs "$out" "$object"
rm -f "$object"
