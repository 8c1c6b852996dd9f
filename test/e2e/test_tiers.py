"""Service tiers and discounts: what the request asks for bounds what is reserved, what the reply says decides the price."""
import json
import subprocess

import pytest

from host import completion, reply, stream, stream_events
from weir import until

CONFIG = """
catalog: {catalog}
providers:
  one: {{dialect: openai, base_url: {url}, api_key: weirs-own-key}}
  less: {{dialect: openai, base_url: {url}, api_key: weirs-own-key, discount: 12.5%}}
  more: {{dialect: openai, base_url: {url}, api_key: weirs-own-key, discount: -10%}}
  clever: {{dialect: anthropic, base_url: {url}, api_key: weirs-own-key}}
"""
PRICES = [{"input": 1, "output": 10, "service_tiers": {"flex": 0.5, "priority": {"input": 2, "output": 25}, "batch": 0.25}}]
USED = (1000, 0, 100)  # 0.002 USD: 0.001 in, 0.001 out
STANDARD, FLEX, PRIORITY = 2_000_000_000, 1_000_000_000, 4_500_000_000
pytestmark = pytest.mark.asan


def offer(provider, model="m-1"):
    return {"provider": provider, "model": model, "max_output": 1000, "prices": PRICES}


@pytest.fixture
def server(weir, host, tmp_path):
    provider = host()
    catalog = tmp_path / "catalog.json"
    names = {f"a/{name}": [offer(name)] for name in ("one", "less", "more", "clever")}
    names["a/latest"] = [{**offer("one", "big-latest"), "prices": [{"input": 1, "output": 10}]}]
    names["a/dated"] = [{**offer("one", "big-2026-01-31"), "prices": [{"input": 3, "output": 30}]}]
    models = {name: {"kind": "chat", "providers": list_} for name, list_ in names.items()}
    models["t/one"] = {"kind": "completion", "providers": [offer("one", "t-1")]}
    catalog.write_text(json.dumps({"format": 1, "models": models}))
    server = weir(CONFIG.format(url=provider.url, catalog=catalog), WEIR_SECRET_KEY="0123456789abcdef" * 4)
    server.host = provider
    provider.play(reply(completion(model="m-1", usage=USED)))
    return server


def key(server, name="k", *words):
    made = server.command("key", "create", "--name", name, *words).stdout.split()[0]
    fields = [("authorization", f"Bearer {made}")]
    until(lambda: server.ask("/v1/models", fields=fields).status == 200 and server.ask("/v1/models").status == 401)
    return fields


# --- what was served decides ---


@pytest.mark.parametrize("asked, said, cost, tier", [
    (None, None, STANDARD, ""), (None, "default", STANDARD, "default"), (None, "priority", PRIORITY, "priority"),
    ("priority", "default", STANDARD, "default"), ("fast", "priority", PRIORITY, "priority"), ("flex", "flex", FLEX, "flex"),
    ("flex", None, FLEX, "flex"), ("auto", "scale", STANDARD, "scale"), ("auto", None, STANDARD, ""),
])  # fmt: skip
def test_the_tier_that_was_served_decides(server, asked, said, cost, tier):
    more = {"service_tier": said} if said else {}
    server.host.play(reply(completion(model="m-1", usage=USED, **more)))
    got = server.chat("a/one", **({"service_tier": asked} if asked else {}))
    row = server.row_of(got)
    assert (row["cost_pusd"], row["tier"]) == (cost, tier)
    assert server.host.requests[-1].json.get("service_tier") == asked


def test_the_tier_of_a_stream(server):
    def behave(connection, request):
        events = stream_events(usage=USED)
        return stream([event.replace(b'"object"', b'"service_tier": "flex", "object"') for event in events])(connection, request)

    server.host.play(behave)
    row = server.row_of(server.chat("a/one", stream=True))
    assert (row["cost_pusd"], row["tier"]) == (FLEX, "flex")


def test_the_tier_in_anthropics_usage(server):
    usage = {"input_tokens": 1000, "output_tokens": 100, "service_tier": "priority"}
    said = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": [{"type": "text", "text": "hi"}],
            "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}  # fmt: skip
    server.host.play(reply(said))
    got = server.ask("/v1/messages", {"model": "a/clever", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]})
    assert server.row_of(got)["cost_pusd"] == PRIORITY


# --- what was asked for bounds what is reserved ---


@pytest.mark.parametrize("more, status", [
    ({}, 402), ({"service_tier": "auto"}, 402), ({"service_tier": "priority"}, 402),
    ({"service_tier": "default"}, 200), ({"service_tier": "flex"}, 200),
])  # fmt: skip
def test_the_tier_that_was_asked_for_bounds_it(server, more, status):
    """100 tokens out cost 1,000 micro-USD as usual and 2,500 with priority, which comes unasked for where the account says so."""
    fields = key(server, "k", "--budget", "0.002/day")
    server.host.play(reply(completion(model="m-1", usage=(10, 0, 10))))
    assert server.chat("a/one", fields=fields, max_tokens=100, **more).status == status


@pytest.mark.parametrize("path, body, status", [
    ("/v1/messages", {"model": "a/clever", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}, 402),
    ("/v1/messages", {"model": "a/clever", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], "service_tier": "standard_only"}, 200),
    ("/v1/chat/completions", {"model": "a/one", "max_tokens": 10, "max_completion_tokens": 300, "messages": [{"role": "user", "content": "hi"}], "service_tier": "default"}, 402),
    ("/v1/chat/completions", {"model": "a/one", "max_tokens": 300, "max_completion_tokens": 10, "messages": [{"role": "user", "content": "hi"}], "service_tier": "default"}, 402),
    ("/v1/chat/completions", {"model": "a/one", "max_tokens": 100, "n": 3, "messages": [{"role": "user", "content": "hi"}], "service_tier": "default"}, 402),
    ("/v1/completions", {"model": "t/one", "max_tokens": 100, "prompt": "hi", "service_tier": "default"}, 200),
    ("/v1/completions", {"model": "t/one", "max_tokens": 100, "prompt": ["hi", "ho", "hu"], "service_tier": "default"}, 402),
    ("/v1/completions", {"model": "t/one", "max_tokens": 100, "prompt": [1, 2, 3], "service_tier": "default"}, 200),
    ("/v1/completions", {"model": "t/one", "max_tokens": 100, "prompt": "hi", "best_of": 3, "service_tier": "default"}, 402),
])  # fmt: skip
def test_what_a_request_can_be_answered_with_at_most(server, path, body, status):
    fields = key(server, "k", "--budget", "0.002/day")
    usage = {"input_tokens": 10, "output_tokens": 10}
    server.host.play(reply({"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": [{"type": "text", "text": "hi"}],
                            "stop_reason": "end_turn", "stop_sequence": None, "usage": usage} if path == "/v1/messages" else
                           completion(model="m-1", usage=(10, 0, 10))))  # fmt: skip
    assert server.ask(path, body, fields=fields).status == status


def test_another_dialect_may_ask_for_another_tier(server):
    """`default` is told to Anthropic in its own words; that it is understood is not relied on."""
    fields = key(server, "k", "--budget", "0.002/day")
    assert server.chat("a/clever", fields=fields, max_tokens=100, service_tier="default").status == 402


def test_a_moving_name_is_bounded_by_its_versions(server):
    """The reply names the version that the price goes by: 100 tokens out of it cost 3,000 micro-USD."""
    fields = key(server, "k", "--budget", "0.002/day")
    assert server.chat("a/latest", fields=fields, max_tokens=100).status == 402
    server.host.play(reply(completion(model="big-2026-01-31", usage=(10, 0, 10))))
    assert server.row_of(server.chat("a/latest", fields=fields, max_tokens=50))["cost_pusd"] == 330_000_000


# --- discounts ---


def test_a_discount_is_off_every_price(server):
    assert server.row_of(server.chat("a/less"))["cost_pusd"] == STANDARD * 875 // 1000
    assert server.row_of(server.chat("a/more"))["cost_pusd"] == STANDARD * 11 // 10
    server.host.play(reply(completion(model="m-1", usage=USED, service_tier="priority")))
    got = server.chat("a/less")
    assert server.row_of(got)["cost_pusd"] == PRIORITY * 875 // 1000
    assert got.field("x-weir-cost-usd") == "0.0039375"
    plan = json.loads(server.command("models", "--json").stdout)
    (less,) = next(one for one in plan if one["id"] == "a/less")["providers"]
    assert less["price"]["input"] == 0.875
    assert {tier: rates["output"] for tier, rates in less["service_tiers"].items()} == {"flex": 4.375, "priority": 21.875, "batch": 2.1875}
    assert "discount: 12.50%" in server.command("check").stdout


def test_a_teams_own_key_has_no_discount(server):
    server.command("team", "create", "web")
    fields = key(server, "in", "--team", "web")
    subprocess.run([server.binary, "team", "provider-key", "web", "less", "-c", server.file], cwd=server.folder,
                   env=server.env, input=b"sk-brought-by-the-team", check=True, capture_output=True)  # fmt: skip
    until(lambda: server.row_of(server.chat("a/less", fields=fields))["cost_pusd"] == STANDARD)
    assert server.host.requests[-1].field("authorization") == "Bearer sk-brought-by-the-team"
    assert server.row_of(server.chat("a/less", fields=key(server, "out")))["cost_pusd"] == STANDARD * 875 // 1000
    # Priced again by the same table nothing differs: the ledger knows whose key it was, and which tier.
    server.chat("a/less", fields=fields, service_tier="flex")
    until(lambda: len(server.rows()) >= 3 and server.rows()[-1]["tier"] == "flex")
    told = json.loads(server.command("reprice", "--since", "2020-01-01", "--dry-run", "--json").stdout)
    assert sum(one["requests"] for one in told) >= 3 and sum(one["corrected_requests"] for one in told) == 0


@pytest.mark.parametrize("text", ["12.5", "101%", "-101%", "1.234%", "ten", "%", ""])
def test_a_discount_that_is_none(weir, text, host):
    config = f'providers: {{one: {{dialect: openai, base_url: "{host().url}", api_key: k, discount: "{text}"}}}}'
    server = weir(config, wait=False)
    assert server.process.wait(20) == 2 or server.process.returncode == 1
    assert "a percentage" in server.log


# --- the commands ---


def test_a_route_is_priced_by_the_tier(server):
    def expected(*words):
        told = json.loads(server.command("route", "a/one", "--prompt", "1000", "--answer", "100", *words, "--json").stdout)
        return told["candidates"][0]["expected_cost_pusd"]

    assert (expected(), expected("--tier", "flex"), expected("--tier", "priority")) == (STANDARD, FLEX, PRIORITY)
    assert expected("--tier", "default") == STANDARD
    assert "service tier" in server.command("route", "a/one", "--tier", "soon", check=False).stderr


def test_a_diff_knows_tiers(server, tmp_path):
    path = tmp_path / "new.json"
    rows = [{"input": 1, "output": 10, "service_tiers": {"flex": 0.5, "priority": {"input": 2, "output": 24}}}]
    path.write_text(json.dumps({"format": 1, "models": {"a/one": {"providers": [{"provider": "one", "model": "m-1", "prices": rows}]}}}))
    told = json.loads(server.command("prices", "diff", path, "--json").stdout)
    at = lambda row: (row["service_tier"], row["class"], row["before"], row["after"])  # noqa: E731
    assert {at(row) for row in told} == {("priority", "output", "25", "24"), ("batch", "input", "0.25", "1"), ("batch", "output", "2.5", "10")}
    assert "priority: output" in server.command("prices", "diff", path).stdout
