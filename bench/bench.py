"""weir and nginx side by side in front of the same upstream: `make bench`.

Every sample is a fresh process, weir and nginx in random order, the proxy alone on one core, upstream and callers on
another. CPU is the scheduler's own count of the proxy's threads, so what else runs on the machine disturbs little; only
the ratio of a pair tells something. weir runs with keys, routing between two hosts, usage, ledger and access log on.

Translation is measured as weir against weir: callers of OpenAI's dialect in front of a host of Anthropic's, and in front
of one of their own. Limits likewise: a key under three budgets among ten thousand, and one without.

    bench.py [--pairs 9] [--seconds 2] [--only json,sse,memory,idle,translated,translated-sse,limits,prompt,drain] [--weir FILE]
"""
import argparse
import json
import os
import pathlib
import random
import re
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOOLS = ROOT / "build" / "release" / "bench"
PROXY_CORE, OTHER_CORE = 0, 1
STREAMS = 2000  # held open for the memory figure
CHUNKS = 65  # of a stream: 64 with text, and the end in one
LIMITS = {"json": 0.80, "sse": 0.90, "memory": 0.60, "translated": 1.50, "translated-sse": 1.50, "limits": 1.05}

NGINX = """
worker_processes 1;
worker_rlimit_nofile 65536;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}; proxy_temp_path {folder};
    fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    upstream host {{ server 127.0.0.1:{upstream}; keepalive 512; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        keepalive_requests 1000000000;
        location / {{
            proxy_pass http://host;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering {buffering};
        }}
    }}
}}
"""

WEIR = """
listen: 127.0.0.1:{port}
threads: 1
upstream: {{pool_size: 4096}}
providers:
  one: {{dialect: {dialect}, base_url: "http://127.0.0.1:{upstream}/v1", api_key: one-key}}
  two: {{dialect: {dialect}, base_url: "http://127.0.0.1:{upstream}/v1", api_key: two-key}}
models:
  acme/large:
    - {{provider: one, model: large-v1, context: 131072, price: {{input: 0.15, cached_input: 0.075, output: 0.60}}}}
    - {{provider: two, model: large-v1, context: 131072, price: {{input: 0.20, cached_input: 0.1, output: 0.80}}}}
"""


def pinned(core, words, **more):
    return subprocess.Popen(["taskset", "-c", str(core), *map(str, words)], **more)


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as unused:
        return unused.getsockname()[1]


def family(pid):
    """The process and its children."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_ns(pid):
    return sum(
        int((task / "schedstat").read_text().split()[0])
        for member in family(pid)
        for task in pathlib.Path(f"/proc/{member}/task").iterdir()
    )


def resident_kib(pid):
    return sum(int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{member}/status").read_text())[1]) for member in family(pid))


def until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            sys.exit(f"bench: {what} did not happen within {seconds} s")
        time.sleep(0.02)
    return found


class Upstream:
    def __init__(self, *options):
        self.process = pinned(OTHER_CORE, [TOOLS / "upstream", *options], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.terminate()
        self.process.wait()


def make_limits(weir, file, env, folder):
    """Budgets at three levels above the key, limits, and ten thousand keys beside it; flags of the key."""
    roomy = ["--budget", "900000/month", "--rpm", "900000000", "--tpm", "900000000000"]
    for words in (["org", "create", "o"], ["team", "create", "t", "--org", "o"], ["user", "create", "u", "--team", "t"]):
        subprocess.run([weir, *words, *roomy, "-c", file], env=env, check=True)
    with sqlite3.connect(folder / "data" / "weir.db") as db:
        keys = [(f"k{n}", random.randbytes(32), "", 1) for n in range(10000)]
        db.executemany("INSERT INTO key (name, hash, hint, created_ms) VALUES (?, ?, ?, ?)", keys)
        rest = (1, "u", 1, "month", 0, 100, 0, 0, 0, 1)
        db.executemany(
            "INSERT INTO account (level, name, above_level, above, budget_pusd, period, offset_min, requests_min, dry, expires_ms,"
            " blocked, created_ms) VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(name, *rest) for name, *_ in keys],
        )
    return ["--user", "u", *roomy]


class Proxy:
    """A fresh nginx or weir in front of the upstream; "translated", "limited" and "passed" are weir's."""

    def __init__(self, name, upstream, weir, buffering="on"):
        self.name, self.folder, self.port, self.key = name, pathlib.Path(tempfile.mkdtemp(prefix="weir-bench-")), free_port(), "none"
        values = dict(folder=self.folder, port=self.port, upstream=upstream.port, buffering=buffering)
        values["dialect"] = "anthropic" if name == "translated" else "openai"
        file = self.folder / "conf"
        file.write_text((NGINX if name == "nginx" else WEIR).format(**values))
        if name == "nginx":
            words, log = ["nginx", "-p", self.folder, "-e", self.folder / "error.log", "-g", "daemon off;", "-c", file], subprocess.DEVNULL
            env = os.environ
        else:
            env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "WEIR_DATA": str(self.folder / "data")}
            limits = make_limits(weir, file, env, self.folder) if name == "limited" else []
            words = [weir, "key", "create", "--name", "bench", *limits, "-c", file]
            made = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
            self.key = re.search(r"sk-weir-\S+", made.stdout)[0]
            words, log = [weir, "serve", "-c", file], open(self.folder / "access.log", "w")
        self.process = pinned(PROXY_CORE, words, env=env, stdout=subprocess.DEVNULL, stderr=log)
        until(self.answers, f"{name} answers")

    def answers(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def load(self, *options):
        words = [TOOLS / "load", "-p", self.port, "-k", self.key, *options]
        done = pinned(OTHER_CORE, words, stdout=subprocess.PIPE, text=True)
        said = json.loads(done.communicate()[0])
        if said["broken"] or said["2xx"] != said["whole"]:
            sys.exit(f"bench: {self.name} did not answer all: {said}; see {self.folder}")
        return said

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)


def dialect_option(name):
    return ["-a"] if name == "translated" else []


def sample_requests(name, args):
    upstream = Upstream(*dialect_option(name))
    proxy = Proxy(name, upstream, args.weir)
    proxy.load("-c", 64, "-n", 5000)
    before = cpu_ns(proxy.process.pid)
    said = proxy.load("-c", 64, "-t", args.seconds)
    us = (cpu_ns(proxy.process.pid) - before) / 1000 / said["whole"]
    proxy.close()
    upstream.close()
    return us


def sample_chunks(name, args):
    upstream = Upstream("-d", 5, *dialect_option(name))
    proxy = Proxy(name, upstream, args.weir, buffering="off")
    proxy.load("-s", "-c", 100, "-n", 100)
    before = cpu_ns(proxy.process.pid)
    said = proxy.load("-s", "-c", 100, "-t", args.seconds)
    us = (cpu_ns(proxy.process.pid) - before) / 1000 / (said["whole"] * CHUNKS)
    proxy.close()
    upstream.close()
    return us


def sample_memory(name, args):
    upstream = Upstream("-d", 500, "-n", 100000)
    proxy = Proxy(name, upstream, args.weir, buffering="off")
    idle = resident_kib(proxy.process.pid)
    words = [TOOLS / "load", "-p", proxy.port, "-k", proxy.key, "-h", "-c", STREAMS]
    callers = pinned(OTHER_CORE, words, stdout=subprocess.PIPE, text=True)
    if callers.stdout.readline() != "open\n":
        sys.exit(f"bench: {name} did not hold {STREAMS} streams")
    kib = (resident_kib(proxy.process.pid) - idle) / STREAMS
    callers.kill()
    callers.wait()
    proxy.close()
    upstream.close()
    return kib


def sample_idle(name, args):
    upstream = Upstream()
    proxy = Proxy(name, upstream, args.weir)
    proxy.load("-c", 1, "-n", 1)
    mib = resident_kib(proxy.process.pid) / 1024
    proxy.close()
    upstream.close()
    return mib


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def compare(title, unit, sample, pairs, args, names=("weir", "nginx")):
    """Samples of both in random order; prints medians and the ratio of the pairs."""
    found = {name: [] for name in names}
    for _ in range(pairs):
        for name in random.sample(names, 2):
            found[name].append(sample(name, args))
    ratios = [a / b for a, b in zip(*found.values())]
    low, high = quartiles(ratios)
    ratio = statistics.median(ratios)
    print(
        f"{title:34} {'  '.join(f'{name} {statistics.median(found[name]):7.2f}' for name in names)} {unit:9}"
        f" ratio {ratio:.2f} [{low:.2f}-{high:.2f}], {pairs} pairs",
        flush=True,
    )
    return ratio


def prompts():
    """The time that a long request takes from each dialect to each, in this process's CPU."""
    subprocess.run([TOOLS / "prompt"], check=True)


def drained():
    """Settled requests a second that go from the journal into each database."""
    sys.path.insert(0, str(ROOT / "test/e2e"))
    from postgres import Postgres

    server = Postgres({"fsync": "on", "full_page_writes": "on", "shared_buffers": "128MB"})
    try:
        for url in ([], [server.url()]):
            subprocess.run([TOOLS / "drain", "300000", *url], check=True)
    finally:
        server.end()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=9)
    options.add_argument("--seconds", type=int, default=2)
    options.add_argument("--only", default="json,sse,memory,idle,translated,translated-sse,limits,prompt,drain")
    options.add_argument("--weir", default=str(ROOT / "build" / "weir"))
    args = options.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("bench: two cores are needed, one for the proxy and one for the rest")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kinds = {
        "json": ("JSON, 2 KB, 64 connections", "us/request", sample_requests, args.pairs, args),
        "sse": ("SSE, 5 ms, 100 streams", "us/chunk", sample_chunks, args.pairs, args),
        "memory": (f"memory of {STREAMS} open streams", "KiB each", sample_memory, min(args.pairs, 3), args),
        "translated": ("JSON, translated", "us/request", sample_requests, args.pairs, args, ("translated", "passed")),
        "translated-sse": ("SSE, translated", "us/chunk", sample_chunks, args.pairs, args, ("translated", "passed")),
        "limits": ("JSON, 10,000 keys with limits", "us/request", sample_requests, args.pairs, args, ("limited", "passed")),
        "idle": ("resident after one request", "MiB", sample_idle, min(args.pairs, 3), args),
    }
    for name in args.only.split(","):
        if name == "prompt":
            prompts()
            continue
        if name == "drain":
            drained()
            continue
        ratio = compare(*kinds[name])
        if name in LIMITS:
            print(f"{'':34} wanted: at most {LIMITS[name]:.2f}" + ("" if ratio <= LIMITS[name] else "  MISSED"), flush=True)


if __name__ == "__main__":
    main()
