#!/bin/bash
# `make test-agents`: sets up the coding agents of npm, then has each do a turn with a tool
# where there is no network but loopback.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$(tools/venv.sh)
tools/node.sh test/e2e/agents >/dev/null
export WEIR_BIN=${WEIR_BIN:-$PWD/build/weir}
if ! unshare -rn true 2>/dev/null; then
	echo "agents: no namespaces here; run as root or allow unshare" >&2
	exit 1
fi
# shellcheck disable=SC2016
exec unshare -rn bash -c '"$1/bin/python" test/e2e/agents/loopback.py && exec "$1/bin/pytest" -q test/e2e/agents' - "$venv"
