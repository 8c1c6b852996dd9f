#!/bin/sh
# Makes the documents that come from tables: docs.sh WEIR [FOLDER]
#   docs/configuration.md from the options, docs/providers.md from the providers
set -eu

weir=$1
to=${2:-docs}
mkdir -p "$to"
"$weir" help configuration.md >"$to/configuration.md.new"
"$weir" help providers.md >"$to/providers.md.new"
mv "$to/configuration.md.new" "$to/configuration.md"
mv "$to/providers.md.new" "$to/providers.md"
