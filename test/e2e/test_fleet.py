"""Several processes, one PostgreSQL and one Redis: a budget is a wall for all of them together, and the ledger is complete."""
import concurrent.futures
import decimal
import json
import random
import signal

import pytest

import postgres
from host import completion, fault, reply, stream, stream_events
from redis_server import Redis
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

    def start(count, *limits):
        cache.ask("FLUSHALL")
        provider, url = host(), database.make()
        provider.play(reply(completion(usage=(100, 0, 50))))
        all = [weir(CONFIG.format(store=url, shared=cache.url, url=provider.url), WEIR_STORE_URL=url) for _ in range(count)]
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
    until(lambda: all(ask(one).status == 402 for one in servers) and sum(granted(servers[0])) <= USD // 100, 10)
    left = USD // 100 - spent(servers[0])
    assert 0 <= left < 500 * 10**6, left
    assert all(total <= USD // 100 for total in granted(servers[0]))


def test_a_budget_for_some_models_is_joint_too(fleet):
    servers = fleet(3, "--model-budget", "a/one=0.004/month", "--budget", "1/month")
    statuses = [one.status for one in many(servers, 60)]
    assert set(statuses) == {200, 402} and 0 < 200 * 10**6 * statuses.count(200) <= 4 * USD // 1000
    assert {one.status for one in many(servers, 6, model="a/two")} == {200}
    refused = next(one for one in (ask(servers[n % 3]) for n in range(9)) if one.status == 402)
    assert "a/one" in refused.json["error"]["message"] or "leased" in refused.json["error"]["message"]


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
