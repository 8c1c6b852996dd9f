#!/usr/bin/env python3
"""Makes inputs for the fuzz targets out of recorded traffic and vectors: fuzz_seeds.py FIXTURES TO

Writes TO/json, TO/sse, TO/http and TO/openai, a few hundred files each, the same ones every time.
"""
import base64
import gzip
import hashlib
import json
import pathlib
import re
import sys

PER_TARGET = 400
LARGEST = 4096


def lines(path):
    if not path.is_file():
        return
    with gzip.open(path, "rt") as file:
        for line in file:
            yield json.loads(line)


def recorded(fixtures):
    """(target, bytes) of each exchange."""
    for r in lines(fixtures / "recorded/corpus.jsonl.gz"):
        request = base64.b64decode(r.get("req") or "")
        reply = base64.b64decode(r.get("resp") or "")
        yield "json", request
        if r["dialect"].startswith("openai."):
            yield from (("openai", data) for data in [request, *(re.findall(rb"^data: ?(.*)$", reply, re.M) or [reply])])
        yield ("sse" if "event-stream" in (r.get("ct") or "") else "json"), reply
        head = f"{r['method']} /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: {len(request)}\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in (r.get("hdr") or {}).items()
                        if k.lower() not in ("host", "content-length", "transfer-encoding"))
        yield "http", head.encode() + b"\r\n" + request


def vectors(fixtures):
    for case in lines(fixtures / "vectors/json-test-suite.jsonl.gz"):
        yield "json", base64.b64decode(case["bytes_base64"])
    for case in lines(fixtures / "vectors/http1-messages.jsonl.gz"):
        for text in re.findall(r"^```http\n(.*?)\n```", case["markdown"], re.S | re.M):
            yield "http", text.replace("\\\n", "").replace("\n", "\r\n").encode()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    fixtures, to = map(pathlib.Path, sys.argv[1:])
    found = {"json": {}, "sse": {}, "http": {}, "openai": {}}
    for target, data in [*vectors(fixtures), *recorded(fixtures)]:
        if 0 < len(data) <= LARGEST:
            found[target].setdefault(hashlib.sha256(data).hexdigest()[:16], data)
    for target, inputs in found.items():
        folder = to / target
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(inputs)[:PER_TARGET]:
            (folder / name).write_bytes(inputs[name])


if __name__ == "__main__":
    main()
