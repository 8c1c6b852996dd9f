"""Credit: what was paid beforehand runs down by the exact cost, is a wall, ends, and is topped up."""
import concurrent.futures
import json
import time

import pytest

from host import completion, reply
from weir import until

CONFIG = """
providers:
  cheap: {{dialect: openai, base_url: {url}, api_key: secret}}
models:
  a/one: [{{provider: cheap, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}]
"""
COST = 200_000_000  # 100 and 50 tokens at 1 and 2 USD a million
ADMIN = [("authorization", "Bearer admin-key")]
pytestmark = [pytest.mark.asan, pytest.mark.store]


@pytest.fixture
def server(weir, host):
    provider = host()
    provider.play(reply(completion(usage=(100, 0, 50))))
    config = CONFIG.format(url=provider.url)
    server = weir(config, WEIR_ADMIN_KEY="admin-key")
    server.again = lambda: weir(config, WEIR_ADMIN_KEY="admin-key", WEIR_DATA=server.folder / "data")
    return server


def key(server, *limits):
    made = server.command("key", "create", "--name", "k", *limits).stdout.split()[0]
    fields = [("authorization", f"Bearer {made}")]
    until(lambda: server.ask("/v1/models", fields=fields).status == 200 and server.ask("/v1/models").status == 401)
    return fields


def ask(server, fields, tokens=10):
    return server.ask(body={"model": "a/one", "messages": [], "max_tokens": tokens}, fields=fields)


def credit(server, *words, level="team", name="web"):
    return json.loads(server.command(level, "credit", name, *words, "--json").stdout)


def add(server, usd, path="teams/web", **more):
    """By the admin API: when that has answered, it holds. Which requests began before it is told by the clocks of several
    threads, which differ by some milliseconds: none is so near."""
    let_pass()
    got = server.ask(f"/admin/v1/{path}/credits", {"amount_pusd": round(usd * 10**12)} | more, fields=ADMIN)
    assert got.status == 201, got.body
    let_pass()


def let_pass(seconds=0.02):
    end = time.time() + seconds
    until(lambda: time.time() > end)


def left(server, **more):
    return credit(server, **more)["left_pusd"]


def test_it_runs_down_to_the_wall_and_a_top_up_moves_that(server):
    server.command("team", "create", "web")
    fields = key(server, "--team", "web")
    assert ask(server, fields, 1000).status == 200  # without any credit there is no wall
    add(server, 0.0007)
    assert ask(server, fields, 1000).status == 402
    assert [ask(server, fields).status for _ in range(4)] == [200, 200, 200, 402]
    refused = ask(server, fields)
    assert refused.json["error"]["code"] == "budget_exceeded"
    assert "The credit of team 'web' is used up: 0.0001 USD are left" in refused.json["error"]["message"]
    server.wait_for_rows(4)
    assert left(server) == 100_000_000
    add(server, 0.0003)
    assert [ask(server, fields).status for _ in range(3)] == [200, 200, 402]
    server.wait_for_rows(6)
    shown = credit(server)
    assert shown["left_pusd"] == 0 and [one["left_pusd"] for one in shown["data"]] == [0, 0]
    assert [one["amount_pusd"] for one in shown["data"]] == [700_000_000, 300_000_000]


@pytest.mark.parametrize("path", ["keys/k", "users/ann", "teams/web", "organisations/acme"])
def test_every_level_has_its_wall(server, path):
    server.command("org", "create", "acme")
    server.command("team", "create", "web", "--org", "acme")
    server.command("user", "create", "ann", "--team", "web")
    fields = key(server, "--user", "ann")
    assert ask(server, fields).status == 200
    add(server, 0.0002, path)
    assert ask(server, fields, 1000).status == 402
    assert [ask(server, fields).status for _ in range(2)] == [200, 402]


def test_what_is_left_is_the_same_after_a_restart(server):
    server.command("team", "create", "web")
    fields = key(server, "--team", "web")
    assert ask(server, fields).status == 200  # before there was credit: no debt
    add(server, 0.0005)
    assert ask(server, fields).status == 200
    server.wait_for_rows(2)
    assert server.stop() == 0
    again = server.again()
    assert [ask(again, fields).status for _ in range(2)] == [200, 402]
    server.wait_for_rows(3)
    assert left(again) == 500_000_000 - 2 * COST


def test_the_one_that_ends_first_is_used_first_and_ends(server):
    server.command("team", "create", "web")
    fields = key(server, "--team", "web")
    add(server, 0.001)
    ends = int(time.time()) + 4
    add(server, 0.001, expires_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends)))
    assert ask(server, fields, 900).status == 200
    server.wait_for_rows(1)
    assert [one["left_pusd"] for one in credit(server)["data"]] == [10**9, 10**9 - COST]
    # What was not used of it is gone with it.
    until(lambda: time.time() > ends, 10)
    assert left(server) == 10**9
    assert ask(server, fields, 900).status == 402 and ask(server, fields, 400).status == 200
    server.wait_for_rows(2)
    assert [one["left_pusd"] for one in credit(server)["data"]] == [10**9 - COST, 10**9 - COST]
    assert left(server) == 10**9 - COST


def test_many_at_once_do_not_spend_it_twice(server):
    server.command("team", "create", "web")
    fields = key(server, "--team", "web")
    add(server, 0.01)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        got = list(pool.map(lambda _: ask(server, fields, 300).status, range(150)))
    while ask(server, fields).status == 200:
        got.append(200)
    assert set(got) == {200, 402} and got.count(200) == 50
    server.wait_for_rows(50)
    assert left(server) == 0


def test_the_command_adds_and_shows(server):
    server.command("team", "create", "web")
    fields = key(server, "--team", "web")
    assert credit(server, "12.50", "--expires", "2031-01-01")["left_pusd"] == 12_500_000_000_000
    until(lambda: ask(server, fields, 10**7).status == 402)
    table = server.command("team", "credit", "web").stdout
    assert "12.5" in table and "2031-01-01" in table
    assert left(server, level="key", name="k") == 0


def test_over_the_admin_api_and_in_the_log(server):
    server.command("team", "create", "web")
    path = "/admin/v1/teams/web/credits"
    assert server.ask(path, fields=ADMIN).json == {"left_pusd": 0, "data": []}
    made = server.ask(path, {"amount_pusd": 10**12, "expires_at": "2031-01-01"}, fields=ADMIN)
    assert made.status == 201 and made.json["left_pusd"] == 10**12
    assert made.json["data"][0]["expires_at"] == "2031-01-01T00:00:00.000Z"
    assert credit(server) == server.ask(path, fields=ADMIN).json == made.json
    row = server.ask("/admin/v1/audit?limit=1", fields=ADMIN).json["data"][0]
    assert (row["action"], row["kind"], row["name"], row["before"]) == ("credit", "team", "web", None)
    assert row["after"]["amount_pusd"] == 10**12
    for body, why in (({}, "amount_pusd"), ({"amount_pusd": 0}, "above zero"), ({"amount_pusd": 1, "expires_at": "2001-01-01"}, "ended already"),
                      ({"amount_pusd": 1, "expires_at": 5}, "a time like")):  # fmt: skip
        got = server.ask(path, body, fields=ADMIN)
        assert got.status == 400 and why in got.json["error"]["message"]
    assert server.ask("/admin/v1/teams/none/credits", {"amount_pusd": 1}, fields=ADMIN).status == 404
    assert server.ask("/admin/v1/teams/none/credits", fields=ADMIN).status == 404
    assert len(credit(server)["data"]) == 1


def test_a_removed_teams_credit_is_gone(server):
    server.command("team", "create", "web")
    credit(server, "5")
    server.command("team", "remove", "web")
    server.command("team", "create", "web")
    assert credit(server) == {"left_pusd": 0, "data": []}
    fields = key(server, "--team", "web")
    assert ask(server, fields, 10**6).status == 200


@pytest.mark.parametrize("words, why", [
    (["web", "x"], "an amount of USD"), (["web", "0"], "an amount of USD"), (["web", "-1"], "not understood"), ([], "a name is wanted"),
    (["none", "5"], 'no team "none"'), (["web", "5", "--expires", "soon"], "--expires wants"), (["web", "5", "--expires", "2001-01-01"], "ended already"),
])  # fmt: skip
def test_what_is_no_credit(server, words, why):
    server.command("team", "create", "web")
    told = server.command("team", "credit", *words, check=False)
    assert told.returncode in (1, 2) and why in told.stderr
    assert credit(server)["data"] == []
