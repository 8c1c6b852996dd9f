#!/bin/bash
# Runs the libFuzzer targets, FUZZ_SECONDS (60) each; `make fuzz` calls it.
# fuzz.sh NAME... runs only those. They begin with test/fuzz/seeds/<name>/, with
# what recorded traffic gives where there are fixtures, and with what earlier runs
# found (build/fuzz/corpus/<name>/). An input that fails belongs into seeds/: the
# tests replay those.
set -euo pipefail
cd "$(dirname "$0")/.."

JOBS=${JOBS:-$(nproc)}
SECONDS_EACH=${FUZZ_SECONDS:-60}
FIXTURES=${WEIR_FIXTURES:-../shared/fixtures}
WORK=build/fuzz
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

run_target() { # NAME: its log; a file .failed when it found something
	local name=$1 seeds=() folder
	for folder in "test/fuzz/seeds/$name" "$WORK/seeds/$name"; do
		[ ! -d "$folder" ] || seeds+=("$folder")
	done
	mkdir -p "$WORK/corpus/$name"
	rm -f "$WORK/$name.failed"
	"$WORK/fuzz/fuzz_$name" -max_total_time="$SECONDS_EACH" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$WORK/crash-$name-" \
		"$WORK/corpus/$name" ${seeds[@]+"${seeds[@]}"} >"$WORK/$name.log" 2>&1 ||
		touch "$WORK/$name.failed"
}
export -f run_target
export SECONDS_EACH WORK

summary() { # NAME
	local log=$WORK/$1.log runs cover
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	cover=$(sed -n 's/^#.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
	echo "fuzz: $1: ${runs:-?} runs in $SECONDS_EACH s, ${cover:-?} edges covered"
}

tools/packages.sh fuzz build/.packages-fuzz
mkdir -p "$WORK"
if ! make -j"$JOBS" CC=clang MODE=fuzz fuzz-bins >"$WORK/build.log" 2>&1; then
	tail -20 "$WORK/build.log" >&2
	exit 1
fi
[ ! -d "$FIXTURES" ] || [ -d "$WORK/seeds" ] || python3 tools/fuzz_seeds.py "$FIXTURES" "$WORK/seeds"

if [ $# = 0 ]; then
	mapfile -t all < <(cd test/fuzz && printf '%s\n' fuzz_*.c | sed 's/^fuzz_\(.*\)\.c$/\1/')
	set -- "${all[@]}"
fi
printf '%s\n' "$@" | xargs -P "$JOBS" -I{} bash -c "run_target {}"
failed=
for name; do
	summary "$name"
	[ -e "$WORK/$name.failed" ] || continue
	failed="$failed $name"
	grep -A30 -m1 'ERROR\|does not hold\|runtime error' "$WORK/$name.log" >&2 || tail -30 "$WORK/$name.log" >&2
	grep -o "Test unit written to .*" "$WORK/$name.log" >&2 || true
done
[ -z "$failed" ] || { echo "fuzz: found something:$failed" >&2; exit 1; }
