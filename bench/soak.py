"""Very many requests at full speed, with hosts that fail and callers who leave: `make soak`.

Proves that the ledger has a row for each request that was tried, one and no more, and that weir ends with the memory that it
had after the first ten thousand.

    soak.py [--requests 1000000] [--weir build/weir] [--threads 2]
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOOLS = ROOT / "build" / "release" / "bench"
FIRST = 10_000  # after so many requests all that is kept is there
FAULTS, LEAVING = 50, 20  # of a thousand
STREAMED = 4  # every so many-th request asks for a stream
GROWTH_KIB = 1536  # allowed from the first requests to the end: what the allocator and SQLite round up

CONFIG = """
listen: 127.0.0.1:0
threads: {threads}
route: {{explore: 0%}}
upstream: {{retry_wait: 1s, attempts: 3}}
providers:
  one: {{dialect: openai, base_url: "http://127.0.0.1:{one}/v1", api_key: one-key}}
  two: {{dialect: openai, base_url: "http://127.0.0.1:{two}/v1", api_key: two-key}}
models:
  acme/large:
    - {{provider: one, model: large-v1, context: 131072, price: {{input: 0.15, cached_input: 0.075, output: 0.60}}}}
    - {{provider: two, model: large-v1, context: 131072, price: {{input: 0.20, cached_input: 0.1, output: 0.80}}}}
"""


class Upstream:
    def __init__(self, seed):
        words = [TOOLS / "upstream", "-d", "0", "-n", "8", "-f", FAULTS, "-s", seed]
        self.process = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def close(self):
        """How many requests it saw."""
        self.process.terminate()
        return int(self.process.communicate()[0].split()[0])


class Server:
    def __init__(self, binary, threads, upstreams):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-soak-"))
        file = self.folder / "weir.yaml"
        file.write_text(CONFIG.format(threads=threads, one=upstreams[0].port, two=upstreams[1].port))
        env = {name: os.environ[name] for name in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}
        env.update(HOME=str(self.folder), WEIR_DATA=str(self.folder / "data"))
        # The line of each request is written, but not kept: there are too many.
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen([binary, "serve", "-c", file], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.filter = subprocess.Popen(["grep", "-v", " info request "], stdin=self.process.stderr, stdout=self.log)
        self.process.stderr.close()
        banner = ""
        while not (found := re.search(r"listening +http://\S+?:(\d+)", banner)):
            line = self.process.stdout.readline()
            if not line:
                sys.exit(f"soak: weir did not start; see {self.folder}/log")
            banner += line
        self.port = int(found[1])

    def load(self, requests):
        """What the callers saw, of JSON and of streams together."""
        streamed = requests // STREAMED
        words = [TOOLS / "load", "-p", self.port, "-c", 32, "-b", 1024, "-g", LEAVING]
        running = [
            subprocess.Popen(list(map(str, [*words, "-n", count, *more])), stdout=subprocess.PIPE, text=True)
            for count, more in ((requests - streamed, []), (streamed, ["-s"]))
        ]
        said = [json.loads(one.communicate()[0]) for one in running]
        return {name: sum(one[name] for one in said) for name in said[0]}

    def resident_kib(self):
        """Without pages of files: the journal's segments come and go."""
        return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def rows(self):
        with sqlite3.connect(f"file:{self.folder}/data/weir.db?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM ledger").fetchone()[0]

    def wait_for_rows(self, count, seconds=60):
        end = time.monotonic() + seconds
        while (rows := self.rows()) < count and time.monotonic() < end:
            time.sleep(0.1)
        return rows

    def stop(self):
        """Its exit status, and what it logged beside requests."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.filter.wait(60)
        self.process.stdout.close()
        self.log.close()
        return status, [line for line in (self.folder / "log").read_text().splitlines() if " info " not in line]


def add(*counts):
    return {name: sum(one[name] for one in counts) for name in counts[0]}


def soak(binary, requests, threads=2):
    """Runs it; a dict of what was found."""
    upstreams = [Upstream(seed) for seed in (1, 2)]
    server = Server(binary, threads, upstreams)
    first = server.load(min(FIRST, requests))
    server.wait_for_rows(first["tried"])
    kib = [server.resident_kib()]
    seen, began = first, time.monotonic()
    if requests > FIRST:
        seen = add(first, server.load(requests - FIRST))
    took = time.monotonic() - began
    server.wait_for_rows(seen["tried"])
    kib.append(server.resident_kib())
    status, errors = server.stop()
    found = {
        "sent": seen["sent"],
        "answers": {name: seen[name] for name in ("2xx", "4xx", "5xx", "whole", "broken", "left")},
        "tried": seen["tried"],
        "rows": server.rows(),
        "asked_upstream": sum(one.close() for one in upstreams),
        "resident_kib": kib,
        "per_second": round((seen["sent"] - first["sent"]) / took) if took > 0.5 else None,
        "exit_status": status,
        "errors": errors[:5],
    }
    shutil.rmtree(server.folder)
    return found


def faults_of(found):
    """What is wrong with it; empty when nothing is."""
    answers, wrong = found["answers"], []
    if found["tried"] != found["rows"]:
        wrong.append(f"{found['tried']} requests were tried, {found['rows']} rows are in the ledger")
    if sum(answers[name] for name in ("2xx", "4xx", "5xx")) != found["sent"]:
        wrong.append("not every request has had an answer")
    if answers["2xx"] < 0.95 * found["sent"] or answers["2xx"] == answers["whole"]:
        wrong.append("the hosts' faults were not what they should have been")
    if found["resident_kib"][1] - found["resident_kib"][0] > GROWTH_KIB:
        wrong.append(f"memory grew from {found['resident_kib'][0]} to {found['resident_kib'][1]} KiB")
    if found["exit_status"] != 0 or found["errors"]:
        wrong.append(f"weir ended with {found['exit_status']} and said {found['errors']}")
    return wrong


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--requests", type=int, default=1_000_000)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--weir", default=ROOT / "build" / "weir")
    args = options.parse_args()
    found = soak(args.weir, args.requests, args.threads)
    print(json.dumps(found, indent=2))
    sys.exit("soak: " + "; ".join(wrong) if (wrong := faults_of(found)) else 0)
