#!/bin/bash
# Fails when an #include "m/x.h" under src/ points upward: a module may use those
# left of it, and itself.
set -euo pipefail
cd "$(dirname "$0")/.."

order="core loop net quota http json chat dialect provider route meter shared store config local proxy admin main"

grep -n '^#include "[a-z_0-9]*/' src/*/*.[ch] src/*/*.def 2>/dev/null | awk -v order="$order" '
	BEGIN {
		count = split(order, names, " ")
		for (i = 1; i <= count; i++)
			rank[names[i]] = i
	}
	{
		split($0, part, ":")
		split(part[1], path, "/")
		split($0, quoted, "\"")
		split(quoted[2], to, "/")
		if (!(path[2] in rank) || !(to[1] in rank))
			print part[1] ":" part[2] ": no layer has the name " (path[2] in rank ? to[1] : path[2])
		else if (rank[to[1]] > rank[path[2]])
			print part[1] ":" part[2] ": " path[2] " may not use " to[1]
		else
			next
		bad = 1
	}
	END { exit bad }' >&2
