#!/bin/sh
# Which instructions stand in the objects: instructions.sh OBJDUMP plain|avx2|avx512 FOLDER OBJECT...
# FOLDER holds the sources of the objects: what a kernel of avx512 may use beyond its folder's flags is
# what it declares (EIE_CPU_...). EIE_ISA_MASK only hides kernels; this is what keeps its promise. Exits
# 77 where there is no objdump.
set -u
objdump=$1 level=$2 folder=$3
shift 3
command -v "$objdump" >/dev/null || { echo "no objdump (binutils) here"; exit 77; }

avx512='%zmm|%[xy]mm(1[6-9]|2[0-9]|3[01])|%k[0-7]'
amx='ldtilecfg|tileload|tilezero|tdp[bf]'
failed=0 checked=0
for object; do
    source=$folder/$(basename "$object" .o)
    case $level in
    plain) never="%[yz]mm|^[^<]*	v[a-z0-9]+ .*%xmm" ;;
    avx2) never="$avx512|$amx" ;;
    avx512)
        never='vpmadd52|vpopcnt'
        grep -q EIE_CPU_VNNI "$source" || never="$never|vpdpbusd|vpdpwssd"
        grep -q EIE_CPU_AVX512VBMI "$source" ||
            never="$never|vperm(b|i2b|t2b) |vpmultishiftqb|vp(compress|expand)[bw] |vpsh[lr]d"
        grep -q EIE_CPU_BF16 "$source" || never="$never|vdpbf16ps|vcvtne"
        grep -q EIE_CPU_AMX "$source" || never="$never|$amx" ;;
    *) echo "unknown level $level"; exit 2 ;;
    esac
    "$objdump" -d --no-show-raw-insn "$object" >objdump.$$ || { rm -f objdump.$$; exit 2; }
    if grep -qE '^ +[0-9a-f]+:' objdump.$$; then checked=$((checked + 1)); fi
    if grep -E '^ +[0-9a-f]+:' objdump.$$ | grep -m 3 -E "$never"; then
        echo "$object: not with $level (above: the first of them)"
        failed=1
    fi
    rm -f objdump.$$
done
[ "$checked" -gt 0 ] || { echo "no instructions in $# objects"; exit 2; }
echo "$checked objects with instructions"
exit $failed
