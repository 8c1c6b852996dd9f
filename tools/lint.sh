#!/bin/bash
# Every check of the source that needs no running; `make lint` calls it. All of
# them are made, then it fails if one did. lint.sh NAME... makes only those.
set -euo pipefail
cd "$(dirname "$0")/.."

JOBS=${JOBS:-$(nproc)}
WORK=build/lint
FORMAT=$(command -v clang-format-14 || echo clang-format)
TIDY=$(command -v clang-tidy-14 || echo clang-tidy)
CHECKS=(format sizes layers banned exports headers clang cppcheck shell documented spelling tidy)

# Words that two modules share as the first of their names, on purpose.
SHARED="request" # meter numbers requests, proxy runs them

# find FOLDER... where some of the folders may be missing
files() { find "$@" 2>/dev/null || true; }
c_files() { files src test bench -name '*.[ch]' | sort; }
text_files() { files src test tools docs etc bench .ci Makefile ./*.md -type f \
	! -name '*.json' ! -path '*/seeds/*' ! -path '*/golden/*' ! -name '*.pyc'; }

# --- the checks: each says what is wrong and returns 1 ---

check_format() {
	c_files | xargs "$FORMAT" --dry-run -Werror
}

check_sizes() { # lines of a file; of a function, see .clang-tidy
	local bad
	bad=$(files src test tools bench -name '*.[ch]' -o -name '*.def' -o -name '*.py' -o -name '*.sh' |
		xargs wc -l | awk '$2 != "total" && $1 > 800 { print $2 ": " $1 " lines, 800 are the limit" }'
		files Makefile docs/ARCHITECTURE.md | xargs wc -l |
			awk '$2 != "total" && $1 > 200 { print $2 ": " $1 " lines, 200 are the limit" }')
	[ -z "$bad" ] || { echo "$bad"; return 1; }
}

check_layers() { tools/layers.sh; }

without_comments() { cc -fpreprocessed -dD -E -P -x c "$1" 2>/dev/null; }

check_banned() {
	local f found bad=0
	local always='\<(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|system|popen|alloca)[[:space:]]*\('
	local stdout='\<(printf|vprintf|puts|putchar)[[:space:]]*\(|\<stdout\>'
	for f in src/*/*.[ch]; do
		found=$(without_comments "$f" | grep -E "$always" || true)
		[ "${f#src/main/}" != "$f" ] ||
			found+=$(without_comments "$f" | grep -E "$stdout" || true)
		[ -z "$found" ] || { echo "$f: not to be used here: $found"; bad=1; }
	done
	return $bad
}

# What an object exports stands in a header of its module, and the first word of
# its name is the module's own, so that a name tells where it is at home.
check_exports() {
	make -s -j"$JOBS" MODE=release objects >"$WORK/objects.log" 2>&1 ||
		{ tail -20 "$WORK/objects.log"; return 1; }
	local o module
	for o in build/release/src/*/*.o; do
		module=$(basename "$(dirname "$o")")
		[ -e "src/$module/$(basename "$o" .o).c" ] || continue
		nm -g --defined-only "$o" | awk -v m="$module" '$3 != "main" { print m, $3 }'
	done >"$WORK/exports"
	local bad=0 name
	while read -r module name; do
		grep -qw "$name" "src/$module"/*.h "src/$module"/*.def 2>/dev/null && continue
		echo "$name: exported by src/$module, but in none of its headers"
		bad=1
	done <"$WORK/exports"
	awk -v shared=" $SHARED " '{ split($2, w, "_")
		if (index(shared, " " w[1] " ")) next
		if (w[1] in home && home[w[1]] != $1) { print $2 ": " home[w[1]] " and " $1 " share its first word"; bad = 1 }
		home[w[1]] = $1 } END { exit bad }' "$WORK/exports" || bad=1
	return $bad
}

check_headers() { # each compiles alone
	local flags header bad=0
	flags=$(make -s CI=1 flags)
	for header in src/*/*.h; do
		# shellcheck disable=SC2086
		echo "#include \"${header#src/}\"" | cc $flags -Wno-pedantic -fsyntax-only -x c - || bad=1
	done
	return $bad
}

check_clang() { # the other compiler's warnings
	local flags
	flags=$(make -s CI=1 flags)
	# shellcheck disable=SC2086
	find src test -name '*.c' | sort |
		xargs -P "$JOBS" -n 8 clang $flags -Itest/unit -fsyntax-only
}

check_cppcheck() { # POSIX's NULL is a pointer: it may end variable arguments
	mkdir -p "$WORK/cppcheck"
	cppcheck -q --enable=warning,performance,portability --std=c11 --inline-suppr \
		--suppress=missingIncludeSystem --suppress=varFuncNullUB --error-exitcode=1 -j "$JOBS" \
		--cppcheck-build-dir="$WORK/cppcheck" -D_GNU_SOURCE -Isrc src
}

# The first text of each row with that name.
rows() { sed -n "s/^$1([^\"]*\"\([^\"]*\)\".*/\1/p" "$2"; }

check_documented() { # each option, each metric; also one that is written without a row
	local name bad=0
	while read -r name; do
		grep -qF "| \`$name\` |" docs/configuration.md ||
			{ echo "$name: not in docs/configuration.md; make docs"; bad=1; }
	done < <(rows OPTION src/config/options.def)
	while read -r name; do
		grep -qF "| \`$name\` |" docs/metrics.md ||
			{ echo "$name: not in docs/metrics.md; a row in src/meter/stats.def, make docs"; bad=1; }
	done < <(rows STAT src/meter/stats.def; rows METRIC src/meter/stats.def
		grep -ohE '\<(weir|process)_[a-z_]+(\{| [0-9%])' src/meter/*.c src/admin/*.c | grep -oE '^[a-z_]+')
	return $bad
}

check_shell() { shellcheck tools/*.sh .ci/run; }

check_spelling() { text_files | xargs codespell -q 3 -L "$(paste -sd, tools/words.txt)"; }

# clang-tidy takes seconds a file: what passed is not looked at again until the
# file, a header of ours that it includes, or the checks change.
tidy_one() { # FILE FLAG...
	local file=$1 deps key
	shift
	deps=$(cc "$@" -MM "$file" | tr -cs 'A-Za-z0-9_./-' ' ' | cut -d' ' -f2-)
	# shellcheck disable=SC2086
	key=$(cat .clang-tidy $deps | sha256sum | cut -c1-32)
	[ ! -e "$WORK/tidy/$key" ] || return 0
	if "$TIDY" --quiet "$file" -- "$@" >"$WORK/tidy/$key.log" 2>"$WORK/tidy/$key.err"; then
		mv "$WORK/tidy/$key.log" "$WORK/tidy/$key"
	else
		grep -E 'error:|warning:' "$WORK/tidy/$key.log" || cat "$WORK/tidy/$key.err"
		return 1
	fi
}
export -f tidy_one
export TIDY WORK

check_tidy() {
	local flags
	flags=$(make -s flags)
	mkdir -p "$WORK/tidy"
	files src bench -name '*.c' | sort | xargs -P "$JOBS" -I{} bash -c "tidy_one {} $flags"
}

# --- running them ---

tools/packages.sh lint build/.packages-lint
make -s ready
mkdir -p "$WORK"
failed=
[ $# -gt 0 ] || set -- "${CHECKS[@]}"
for check; do
	start=$SECONDS
	if "check_$check" >"$WORK/$check.log" 2>&1; then
		echo "lint: $check: ok ($((SECONDS - start)) s)"
	else
		cat "$WORK/$check.log"
		echo "lint: $check: FAILED ($((SECONDS - start)) s)"
		failed="$failed $check"
	fi
done
[ -z "$failed" ] || { echo "lint: failed:$failed" >&2; exit 1; }
echo "lint: all checks passed"
