"""Requests that a limit refuses wait for room: up to a deadline, in a fair order, and in a bounded number."""
import concurrent.futures
import json
import signal
import threading
import time

import pytest

from host import completion, reply, stream, stream_events
from weir import until

CONFIG = """
threads: {threads}
limits: {{queue: {queue}, queue_max: {queue_max}}}
upstream: {{attempts: 2, retry_wait: 0s}}
route: {{policy: preferred, explore: 0%, breaker_failures: 1000}}
providers:
  one: {{dialect: openai, base_url: {url}, api_key: secret, limits: {limits}}}
models:
  a/one: [{{provider: one, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}]
  a/two: [{{provider: one, model: m-2, max_output: 1000, price: {{input: 1, output: 2}}}}]
"""
USED = (100, 0, 50)
pytestmark = pytest.mark.asan


class Gate:
    """A behaviour that lets requests pass when it is told so, and counts how many it has at a time."""

    def __init__(self):
        self.lock, self.open = threading.Lock(), threading.Event()
        self.now = self.most = 0
        self.order, self.seconds = [], 0.0

    def __call__(self, connection, request):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.order.append(request.json["messages"][0]["content"])
        self.open.wait(30)
        threading.Event().wait(self.seconds)  # so long it takes
        with self.lock:
            self.now -= 1
        made = stream(stream_events(usage=USED)) if request.json.get("stream") else reply(completion(usage=USED))
        return made(connection, request)


@pytest.fixture
def server(weir, host):
    def start(queue="20s", limits="{}", threads=1, queue_max=1000):
        provider = host()
        made = weir(CONFIG.format(url=provider.url, queue=queue, limits=limits, threads=threads, queue_max=queue_max))
        made.host, made.gate = provider, Gate()
        provider.play(made.gate)
        return made

    return start


def key(server, name="k", *limits):
    made = server.command("key", "create", "--name", name, *limits).stdout.split()[0]
    fields = [("authorization", f"Bearer {made}")]
    until(lambda: server.ask("/v1/models", fields=fields).status == 200 and server.ask("/v1/models").status == 401)
    return fields


def ask(server, fields=(), words="hi", model="a/one", **more):
    body = {"model": model, "messages": [{"role": "user", "content": words}], "max_tokens": 60} | more
    return server.ask("/v1/chat/completions", body, fields=fields, timeout=60)


def waiting(server, fields=()):
    text = server.ask("/metrics", fields=fields).body.decode()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("weir_requests_waiting "))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("where", ["provider", "key"])
def test_all_are_answered_and_never_too_many_at_once(server, threads, where):
    s = server(limits="{concurrent: 3}" if where == "provider" else "{}", threads=threads)
    fields = key(s, "k", "--concurrent", "3") if where == "key" else []
    s.gate.seconds = 0.01
    s.gate.open.set()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        got = [one.status for one in pool.map(lambda n: ask(s, fields, stream=n % 3 == 0), range(200))]
    assert got == [200] * 200
    # A key has its place until its answer is out, a provider until its own is in.
    assert 1 < s.gate.most <= 3
    assert waiting(s, fields) == 0


def test_who_waits_too_long_is_refused(server):
    s = server(queue="400ms", limits="{concurrent: 1}")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, s)
        s.host.wait_for_requests(1)
        began = time.monotonic()
        refused = ask(s)
        took = time.monotonic() - began
        assert refused.status == 429 and "the limit of provider 'one' is reached (1 requests at a time)" in refused.json["error"]["message"]
        assert int(refused.field("retry-after")) >= 1 and 0.4 <= took < 10
        s.gate.open.set()
        assert first.result().status == 200
    assert len(s.host.requests) == 1


def test_without_the_option_nobody_waits(server):
    s = server(queue="0s", limits="{concurrent: 1}")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, s)
        s.host.wait_for_requests(1)
        assert ask(s).status == 429
        s.gate.open.set()
        assert first.result().status == 200


def test_what_would_wait_in_vain_and_budgets_do_not_wait(server):
    s = server(queue="5s")
    s.gate.open.set()
    slow, poor = key(s, "slow", "--rpm", "1"), key(s, "poor", "--budget", "0/day")
    assert ask(s, slow).status == 200
    began = time.monotonic()
    assert ask(s, slow).status == 429
    assert ask(s, poor).status == 402
    assert time.monotonic() - began < 4


def test_a_rate_is_waited_for(server):
    s = server()
    s.gate.open.set()
    fields = key(s, "k", "--rpm", "240")
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        got = [one.status for one in pool.map(lambda n: ask(s, fields), range(246))]
    assert got == [200] * 246


@pytest.mark.parametrize("where", ["provider", "team"])
def test_keys_take_turns_and_each_keeps_its_order(server, where):
    s = server(limits="{concurrent: 1}" if where == "provider" else "{}")
    if where == "team":
        s.command("team", "create", "web", "--concurrent", "1")
    team = ["--team", "web"] if where == "team" else []
    greedy, modest = key(s, "greedy", *team), key(s, "modest", *team)
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        asked = []
        for n, (name, fields) in enumerate([("greedy", greedy)] * 40 + [("modest", modest)] * 10):
            asked.append(pool.submit(ask, s, fields, f"{name} {n}"))
            until(lambda: s.gate.now == 1 and waiting(s, greedy) == n)  # the first one is at the host
        s.gate.open.set()
        assert [one.result().status for one in asked] == [200] * 50
    order = [words.split() for words in s.gate.order]
    for name in ("greedy", "modest"):
        numbers = [int(n) for who, n in order if who == name]
        assert numbers == sorted(numbers)
    # From the second one on it is one of each, as long as there are both.
    assert [who for who, _ in order[1:21]].count("modest") == 10


def test_threads_share_what_there_is(server):
    """Each has a queue of its own: who waits in one is not starved by the other's."""
    s = server(limits="{concurrent: 2}", threads=2, queue="30s")
    s.gate.seconds = 0.005
    s.gate.open.set()
    keys = [key(s, f"k{n}") for n in range(4)]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        asked = [pool.submit(ask, s, keys[n % 4], f"k{n % 4}") for n in range(400)]
        assert [one.result().status for one in asked] == [200] * 400
    # Of what was let in while all of them waited each had its part.
    middle = s.gate.order[50:250]
    assert all(middle.count(f"k{n}") >= 15 for n in range(4)), middle


def test_a_caller_that_leaves_does_not_wait(server):
    s = server(limits="{concurrent: 1}")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, s)
        s.host.wait_for_requests(1)
        gone = s.connect()
        gone.request("POST", "/v1/chat/completions", json.dumps({"model": "a/one", "messages": [{"role": "user", "content": "gone"}]}))
        until(lambda: waiting(s) == 1)
        last = pool.submit(ask, s, (), "last")
        until(lambda: waiting(s) == 2)
        gone.close()
        until(lambda: waiting(s) == 1)
        s.gate.open.set()
        assert first.result().status == last.result().status == 200
    assert s.gate.order == ["hi", "last"]


def test_no_more_wait_than_may(server):
    s = server(limits="{concurrent: 1}", queue_max=2)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, s)]
        s.host.wait_for_requests(1)
        asked += [pool.submit(ask, s) for _ in range(2)]
        until(lambda: waiting(s) == 2)
        assert ask(s).status == 429
        s.gate.open.set()
        assert [one.result().status for one in asked] == [200] * 3


def test_a_stop_answers_them(server):
    s = server(limits="{concurrent: 1}")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, s)
        s.host.wait_for_requests(1)
        others = [pool.submit(ask, s) for _ in range(3)]
        until(lambda: waiting(s) == 3)
        s.tell(signal.SIGTERM)
        got = [one.result() for one in others]
        assert [one.status for one in got] == [429] * 3 and all(int(one.field("retry-after")) >= 1 for one in got)
        s.gate.open.set()
        assert first.result().status == 200
    assert s.stop() == 0


def test_one_line_does_not_hold_up_another(server):
    """A key that waits for its own limit does not keep others from the provider."""
    s = server()
    slow, quick = key(s, "slow", "--concurrent", "1"), key(s, "quick")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, s, slow)]
        s.host.wait_for_requests(1)
        asked.append(pool.submit(ask, s, slow))
        until(lambda: waiting(s, slow) == 1)
        asked.append(pool.submit(ask, s, quick))
        s.host.wait_for_requests(2)
        s.gate.open.set()
        assert [one.result().status for one in asked] == [200] * 3


def test_limits_that_are_raised_let_in_who_waits(server):
    s = server()
    fields = key(s, "k", "--concurrent", "1")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, s, fields)]
        s.host.wait_for_requests(1)
        asked.append(pool.submit(ask, s, fields))
        until(lambda: waiting(s, fields) == 1)
        s.command("key", "set", "k", "--concurrent", "2")
        s.host.wait_for_requests(2)
        s.gate.open.set()
        assert [one.result().status for one in asked] == [200] * 2
