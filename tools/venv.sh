#!/bin/bash
# A Python with the packages of a list (test/requirements.txt, or the one that is
# named), kept in the cache; prints its folder.
set -euo pipefail
cd "$(dirname "$0")/.."

list=${1:-test/requirements.txt}
want=$(sha256sum "$list" | cut -c1-12)
dir=${XDG_CACHE_HOME:-$HOME/.cache}/weir/venv-$want
if [ ! -e "$dir/.complete" ]; then
	rm -rf "$dir"
	python3 -m venv "$dir" >&2
	"$dir/bin/pip" install -q --disable-pip-version-check -r "$list" >&2
	touch "$dir/.complete"
fi
echo "$dir"
