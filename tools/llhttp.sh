#!/bin/sh
# Fetches llhttp's C sources (MIT) into a folder: llhttp.sh FOLDER
# They come out of the sdist of the PyPI package httptools, pinned by its hash:
# Debian 12 has llhttp 8 only, which lets bare CR and folded fields through.
set -eu

version=0.9.0
sha256=d484ebb7e3a3f3597b0f645fbd1b85633674ca808c1f5ba11c2caf7c66f5c8b6
to=$1
[ -f "$to/src/llhttp.c" ] && exit 0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
name=httptools-$version
python3 "$(dirname "$0")/fetch.py" httptools "$name.tar.gz" "$sha256" "$tmp/$name.tar.gz"
tar -C "$tmp" -xzf "$tmp/$name.tar.gz"
mkdir -p "$(dirname "$to")"
rm -rf "$to.new"
cp -R "$tmp/$name/vendor/llhttp" "$to.new"
rm -rf "$to"
mv "$to.new" "$to"
