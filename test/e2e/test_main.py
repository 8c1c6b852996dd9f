"""The main job: one model at two hosts, routed by the suffix, failed over, counted once."""
import json
import re
import time

import pytest

from host import Host, completion, cut, fault, refused_port, reply, reset, silence, stream, stream_events, usage_of

CONFIG = """
threads: 2
route: {{breaker_failures: 1000, explore: 0%}}
upstream: {{connect: 300ms, first_token: 300ms, total: 3s, attempts: 3}}
providers:
  mine:
    dialect: openai
    base_url: {first}
    api_key: ${{MINE_KEY}}
  groq:
    base_url: {second}
models:
  acme/large:
    - {{provider: mine, model: large-v1, context: 131072, price: {{input: 0.15, cached_input: 0.075, output: 0.60}}}}
    - {{provider: groq, model: openai/gpt-oss-120b}}
"""
# The one of the documentation, with a model on this machine whose file is not there.
DOCUMENTED = """
listen: 127.0.0.1:0
threads: 2
providers:
  mine:
    dialect: openai
    base_url: {first}
    api_key: ${{MINE_KEY}}
  groq: {{base_url: {second}}}
models:
  acme/large:
    - {{provider: mine, model: large-v1, context: 131072, price: {{input: 0.15, cached_input: 0.075, output: 0.60}}}}   # USD per million tokens
    - {{provider: groq, model: openai/gpt-oss-120b}}
local:
  models:
    tiny: {{file: /models/tiny.gguf, context: 4096}}
"""
KEYS = {"MINE_KEY": "mine-secret", "GROQ_API_KEY": "groq-secret"}
# 400 at 0.15, 600 at 0.075 and 50 at 0.60 USD a million, in pico-USD.
COST = 400 * 150_000 + 600 * 75_000 + 50 * 600_000


def two_hosts(weir, host, first=None):
    first, second = first or host(), host(reply(completion("from groq", model="openai/gpt-oss-120b")))
    url = first.url if isinstance(first, Host) else first
    return weir(CONFIG.format(first=url, second=second.url), **KEYS), first, second


@pytest.mark.asan
def test_the_documented_configuration(weir, host):
    first, second = host(), host()
    server = weir(DOCUMENTED.format(first=first.url, second=second.url), **KEYS)
    assert "/models/tiny.gguf: No such file or directory" in server.log
    assert "mine" in server.banner and "groq" in server.banner and "mine-secret" not in server.banner
    for suffix in ("", ":cheapest", ":fastest", ":mine", ":groq"):
        assert server.chat("acme/large" + suffix).status == 200
    checked = server.command("check")
    assert "mine-secret" not in checked.stdout + checked.stderr and KEYS["GROQ_API_KEY"] not in checked.stdout
    without = weir(DOCUMENTED.format(first=first.url, second=second.url), GROQ_API_KEY="k")
    assert "MINE_KEY" in without.log
    assert without.chat("acme/large").field("x-inference-provider") == "groq"


@pytest.mark.asan
def test_the_suffix_says_where(weir, host):
    server, first, second = two_hosts(weir, host)
    for suffix, answered_by in ((":mine", "mine"), (":groq", "groq"), (":preferred", "mine")):
        got = server.chat("acme/large" + suffix)
        assert (got.status, got.field("x-inference-provider")) == (200, answered_by), got.body
    # Both cost the same here, and answer equally fast.
    assert server.chat("acme/large:cheapest").status == server.chat("acme/large:fastest").status == 200
    assert first.requests[0].json["model"] == "large-v1"
    assert second.requests[0].json["model"] == "openai/gpt-oss-120b"
    assert first.requests[0].field("authorization") == "Bearer mine-secret"


@pytest.mark.asan
@pytest.mark.parametrize("output, cheapest", (("0.61", "groq"), ("0.59", "mine")))
def test_the_cheapest_is_the_cheapest(weir, host, output, cheapest):
    first, second = host(), host()
    server = weir(CONFIG.format(first=first.url, second=second.url).replace("0.60", output), **KEYS)
    assert server.chat("acme/large:cheapest").field("x-inference-provider") == cheapest
    assert server.chat("acme/large", provider={"sort": "price"}).field("x-inference-provider") == cheapest
    explained = json.loads(server.command("route", "acme/large:cheapest", "--json").stdout)
    costs = [c["expected_cost_pusd"] for c in explained["candidates"]]
    assert explained["candidates"][0]["provider"] == cheapest and costs == sorted(costs)
    assert "cheapest (expected cost" in server.command("route", "acme/large:cheapest").stdout


@pytest.mark.asan
def test_the_route_is_explained(weir, host):
    server, first, _ = two_hosts(weir, host)
    text = server.command("route", "acme/large:cheapest").stdout
    assert re.search(r"mine +large-v1 +0\.0003036 ", text) and re.search(r"groq +openai/gpt-oss-120b +0\.0003036 ", text)
    assert text.count("taken first") == 1  # 1000 tokens at 0.15 and 256 at 0.60
    text = server.command("route", "acme/large:preferred").stdout
    assert text.index("mine") < text.index("taken first") < text.index("groq")
    text = server.command("route", "acme/large:groq").stdout
    assert "another provider was named" in text
    server.env.pop("MINE_KEY")
    explained = json.loads(server.command("route", "acme/large:preferred", "--json").stdout)["candidates"]
    assert [c["provider"] for c in explained] == ["groq", "mine"]
    assert (explained[1]["out"], explained[1]["in"]) == ("NO_KEY", False)
    first.play(fault(500))
    assert server.chat("acme/large:mine").status == 502


@pytest.mark.asan
def test_the_fastest_is_the_fastest(weir, host):
    slow = reply(completion())
    server, first, second = two_hosts(weir, host, host(lambda c, r: time.sleep(0.5) or slow(c, r)))
    for suffix in (":mine", ":groq"):  # both are known then
        assert server.chat("acme/large" + suffix).status == 200
    assert server.chat("acme/large:fastest").field("x-inference-provider") == "groq"


@pytest.mark.asan
def test_what_it_costs_is_told(weir, host):
    server, _, _ = two_hosts(weir, host)
    got = server.chat("acme/large:mine")
    assert got.json["choices"][0]["message"]["content"] == "hello"
    assert got.field("x-weir-cost-usd") == "0.000135"
    row = server.wait_for_rows(1)[0]
    assert row["cost_pusd"] == COST == 135_000_000
    assert (row["input_tokens"], row["cached_input_tokens"], row["output_tokens"]) == (400, 600, 50)
    told = server.generation(got)
    assert (told["cost_usd"], told["cost_pusd"], told["provider"]) == ("0.000135", COST, "mine")
    usage = server.usage()
    assert usage[0]["cost_pusd"] == COST and usage[0]["cost_usd"] == "0.000135"


FAILURES = {
    "dead": None,
    "refused_at_once": reset(),
    "closed": cut(),
    "silent": silence(),
    "500": fault(500),
    "503": fault(503),
    "429": fault(429, "slow down", [("retry-after", "30")]),
    "401": fault(401, "bad key"),
    "402": fault(402, "pay"),
    "404": fault(404, "no such model"),
    "408": fault(408),
    "not_json": reply(b"<html>busy</html>"),
    "error_in_200": reply({"error": {"message": "overloaded", "code": 502}}),
}


# A JSON answer has the total limit only: nobody else is asked instead of one that is silent.
CASES = [(failure, wanted) for failure in FAILURES for wanted in (False, True) if wanted or failure != "silent"]


@pytest.mark.parametrize("failure, stream_wanted", CASES, ids=[f"{f}-{'stream' if s else 'json'}" for f, s in CASES])
@pytest.mark.asan
def test_the_second_host_answers(weir, host, failure, stream_wanted):
    first = f"http://127.0.0.1:{refused_port()}/v1" if failure == "dead" else host(FAILURES[failure])
    server, first, second = two_hosts(weir, host, first)
    if stream_wanted:
        second.play(stream())
    got = server.chat("acme/large:preferred", stream=stream_wanted)
    assert (got.status, got.field("x-inference-provider"), got.field("x-weir-attempts")) == (200, "groq", "2"), got.body
    rows = server.wait_for_rows(1)
    assert len(rows) == 1
    attempts = json.loads(rows[0]["attempts"])
    assert [a["provider"] for a in attempts] == ["mine", "groq"]
    assert attempts[0]["outcome"] != "OK" and attempts[1]["outcome"] == "OK"
    assert rows[0]["provider"] == "groq" and rows[0]["outcome"] == "OK"
    assert rows[0]["cost_pusd"] == COST  # at Groq's price, which is the same, and once
    assert [(r["requests"], r["provider"], r["cost_pusd"]) for r in server.usage()] == [(1, "groq", COST)]


@pytest.mark.asan
def test_a_stream(weir, host):
    server, first, _ = two_hosts(weir, host)
    first.play(stream(pieces=1))
    got = server.chat("acme/large:mine", stream=True)
    assert got.status == 200 and got.field("content-type") == "text/event-stream"
    # The usage was asked for by weir, not by the caller: he does not see it.
    assert first.requests[0].json["stream_options"] == {"include_usage": True}
    assert got.body == b"".join(stream_events(usage=None))
    assert server.generation(got)["cost_pusd"] == COST


@pytest.mark.asan
def test_a_stream_whose_caller_wants_usage(weir, host):
    server, first, _ = two_hosts(weir, host)
    first.play(stream())
    got = server.chat("acme/large:mine", stream=True, stream_options={"include_usage": True})
    assert got.body == b"".join(stream_events())
    assert got.events[-2]["usage"] == usage_of((400, 600, 50))


@pytest.mark.asan
def test_the_cost_as_a_comment(weir, host):
    server, first, _ = two_hosts(weir, host)
    first.play(stream())
    got = server.chat("acme/large:mine", stream=True, fields={"x-weir-cost": "comment"})
    assert b"\n: x-weir-cost-usd=0.000135 x-request-id=req_" in got.body
    assert got.body.index(b"x-weir-cost-usd") < got.body.index(b"[DONE]")
