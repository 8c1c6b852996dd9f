"""No row is lost and none comes twice: weir is killed at any moment, the disk is full, the database does not answer.

Three journals are compared, request by request: what the callers saw, what the hosts were asked, what the ledger says. Each
request has a model of its own, whose name all three know. WEIR_ROUNDS is how often weir is killed (10; `make torture`: 200),
and a quarter of it how often with a disk that is full, and with one that cannot sync.
"""
import collections
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from conftest import BINARY, ROOT
from front import PRICE, attempts_of
from host import Host, chunk, completion, event, fault, reply, stream, usage_of
from weir import STORE, Weir, clean_environment, database_of, look, until

sys.path.insert(0, str(ROOT / "bench"))
from soak import TOOLS, Upstream  # noqa: E402

pytestmark = pytest.mark.store
ROUNDS = int(os.environ.get("WEIR_ROUNDS", 10))
CALLERS, REQUESTS = 12, 240  # of a round
SMALL = "journal: {{segment: 64KiB, max_bytes: {max}, on_full: {full}}}"
HELLO = {"messages": [{"role": "user", "content": "hi"}]}


def cost_of(usage):
    fresh, cached, out = usage
    return fresh * 150_000 + cached * 75_000 + out * 600_000


def config_of(hosts, names, lines="threads: 2"):
    """Each name is a model of its own at each of the hosts, which are asked in their order."""
    providers = {name: {"dialect": "openai", "base_url": host.url, "api_key": "k"} for name, host in hosts.items()}
    models = {f"acme/{n}": [{"provider": p, "model": n, "context": 131072, "price": PRICE} for p in hosts] for n in names}
    upstream = {"connect": "2s", "first_token": "10s", "total": "20s"}
    route = {"policy": "preferred", "explore": "0%", "breaker_failures": 1000}
    made = {"providers": providers, "models": models, "upstream": upstream, "route": route}
    return lines + "\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in made.items())


# --- the hosts ---


class Plan:
    """What the hosts do with each model, drawn once: answers, streams, streams that are cut, failovers; and what they were
    asked."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.of, self.asked, self.lock = {}, collections.Counter(), threading.Lock()

    def draw(self, name):
        r = self.random
        usage = (r.randrange(1, 5000), r.randrange(0, 3000), r.randrange(1, 400))
        self.of[name] = (r.choice(("json", "json", "stream", "stream", "slow", "cut", "failover")), usage)

    def streams(self, name):
        return self.of[name][0] in ("stream", "slow", "cut") or (self.of[name][0] == "failover" and self.of[name][1][0] % 2)

    def behave(self, first):
        def behaviour(connection, request):
            name = request.json["model"]
            with self.lock:
                self.asked[name] += 1
            kind, usage = self.of[name]
            if kind == "failover" and first:
                return fault(500)(connection, request)
            if not self.streams(name):
                return reply(completion(usage=usage))(connection, request)
            events = [event(chunk({"content": letter})) for letter in "hello"]
            if kind == "cut":
                return stream(events[:2], then=lambda c, r: False)(connection, request)
            events += [event(chunk({}, "stop")), event({**chunk({}), "choices": [], "usage": usage_of(usage)}), event(b"[DONE]")]
            gap = (lambda number: time.sleep(0.03)) if kind == "slow" else None
            return stream(events, gap=gap)(connection, request)

        return behaviour


# --- the callers ---


class Callers:
    """Ask for the names, each once, until none is left or the server is gone. `complete` has those whose answer was read to
    its last byte, `refused` those that got a 503."""

    def __init__(self, port, plan, names, threads=CALLERS):
        self.port, self.plan, self.names = port, plan, list(names)
        self.complete, self.refused, self.others, self.lock = set(), set(), {}, threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while True:
            with self.lock:
                if not self.names:
                    return
                name = self.names.pop()
            try:
                body = json.dumps({"model": f"acme/{name}", "stream": bool(self.plan.streams(name)), **HELLO})
                connection.request("POST", "/v1/chat/completions", body)
                got = connection.getresponse()
                data = got.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                continue
            if got.status == 503:
                assert got.getheader("retry-after") and json.loads(data)["error"]["code"] == "ledger_busy"
                self.refused.add(name)
            elif got.status == 200:
                self.complete.add(name)
            else:
                self.others[name] = (got.status, data)

    def join(self):
        for thread in self.threads:
            thread.join(60)
        assert not self.others, list(self.others.items())[:3]
        return self


# --- the ledger ---


def rows_of(folder):
    return look(folder, "SELECT * FROM ledger ORDER BY id")


def compare(plan, callers, rows):
    """All that must hold between the three; how many rows were interrupted."""
    by_name = {}
    for row in rows:
        name = row["asked"].removeprefix("acme/")
        assert name not in by_name, f"twice in the ledger: {row} {by_name[name]}"
        by_name[name] = row
    lost = [name for name in plan.asked if name not in by_name]
    made_up = [name for name in by_name if name not in plan.asked]
    assert (lost, made_up) == ([], [])
    for name, row in by_name.items():
        kind, usage = plan.of[name]
        attempts = json.loads(row["attempts"])
        assert len(attempts) == plan.asked[name], (row, plan.asked[name])
        if row["outcome"] == "OK":
            assert row["cost_pusd"] == cost_of(usage) and not row["estimated"]
        if row["outcome"] == "INTERRUPTED":
            assert row["estimated"] and row["partial"] and row["cost_pusd"] > 0 and name not in callers.complete
        if name in callers.complete:
            assert row["outcome"] == ("CUT_STREAM" if kind == "cut" else "OK"), row
    assert not callers.complete - by_name.keys()
    told = sum(cost_of(plan.of[name][1]) for name, row in by_name.items() if row["outcome"] == "OK")
    assert told == sum(row["cost_pusd"] for row in rows if row["outcome"] == "OK")
    return sum(row["outcome"] == "INTERRUPTED" for row in rows)


class Stage:
    """Two hosts, a folder, and weir in it, which may be killed and started again."""

    def __init__(self, folder, seed, binary=BINARY):
        self.folder, self.binary, self.plan = folder, binary, Plan(seed)
        self.hosts = {"a": Host(), "b": Host()}
        for name, host in self.hosts.items():
            host.play(self.plan.behave(name == "a"))
        self.server, self.named = None, 0

    def start(self, count, lines="threads: 2", **env):
        """Starts weir with so many new models; their names."""
        names = [f"r{self.named + i}" for i in range(count)]
        self.named += count
        for name in names:
            self.plan.draw(name)
        self.server = Weir(str(self.binary), self.folder, config_of(self.hosts, names, lines), env.items())
        return names

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()
        self.server.process.stdout.close()
        self.server.errors.close()
        self.settle()

    def settle(self):
        """Nothing that was sent to a host is on its way any more."""
        until(lambda: threading.active_count() <= self.quiet, 20)

    quiet = 1

    def close(self):
        if self.server is not None and self.server.process.poll() is None:
            assert self.server.stop() == 0, self.server.log[-3000:]
        for host in self.hosts.values():
            host.close()


@pytest.fixture
def stage(tmp_path):
    made = []

    def make(seed=1, **options):
        made.append(Stage(tmp_path, seed, **options))
        made[-1].quiet = threading.active_count()
        return made[-1]

    yield make
    for one in made:
        one.close()


def figures(tell, s, what, complete, interrupted):
    """compare() has found that none is lost and none is there twice."""
    asked, requests = sum(s.plan.asked.values()), len(s.plan.asked)
    tell(f"journal: {what}: {asked} calls of {requests} requests, {len(complete)} read to the end, {interrupted} interrupted, 0 rows lost, 0 twice")
    assert asked > 0


# --- kill -9 ---


@pytest.mark.asan
def test_killed_at_any_moment(stage, tell):
    rounds = ROUNDS if "asan" not in str(BINARY) else min(ROUNDS, 4)
    seed = int(os.environ.get("WEIR_SEED", random.randrange(1 << 30)))
    print("seed", seed)
    s, chance = stage(seed), random.Random(seed)
    complete, interrupted, seen = set(), 0, 0
    for number in range(rounds):
        names = s.start(REQUESTS)
        callers = Callers(s.server.port, s.plan, names)
        time.sleep(chance.uniform(0.01, 0.5))  # the moment of the kill: not waiting for anything
        s.kill()
        callers.join()
        complete |= callers.complete
        callers.complete = complete
        before, s.server = s.server.log, None
        assert "Sanitizer" not in before and "runtime error" not in before, before[-3000:]
        s.start(0)  # what was left is in the ledger before it listens
        interrupted = compare(s.plan, callers, rows_of(s.folder))
        seen += len(callers.threads)
        s.server.stop() if number % 2 else s.kill()
        assert compare(s.plan, callers, rows_of(s.folder)) == interrupted
    figures(tell, s, f"{rounds} kills", complete, interrupted)
    assert len(complete) > rounds


def test_what_a_kill_leaves_is_shown(stage):
    s = stage()
    names = s.start(4)
    held = threading.Event()
    s.hosts["a"].play_next(reply(completion(usage=(1, 0, 1))), lambda c, r: held.wait(20) and False)
    assert s.server.chat(f"acme/{names[0]}").status == 200
    threading.Thread(target=lambda: pytest.raises((OSError, http.client.HTTPException), s.server.chat, f"acme/{names[1]}")).start()
    s.hosts["a"].wait_for_requests(2)
    s.server.wait_for_rows(1)
    running = json.loads(s.server.command("journal", "--json").stdout)
    assert [one["asked"] for one in running["open"]] == [f"acme/{names[1]}"] and running["rows"] == 1 and running["intents"] == 2
    s.server.process.kill()
    held.set()
    s.kill()
    copy = s.folder / "copy"
    shutil.copytree(s.folder / "data", copy)
    told = subprocess.run([s.binary, "journal", copy, "--json"], capture_output=True, text=True, check=True)
    left = json.loads(told.stdout)
    assert left["open"] == running["open"] and float(left["open"][0]["reserved_usd"]) > 0
    text = subprocess.run([s.binary, "journal", copy], capture_output=True, text=True, check=True).stdout
    assert f"acme/{names[1]}" in text and "1 open requests" in text and "whole" in text
    # One whose head is damaged is told, and the others are shown.
    first = sorted(copy.glob("journal/*"))[0]
    first.write_bytes(b"#" + first.read_bytes()[1:])
    told = subprocess.run([s.binary, "journal", copy], capture_output=True, text=True)
    assert told.returncode == 1 and "no segment of a journal" in told.stderr
    s.start(0)
    assert "1 requests were settled as interrupted" in s.server.log
    row = next(row for row in s.server.rows() if row["asked"] == f"acme/{names[1]}")
    assert (row["outcome"], attempts_of(row), row["status"]) == ("INTERRUPTED", "a:INTERRUPTED", 0)
    assert row["cost_pusd"] == round(float(left["open"][0]["reserved_usd"]) * 1e12)
    assert json.loads(s.server.command("journal", "--json").stdout)["rows"] == 0


# --- a database that does not answer ---


def locked(folder):
    if STORE == "postgresql":
        import psycopg

        db = psycopg.connect(database_of(folder))
        db.execute("LOCK TABLE ledger IN EXCLUSIVE MODE")
        return db
    db = sqlite3.connect(folder / "data/weir.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    return db


def test_a_locked_database_loses_nothing(stage):
    """Nor does a kill while it is locked; the journal grows meanwhile."""
    s = stage(2)
    names = s.start(1000, "threads: 2\n" + SMALL.format(max="64MiB", full="refuse"))
    lock = locked(s.folder)
    callers = Callers(s.server.port, s.plan, names[:800]).join()
    assert len(callers.complete) == 800 and not callers.refused
    grown = s.server.metric("weir_journal_bytes")
    assert rows_of(s.folder) == []
    lock.execute("ROLLBACK")
    s.server.wait_for_rows(800, 20)
    until(lambda: s.server.metric("weir_journal_bytes") <= grown - 3 * 65536, 20)
    lock = locked(s.folder)
    more = Callers(s.server.port, s.plan, names[800:]).join()
    callers.complete |= more.complete
    s.kill()
    lock.execute("ROLLBACK")
    lock.close()
    s.start(0)
    assert compare(s.plan, callers, rows_of(s.folder)) == 0
    assert len(rows_of(s.folder)) == 1000


def test_a_locked_database_and_a_full_journal(stage):
    """Who is let in is recorded, who is not is told, and it goes on when the database is back."""
    s = stage(3)
    names = s.start(1200, "threads: 2\n" + SMALL.format(max="512KiB", full="refuse"))
    lock = locked(s.folder)
    callers = Callers(s.server.port, s.plan, names[:1000]).join()
    assert len(callers.refused) > 100 and len(callers.complete) > 100
    assert callers.refused.isdisjoint(s.plan.asked)
    assert s.server.metric("weir_ledger_full_total") == len(callers.refused)
    lock.execute("ROLLBACK")
    s.server.wait_for_rows(len(callers.complete), 20)
    until(lambda: "can have further segments again" in s.server.log, 20)
    more = Callers(s.server.port, s.plan, names[1000:], threads=2).join()
    assert len(more.complete) == 200
    callers.complete |= more.complete
    assert s.server.stop() == 0
    assert compare(s.plan, callers, rows_of(s.folder)) == 0


# --- a disk that fails ---


@pytest.fixture(scope="module")
def faulty(tmp_path_factory, preload):
    """The environment in which the disk fails when a file says so; see faulty.c."""
    folder = tmp_path_factory.mktemp("faulty")
    yield {**preload("faulty"), "FAULTY": folder}
    for name in ("full", "unsynced"):
        (folder / name).unlink(missing_ok=True)


def fails(faulty, what):
    (faulty["FAULTY"] / what).touch()


def works(faulty, what):
    (faulty["FAULTY"] / what).unlink()


def test_a_disk_that_is_full(stage, faulty):
    """It refuses once its segments are used up, and before that loses nothing; with room it goes on."""
    s = stage(4)
    names = s.start(1200, "threads: 2\n" + SMALL.format(max="64MiB", full="refuse"), **faulty)
    fails(faulty, "full")
    callers = Callers(s.server.port, s.plan, names[:1000]).join()
    assert len(callers.refused) > 100 and len(callers.complete) > 10
    assert callers.refused.isdisjoint(s.plan.asked)
    assert "cannot have a further segment: No space left on device" in s.server.log
    works(faulty, "full")
    until(lambda: "can have further segments again" in s.server.log, 20)
    s.server.wait_for_rows(len(callers.complete), 20)
    more = Callers(s.server.port, s.plan, names[1000:]).join()
    assert len(more.complete) + len(more.refused) == 200 and len(more.complete) > 100
    callers.complete |= more.complete
    s.kill()
    s.start(0)
    assert compare(s.plan, callers, rows_of(s.folder)) == 0


def test_killed_while_the_disk_is_full(stage, faulty):
    s = stage(5)
    names = s.start(1000, "threads: 2\n" + SMALL.format(max="64MiB", full="refuse"), **faulty)
    fails(faulty, "full")
    callers = Callers(s.server.port, s.plan, names)
    until(lambda: callers.refused, 20)
    s.kill()
    callers.join()
    works(faulty, "full")
    s.start(0)
    compare(s.plan, callers, rows_of(s.folder))


def test_it_goes_on_when_told_to(stage, faulty):
    """Then what had no room is counted: rows and count together are all."""
    s = stage(6)
    names = s.start(1000, "threads: 2\n" + SMALL.format(max="64MiB", full="go_on"), **faulty)
    fails(faulty, "full")
    callers = Callers(s.server.port, s.plan, names).join()
    unrecorded = s.server.metric("weir_unrecorded_total")
    assert len(callers.complete) == 1000 and not callers.refused and unrecorded > 100
    assert "the journal is full: the ledger has no row of req_" in s.server.log
    works(faulty, "full")
    rows = s.server.wait_for_rows(1000 - unrecorded, 20)
    assert len(rows) + unrecorded == 1000 == len(s.plan.asked)
    assert s.server.stop() == 0
    assert len(rows_of(s.folder)) + unrecorded == 1000


def test_syncs_that_fail(stage, faulty):
    """A power cut could cost rows, and that is told; a kill does not."""
    s = stage(7)
    names = s.start(200, "threads: 2\njournal: {sync: 20ms}", **faulty)
    fails(faulty, "unsynced")
    callers = Callers(s.server.port, s.plan, names).join()
    until(lambda: "cannot be synced: Input/output error" in s.server.log)
    s.kill()
    works(faulty, "unsynced")
    s.start(0)
    assert compare(s.plan, callers, rows_of(s.folder)) == 0
    assert len(rows_of(s.folder)) == 200


@pytest.fixture
def little_disk(tmp_path):
    """A file system of 16 MiB, where we may mount one."""
    place = tmp_path / "data"
    place.mkdir(mode=0o700)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", place], capture_output=True)
    if done.returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_real_disk_that_is_full(little_disk, stage):
    s = stage(8)
    names = s.start(1000, "threads: 2\njournal: {segment: 256KiB}")
    filler = little_disk / "filler"
    with open(filler, "wb") as f, pytest.raises(OSError):
        while True:
            f.write(b"x" * 65536)
            f.flush()
    callers = Callers(s.server.port, s.plan, names[:800]).join()
    refused = len(callers.refused)
    filler.unlink()
    s.server.wait_for_rows(len(callers.complete), 20)
    until(lambda: s.server.ask("/readyz").status == 200, 20)
    more = Callers(s.server.port, s.plan, names[800:]).join()
    assert len(more.complete) == 200
    callers.complete |= more.complete
    print("refused", refused)
    s.kill()
    s.start(0)
    assert compare(s.plan, callers, rows_of(s.folder)) == 0
    s.close()


# --- both, many times ---


@contextlib.contextmanager
def small_disk(folder, size="48m"):
    """A file system of its own at the folder; only root may make one."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "weir-test", folder], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"a small disk cannot be made, which wants root: {made.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


class Disk:
    def __init__(self, folder):
        self.filler = folder / "filler"

    def fill(self, but=0):
        """Takes what is free, but for so many bytes."""
        with open(self.filler, "ab", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(65536)) == 65536:
                    pass
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(512))
        os.truncate(self.filler, max(0, self.filler.stat().st_size - but))

    def free(self):
        self.filler.unlink(missing_ok=True)


def troubled_rounds(s, chance, rounds, trouble, relief, env=()):
    """Each round has load, trouble that begins and mostly ends while it runs, and a kill; then it starts as if nothing was.
    What was read to the end, and how many were interrupted."""
    complete, interrupted, refused = set(), 0, 0
    for number in range(rounds):
        names = s.start(3 * REQUESTS, "threads: 2\n" + SMALL.format(max="16MiB", full="refuse"), **dict(env))
        callers = Callers(s.server.port, s.plan, names)
        time.sleep(chance.uniform(0.005, 0.2))  # moments of the trouble: not waiting for anything
        trouble()
        time.sleep(chance.uniform(0.01, 0.8))
        if chance.random() < 0.5:
            relief()
            time.sleep(chance.uniform(0.005, 0.1))
        assert s.server.process.poll() is None, s.server.log[-3000:]
        s.kill()
        callers.join()
        complete |= callers.complete
        refused += len(callers.refused)
        assert callers.refused.isdisjoint(s.plan.asked), callers.refused & s.plan.asked.keys()
        callers.complete = complete
        if chance.random() < 0.3:
            start_in_trouble(s, env)
        relief()
        s.server = None
        s.start(0)
        interrupted = compare(s.plan, callers, rows_of(s.folder))
        s.server.stop() if number % 2 else s.kill()
        assert compare(s.plan, callers, rows_of(s.folder)) == interrupted
    return complete, interrupted, refused


def start_in_trouble(s, env):
    """Whether it gives up or goes on while the trouble lasts, it does no harm."""
    server = Weir(str(s.binary), s.folder, config_of(s.hosts, ["none"]), dict(env).items(), wait=False)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.process.wait(0.3)
    if server.process.poll() not in (None, 1):
        raise AssertionError(f"exit status {server.process.poll()}:\n{server.log}")
    server.process.kill()
    server.process.wait()
    server.process.stdout.close()
    server.errors.close()


def seeded():
    seed = int(os.environ.get("WEIR_SEED", random.randrange(1 << 30)))
    print("seed", seed)
    return seed


def test_killed_on_a_small_disk(stage, tmp_path, tell):
    seed = seeded()
    s, chance, rounds = stage(seed), random.Random(seed), max(3, ROUNDS // 4)
    with small_disk(tmp_path / "data") as disk:
        trouble = lambda: disk.fill(chance.choice((0, 0, 4096, 70_000, 300_000)))  # noqa: E731
        complete, interrupted, refused = troubled_rounds(s, chance, rounds, trouble, disk.free)
        figures(tell, s, f"{rounds} kills with the disk full, {refused} refused", complete, interrupted)


def test_killed_while_syncs_fail(stage, faulty, tell):
    seed = seeded()
    s, chance, rounds = stage(seed), random.Random(seed), max(3, ROUNDS // 4)
    relief = lambda: (faulty["FAULTY"] / "unsynced").unlink(missing_ok=True)  # noqa: E731
    complete, interrupted, refused = troubled_rounds(s, chance, rounds, lambda: fails(faulty, "unsynced"), relief, faulty)
    figures(tell, s, f"{rounds} kills while syncs fail, {refused} refused", complete, interrupted)
