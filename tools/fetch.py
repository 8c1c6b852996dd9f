#!/usr/bin/env python3
"""Fetches one file of a PyPI project, checked by its SHA-256: fetch.py PROJECT FILE SHA256 TO

Asks the index that pip is configured for (PIP_INDEX_URL, else pypi.org), so that a mirror serves as well.
"""
import hashlib
import html
import os
import re
import sys
import urllib.parse
import urllib.request


def index_url():
    return os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")


def find(project, name):
    page = f"{index_url()}/{project}/"
    with urllib.request.urlopen(page, timeout=60) as reply:
        text = reply.read().decode()
    for href in re.findall(r'href="([^"]+)"', text):
        url = urllib.parse.urljoin(page, html.unescape(href))
        if urllib.parse.unquote(urllib.parse.urlsplit(url).path).endswith("/" + name):
            return url.split("#")[0]
    sys.exit(f"fetch: {name} is not on {page}")


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    project, name, sha256, to = sys.argv[1:]
    with urllib.request.urlopen(find(project, name), timeout=300) as reply:
        data = reply.read()
    got = hashlib.sha256(data).hexdigest()
    if got != sha256:
        sys.exit(f"fetch: {name} has SHA-256 {got}, expected {sha256}; nothing was written")
    with open(to + ".part", "wb") as out:
        out.write(data)
    os.replace(to + ".part", to)


if __name__ == "__main__":
    try:
        main()
    except OSError as e:
        sys.exit(f"fetch: {sys.argv[2]} of {sys.argv[1]} cannot be fetched: {e}")
