#!/bin/bash
# Sets up what the tests need and runs them all; `make test` calls it.
# A tier runs after the other, the quick ones first; the first that fails ends it.
#
#   unit, scenario   the C programs as they ship (release), then with ASan and
#                    UBSan; those that use threads with TSan, too
#   fuzz             the inputs kept for the fuzz targets, with ASan and UBSan
#   e2e              pytest with the released binary; what is marked `asan` once
#                    more with the sanitized one, what is marked `store` with
#                    PostgreSQL
#
# test.sh torture kills weir some hundred times instead (WEIR_ROUNDS; 200), and
# tries the walls of budgets with some thousand requests.
# JOBS is how many run at once; of the e2e tests, which mostly wait, half as
# many again. WEIR_FIXTURES see test/e2e/conftest.py.
set -euo pipefail
cd "$(dirname "$0")/.."

JOBS=${JOBS:-$(nproc)}
LOGS=build/test
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1}
export PYTHONDONTWRITEBYTECODE= # pytest's own takes 9 s a process to make

rm -rf "$LOGS"
mkdir -p "$LOGS"
: >"$LOGS/summary"

step() { # what happens now, and when
	printf '%s %s\n' "$(date +%H:%M:%S)" "$*"
}

build() { # MODE TARGET...: builds quietly; shows what the compiler said on failure
	local mode=$1
	shift
	[ $# -gt 0 ] || return 0
	step "build $mode"
	if ! make -j"$JOBS" MODE="$mode" "$@" >"$LOGS/build-$mode.log" 2>&1; then
		grep -E '(error|warning|note):|undefined|\*\*\*' "$LOGS/build-$mode.log" | head -40 >&2 ||
			tail -20 "$LOGS/build-$mode.log" >&2
		echo "test: cannot build for $mode; all of it is in $LOGS/build-$mode.log" >&2
		exit 1
	fi
}

programs() { # KIND: the programs of a folder under test/, as KIND/NAME
	local f
	for f in test/"$1"/test_*.c test/"$1"/fuzz_*.c; do
		[ ! -e "$f" ] || echo "$1/$(basename "$f" .c)"
	done
}

threaded() { # those of the programs on stdin that use threads
	local name
	while read -r name; do
		! grep -q 'pthread_create\|Run under TSan' "test/$name.c" || echo "$name"
	done
}

run_one() { # MODE NAME: makes its log, and ".failed" beside it when it fails
	local log=build/test/$1/$2.log
	mkdir -p "$(dirname "$log")"
	# shellcheck disable=SC2086 # two words or none
	timeout 300 $RUNNER "build/$1/$2" >"$log" 2>&1 || echo "$?" >"$log.failed"
}
export -f run_one
export RUNNER=

run_programs() { # TIER MODE NAME...: NAMEs are KIND/PROGRAM
	local tier=$1 mode=$2 name log failed=
	shift 2
	[ $# -gt 0 ] || return 0
	step "run $tier ($mode)"
	printf '%s\n' "$@" | xargs -P "$JOBS" -I{} bash -c "run_one $mode {}"
	for name in "$@"; do
		log=$LOGS/$mode/$name.log
		{ grep -a '^\[  \(PASSED\|FAILED\|SKIPPED\) *\] *[0-9]* test(s)' "$log" || true; } |
			sed "s|^|$name ($mode) |; s|, listed below:||" >>"$LOGS/summary"
		[ -e "$log.failed" ] || continue
		failed="$failed $name"
		grep -av '^\[ *\(OK\|RUN\) *\]' "$log" | tail -80 >&2
		echo "test: build/$mode/$name failed ($(cat "$log.failed")); its log is $log" >&2
	done
	if [ -n "$failed" ]; then
		echo "test: tier $tier ($mode) failed:$failed" >&2
		exit 1
	fi
}

c_tests() { # MODE NAME...
	local mode=$1
	shift
	[ $# -gt 0 ] || return 0
	build "$mode" "${@/#/build/$mode/}"
	run_programs "C tests" "$mode" "$@"
}

e2e() { # MODE PYTEST-ARGUMENT...
	local mode=$1 status=0 bin=build/$1/weir
	local log=$LOGS/e2e-$mode${WEIR_TEST_STORE:+-$WEIR_TEST_STORE}.log
	shift
	[ "$mode" != release ] || bin=build/weir
	step "run e2e ($mode${WEIR_TEST_STORE:+, $WEIR_TEST_STORE})"
	WEIR_BIN=$PWD/$bin WEIR_PROBE=$PWD/build/$mode/probe \
		ASAN_OPTIONS="$ASAN_OPTIONS:log_path=$PWD/$LOGS/asan" \
		"$VENV/bin/pytest" -q -rs -n "$((JOBS + JOBS / 2))" --dist loadfile --no-loadscope-reorder "$@" >"$log" 2>&1 || status=$?
	[ "$status" != 5 ] || status=0 # no tests
	tail -1 "$log" | sed "s/^/e2e ($mode${WEIR_TEST_STORE:+, $WEIR_TEST_STORE}) /" >>"$LOGS/summary"
	grep '^SKIPPED' "$log" || true
	grep '^figures: ' "$log" >>"$LOGS/summary" || true
	if compgen -G "$LOGS/asan.*" >/dev/null; then
		cat "$LOGS"/asan.* >&2
		status=1
	fi
	if [ "$status" != 0 ]; then
		cat "$log" >&2
		echo "test: tier e2e ($mode) failed" >&2
		exit 1
	fi
}

marked() { # MODE MARK
	mapfile -t files < <(grep -l "mark\.$2" test/e2e/test_*.py)
	e2e "$1" -m "$2" "${files[@]}"
}

tools/packages.sh test build/.packages-test
# gcc's TSan wants the memory layout of before high-entropy ASLR.
if setarch "$(uname -m)" -R true 2>/dev/null; then
	TSAN_RUNNER="setarch $(uname -m) -R"
fi

if [ "${1:-}" = torture ]; then
	build release build/weir
	VENV=$(tools/venv.sh)
	step "kill it ${WEIR_ROUNDS:=200} times, take its servers away for ${WEIR_OUTAGE:=60} s"
	export WEIR_ROUNDS WEIR_OUTAGE WEIR_BIN=$PWD/build/weir
	"$VENV/bin/pytest" -q -rs test/e2e/test_journal.py test/e2e/test_fleet.py \
		test/e2e/test_wall.py test/e2e/test_outage.py
	exit
fi

mapfile -t all < <(programs unit && programs scenario)
mapfile -t threads < <(programs unit | threaded && programs scenario | threaded)
mapfile -t fuzzers < <(programs fuzz)
[ ! -e src/main/main.c ] || WEIR=yes

c_tests release ${all[@]+"${all[@]}"}
c_tests asan ${all[@]+"${all[@]}"}
RUNNER=${TSAN_RUNNER:-} c_tests tsan ${threads[@]+"${threads[@]}"}

if [ "${#fuzzers[@]}" -gt 0 ]; then
	build asan "${fuzzers[@]/#/build/asan/}"
	step "replay the fuzz inputs (asan)"
	for f in "${fuzzers[@]}"; do
		seeds=test/fuzz/seeds/${f#fuzz/fuzz_}
		if ! "build/asan/$f" "$seeds" >"$LOGS/replay.log" 2>&1; then
			cat "$LOGS/replay.log" >&2
			echo "test: tier fuzz failed: build/asan/$f $seeds" >&2
			exit 1
		fi
		tail -1 "$LOGS/replay.log" >>"$LOGS/summary"
	done
fi

if compgen -G 'test/e2e/test_*.py' >/dev/null; then
	build release build/release/probe build/release/translate build/release/bench/load \
		build/release/bench/upstream ${WEIR:+build/weir}
	VENV=$(tools/venv.sh)
	tools/node.sh test/e2e/node >/dev/null
	e2e release test/e2e
	WEIR_TEST_STORE=postgresql marked release store
	build asan build/asan/probe build/asan/translate ${WEIR:+build/asan/weir}
	marked asan asan
fi

cat "$LOGS/summary"
skipped=$(sed -n 's/.*SKIPPED *\] \([0-9]*\) test.*/\1/p; s/.* \([0-9]*\) skipped.*/\1/p' "$LOGS/summary" |
	awk '{ sum += $1 } END { print sum + 0 }')
echo "test: all tiers passed; $skipped skipped"
