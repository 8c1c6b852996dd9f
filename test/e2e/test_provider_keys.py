"""Keys that a team brings for providers: used for its requests alone, encrypted at rest, never shown."""
import json
import subprocess

import pytest

from host import completion, fault, reply
from weir import meddle, until

CONFIG = """
route: {{breaker_failures: 1000}}
upstream: {{attempts: 2, retry_wait: 0s}}
providers:
  one: {{dialect: openai, base_url: {url}, api_key: weirs-own-key}}
  bare: {{dialect: openai, base_url: {url}, api_key: "${{NOT_SET}}"}}
  far: {{dialect: anthropic, base_url: {url}, api_key: weirs-other-key}}
models:
  a/one: [{{provider: one, model: m-1, price: {{input: 1, output: 2}}}}]
  a/bare: [{{provider: bare, model: m-2, price: {{input: 1, output: 2}}}}]
  a/far: [{{provider: far, model: m-3, price: {{input: 1, output: 2}}}}]
"""
SECRET = "0123456789abcdef" * 4
BROUGHT = "sk-brought-by-the-team-xy"
ADMIN = [("authorization", "Bearer admin-key")]
PATH = "/admin/v1/teams/web/provider-keys"
pytestmark = [pytest.mark.asan, pytest.mark.store]


@pytest.fixture
def make(weir, host):
    provider = host()
    provider.play(reply(completion()))

    def start(**env):
        server = weir(CONFIG.format(url=provider.url), WEIR_ADMIN_KEY="admin-key", **env)
        server.host = provider
        return server

    return start


@pytest.fixture
def server(make):
    return make(WEIR_SECRET_KEY=SECRET)


def key(server, name, *words):
    made = server.command("key", "create", "--name", name, *words).stdout.split()[0]
    fields = [("authorization", f"Bearer {made}")]
    until(lambda: server.ask("/v1/models", fields=fields).status == 200)
    return fields


def team(server):
    """A key of the team, and one of nobody."""
    server.command("team", "create", "web")
    server.command("user", "create", "ann", "--team", "web")
    return key(server, "in", "--user", "ann"), key(server, "out")


def bring(server, provider, text=BROUGHT):
    got = server.ask(PATH, {"provider": provider, "key": text}, fields=ADMIN)
    assert got.status == 201, got.body
    return got


def ask(server, fields, model="a/one"):
    return server.ask(body={"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}, fields=fields)


def sent(server):
    return server.host.requests[-1].field("authorization") or server.host.requests[-1].field("x-api-key")


def by_command(server, *words, given=""):
    return subprocess.run([server.binary, "team", "provider-key", *words, "-c", server.file], cwd=server.folder, env=server.env,
                          input=given, capture_output=True, text=True)  # fmt: skip


def test_it_is_used_for_the_teams_requests_alone(server):
    inside, outside = team(server)
    assert ask(server, inside).status == 200 and sent(server) == "Bearer weirs-own-key"
    bring(server, "one")
    assert ask(server, inside).status == 200 and sent(server) == f"Bearer {BROUGHT}"
    assert ask(server, outside).status == 200 and sent(server) == "Bearer weirs-own-key"
    bring(server, "one", "sk-another-one")
    assert ask(server, inside).status == 200 and sent(server) == "Bearer sk-another-one"
    assert server.ask(PATH + "?provider=one", method="DELETE", fields=ADMIN).json == {"data": []}
    assert ask(server, inside).status == 200 and sent(server) == "Bearer weirs-own-key"


def test_in_the_form_that_the_dialect_has(server):
    inside, _ = team(server)
    bring(server, "far")
    ask(server, inside, "a/far")
    assert server.host.requests[-1].field("x-api-key") == BROUGHT and "weirs-other-key" not in str(server.host.requests[-1].fields)


def test_a_provider_that_weir_has_no_key_for(server):
    inside, outside = team(server)
    assert ask(server, inside, "a/bare").status == 404
    bring(server, "bare")
    assert ask(server, inside, "a/bare").status == 200 and sent(server) == f"Bearer {BROUGHT}"
    assert ask(server, outside, "a/bare").status == 404


@pytest.mark.parametrize("status", [401, 429])
def test_when_it_is_refused_others_go_on(server, status):
    inside, outside = team(server)
    bring(server, "one")
    server.host.play_next(fault(status, fields=[("retry-after", "60")]))
    assert ask(server, inside).status != 200
    assert len(server.host.requests) == 1, "it was not sent again with weir's key"
    assert ask(server, outside).status == 200 and sent(server) == "Bearer weirs-own-key"
    # And the other way round.
    server.host.play_next(fault(status, fields=[("retry-after", "60")]))
    assert ask(server, outside).status != 200
    assert ask(server, inside).status == 200 and sent(server) == f"Bearer {BROUGHT}"


def test_a_fault_that_repeats_it_is_not_passed_on(server):
    inside, _ = team(server)
    bring(server, "one")
    server.host.play(fault(401, f"Incorrect API key provided: {BROUGHT}"))
    assert BROUGHT not in ask(server, inside).body.decode()
    server.wait_for_rows(1)
    assert BROUGHT not in json.dumps(server.rows()) + server.log


def test_it_is_nowhere_to_be_read(server):
    team(server)
    made = bring(server, "one").json
    assert [(one["provider"], one["hint"]) for one in made["data"]] == [("one", "...xy")]
    shown = by_command(server, "web").stdout + json.dumps(made) + server.ask(PATH, fields=ADMIN).body.decode()
    log = server.ask("/admin/v1/audit?limit=1", fields=ADMIN).json["data"][0]
    assert (log["action"], log["name"], log["before"]) == ("provider-key", "web", []) and log["after"] == made["data"]
    files = b"".join(path.read_bytes() for path in (server.folder / "data").rglob("*") if path.is_file())
    assert BROUGHT not in shown + json.dumps(log) + server.log and BROUGHT.encode() not in files
    assert SECRET not in server.command("check").stdout + server.log and SECRET.encode() not in files


def test_the_command_reads_it_from_standard_input(server):
    inside, _ = team(server)
    assert by_command(server, "web", "one", given=BROUGHT + "\n").returncode == 0
    until(lambda: ask(server, inside).status == 200 and sent(server) == f"Bearer {BROUGHT}")
    assert json.loads(by_command(server, "web").stdout)[0]["provider"] == "one"
    assert by_command(server, "web", "one", "--remove").returncode == 0
    until(lambda: ask(server, inside).status == 200 and sent(server) == "Bearer weirs-own-key")
    for words, given, why in (((), "", "name of a team"), (("web", "nobody"), "x", "no such provider"), (("web", "one"), "", "nothing came"),
                              (("none", "one"), "x", 'no team "none"'), (("web", "one"), "a b", "no key"), (("none",), "", 'no team "none"'),
                              (("web", "one", "--remove"), "", "no key of its own"), (("web", "--remove"), "", "wants a provider")):  # fmt: skip
        told = by_command(server, *words, given=given)
        assert told.returncode in (1, 2) and why in told.stderr, told.stderr


def test_without_a_secret_nothing_is_kept(make):
    server = make()
    team(server)
    told = by_command(server, "web", "one", given=BROUGHT)
    assert told.returncode == 1 and "WEIR_SECRET_KEY" in told.stderr
    refused = server.ask(PATH, {"provider": "one", "key": BROUGHT}, fields=ADMIN)
    assert refused.status == 400 and "WEIR_SECRET_KEY" in refused.json["error"]["message"]
    assert server.ask(PATH, fields=ADMIN).json == {"data": []}


@pytest.mark.parametrize("env", [{}, {"WEIR_SECRET_KEY": "f" * 64}])
def test_one_that_cannot_be_read_is_not_replaced_by_weirs(make, server, env):
    inside, outside = team(server)
    bring(server, "one")
    assert server.stop() == 0
    again = make(WEIR_DATA=server.folder / "data", **env)
    before = len(again.host.requests)
    refused = ask(again, inside)
    assert refused.status == 404 and "the team's own key" in refused.json["error"]["message"]
    assert len(again.host.requests) == before
    assert ask(again, outside).status == 200
    assert "cannot be read" in again.log


def test_a_sealed_key_is_bound_to_its_place(server):
    inside, _ = team(server)
    bring(server, "one")
    bring(server, "far", "sk-for-the-far-one")
    meddle(server.folder, "UPDATE provider_key SET sealed = (SELECT sealed FROM provider_key WHERE provider = 'far') WHERE provider = 'one'")
    until(lambda: ask(server, inside).status == 404)


def test_the_secret_out_of_a_file(make, tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    server = make(WEIR_SECRET_FILE=file)
    inside, _ = team(server)
    bring(server, "one")
    assert server.stop() == 0
    again = make(WEIR_DATA=server.folder / "data", WEIR_SECRET_KEY=SECRET)
    assert ask(again, inside).status == 200 and sent(again) == f"Bearer {BROUGHT}"


@pytest.mark.parametrize("env, why", [
    ({"WEIR_SECRET_KEY": "short"}, "at least 32 characters"), ({"WEIR_SECRET_FILE": "/nowhere"}, "/nowhere"),
    ({"WEIR_SECRET_KEY": SECRET, "WEIR_SECRET_FILE": "/dev/null"}, "one of them is enough"), ({"WEIR_SECRET_FILE": "/dev/null"}, "at least 32"),
])  # fmt: skip
def test_a_secret_that_cannot_be(weir, env, why):
    server = weir(wait=False, **env)
    assert server.process.wait(20) != 0 and why in server.log
    assert SECRET not in server.log
