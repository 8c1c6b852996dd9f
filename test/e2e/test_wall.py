"""A budget is a wall: whatever 64 clients do at once, what is spent and what is reserved together never pass it.

Random prices, lengths, service tiers and discounts; answers whole and in streams, failovers, errors, callers who leave. The
hosts know what each call costs when it comes in, and the callers ask all the time what is left. WEIR_ROUNDS makes it longer.
"""
import collections
import http.client
import json
import os
import random
import re
import threading
import time
from datetime import datetime, timezone
from decimal import Decimal

import pytest

import postgres
from conftest import BINARY
from host import Host, chunk, completion, event, fault, reply, stream, stream_events, usage_of
from redis_server import Redis
from test_priced import cost as price_of
from test_priced import exact
from weir import Weir, until

CLIENTS = 64
REQUESTS = CLIENTS * max(8, int(os.environ.get("WEIR_ROUNDS", 0)))
DAY_MS = 86_400_000
KEYS = ("one", "two", "three", "small")  # the last has a budget of its own below that of all
EXACT = ("json", "json", "stream", "stream", "slow", "failover", "down", "refused")
LOOSE = EXACT + ("left", "left", "cut")  # what these cost is an estimate, or unknown
TIERS = ("standard", "flex", "priority", "batch")


# --- prices ---


class Prices:
    """Three providers with one model each has; a row a date, lengths and tiers, all drawn."""

    def __init__(self, chance):
        self.chance, self.models, self.discount = chance, {}, {"a": 0, "b": 1250, "c": -333}
        for number in range(6):
            names = chance.sample("abc", chance.choice((2, 3)))
            self.models[f"acme/m{number}"] = {name: self.rows() for name in names}

    def usd(self, most):
        return round(self.chance.uniform(0.01, most), self.chance.choice((2, 6)))

    def rates(self, **more):
        drawn = {"input": self.usd(4), "output": self.usd(20)}
        for kind, most in (("cached_input", 1), ("reasoning", 30), ("cache_write", 6)):
            if self.chance.random() < 0.5:
                drawn[kind] = self.usd(most)
        return {**drawn, **more}

    def rows(self):
        row = self.rates(tiers=[{"above_input_tokens": self.chance.randrange(20, 120), **self.rates()}])
        row["service_tiers"] = {"flex": 0.5, "priority": self.chance.choice((2, 1.75, self.rates()))}
        if self.chance.random() < 0.5:
            row["request"] = {"usd": self.chance.randrange(1, 9), "per": 100_000}
        return [row]

    def catalog(self):
        offers = lambda at: [{"provider": name, "model": "m", "max_output": 500, "prices": rows} for name, rows in at.items()]  # noqa: E731
        named = {}
        for model, at in self.models.items():
            named[model] = {"kind": "chat", "context": 8192, "providers": offers(at)}
            for offer in named[model]["providers"]:
                offer["model"] = model.split("/")[1]
        return {"format": 1, "models": named}

    def cost(self, model, provider, usage, tier):
        rows = exact(self.models[model][provider])
        return price_of(rows, usage, datetime.now(timezone.utc), tier or "standard", self.discount[provider])


# --- who asks, and who answers ---


class Load:
    """What each request is to be, drawn once; what the hosts were asked, and what that cost."""

    def __init__(self, prices, chance, kinds):
        self.prices, self.chance, self.lock = prices, chance, threading.Lock()
        self.plan, self.costs, self.used, self.arrived = {}, {}, collections.Counter(), []
        self.statuses, self.kinds, self.walls, self.broken = collections.Counter(), kinds, {}, []

    def draw(self, while_=lambda: True, count=REQUESTS):
        """The names of so many new requests, one after the other, as long as it holds."""
        for _ in range(count):
            if not while_():
                return
            name, chance = f"r{len(self.plan)}", self.chance
            tier = chance.choice((None, "default", "flex", "priority"))
            self.plan[name] = {
                "kind": chance.choice(self.kinds), "model": chance.choice(list(self.prices.models)), "key": chance.choice(KEYS),
                "most": chance.randrange(1, 400), "tier": tier, "said": "x" * chance.randrange(1, 300),
                "served": chance.choice(("default", tier or chance.choice(("flex", "priority")), None)),
            }  # fmt: skip
            yield name

    def draw_usage(self, request, one):
        """Within what was asked: a token is at least a byte."""
        into, out = self.chance.randrange(1, len(request.body) * 2 // 3), self.chance.randrange(1, one["most"] + 1)
        return into - self.chance.randrange(into), self.chance.randrange(out + 1), into, out

    def behave(self, provider):
        """What a host does; what goes wrong in it is not lost with its thread."""

        def behaviour(connection, request):
            try:
                return self.play(provider, connection, request)
            except (KeyError, ValueError, TypeError, AssertionError) as wrong:
                self.broken.append((provider, repr(wrong)))
                raise

        return behaviour

    def play(self, provider, connection, request):
        name = re.search(rb"id (r\d+)", request.body)[1].decode()
        one = self.plan[name]
        with self.lock:
            self.used[name] += 1
            first = self.used[name] == 1
            fails = one["kind"] == "down" or (one["kind"] == "failover" and first)
            if not fails and one["kind"] in ("json", "stream", "slow", "failover"):
                self.count(name, one, provider, request)
        if one["kind"] == "refused":
            return fault(400)(connection, request)
        if fails:
            return fault(500)(connection, request)
        return self.answer(name, one, request)(connection, request)

    def count(self, name, one, provider, request):
        """It came: from here on it costs so much. All walls must hold with it."""
        fresh, thought, into, out = self.draw_usage(request, one)
        usage = {"input": fresh, "cached_input": into - fresh, "output": out - thought, "reasoning": thought}
        one["usage"] = {**usage_of((fresh, into - fresh, out)), "completion_tokens_details": {"reasoning_tokens": thought}}
        served = one["served"] or one["tier"]
        tier = {"default": "standard", None: "standard"}.get(served, served)
        self.costs[name] = self.prices.cost(one["model"], provider, usage, tier)
        self.arrived.append(name)
        for wall in self.walls.values():
            wall(self)

    def answer(self, name, one, request):
        more = {"service_tier": one["served"]} if one["served"] else {}
        if not request.json.get("stream"):
            return reply({**completion(usage=None, **more), "usage": one["usage"]})
        events = [event(chunk({"content": letter}, **more)) for letter in "hello"]
        if one["kind"] == "cut":
            return stream(events[:2], then=lambda c, r: False)
        if one["kind"] == "left":
            return stream(events[:2], then=lambda c, r: c.wait_closed(10) and False)
        end = [event(chunk({}, "stop", **more)), event({**chunk({}, **more), "choices": [], "usage": one["usage"]}), event(b"[DONE]")]
        return stream(events + end, gap=(lambda number: time.sleep(0.01)) if one["kind"] == "slow" else None)

    def body(self, name):
        one = self.plan[name]
        said = [{"role": "user", "content": f"id {name} {one['said']}"}]
        body = {"model": one["model"], "max_tokens": one["most"], "messages": said}
        if one["tier"]:
            body["service_tier"] = one["tier"]
        if one["kind"] in ("stream", "slow", "left", "cut") or (one["kind"] == "failover" and one["most"] % 2):
            body["stream"] = True
        return body

    def spent(self, key=None, since=0):
        return sum(self.costs[name] for name in self.arrived[since:] if key in (None, self.plan[name]["key"]))


class Clients:
    """64 of them ask for all requests, each at any of the servers; one more asks what is left."""

    def __init__(self, s, names=None):
        self.load, self.keys, self.names = s.load, s.keys, s.load.draw() if names is None else names
        self.ports = [server.port for server in s.servers]
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[number % len(self.ports)], timeout=30)
        while True:
            with self.load.lock:
                name = next(self.names, None)
            if name is None:
                return
            try:
                self.ask(connection, name)
            except (OSError, http.client.HTTPException) as wrong:
                connection.close()
                if self.load.plan[name]["kind"] not in ("left", "cut"):
                    self.load.broken.append((name, repr(wrong)))

    def ask(self, connection, name):
        one = self.load.plan[name]
        fields = {"authorization": f"Bearer {self.keys[one['key']]}", "x-session-id": name}
        connection.request("POST", "/v1/chat/completions", json.dumps(self.load.body(name)), fields)
        got = connection.getresponse()
        if one["kind"] == "left" and got.status == 200:
            got.read(1)
            connection.close()
        else:
            got.read()
        with self.load.lock:
            self.load.statuses[got.status] += 1
            one["status"] = got.status

    @property
    def alive(self):
        return any(thread.is_alive() for thread in self.threads)

    def join(self):
        for thread in self.threads:
            thread.join(120)
        assert not self.alive and not self.load.broken, self.load.broken[:5]


# --- the stage ---


class Stage:
    """So many processes, in front of the same hosts and on the same store."""

    def __init__(self, folder, seed, kinds, processes=1, store="", env=()):
        self.chance, self.folder = random.Random(seed), folder
        self.prices = Prices(self.chance)
        self.load = Load(self.prices, self.chance, kinds)
        self.hosts = {name: Host() for name in "abc"}
        for name, host in self.hosts.items():
            host.play(self.load.behave(name))
        (folder / "catalog.json").write_text(json.dumps(self.prices.catalog()))
        providers = {
            name: {"dialect": "openai", "base_url": host.url, "api_key": "k", "discount": f"{self.prices.discount[name] / 100}%"}
            for name, host in self.hosts.items()
        }
        route = {"policy": "fastest", "explore": "20%", "breaker_failures": 1000}
        lines = f"{store}\nthreads: 2\ncatalog: {folder}/catalog.json\nupstream: {{attempts: 3, retry_wait: 0s}}\n"
        config = lines + f"providers: {json.dumps(providers)}\nroute: {json.dumps(route)}\n"
        self.servers = []
        for number in range(processes):
            place = folder / f"weir{number}"
            place.mkdir()
            self.servers.append(Weir(str(BINARY), place, config, dict(env).items()))
        self.joint, self.url = processes > 1, dict(env).get("WEIR_STORE_URL")

    def begin(self, budget, small):
        one = self.servers[0]
        one.command("org", "create", "acme", "--budget", f"{usd(budget)}/day")
        one.command("team", "create", "web", "--org", "acme")
        keys = {}
        for name in KEYS:
            words = ("--budget", f"{usd(small)}/day") if name == "small" else ()
            keys[name] = one.command("key", "create", "--name", name, "--team", "web", *words).stdout.split()[0]
        for server in self.servers:
            fields = [("authorization", f"Bearer {keys['small']}")]
            until(lambda: server.ask("/v1/models", fields=fields).status == 200 and server.ask("/v1/models").status == 401, 10)
        self.keys = keys
        return keys

    def left(self, server, key="one"):
        """What a refusal says: the amount, and what is left of it with all that is reserved taken off."""
        fields = [("authorization", f"Bearer {self.keys[key]}"), ("x-session-id", "probe")]
        body = {"model": "acme/m0", "max_tokens": 1_000_000_000, "messages": [{"role": "user", "content": "what is left?"}]}
        got = server.ask(body=body, fields=fields)
        assert got.status == 402, got.body
        left, budget = re.search(r"used up: (\S+) USD of (\S+) USD are left", got.json["error"]["message"]).groups()
        return pico(left), pico(budget)

    def rows(self):
        rows = self.servers[0].rows() if self.url is None else postgres.rows(self.url, "SELECT * FROM ledger ORDER BY id")
        assert len({row["session"] for row in rows}) == len(rows)
        return rows

    def settled(self):
        """The rows of all that reached a host, once they are there."""
        return until(lambda: len(rows := self.rows()) >= len(self.load.used) and rows, 20)

    def close(self):
        for server in self.servers:
            assert server.stop() == 0, server.log[-3000:]
        for host in self.hosts.values():
            host.close()


def usd(pusd):
    return f"{Decimal(pusd).scaleb(-12):f}"


def pico(text):
    return int(Decimal(text) * 10**12)


@pytest.fixture
def stage(tmp_path):
    made = []

    def make(kinds=EXACT, **options):
        seed = int(os.environ.get("WEIR_SEED", random.randrange(1 << 30)))
        print("seed", seed)
        made.append(Stage(tmp_path, seed, kinds, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def wall(amount, key=None, since=lambda load: 0):
    """Checked by the hosts at each call: all that came so far, this one too, fits."""

    def check(load):
        spent = load.spent(key, since(load))
        if spent > amount():
            load.broken.append(("overspent", key, spent, amount()))

    return check


def sample(s, clients, budgets, samples):
    """What is left is never less than nothing, nor more than what the calls that came before leave. Of several processes
    each knows its lease alone: there the hosts' own sums must do."""
    while clients.alive and not s.joint:
        with s.load.lock:
            before = s.load.spent()
        left, budget = s.left(s.servers[0])
        samples.append(left)
        assert left >= 0 and budget in budgets, (left, budget)
        assert left <= max(budgets) - before, (left, before)


def check_rows(s, rows):
    """Each row costs what its host served; only estimates are weir's own."""
    for row in rows:
        kind = s.load.plan[row["session"]]["kind"]
        if row["outcome"] == "OK":
            assert row["cost_pusd"] == s.load.costs[row["session"]], (row, s.load.plan[row["session"]])
        else:
            # Whoever would have been next may be too dear by now.
            assert kind in ("down", "refused", "left", "cut", "failover"), (kind, row)
            assert kind in ("left", "cut") or not row["cost_pusd"], row
    assert set(s.load.costs) == {row["session"] for row in rows if row["outcome"] == "OK"}
    return sum(row["cost_pusd"] or 0 for row in rows)


def average(load):
    """What a request costs, more or less: 60 USD a million would be much."""
    return 100 * 2_000_000 + 200 * 8_000_000


# --- the tests ---


@pytest.fixture(scope="module")
def shared():
    """What several processes need: a database and a cache."""
    database, cache = postgres.Postgres(), Redis()

    def make(processes):
        if processes == 1:
            return {}
        cache.ask("FLUSHALL")
        url = database.make()
        return {"store": f'store: {{url: "{url}"}}\nshared: {{url: "{cache.url}"}}', "env": {"WEIR_STORE_URL": url}}

    yield make
    cache.close()
    database.end()


@pytest.mark.parametrize("processes", [1, 3])
def test_spent_and_reserved_never_pass_the_budget(stage, shared, tell, processes):
    s = stage(EXACT, processes=processes, **shared(processes))
    budget, small = REQUESTS * average(s.load) // 4, REQUESTS * average(s.load) // 40
    keys, samples = s.begin(budget, small), []
    s.load.walls = {"all": wall(lambda: budget), "small": wall(lambda: small, "small")}
    clients = Clients(s)
    sample(s, clients, {budget}, samples)
    clients.join()
    spent = check_rows(s, s.settled())
    assert spent == s.load.spent() <= budget and s.load.spent("small") <= small
    assert s.load.statuses[402] + s.load.statuses[429] > REQUESTS // 20 and s.load.statuses[200] > REQUESTS // 20, s.load.statuses
    if not s.joint:
        until(lambda: s.left(s.servers[0])[0] == budget - spent)
    (org,) = json.loads(s.servers[0].command("org", "list", "--json").stdout)
    assert org["spent_pusd"] == spent
    tell(f"budget: {processes} {'process' if processes == 1 else 'processes'}, {CLIENTS} clients, {REQUESTS} requests, {s.load.statuses[402] + s.load.statuses[429]} refused, "
         f"{len(samples)} samples, {100 * spent / budget:.2f}% spent, 0 overspent")  # fmt: skip


def test_callers_who_leave_and_streams_that_are_cut(stage):
    """What they cost is estimated, and what nobody knows counts as it was reserved."""
    s = stage(LOOSE)
    budget = REQUESTS * average(s.load) // 4
    keys, samples = s.begin(budget, budget), []
    s.load.walls = {"all": wall(lambda: budget)}
    clients = Clients(s)
    sample(s, clients, {budget}, samples)
    clients.join()
    rows = s.settled()
    spent = check_rows(s, rows)
    assert sum(row["outcome"] not in ("OK",) and row["estimated"] for row in rows) > REQUESTS // 100
    assert spent <= budget
    if all(row["cost_pusd"] is not None or row["outcome"] not in ("CLIENT_GONE", "CUT_STREAM") for row in rows):
        until(lambda: s.left(s.servers[0])[0] == budget - spent)


@pytest.mark.parametrize("processes", [1, 3])
def test_across_a_change_of_the_amount(stage, shared, processes):
    """Raised while it runs, and lowered to nothing: then nobody comes any more."""
    s = stage(EXACT, processes=processes, **shared(processes))
    low = REQUESTS * average(s.load) // 100
    high, amount = low * 8, [0]
    amount[0] = low
    keys, samples = s.begin(low, low), []
    s.load.walls = {"all": wall(lambda: amount[0]), "small": wall(lambda: low, "small")}
    late = time.monotonic() + 20
    clients = Clients(s, s.load.draw(lambda: s.load.spent() <= 2 * low and time.monotonic() < late, 100_000))
    until(lambda: s.load.statuses[402] + s.load.statuses[429] > REQUESTS // 20, 20)
    amount[0] = high
    s.servers[0].command("org", "set", "acme", "--budget", f"{usd(high)}/day")
    sample(s, clients, {low, high}, samples)
    clients.join()
    spent = check_rows(s, s.settled())
    assert low < spent == s.load.spent() <= high
    if s.joint:
        return
    until(lambda: s.left(s.servers[0]) == (high - spent, high))
    s.servers[0].command("org", "set", "acme", "--budget", "0/day")
    until(lambda: s.left(s.servers[0])[1] == 0)
    came = sum(s.load.used.values())
    Clients(s, s.load.draw(count=CLIENTS)).join()
    assert sum(s.load.used.values()) == came


@pytest.fixture
def midnight(preload):
    """The environment in which the day ends in so many seconds."""

    def make(seconds):
        since_midnight = int(time.time() * 1000) % DAY_MS
        return {**preload("clock"), "CLOCK_OFFSET_MS": -since_midnight - int(seconds * 1000)}

    return make


@pytest.mark.parametrize("processes", [1, 3])
def test_across_the_edge_of_a_period(stage, shared, midnight, processes):
    """What a day began is charged to that day, and each day has its whole amount and no more."""
    joint = shared(processes)
    env = midnight(3 if processes == 1 else 5)
    s = stage(EXACT, processes=processes, store=joint.get("store", ""), env={**env, **joint.get("env", {})})
    now = lambda: int(time.time() * 1000) + env["CLOCK_OFFSET_MS"]  # noqa: E731
    edge = now() // DAY_MS * DAY_MS + DAY_MS
    budget, small = 25 * average(s.load), 6 * average(s.load)
    s.begin(budget, small)
    s.load.walls = {"all": wall(lambda: 2 * budget), "small": wall(lambda: 2 * small, "small")}
    clients = Clients(s, s.load.draw(lambda: now() < edge + 1000, 100_000))
    until(lambda: s.load.statuses[402] + s.load.statuses[429] > 20, 20)
    assert now() < edge, "too slow to see the end of the day"
    while clients.alive and not s.joint:
        left, amount = s.left(s.servers[0])
        assert 0 <= left <= budget == amount
    clients.join()
    rows = s.settled()
    check_rows(s, rows)
    for key, amount in ((None, budget), ("small", small)):
        for day in (0, 1):
            of_day = [row for row in rows if (row["start_ms"] >= edge) == bool(day) and key in (None, row["key"])]
            spent = sum(row["cost_pusd"] or 0 for row in of_day)
            assert amount // 8 * (key is None) < spent <= amount, (key, day, spent, amount)
            if day and key is None and not s.joint:
                until(lambda: s.left(s.servers[0])[0] == budget - spent)


@pytest.mark.parametrize("streamed", [False, True])
def test_whoever_has_the_answer_finds_its_slot_free(weir, host, preload, streamed):
    """And the rest of what was reserved, however late the server comes to anything else."""
    provider = host()
    provider.play(stream(stream_events(usage=(100, 0, 50))) if streamed else reply(completion(usage=(100, 0, 50))))
    offer = "{provider: one, model: m, max_output: 1000, price: {input: 1, output: 2}}"
    server = weir(f"threads: 4\nproviders: {{one: {{dialect: openai, base_url: {provider.url}}}}}\nmodels: {{a/one: [{offer}]}}", **preload("slow"))
    made = server.command("key", "create", "--name", "k", "--concurrent", "1", "--budget", "0.01/day").stdout.split()[0]
    fields = [("authorization", f"Bearer {made}")]
    until(lambda: server.ask("/v1/models", fields=fields).status == 200 and server.ask("/v1/models").status == 401)
    body = {"model": "a/one", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4000, "stream": streamed}
    assert [server.ask("/v1/chat/completions", body, fields=fields).status for _ in range(9)] == [200] * 9
