"""Several processes, one PostgreSQL and one Redis: a budget is a wall for all of them together, and the ledger is complete.

WEIR_OUTAGE is for how many seconds each of the servers is away under load (2; `make torture`: 60)."""
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest

import postgres
from host import completion, reply, stream, stream_events
from redis_server import Redis, free_port
from weir import until

CONFIG = """
store: {{url: "{store}"}}
shared: {{url: "{shared}", alone: 20%}}
upstream: {{attempts: 2, retry_wait: 0s}}
route: {{breaker_failures: 1000}}
providers:
  cheap: {{dialect: openai, base_url: {url}, api_key: secret}}
  dear: {{dialect: openai, base_url: {url}, api_key: secret}}
models:
  a/one: [{{provider: cheap, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}]
  a/two:
    - {{provider: dear, model: m-2, max_output: 1000, price: {{input: 10, output: 20}}}}
    - {{provider: cheap, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}
"""
USD = 10**12
OUTAGE = float(os.environ.get("WEIR_OUTAGE", 2))
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def servers():
    """One PostgreSQL and one Redis for all tests of the file."""
    database, cache = postgres.Postgres(), Redis()
    yield database, cache
    cache.close()
    database.end()


@pytest.fixture
def fleet(weir, host, servers):
    database, cache = servers

    def start(count, *limits, lines=""):
        cache.ask("FLUSHALL")
        provider, url = host(), database.make()
        provider.play(reply(completion(usage=(100, 0, 50))))
        all = [weir(lines + CONFIG.format(store=url, shared=cache.url, url=provider.url), WEIR_STORE_URL=url) for _ in range(count)]
        all[0].command("team", "create", "t")
        made = all[0].command("key", "create", "--name", "k", "--team", "t", *limits).stdout.split()[0]
        for one in all:
            one.host, one.database, one.cache, one.url_of_store = provider, database, cache, url
            one.fields = [("authorization", f"Bearer {made}")]
            until(lambda: one.ask("/v1/models", fields=one.fields).status == 200 and one.ask("/v1/models").status == 401)
        return all

    return start


def ask(server, model="a/one", **more):
    return server.chat(model, fields=server.fields, **({"max_tokens": 50} | more))


def ledger(server):
    return postgres.rows(server.url_of_store, "SELECT * FROM ledger ORDER BY id")


def spent(server):
    return sum(row["cost_pusd"] or 0 for row in ledger(server))


def many(servers, count, model="a/one", **more):
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        return list(pool.map(lambda n: ask(servers[n % len(servers)], model, **more), range(count)))


def wait_for_rows(server, count):
    until(lambda: len(ledger(server)) >= count, 10)


def granted(server):
    rows = postgres.rows(server.url_of_store, "SELECT t.granted_pusd AS total, sum(l.granted_pusd) AS parts FROM lease_total t JOIN lease l USING (level, name, from_ms) GROUP BY t.level, t.name, t.from_ms, t.granted_pusd")
    assert all(row["total"] == row["parts"] for row in rows), rows
    return [row["total"] for row in rows]


# --- one wall ---


def test_a_key_made_at_one_is_known_to_all(fleet):
    servers = fleet(3)
    assert [ask(one).status for one in servers] == [200] * 3
    servers[2].command("key", "block", "k")
    until(lambda: [ask(one).status for one in servers] == [401] * 3 or [ask(one).status for one in servers] == [403] * 3)


def test_a_budget_is_a_wall_for_all_together(fleet):
    # 200 micro-USD a request, reserved at some more.
    servers = fleet(3, "--budget", "0.01/month")
    got = many(servers, 120)
    statuses = [one.status for one in got]
    assert set(statuses) == {200, 402}
    good = statuses.count(200)
    wait_for_rows(servers[0], good)
    assert len(ledger(servers[0])) == good == len(servers[0].host.requests)
    assert spent(servers[0]) == good * 200 * 10**6 <= USD // 100
    # What one leased ahead and did not use comes back: to the last request that fits.
    until(lambda: all(ask(one).status == 402 for one in servers) and USD // 100 - spent(servers[0]) < 500 * 10**6, 20)
    wait_for_rows(servers[0], len(servers[0].host.requests))
    assert spent(servers[0]) <= USD // 100
    assert all(total <= USD // 100 for total in granted(servers[0]))


def test_what_was_spent_without_a_budget_counts_in_one_that_is_set(fleet):
    servers = fleet(2, "--budget", "0.02/month")
    assert {one.status for one in many(servers, 10)} == {200}  # 200 micro-USD each
    servers[0].command("key", "set", "k", "--budget", "none")
    until(lambda: {ask(one, max_tokens=20_000).status for one in servers} == {200}, 10)
    assert {one.status for one in many(servers[1:], 60)} == {200}
    assert servers[1].stop() == 0
    wait_for_rows(servers[0], len(servers[0].host.requests))
    before = spent(servers[0])
    servers[0].command("key", "set", "k", "--budget", f"{before / USD + 0.001:.12f}/month")
    made = servers[0].command("key", "create", "--name", "later").stdout.split()[0]
    until(lambda: servers[0].ask("/v1/models", fields=[("authorization", f"Bearer {made}")]).status == 200)
    until(lambda: ask(servers[0]).status == 402, 20)
    wait_for_rows(servers[0], len(servers[0].host.requests))
    assert before < spent(servers[0]) <= before + USD // 1000


def test_a_request_that_never_fits_takes_nothing_from_others(fleet):
    servers, done = fleet(2, "--budget", "0.01/month"), threading.Event()
    refused = []

    def ask_for_too_much():
        while not done.is_set():
            refused.append(ask(servers[0], max_tokens=100_000))

    greedy = threading.Thread(target=ask_for_too_much)
    greedy.start()
    try:
        until(lambda: refused)
        assert {ask(servers[1]).status for _ in range(20)} == {200}
    finally:
        done.set()
        greedy.join()
    assert {one.status for one in refused} == {402}
    left = re.search(r"used up: (\S+) USD of 0.01 USD", refused[0].json["error"]["message"])
    assert left and float(left[1]) > 0.009


def test_a_budget_that_is_lowered_is_a_wall_for_all_together(fleet):
    servers = fleet(3, "--budget", "1/month")
    assert {one.status for one in many(servers, 24)} == {200}  # each has leased some 0.05 USD ahead
    servers[1].command("key", "set", "k", "--budget", "0.01/month")
    made = servers[0].command("key", "create", "--name", "later").stdout.split()[0]
    until(lambda: all(one.ask("/v1/models", fields=[("authorization", f"Bearer {made}")]).status == 200 for one in servers))
    until(lambda: sum(granted(servers[0])) <= USD // 100, 1)
    until(lambda: {one.status for one in many(servers, 30)} == {402}, 20)
    wait_for_rows(servers[0], len(servers[0].host.requests))
    assert spent(servers[0]) == len(servers[0].host.requests) * 200 * 10**6 <= USD // 100


def test_a_budget_that_is_set_again_counts_what_was_spent_without(fleet):
    """Also by a process that asks for nothing any more."""
    servers = fleet(2, "--budget", "0.01/month")
    assert ask(servers[0]).status == 200
    servers[0].command("key", "set", "k", "--budget", "none")
    time.sleep(1)
    assert {one.status for one in many(servers[1:], 40)} == {200}
    wait_for_rows(servers[0], 41)
    servers[0].command("key", "set", "k", "--budget", "0.01/month")
    time.sleep(1)
    assert granted(servers[0])[0] >= 41 * 200 * 10**6
    statuses = [one.status for one in many(servers[:1], 30)]
    assert set(statuses) == {200, 402} and statuses.count(200) <= 9


def test_a_budget_for_some_models_is_joint_too(fleet):
    servers = fleet(3, "--model-budget", "a/one=0.004/month", "--budget", "1/month")
    statuses = [one.status for one in many(servers, 60)]
    assert set(statuses) == {200, 402} and 0 < 200 * 10**6 * statuses.count(200) <= 4 * USD // 1000
    assert {one.status for one in many(servers, 6, model="a/two")} == {200}
    refused = next(one for one in (ask(servers[n % 3]) for n in range(9)) if one.status == 402)
    assert "a/one" in refused.json["error"]["message"] or "leased" in refused.json["error"]["message"]


def test_a_credit_is_run_down_by_all_together(fleet):
    servers = fleet(3)
    assert {one.status for one in many(servers, 6)} == {200}  # before there is one
    wait_for_rows(servers[0], 6)
    servers[0].command("team", "credit", "t", "0.004")
    made = servers[0].command("key", "create", "--name", "later").stdout.split()[0]
    until(lambda: all(one.ask("/v1/models", fields=[("authorization", f"Bearer {made}")]).status == 200 for one in servers))
    statuses = [one.status for one in many(servers, 60)]
    assert set(statuses) == {200, 402}
    until(lambda: all(ask(one).status == 402 for one in servers), 10)
    wait_for_rows(servers[0], len(servers[0].host.requests))
    assert 2 * USD // 1000 <= spent(servers[0]) - 6 * 200 * 10**6 <= 4 * USD // 1000
    refused = ask(servers[1])
    assert "credit" in refused.json["error"]["message"] or "leased" in refused.json["error"]["message"]
    servers[2].command("team", "credit", "t", "0.001")  # a top-up
    until(lambda: any(ask(one).status == 200 for one in servers))


def test_of_a_credit_that_ended_nobody_has_some_left(fleet):
    servers = fleet(3)
    servers[0].command("team", "credit", "t", "0.1", "--expires", "9s")
    ends = time.time() + 9
    servers[0].command("team", "credit", "t", "0.001")  # five requests, for later
    made = servers[0].command("key", "create", "--name", "later").stdout.split()[0]
    until(lambda: all(one.ask("/v1/models", fields=[("authorization", f"Bearer {made}")]).status == 200 for one in servers))
    assert {one.status for one in many(servers, 30)} == {200}  # each of them has more than that in hand
    assert time.time() < ends - 3, "too slow to show anything"
    until(lambda: time.time() > ends, 10)
    statuses = [one.status for one in many(servers, 60)]
    assert set(statuses) == {200, 402} and statuses.count(200) <= 5
    until(lambda: all(ask(one).status == 402 for one in servers), 10)
    wait_for_rows(servers[0], len(servers[0].host.requests))
    assert spent(servers[0]) <= 35 * 200 * 10**6


def test_a_threshold_is_of_all_together_and_told_once(fleet, host):
    hook = host()
    hook.play(reply(b"", 204))
    servers = fleet(3, "--budget", "0.01/month", lines=f'webhook: {{url: "{hook.url}/told", secret: "a-secret"}}\n')
    # 5 of 50 by each: of none it is the half.
    assert {one.status for one in many(servers, 27)} == {200}
    until(lambda: len(hook.requests) >= 1, 10)
    (told,) = [one.json for one in hook.requests]
    assert (told["percent"], told["name"]) == (50, "k") and told["spent_pusd"] >= 5 * USD // 1000
    wait_for_rows(servers[0], 27)
    assert len(hook.requests) == 1


def test_a_lease_outlives_its_process(fleet):
    servers = fleet(2, "--budget", "1/month")
    assert {one.status for one in many(servers, 20)} == {200}
    servers[0].process.send_signal(signal.SIGKILL)
    servers[0].process.wait()
    assert granted(servers[1])[0] <= USD
    assert {one.status for one in many(servers[1:], 10)} == {200}
    servers[0].launch()
    assert ask(servers[0]).status == 200
    wait_for_rows(servers[0], 31)
    assert len(ledger(servers[0])) == len(servers[0].host.requests) == 31
    until(lambda: granted(servers[0])[0] == spent(servers[0]), 10)


def test_a_budget_that_changes_holds_for_all(fleet):
    servers = fleet(3, "--budget", "0.002/month")
    statuses = [one.status for one in many(servers, 30)]
    assert statuses.count(200) <= 10 and 402 in statuses
    servers[1].command("key", "set", "k", "--budget", "0.004/month")
    until(lambda: ask(servers[2]).status == 200)
    statuses = [one.status for one in many(servers, 60)]
    assert 402 in statuses
    servers[0].command("key", "set", "k", "--budget", "0.001/month")
    until(lambda: all(ask(one).status == 402 for one in servers))
    wait_for_rows(servers[0], len(servers[0].host.requests))
    assert spent(servers[0]) <= 4 * USD // 1000


# --- the servers go away ---


def through_an_outage(servers, stop, start):
    """Within what is leased nothing is refused; beyond it only with 402 and when to come again; and then it goes on."""
    many(servers, 6)
    until(lambda: all(ask(one).status == 200 for one in servers))
    before = len(servers[0].host.requests)
    stop()
    inside = many(servers, 30)
    assert {one.status for one in inside} == {200}
    beyond = many(servers, 400, max_tokens=1000)
    assert {one.status for one in beyond} <= {200, 402}
    refused = [one for one in beyond if one.status == 402]
    assert refused and all(one.json["error"]["message"] and int(one.field("retry-after")) >= 1 for one in refused)
    start()
    until(lambda: all(ask(one).status == 200 for one in servers), 20)
    asked = len(servers[0].host.requests)
    assert asked > before + 30
    until(lambda: len(ledger(servers[0])) == len(servers[0].host.requests), 20)
    assert spent(servers[0]) == 200 * 10**6 * len(servers[0].host.requests) <= sum(granted(servers[0]))


@pytest.mark.parametrize("how", ["stop", "pause"])
def test_without_the_database_what_is_leased_is_spent_and_no_more(fleet, how):
    servers = fleet(3, "--budget", "0.3/month")
    database = servers[0].database
    if how == "stop":
        through_an_outage(servers, database.stop, database.start)
    else:
        through_an_outage(servers, database.pause, database.resume)


class Load:
    """Callers that ask all the time, each on a server of its own; `with` it."""

    def __init__(self, servers, fields, callers=6, **more):
        self.statuses, self.refusals, self.over = [], [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(servers[n % len(servers)], fields, more)) for n in range(callers)]

    def run(self, server, fields, more):
        while not self.over.is_set():
            got = server.chat("a/one", fields=fields, **({"max_tokens": 50} | more))
            self.statuses.append(got.status)
            if got.status != 200:
                self.refusals.append(got.json["error"]["message"])

    def __enter__(self):
        for one in self.threads:
            one.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for one in self.threads:
            one.join()


def test_both_are_away_under_load(fleet, tell):
    """Who stays inside the lease sees nothing of it; who does not is refused as ever; the ledger is complete."""
    servers = fleet(3, "--budget", "1000/month", "--rpm", "1000000")
    database, cache = servers[0].database, servers[0].cache
    made = servers[0].command("key", "create", "--name", "small", "--budget", "0.02/month", "--rpm", "600").stdout.split()[0]
    small = [("authorization", f"Bearer {made}")]
    until(lambda: all(one.chat("a/one", fields=small, max_tokens=50).status == 200 for one in servers))
    with Load(servers, servers[0].fields) as inside, Load(servers, small, callers=3, max_tokens=1000) as beyond:
        until(lambda: len(inside.statuses) > 60)
        for stop, start in ((database.stop, database.start), (cache.kill, cache.start)):
            stop()
            end, asked = time.monotonic() + OUTAGE, len(inside.statuses)
            until(lambda: time.monotonic() > end and len(inside.statuses) > asked + 20, OUTAGE + 10)
            start()
        asked = len(inside.statuses)
        until(lambda: len(inside.statuses) > asked + 60, 20)
    assert set(inside.statuses) == {200}, inside.refusals[:5]
    assert set(beyond.statuses) <= {200, 402, 429} and len(beyond.statuses) > beyond.statuses.count(200)
    until(lambda: len(ledger(servers[0])) == len(servers[0].host.requests), 30)
    by_key = {name: [row for row in ledger(servers[0]) if row["key"] == name] for name in ("k", "small")}
    assert len(by_key["k"]) == len(inside.statuses)
    assert sum(row["cost_pusd"] for row in by_key["small"]) <= USD // 50
    tell(f"PostgreSQL and Redis away for {OUTAGE:g} s each: {len(inside.statuses)} requests within the lease, 0 failed; "
         f"{len(beyond.statuses)} of a small budget, {len(by_key['small'])} let through; rows lost 0, twice 0")


# --- as the document says ---


@pytest.fixture
def nginx(tmp_path):
    """Runs the lines of docs/many-machines.md, in front of these servers."""
    made = []

    def start(servers):
        text = re.search(r"^    upstream weir.*?^    }$", (ROOT / "docs/many-machines.md").read_text(), re.M | re.S).group(0)
        port = free_port()
        text = re.sub(r"(server 10\S+ )+", "".join(f"server 127.0.0.1:{one.port}; " for one in servers), text)
        text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
        file = tmp_path / "nginx.conf"
        paths = "".join(f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        file.write_text(f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {paths}\n{text}\n}}")
        made.append(subprocess.Popen(["nginx", "-e", tmp_path / "error.log", "-g", "daemon off;", "-c", file], cwd=tmp_path))
        return port

    yield start
    for one in made:
        one.terminate()
        one.wait()


def test_three_behind_nginx(fleet, nginx):
    servers = fleet(3, "--budget", "1/month", "--rpm", "6000")
    front = type(servers[0]).__new__(type(servers[0]))
    front.__dict__.update(servers[0].__dict__, port=nginx(servers))

    def is_there():
        try:
            return ask(front).status == 200
        except OSError:
            return False

    until(is_there)
    asked = len(servers[0].host.requests)
    got = many([front], 60)
    assert {one.status for one in got} == {200}, [one.body for one in got if one.status != 200][:3]
    servers[0].host.play(stream(stream_events("hello", usage=(100, 0, 50))))
    got = ask(front, stream=True)
    assert got.events[-1] == b"[DONE]" and "".join(one["choices"][0]["delta"].get("content", "") for one in got.events[:-1] if one["choices"]) == "hello"
    # One goes away in order: the others answer, and nobody sees it.
    assert servers[2].stop() == 0
    servers[0].host.play(reply(completion(usage=(100, 0, 50))))
    assert {one.status for one in many([front], 30)} == {200}
    until(lambda: len(ledger(servers[0])) == asked + 91)
    assert len({row["instance"] for row in ledger(servers[0])}) == 3
