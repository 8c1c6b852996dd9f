#!/bin/sh
# Sees to the Debian packages of a purpose: packages.sh build|test|lint|bench|fuzz [stamp]
# As root it installs what is missing; as a user it names the one command.
# Where there is no dpkg it only says what to look for.
set -eu

build="gcc make pkg-config libc6-dev libuv1-dev libssl-dev libsqlite3-dev libpq-dev libyaml-dev zlib1g-dev libhiredis-dev python3 python3-venv ca-certificates"
test="$build libcmocka-dev sqlite3 openssl redis-server nginx-light postgresql"
lint="$build clang clang-format clang-tidy cppcheck codespell shellcheck"
bench="$build nginx-light wrk postgresql"
fuzz="$build clang libclang-rt-14-dev"

case "${1:-}" in
build) want=$build ;;
test) want=$test ;;
lint) want=$lint ;;
bench) want=$bench ;;
fuzz) want=$fuzz ;;
*)
	echo "usage: packages.sh build|test|lint|bench|fuzz [stamp]" >&2
	exit 2
	;;
esac
stamp=${2:-}

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "weir: not a Debian system; please install the equivalents of: $want" >&2
else
	missing=
	for p in $want; do
		[ "$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null)" = "install ok installed" ] ||
			missing="$missing $p"
	done
	missing=${missing# }
	if [ -n "$missing" ] && [ "$(id -u)" != 0 ]; then
		echo "weir: packages are missing. Please run:" >&2
		echo "    sudo apt-get install -y --no-install-recommends $missing" >&2
		exit 1
	elif [ -n "$missing" ]; then
		echo "installing Debian packages: $missing"
		export DEBIAN_FRONTEND=noninteractive
		log=$(mktemp)
		# nginx's package would start a server: policy-rc.d forbids it for once.
		# shellcheck disable=SC2086
		if ! { apt-get update -q && RUNLEVEL=1 apt-get install -q -y --no-install-recommends $missing; } \
			>"$log" 2>&1 </dev/null; then
			cat "$log" >&2
			echo "weir: apt-get failed; its words stand above" >&2
			exit 1
		fi
		rm -f "$log"
	fi
fi
if [ -n "$stamp" ]; then
	mkdir -p "$(dirname "$stamp")"
	touch "$stamp"
fi
