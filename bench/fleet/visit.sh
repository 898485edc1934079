#!/bin/sh
# One visit of a job array: visit.sh FOLDER, where Slurm's index names the line of FOLDER/visits.txt. What was started and how it
# ended stands in FOLDER/log.txt. The results file comes whole and once: under a name of its own first, then linked, which
# fails where a file is there already (a node that was given up and comes back). Nothing but a POSIX shell is needed.
folder=$1
number=${SLURM_ARRAY_TASK_ID:?"no job array of Slurm"}
node=${SLURMD_NODENAME:-$(uname -n)}
try=${SLURM_RESTART_COUNT:-0}
say() { echo "$number $node $try $*" >>"$folder/log.txt"; }
end() { # words, exit code
  say "$1"
  exit "$2"
}
line=$(sed -n "$((number + 1))p" "$folder/visits.txt")
[ -n "$line" ] || end "ended: no such visit" 2
say began
eval "set -- $line"
result=$folder/results/$1.json part=$folder/parts/$1.$node.$try.json
shift
[ ! -e "$result" ] || end "ended: it is there already" 0
rm -f "$part"
words=$("$@" --out "$part" 2>&1 >/dev/null)
code=$?
if [ $code -le 1 ] && [ -s "$part" ]; then
  if ln "$part" "$result" 2>/dev/null; then
    rm -f "$part"
    end "ended: $code" $code
  fi
  [ -e "$result" ] && end "ended: it is there already" 0
  end "ended: 3, $result cannot be made" 3
fi
end "ended: $code, $(printf '%s' "$words" | tail -n 1 | tr -c '[:print:]' '?')" $code
