"""The admin API under /admin/v1: who may use it, what it changes, what it tells, and the audit log of all of it."""
import json
import pathlib
import re

import pytest

from host import completion, reply
from weir import STORE, meddle, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """
providers:
  cheap: {{dialect: openai, base_url: {url}, api_key: secret}}
models:
  a/one: [{{provider: cheap, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}]
"""
KEY = "admin-key-of-the-tests"
USED = (100, 0, 50)  # 200 micro-USD at 1 and 2 USD a million
PATHS = {"keys": "key", "users": "user", "teams": "team", "organisations": "org"}
pytestmark = [pytest.mark.asan, pytest.mark.store]


@pytest.fixture
def server(weir, host):
    provider = host()
    provider.play(reply(completion(usage=USED)))
    server = weir(CONFIG.format(url=provider.url), WEIR_ADMIN_KEY=KEY)
    server.host = provider
    return server


def admin(server, method, path, body=None, key=KEY, **more):
    fields = [("authorization", f"Bearer {key}")] if key else []
    return server.ask("/admin/v1" + path, body, method, fields, **more)


def data(server, path):
    got = admin(server, "GET", path)
    assert got.status == 200, got.body
    return got.json["data"]


def ask(server, key, **more):
    return server.ask(body={"model": "a/one", "messages": [], "max_tokens": 100} | more, fields=[("authorization", f"Bearer {key}")])


def admin_rows():
    rows = re.findall(r'^SURFACE\("([A-Z]+)",\s*"(/admin/[^"]+)",.*\bADMIN\)$', (ROOT / "src/proxy/surface.def").read_text(), re.M)
    assert len(rows) > 20
    return rows


# --- the door ---


@pytest.mark.parametrize("method, path", admin_rows())
def test_no_route_is_open(server, method, path):
    path = path.replace("/admin/v1", "").replace("*", "x")
    body = {} if method in ("POST", "PATCH") else None
    assert admin(server, method, path, body, key=None).status == 401
    assert admin(server, method, path, body, key="wrong").status == 403
    assert admin(server, method, path, body, key=KEY + "x").status == 403
    assert server.ask(f"/admin/v1{path}?key={KEY}", body, method, [("x-api-key", KEY)]).status == 401


def test_every_route_under_admin_has_its_door():
    rows = re.findall(r'^SURFACE\("[A-Z]+",\s*"/admin/.*$', (ROOT / "src/proxy/surface.def").read_text(), re.M)
    assert rows and all(row.endswith(", ADMIN)") for row in rows)


def test_a_callers_key_does_not_open_it_and_its_key_spends_nothing(server):
    made = admin(server, "POST", "/keys", {"name": "k"}).json["key"]
    until(lambda: ask(server, made).status == 200)
    assert admin(server, "GET", "/keys", key=made).status == 403
    assert ask(server, KEY).status == 401


def test_without_a_key_there_is_no_admin_api(weir):
    server = weir()
    got = admin(server, "GET", "/keys")
    assert got.status == 404 and "WEIR_ADMIN_KEY" in got.json["error"]["message"]
    assert admin(server, "GET", "/keys", key="").status == 404


def test_the_key_is_nowhere_shown(server):
    admin(server, "GET", "/keys")
    assert KEY not in server.command("check").stdout + server.log + server.banner


# --- keys ---


def test_a_key_from_its_birth_to_its_end(server):
    made = admin(server, "POST", "/keys", {"name": "ci", "budget_pusd": 10**9, "period": "day", "models": "a/*"})
    assert made.status == 201
    text = made.json["key"]
    # It holds at once: the reply comes after the key is known.
    assert ask(server, text).status == 200
    assert ask(server, text, max_tokens=1000).status == 402
    shown = admin(server, "GET", "/keys/ci").json
    assert (shown["name"], shown["budget_pusd"], shown["period"], shown["models"], shown["revoked_at"]) == ("ci", 10**9, "day", "a/*", None)
    assert text not in json.dumps(shown) + json.dumps(data(server, "/keys")) + json.dumps(data(server, "/audit"))
    changed = admin(server, "PATCH", "/keys/ci", {"budget_pusd": None, "expires_at": "2030-01-31T10:00:00Z"}).json
    assert (changed["budget_pusd"], changed["expires_at"], changed["models"]) == (None, "2030-01-31T10:00:00.000Z", "a/*")
    assert ask(server, text, max_tokens=1000).status == 200
    assert admin(server, "POST", "/keys/ci:block", b"").json["blocked"] is True
    until(lambda: ask(server, text).status == 403)
    assert admin(server, "POST", "/keys/ci:unblock", b"").json["blocked"] is False
    until(lambda: ask(server, text).status == 200)
    second = admin(server, "POST", "/keys/ci:rotate", {"overlap": "0"}).json
    assert second["key"] != text and second["models"] == "a/*"
    until(lambda: ask(server, second["key"]).status == 200)
    until(lambda: ask(server, text).status == 401)
    assert admin(server, "DELETE", "/keys/ci").json["revoked_at"]
    until(lambda: ask(server, second["key"]).status == 401)
    assert [one["name"] for one in data(server, "/keys")] == ["ci", "ci"]
    assert admin(server, "PATCH", "/keys/ci", {"dry": True}).status == 404


def test_a_key_for_clients_of_aws(server):
    made = admin(server, "POST", "/keys", {"name": "b", "aws": True}).json
    assert len(made["aws_access_key_id"]) == 20 and len(made["aws_secret_access_key"]) == 40
    assert made["aws_secret_access_key"] not in json.dumps(data(server, "/audit")) + json.dumps(data(server, "/keys"))


def test_a_name_of_any_text(server):
    name = "a/b:c d%é"
    assert admin(server, "POST", "/keys", {"name": name}).status == 201
    path = "/keys/a%2Fb:c%20d%25%C3%A9"
    assert admin(server, "GET", path).json["name"] == name
    assert admin(server, "POST", path + ":block", b"").json["name"] == name
    assert admin(server, "DELETE", path).status == 200


# --- the levels above ---


def test_an_organisation_a_team_and_a_user(server):
    assert admin(server, "POST", "/organisations", {"name": "acme", "budget_pusd": 2 * 10**9, "period": "month"}).status == 201
    assert admin(server, "POST", "/teams", {"name": "web", "organisation": "acme"}).json["organisation"] == "acme"
    assert admin(server, "POST", "/users", {"name": "ann", "team": "web", "timezone": "-03:30"}).json["timezone"] == "-03:30"
    key = admin(server, "POST", "/keys", {"name": "k", "user": "ann"}).json["key"]
    assert ask(server, key).status == 200
    assert ask(server, key, max_tokens=1000).status == 402
    server.wait_for_rows(1)
    assert admin(server, "GET", "/teams/web").json["spent_pusd"] == 200_000_000
    for path, command in PATHS.items():
        shown, listed = data(server, f"/{path}"), json.loads(server.command(command, "list", "--json").stdout)
        assert shown == listed and len(shown) == 1
        assert admin(server, "GET", f"/{path}/{shown[0]['name']}").json == shown[0]
    moved = admin(server, "PATCH", "/keys/k", {"user": None, "team": "web"}).json
    assert (moved["user"], moved["team"]) == (None, "web")
    assert admin(server, "DELETE", "/organisations/acme").json["name"] == "acme"
    until(lambda: ask(server, key, max_tokens=1000).status == 200)
    assert admin(server, "GET", "/organisations/acme").status == 404


@pytest.mark.parametrize("method, path, body, status, why", [
    ("POST", "/teams", {}, 400, '"name" is missing'),
    ("POST", "/teams", {"name": "a,b"}, 400, "without commas"),
    ("POST", "/teams", {"name": "x" * 101}, 400, "up to 100 bytes"),
    ("POST", "/teams", {"name": "web"}, 409, "already"),
    ("POST", "/keys", {"name": "k"}, 409, "there already"),
    ("POST", "/teams", {"name": "b", "organisation": "no"}, 404, 'no organisation "no"'),
    ("POST", "/teams", {"name": "b", "budget": 1}, 400, '"budget" is nothing that can be set'),
    ("POST", "/teams", {"name": "b", "models": "x"}, 400, '"models" is nothing that can be set'),
    ("POST", "/teams", {"name": "b", "aws": True}, 400, '"aws" is nothing'),
    ("POST", "/teams", {"name": "b", "team": "web"}, 400, '"team" is nothing'),
    ("POST", "/teams", {"name": "b", "organisation": 1}, 400, "wants a name"),
    ("PATCH", "/teams/web", {"budget_pusd": -1}, 400, "whole number"),
    ("PATCH", "/teams/web", {"budget_pusd": 1.5}, 400, "whole number"),
    ("PATCH", "/teams/web", {"budget_pusd": "1"}, 400, "whole number"),
    ("PATCH", "/teams/web", {"period": "year"}, 400, "day, week, month"),
    ("PATCH", "/teams/web", {"timezone": "2"}, 400, "offset from UTC"),
    ("PATCH", "/teams/web", {"dry": 1}, 400, "true or false"),
    ("PATCH", "/teams/web", {"name": "other"}, 400, "cannot be changed"),
    ("PATCH", "/teams/web", [], 400, "JSON object"),
    ("PATCH", "/teams/web", b"{", 400, "JSON object"),
    ("PATCH", "/teams/web", b"", 400, "JSON object"),
    ("PATCH", "/teams/none", {"dry": True}, 404, 'no team "none"'),
    ("PATCH", "/keys/k", {"networks": "10.0.0.0/33"}, 400, "networks like"),
    ("PATCH", "/keys/k", {"expires_at": "soon"}, 400, "a time like"),
    ("PATCH", "/keys/k", {"expires_at": "2026-13-01"}, 400, "a time like"),
    ("POST", "/keys/k:rotate", {"overlap": 3}, 400, "span of time"),
    ("POST", "/keys/none:block", b"", 404, "no valid key"),
    ("DELETE", "/keys/none", None, 404, "no valid key"),
    ("GET", "/users/none", None, 404, 'no user "none"'),
    ("GET", "/usage?by=week", None, 400, "groups"),
    ("GET", "/usage?since=then", None, 400, "a day like"),
    ("GET", "/audit?limit=0", None, 400, "1 to 1000"),
    ("PUT", "/keys/k", {}, 405, "GET, HEAD, PATCH, DELETE"),
    ("GET", "/nothing", None, 404, "no GET"),
])  # fmt: skip
def test_what_is_wrong_is_told_and_changes_nothing(lasting, method, path, body, status, why):
    server = lasting(reply(completion()), env=(("WEIR_ADMIN_KEY", KEY),))
    for kind, name in (("teams", "web"), ("keys", "k")):
        if admin(server, "GET", f"/{kind}/{name}").status == 404:
            admin(server, "POST", f"/{kind}", {"name": name})
    before = data(server, "/audit"), data(server, "/teams"), data(server, "/keys")
    got = admin(server, method, path, body)
    assert (got.status, why in got.json["error"]["message"]) == (status, True), got.body
    assert (data(server, "/audit"), data(server, "/teams"), data(server, "/keys")) == before


# --- usage ---


def test_usage_is_what_the_command_tells(server):
    key = admin(server, "POST", "/keys", {"name": "k"}).json["key"]
    assert [ask(server, key).status for _ in range(3)] == [200] * 3
    server.wait_for_rows(3)
    for query, words in (("", []), ("?by=key,model", ["--by", "key,model"]), ("?since=today&until=today", ["--since", "today", "--until", "today"])):
        assert data(server, "/usage" + query) == server.usage(*words) != []
    assert data(server, "/usage?by=key")[0]["cost_pusd"] == 600_000_000
    assert data(server, "/usage?until=2020-01-01") == []


# --- the audit log ---


def test_each_change_is_in_the_log_with_who_before_and_after(server):
    admin(server, "POST", "/teams", {"name": "web", "requests_per_minute": 5})
    server.command("team", "set", "web", "--rpm", "7")
    admin(server, "PATCH", "/teams/web", {"requests_per_minute": 9})
    server.command("key", "create", "--name", "k", "--rpm", "1")
    for words in (("set", "k", "--rpm", "2"), ("block", "k"), ("unblock", "k"), ("rotate", "k"), ("revoke", "k")):
        server.command("key", *words)
    server.command("team", "remove", "web")
    log = data(server, "/audit")[::-1]
    assert [(one["via"], one["action"], one["kind"], one["name"]) for one in log] == [
        ("admin", "create", "team", "web"), ("command", "set", "team", "web"), ("admin", "set", "team", "web"),
        *(("command", action, "key", "k") for action in ("create", "set", "block", "unblock", "rotate", "revoke")),
        ("command", "remove", "team", "web"),
    ]  # fmt: skip
    rpm = [tuple(one[side] and one[side]["requests_per_minute"] for side in ("before", "after")) for one in log[:3]]
    assert rpm == [(None, 5), (5, 7), (7, 9)]
    assert (log[-1]["before"]["requests_per_minute"], log[-1]["after"]) == (9, None)
    assert [one["before"] and one["before"]["blocked"] for one in log[3:7]] == [None, False, False, True]
    assert log[-2]["before"]["revoked_at"] is None and log[-2]["after"]["revoked_at"]
    assert {one["who"] for one in log if one["via"] == "admin"} == {"127.0.0.1"}
    import getpass

    assert {one["who"] for one in log if one["via"] == "command"} == {getpass.getuser()}
    assert json.loads(server.command("audit", "--json").stdout)[::-1] == log
    assert "web" in server.command("audit").stdout
    assert [one["id"] for one in data(server, f"/audit?limit=2&before={log[5]['id']}")] == [log[4]["id"], log[3]["id"]]
    assert len(json.loads(server.command("audit", "--json", "--last", "3").stdout)) == 3


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit"] + ([
    "INSERT OR REPLACE INTO audit SELECT * FROM audit",
    "REPLACE INTO audit (id, at_ms, via, who, action, kind, name) VALUES (1, 1, '', '', '', '', '')",
] if STORE == "sqlite" else ["TRUNCATE audit"]))  # fmt: skip
def test_a_row_of_the_log_stays(server, statement):
    admin(server, "POST", "/teams", {"name": "web"})
    before = data(server, "/audit")
    with pytest.raises(Exception, match="only added to"):
        meddle(server.folder, statement)
    assert data(server, "/audit") == before and len(before) == 1


def test_a_change_that_cannot_be_logged_is_not_made(server):
    admin(server, "POST", "/teams", {"name": "web"})
    meddle(server.folder, "CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END"
           if STORE == "sqlite" else "ALTER TABLE audit ADD CONSTRAINT broken CHECK (action = 'create' AND kind = 'team') NOT VALID")
    assert admin(server, "PATCH", "/teams/web", {"dry": True}).status == 500
    assert admin(server, "POST", "/keys", {"name": "k"}).status == 500
    assert server.command("team", "set", "web", "--dry", check=False).returncode == 1
    assert data(server, "/teams")[0]["dry"] is False and data(server, "/keys") == []


# --- the document ---


@pytest.fixture(scope="module")
def document(module_weir):
    server = module_weir(WEIR_ADMIN_KEY=KEY)
    got = admin(server, "GET", "/openapi.json")
    assert got.status == 200
    return got.json


def test_the_document_is_valid(document):
    import openapi_spec_validator

    openapi_spec_validator.validate(document)


def test_each_route_is_in_the_document_and_no_other(document):
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == {(method, path.replace("*", "{name}")) for method, path in admin_rows()}


def test_what_is_answered_has_the_documents_form(document, server):
    jsonschema = pytest.importorskip("jsonschema")
    admin(server, "POST", "/organisations", {"name": "acme"})
    admin(server, "POST", "/teams", {"name": "web", "organisation": "acme"})
    admin(server, "POST", "/users", {"name": "ann", "team": "web"})
    made = admin(server, "POST", "/keys", {"name": "k", "user": "ann", "aws": True}).json
    ask(server, made["key"])
    server.wait_for_rows(1)
    shapes = document["components"]["schemas"]
    seen = [("KeyMade", made)] + [
        (shape, one)
        for path, shape in (("keys", "Key"), ("users", "User"), ("teams", "Team"), ("organisations", "Organisation"), ("usage", "Usage"), ("audit", "Audit"))
        for one in data(server, f"/{path}")
    ]
    assert len(seen) == 1 + 4 + 1 + 4
    for shape, one in seen:
        jsonschema.validate(one, shapes[shape])
        # Nothing that is answered is left out of the document.
        assert set(one) <= set(shapes[shape]["properties"]), shape
