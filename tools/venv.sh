#!/bin/bash
# A Python with test/requirements.txt, kept in the cache; prints its folder.
set -euo pipefail
cd "$(dirname "$0")/.."

want=$(sha256sum test/requirements.txt | cut -c1-12)
dir=${XDG_CACHE_HOME:-$HOME/.cache}/weir/venv-$want
if [ ! -e "$dir/.complete" ]; then
	rm -rf "$dir"
	python3 -m venv "$dir" >&2
	"$dir/bin/pip" install -q --disable-pip-version-check -r test/requirements.txt >&2
	touch "$dir/.complete"
fi
echo "$dir"
