#!/bin/sh
# Makes the documents that come from tables: docs.sh WEIR [FOLDER]
#   docs/configuration.md from the options, docs/providers.md from the providers,
#   docs/metrics.md from the metrics, docs/dialects.md from what is translated to what
set -eu

weir=$1
to=${2:-docs}
mkdir -p "$to"
for document in configuration.md providers.md metrics.md dialects.md; do
	"$weir" help $document >"$to/$document.new"
	mv "$to/$document.new" "$to/$document"
done
