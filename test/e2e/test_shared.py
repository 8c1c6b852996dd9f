"""Several processes and one Redis: limits hold for all together, also when the server goes away."""
import concurrent.futures
import time

import pytest

from host import completion, fault, reply
from redis_server import Redis
from weir import until

CONFIG = """
shared: {{url: "{redis}", alone: 10%}}
upstream: {{attempts: 1}}
route: {{breaker_failures: 3}}
providers:
  one: {{dialect: openai, base_url: {url}, api_key: secret}}
models:
  a/one: [{{provider: one, model: m-1, price: {{input: 1, output: 2}}}}]
"""
pytestmark = pytest.mark.asan


@pytest.fixture
def redis():
    made = []

    def start(**options):
        made.append(Redis(**options))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def fleet(weir, host, redis):
    """fleet(3, "--rpm", "60") is three processes, each with the same key, one Redis and one host."""

    def start(count, *limits, **options):
        server, provider = redis(**options), host()
        provider.play(reply(completion(usage=(10, 0, 5))))
        all = [weir(CONFIG.format(redis=server.url, url=provider.url)) for _ in range(count)]
        for one in all:
            one.redis, one.host = server, provider
            made = one.command("key", "create", "--name", "k", *limits).stdout.split()[0]
            one.fields = [("authorization", f"Bearer {made}")]
            until(lambda: one.ask("/v1/models", fields=one.fields).status == 200 and one.ask("/v1/models").status == 401)
            until(lambda: metric(one, "weir_shared_up") == 1)
        return all

    return start


def metric(server, name):
    lines = server.ask("/metrics", fields=server.fields).body.decode().splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name + " ")), None)


def ask(server, **more):
    return server.chat("a/one", fields=server.fields, max_tokens=10, **more)


def statuses(servers, count):
    """So many requests, spread over the servers, many at once: how many got each status."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda n: ask(servers[n % len(servers)]).status, range(count)))
    return {status: got.count(status) for status in set(got)}


# --- limits ---


def test_requests_a_minute_are_of_all_processes_together(fleet):
    servers = fleet(3, "--rpm", "60")
    got = statuses(servers, 150)
    assert set(got) == {200, 429}
    # What fills up while it runs is a request a second; what a process keeps ahead, 60/16, is not lost for long.
    assert 49 <= got[200] <= 70, got
    assert len(servers[0].host.requests) == got[200]
    refused = next(one for one in (ask(servers[0]) for _ in range(10)) if one.status == 429)
    assert int(refused.field("retry-after")) >= 1
    assert "60 requests a minute" in refused.json["error"]["message"]


def test_one_process_gets_all_that_the_others_do_not_use(fleet):
    servers = fleet(3, "--rpm", "30")
    ask(servers[1])
    statuses(servers[:1], 40)
    # 30 for all; what the idle one held ahead comes back.
    until(lambda: ask(servers[0]) and len(servers[0].host.requests) >= 30, 3)
    assert len(servers[0].host.requests) <= 33


def test_tokens_a_minute(fleet):
    servers = fleet(2, "--tpm", "3000")
    got = statuses(servers, 400)
    used = 15 * got[200]
    assert got.get(429, 0) > 0 and used <= 3000 * 1.2 + 16 * 30, got


def test_requests_at_a_time(fleet):
    servers = fleet(3, "--concurrent", "6")
    running, most = [0], [0]
    plain = reply(completion(usage=(10, 0, 5)))

    def slow(connection, request):
        with servers[0].host.lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            servers[0].host.lock.wait_for(lambda: False, 0.05)
            running[0] -= 1
        plain(connection, request)

    servers[0].host.play(slow)
    got = statuses(servers, 90)
    assert most[0] <= 6 and got.get(200, 0) >= 6, (most, got)
    # All slots come back, and one process can have them.
    assert until(lambda: statuses(servers[:1], 5) == {200: 5})


@pytest.mark.parametrize("where", ["provider", "model"])
def test_limits_of_providers_and_models_are_joint_too(weir, host, redis, where):
    server, provider = redis(), host()
    provider.play(reply(completion(usage=(10, 0, 5))))
    limits = "limits: {rpm: 40}, "
    text = CONFIG.format(redis=server.url, url=provider.url)
    if where == "provider":
        text = text.replace("{dialect: openai", "{" + limits + "dialect: openai")
    else:
        text = text.replace("a/one: [", "a/one: {" + limits + "providers: [").replace("}}]", "}}]}")
    servers = [weir(text) for _ in range(3)]
    for one in servers:
        one.fields = []
        until(lambda: metric(one, "weir_shared_up") == 1)
    assert ask(servers[0]).status == 200  # the first as well, of which nothing is leased yet
    got = statuses(servers, 120)
    assert set(got) == {200, 429} and 32 <= got[200] <= 48, got


# --- the server goes away ---


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_without_the_server_each_process_has_its_share(fleet, how):
    servers = fleet(2, "--rpm", "100")
    assert statuses(servers, 10) == {200: 10}
    getattr(servers[0].redis, how)()
    until(lambda: all(ask(one).status in (200, 429) and metric(one, "weir_shared_up") == 0 for one in servers))
    before = len(servers[0].host.requests)
    got = statuses(servers, 100)
    assert set(got) == {200, 429}, got  # never an error of ours, never shut
    # A tenth for each, and what trickles in.
    assert 1 <= len(servers[0].host.requests) - before <= 26
    until(lambda: 1 <= servers[0].log.count("cannot be reached") <= 3)
    servers[0].redis.go_on() if how == "pause" else servers[0].redis.start()
    until(lambda: all(metric(one, "weir_shared_up") == 1 for one in servers))
    until(lambda: "is reached again" in servers[0].log)
    assert until(lambda: ask(servers[0]).status == 200)


def test_a_flushed_server_is_used_on(fleet):
    servers = fleet(2, "--rpm", "600", "--concurrent", "50")
    assert statuses(servers, 20) == {200: 20}
    servers[0].redis.ask("FLUSHALL")
    servers[0].redis.ask("SCRIPT", "FLUSH")
    assert set(statuses(servers, 40)) == {200}
    until(lambda: all(metric(one, "weir_shared_up") == 1 for one in servers))


def test_weir_starts_without_it(weir, host, redis):
    server, provider = redis(), host()
    server.kill()
    one = weir(CONFIG.format(redis=server.url, url=provider.url))
    assert one.chat("a/one").status == 200
    until(lambda: "cannot be reached" in one.log)


def test_one_that_cannot_be_written_is_none(fleet):
    """As a replica is after a failover: told once, not each time that it is tried."""
    servers = fleet(2, "--rpm", "60")
    servers[0].redis.ask("REPLICAOF", "127.0.0.1", "1")
    until(lambda: all("READONLY" in one.log for one in servers))
    before = [one.log.count("shared.url") for one in servers]
    time.sleep(2)
    assert [one.log.count("shared.url") for one in servers] <= [count + 1 for count in before]
    assert [metric(one, "weir_shared_up") for one in servers] == [0, 0]
    assert set(statuses(servers, 4)) == {200}  # 6 for each
    servers[0].redis.ask("REPLICAOF", "NO", "ONE")
    until(lambda: all(metric(one, "weir_shared_up") == 1 for one in servers))


# --- what is known of providers ---


def test_a_breaker_opens_and_closes_for_all(fleet):
    first, second = fleet(2)
    assert ask(second).status == 200
    first.host.play(fault(500))
    opened = 'weir_offer_breaker_open{offer="one/m-1"}'
    until(lambda: ask(first).status >= 500 and metric(first, opened) == 1)
    until(lambda: metric(second, opened) == 1)
    # And closes for all: nobody else is there, so the next request is tried there all the same.
    first.host.play(reply(completion()))
    assert ask(first).status == 200
    until(lambda: metric(second, opened) == 0)


# --- the address ---


def test_the_password_is_said_and_never_shown(fleet):
    (server,) = fleet(1, "--rpm", "60", password="s3cret-word")
    assert statuses([server], 3) == {200: 3}
    assert "s3cret" not in server.command("check").stdout + server.log
    server.redis.ask("CONFIG", "SET", "requirepass", "another")
    server.redis.password = "another"
    server.redis.ask("CLIENT", "KILL", "TYPE", "normal")
    until(lambda: metric(server, "weir_shared_up") == 0)
    until(lambda: "refuses AUTH" in server.log)
    assert "s3cret" not in server.log


@pytest.mark.parametrize("url, why", [
    ("rediss://localhost", "TLS"),
    ("http://localhost", "wants redis://"),
    ("redis://", "wants redis://"),
    ("redis://h:99999", "wants redis://"),
    ("redis://u:hush%zz@h", "wants redis://"),
    ("redis://h/none", "wants redis://"),
    ("redis://:a@hush@h", "wants redis://"),
])
def test_an_address_that_is_none(weir, url, why):
    one = weir(f'shared: {{url: "{url}"}}', wait=False)
    assert one.process.wait(timeout=20) != 0
    assert "shared.url" in one.log and why in one.log and "hush" not in one.log
