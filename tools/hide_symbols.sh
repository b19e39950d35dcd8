#!/bin/sh
# hide_symbols.sh IN.a OUT.a: one object out of the archive, in which only the WEIR_API symbols stay visible.
set -eu
object=$2.o
ld -r -o "$object" --whole-archive "$1"
objcopy --localize-hidden "$object"
rm -f "$2"
ar rcs "$2" "$object"
rm -f "$object"
