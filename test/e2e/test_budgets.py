"""Keys with budgets, limits and rules: what they may do, what they are told, and that nothing is overspent."""
import concurrent.futures
import json
import subprocess
import threading
import time

import pytest

from conftest import ROOT
from host import completion, fault, reply, stream, stream_events
from weir import until

CONFIG = """
upstream: {{attempts: 2, retry_wait: 0s}}
route: {{breaker_failures: 1000}}
providers:
  cheap: {{dialect: openai, base_url: {url}, api_key: secret}}
  dear: {{dialect: openai, base_url: {url}, api_key: secret}}
  clever: {{dialect: anthropic, base_url: {url}, api_key: secret}}
models:
  a/one: [{{provider: cheap, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}]
  a/two:
    - {{provider: dear, model: m-2, max_output: 1000, price: {{input: 10, output: 20}}}}
    - {{provider: cheap, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}
  a/free: [{{provider: cheap, model: m-3}}]
  b/other: [{{provider: clever, model: m-4, max_output: 1000, price: {{input: 1, output: 2}}}}]
"""
USD = 10**12
USED = (100, 0, 50)  # 200 micro-USD at 1 and 2 USD a million
pytestmark = [pytest.mark.asan, pytest.mark.store]


@pytest.fixture
def server(weir, host):
    provider = host()
    provider.play(reply(completion(usage=USED)))
    server = weir(CONFIG.format(url=provider.url))
    server.host = provider
    return server


def key(server, name="k", *limits):
    made = server.command("key", "create", "--name", name, *limits).stdout.split()[0]
    fields = [("authorization", f"Bearer {made}")]
    until(lambda: server.ask("/v1/models", fields=fields).status == 200 and server.ask("/v1/models").status == 401)
    return fields


def ask(server, fields, model="a/one", path="/v1/chat/completions", **more):
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]} | more
    return server.ask(path, body, fields=fields)


def message(got):
    return got.json["error"]["message"]


def spent(server, level="team"):
    return {one["name"]: one["spent_pusd"] for one in json.loads(server.command(level, "list", "--json").stdout)}


# --- budgets ---


@pytest.mark.parametrize("budget", ["--budget 0.002/month", "--model-budget a/*=0.002/month"])
@pytest.mark.parametrize("first", [(), ("--rpm", "1000"), ("--budget", "5/day")])
def test_a_budget_that_is_set_counts_what_runs(server, first, budget):
    fields, gate, plain = key(server, "k", *first), threading.Event(), reply(completion(usage=USED))
    server.host.play(lambda connection, request: gate.wait(20) and plain(connection, request))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        running = [pool.submit(ask, server, fields, max_tokens=50) for _ in range(8)]
        until(lambda: len(server.host.requests) == 8)
        server.command("key", "set", "k", *budget.split())
        time.sleep(1)
        gate.set()
        assert {one.result().status for one in running} == {200}
    statuses = [ask(server, fields, max_tokens=50).status for _ in range(6)]
    assert statuses.count(200) == 1 and set(statuses) == {200, 402}  # of 10 the last would be reserved at more
    until(lambda: sum(row["cost_pusd"] for row in server.rows()) == 9 * 200 * 10**6)


@pytest.mark.parametrize("first", [(), ("--rpm", "100000000")])
def test_a_budget_that_is_set_under_load_loses_nothing(weir, first):
    """However much ends in the moment in which it is set."""
    tools = ROOT / "build/release/bench"
    with subprocess.Popen([tools / "upstream"], stdout=subprocess.PIPE, text=True) as upstream:
        try:
            url = f"http://127.0.0.1:{int(upstream.stdout.readline())}/v1"
            offer = "{provider: one, model: m, max_output: 1000, price: {input: 1, output: 1}}"
            server = weir(f"providers: {{one: {{dialect: openai, base_url: '{url}'}}}}\nmodels: {{a/one: [{offer}]}}")
            made = key(server, "k", *first)[0][1].split()[1]
            load = subprocess.Popen([tools / "load", "-p", str(server.port), "-c", "32", "-t", "60", "-k", made, "-m", "a/one"])
            begun, spent_now = time.monotonic(), lambda: sum(row["cost_pusd"] for row in server.usage("--by", "key"))
            until(lambda: spent_now() > USD, 20)
            budget = spent_now() / USD * (1 + 6 / (time.monotonic() - begun))  # gone in some seconds
            server.command("key", "set", "k", "--budget", f"{budget:.6f}/day")
            fields = [("authorization", f"Bearer {made}")]
            until(lambda: ask(server, fields, max_tokens=1000).status == 402, 50)
            assert 402 in {ask(server, fields, max_tokens=1000).status for _ in range(50)}  # and others try all the time
            load.kill()
            load.wait()
            assert server.stop() == 0  # all is in the ledger then
            assert spent_now() <= budget * USD
        finally:
            upstream.terminate()


def test_what_does_not_fit_is_refused_and_what_was_reserved_comes_back(server):
    fields = key(server, "k", "--budget", "0.0021/day")
    # 900 tokens of output may cost 1,800 micro-USD, the prompt some more; it does cost 200.
    assert ask(server, fields, max_tokens=900).status == 200
    refused = ask(server, fields, max_tokens=1000)
    assert refused.status == 402
    assert refused.json["error"]["code"] == "budget_exceeded"
    assert "key 'k'" in message(refused) and "0.0019 USD of 0.0021 USD" in message(refused)
    assert int(refused.field("retry-after")) <= 86400
    assert ask(server, fields, max_tokens=700).status == 200


def test_who_is_above_counts_too(server):
    server.command("org", "create", "acme", "--budget", "0.002/month")
    server.command("team", "create", "web", "--org", "acme")
    server.command("user", "create", "ann", "--team", "web")
    first, second = key(server, "a", "--user", "ann"), key(server, "b", "--team", "web")
    assert ask(server, first, max_tokens=800).status == 200
    assert ask(server, second, max_tokens=800).status == 200
    refused = ask(server, second, max_tokens=800)
    assert refused.status == 402 and "organisation 'acme'" in message(refused)
    server.wait_for_rows(2)
    assert (spent(server, "org"), spent(server), spent(server, "user")) == (
        {"acme": 400_000_000}, {"web": 400_000_000}, {"ann": 200_000_000})  # fmt: skip
    rows = server.usage("--by", "user,team,organisation")
    assert [(r["user"], r["team"], r["organisation"], r["requests"]) for r in rows] == [("", "web", "acme", 1), ("ann", "web", "acme", 1)]


def test_a_cheaper_host_is_taken_when_the_dear_one_does_not_fit(server):
    fields = key(server, "k", "--budget", "0.005/total")
    got = ask(server, fields, "a/two:preferred", max_tokens=500)
    assert (got.status, got.field("x-inference-provider")) == (200, "cheap")


@pytest.mark.parametrize("path, body, limit", [
    ("/v1/chat/completions", {"model": "a/one", "messages": [{"role": "user", "content": "hi"}]}, lambda b: b["max_tokens"]),
    ("/v1/responses", {"model": "a/one", "input": "hi"}, lambda b: b.get("max_tokens") or b.get("max_completion_tokens")),
    ("/v1beta/models/a/one:generateContent", {"contents": [{"parts": [{"text": "hi"}]}]}, lambda b: b.get("max_tokens") or b.get("max_completion_tokens")),
    ("/v2/chat", {"model": "b/other", "messages": [{"role": "user", "content": "hi"}]}, lambda b: b["max_tokens"]),
])  # fmt: skip
def test_an_answer_without_limit_gets_the_longest_that_fits(server, path, body, limit):
    fields = key(server, "k", "--budget", "0.001/total")
    server.host.play(fault(500))
    got = server.ask(path, body, fields=fields)
    asked = limit(server.host.requests[-1].json)
    assert asked == int(got.field("x-weir-max-tokens")) and 300 < asked < 500


def test_a_host_of_unknown_price_is_out(server):
    fields = key(server, "k", "--budget", "1/day")
    assert ask(server, fields, "a/free", max_tokens=1).status == 402
    assert server.host.requests == []


def test_many_at_once_do_not_overspend(server):
    fields = key(server, "k", "--budget", "0.05/day")
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        streams = [{"stream": True} if n % 3 == 0 else {} for n in range(400)]
        server.host.play(lambda connection, request: (
            stream(stream_events(usage=USED)) if request.json.get("stream") else reply(completion(usage=USED))
        )(connection, request))
        got = list(pool.map(lambda more: ask(server, fields, max_tokens=500, **more).status, streams))
    assert set(got) == {200, 402}
    answered = got.count(200)
    # Of the last ones something may still be reserved when they are answered.
    for refused in range(2):
        while ask(server, fields, max_tokens=500).status == 200:
            answered += 1
        server.wait_for_rows(answered)
    total = sum(row["cost_pusd"] for row in server.usage("--by", "key"))
    assert total == answered * 200_000_000 <= 50_000_000_000
    # What is left is less than one more can cost.
    assert total > 50_000_000_000 - 1_300_000_000


def test_what_was_spent_is_known_after_a_restart_and_after_a_change(server, weir):
    fields = key(server, "k", "--budget", "0.0021/day")
    assert ask(server, fields, max_tokens=900).status == 200
    server.wait_for_rows(1)
    server.command("key", "set", "k", "--budget", "0.0025/day")
    until(lambda: ask(server, fields, max_tokens=1000).status == 200)
    server.wait_for_rows(2)
    assert "0.0021 USD of 0.0025" in message(ask(server, fields, max_tokens=1200))
    server.command("key", "set", "k", "--budget", "none")
    until(lambda: ask(server, fields, max_tokens=100000).status == 200)


def test_dry_refuses_nothing(server):
    fields = key(server, "k", "--budget", "0/day", "--dry")
    assert ask(server, fields).status == 200
    server.command("key", "set", "k", "--enforce")
    until(lambda: ask(server, fields).status == 402)


# --- limits ---


def test_requests_a_minute(server):
    fields = key(server, "k", "--rpm", "2")
    got = [ask(server, fields) for _ in range(3)]
    assert [one.status for one in got] == [200, 200, 429]
    assert got[0].field("x-ratelimit-limit-requests") == "2" and got[0].field("x-ratelimit-remaining-requests") == "1"
    assert 25 <= int(got[2].field("retry-after")) <= 31
    assert got[2].json["error"]["code"] == "rate_limit_exceeded"


def test_tokens_a_minute_are_those_that_were_used(server):
    fields = key(server, "k", "--tpm", "200")
    assert ask(server, fields, max_tokens=10).status == 200  # 150 of them
    refused = ask(server, fields, max_tokens=60)
    assert refused.status == 429 and "tokens a minute" in message(refused)


def test_requests_at_a_time(server):
    fields = key(server, "k", "--concurrent", "1")
    held = server.host.held

    def wait(connection, request):
        held.wait(20)
        return reply(completion())(connection, request)

    server.host.play(wait)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, server, fields)
        until(lambda: server.host.requests)
        assert ask(server, fields).status == 429
        held.set()
        assert first.result().status == 200
    assert ask(server, fields).status == 200


# --- rules ---


def test_models_and_providers(server):
    fields = key(server, "k", "--models", "a/*", "--providers", "cheap")
    assert ask(server, fields).status == 200
    refused = ask(server, fields, "b/other")
    assert refused.status == 403 and "may not use the model 'b/other'" in message(refused)
    assert ask(server, fields, "a/two:preferred").field("x-inference-provider") == "cheap"
    assert ask(server, fields, "a/two:dear").status == 403


def test_networks_and_expiry_and_blocks(server):
    fields = key(server, "k", "--networks", "10.0.0.0/8,127.0.0.0/8")
    assert ask(server, fields).status == 200
    server.command("key", "set", "k", "--networks", "10.0.0.0/8")
    until(lambda: ask(server, fields).status == 403)
    server.command("key", "set", "k", "--networks", "any", "--expires", "2020-01-01")
    until(lambda: ask(server, fields).status == 401)
    server.command("key", "set", "k", "--expires", "never")
    until(lambda: ask(server, fields).status == 200)
    server.command("key", "block", "k")
    until(lambda: ask(server, fields).status == 403)
    server.command("key", "unblock", "k")
    until(lambda: ask(server, fields).status == 200)


def test_rotation_overlaps(server):
    old = key(server, "k", "--rpm", "1000")
    new = [("authorization", "Bearer " + server.command("key", "rotate", "k", "--overlap", "1h").stdout.split()[0])]
    until(lambda: ask(server, new).status == 200)
    assert ask(server, old).status == 200
    third = [("authorization", "Bearer " + server.command("key", "rotate", "k", "--overlap", "0").stdout.split()[0])]
    until(lambda: ask(server, third).status == 200)
    assert (ask(server, new).status, ask(server, old).status) == (401, 200)
    assert ask(server, third).field("x-ratelimit-limit-requests") == "1000"


def test_a_failed_request_costs_nothing(server):
    fields = key(server, "k", "--budget", "0.0021/day")
    server.host.play(fault(500))
    assert ask(server, fields, max_tokens=900).status == 502
    server.host.play(reply(completion(usage=USED)))
    until(lambda: ask(server, fields, max_tokens=900).status == 200)


@pytest.mark.parametrize("words, why", [
    (["--budget", "25"], "--budget wants"), (["--budget", "-1/day"], "--budget wants"), (["--rpm", "x"], "--rpm wants"),
    (["--networks", "10.0.0.0/33"], "no network"), (["--expires", "soon"], "--expires wants"), (["--timezone", "2"], "--timezone wants"),
    (["--model-budget", "a/*"], "--model-budget wants"), (["--model-budget", ",".join(f"m{n}=1/day" for n in range(9))], "up to 8"),
    (["--team", "nobody"], 'there is no team "nobody"'), (["--budgit", "1/day"], "--budget"),
])  # fmt: skip
def test_bad_limits_are_told(server, words, why):
    told = server.command("key", "create", "--name", "k", *words, check=False)
    assert told.returncode in (1, 2) and why in told.stderr


# --- bodies that say twice what they may cost ---

CHAT = '"model":"a/one","messages":[{"role":"user","content":"hi"}]'


@pytest.mark.parametrize("path, body, member", [
    ("/v1/chat/completions", '{%s,"max_tokens":100000,"max_tokens":10}' % CHAT, "max_tokens"),
    ("/v1/chat/completions", '{%s,"max_tokens":10,"max_\\u0074okens":100000}' % CHAT, "max_\\u0074okens"),
    ("/v1/chat/completions", '{%s,"n":1,"max_tokens":10,"n":100}' % CHAT, "n"),
    ("/v1/chat/completions", '{%s,"max_tokens":10,"model":"a/two"}' % CHAT, "model"),
    ("/v1/messages", '{%s,"max_tokens":10,"max_tokens":100000}' % CHAT, "max_tokens"),
    ("/v1/responses", '{"model":"a/one","input":"hi","max_output_tokens":10,"max_output_tokens":100000}', "max_output_tokens"),
    ("/v2/chat", '{%s,"max_tokens":10,"max_tokens":100000}' % CHAT, "max_tokens"),
    ("/v1beta/models/a/one:generateContent", '{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"maxOutputTokens":10,"max_output_tokens":100000}}', "max_output_tokens"),
    ("/v1beta/models/a/one:generateContent", '{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"maxOutputTokens":10},"generation_config":{}}', "generation_config"),
    ("/model/a/one/converse", '{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":10,"maxTokens":100000}}', "maxTokens"),
])  # fmt: skip
def test_what_it_may_cost_is_said_once(server, path, body, member):
    fields = key(server, "k", "--budget", "1/day") + [("content-type", "application/json")]
    got = server.ask(path, body.encode(), fields=fields)
    assert got.status == 400 and f"'{member}'" in got.body.decode().replace("\\\\", "\\"), got.body
    assert not server.host.requests


@pytest.mark.parametrize("n", ["8", 8, 8.0, "\\u0038", [8]])
def test_several_answers_count_however_they_are_asked_for(server, n):
    fields = key(server, "k", "--budget", "0.0021/day")
    assert ask(server, fields, max_tokens=400, n=1).status == 200
    assert ask(server, fields, max_tokens=400, n=n).status == 402
    gemini = {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 400, "candidateCount": n}}
    assert server.ask("/v1beta/models/a/one:generateContent", gemini, fields=fields).status == 402


# --- what goes out may cost no more than was reserved ---


def sent(server):
    return server.host.requests[-1].json


@pytest.mark.parametrize("limit", ["10", "1e1", "10.0", "0.1e2"])
def test_a_limit_goes_out_as_it_is_meant(server, limit):
    fields = key(server, "k", "--budget", "0.001/day")
    server.host.play(reply({"id": "m", "type": "message", "role": "assistant", "model": "m-4", "stop_reason": "end_turn",
                            "content": [{"type": "text", "text": "hi"}], "usage": {"input_tokens": 9, "output_tokens": 3}}))  # fmt: skip
    body = '{"model":"b/other","messages":[{"role":"user","content":"hi"}],"max_tokens":%s}' % limit
    assert server.ask("/v1/chat/completions", body.encode(), fields=fields).status == 200
    assert sent(server)["max_tokens"] == 10


def test_thinking_that_a_dialect_adds_is_reserved(server):
    server.host.play(reply({"id": "m", "type": "message", "role": "assistant", "model": "m-4", "stop_reason": "end_turn",
                            "content": [{"type": "text", "text": "hi"}], "usage": {"input_tokens": 9, "output_tokens": 3}}))  # fmt: skip
    poor, rich = key(server, "poor", "--budget", "0.001/day"), key(server, "rich", "--budget", "0.003/day")
    refused = ask(server, poor, "b/other", max_tokens=10, reasoning_effort="high")
    assert refused.status == 402 and "budget of key 'poor' is used up: 0.001 USD" in message(refused)
    assert not server.host.requests
    assert ask(server, rich, "b/other", max_tokens=10, reasoning_effort="high").status == 200
    assert sent(server)["max_tokens"] == 1034 and sent(server)["thinking"]["budget_tokens"] == 1024
    assert ask(server, poor, "b/other", max_tokens=10).status == 200


@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 1, "max_tokens": "1000"}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1, "Max_Tokens": 1000}),
    ("/v1beta/models/a/one:generateContent", {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 1, "max_outputTokens": 1000}}),
    ("/v1beta/models/a/one:generateContent", {"contents": [{"parts": [{"text": "hi"}]}],
        "generateContentRequest": {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 1}}}),
    ("/v1/chat/completions", {"max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]}),
    ("/v1/responses", {"max_output_tokens": 1, "input": "hi", "previous_response_id": "resp_1"}),
])  # fmt: skip
def test_no_body_goes_past_what_is_left(server, path, body):
    """Some of these are refused for another reason than money, or sent with the longest answer that fits."""
    fields = key(server, "k", "--budget", "0.0019/day")
    model = {} if "generateContent" in path else {"model": "b/other" if path == "/v1/messages" else "a/one"}
    got = server.ask(path, model | body, fields=[*fields, ("x-weir-drop", "allow")])
    if got.status == 200:
        assert sent(server)["max_tokens"] == int(got.field("x-weir-max-tokens")) < 950 and "max_completion_tokens" not in sent(server)
    else:
        assert got.status in (400, 402) and not server.host.requests, (got.status, got.body)


LONG = "x " * 60000


@pytest.mark.parametrize("path, body", [
    ("/v1/messages", {"max_tokens": 1, "messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": LONG}}, {"type": "text", "text": "?"}]}]}),
    ("/v1/chat/completions", {"max_tokens": 1, "functions": [{"name": "f", "description": LONG}], "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]}),
    ("/v1/chat/completions", {"max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "file", "text": LONG}]}]}),
    ("/v1beta/models/a/one:generateContent", {"contents": [{"parts": [{"inlineData": {"mimeType": "text/plain", "data": LONG}}]}]}),
])  # fmt: skip
def test_text_counts_wherever_it_stands(server, path, body):
    fields = key(server, "k", "--budget", "0.1/day")
    model = {} if "generateContent" in path else {"model": "b/other" if path == "/v1/messages" else "a/one"}
    assert server.ask(path, model | body, fields=[*fields, ("x-weir-drop", "allow")]).status == 402
    assert not server.host.requests


def test_a_picture_counts_as_one_and_not_by_its_bytes(server):
    fields = key(server, "k", "--budget", "0.05/day")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 300_000}}
    body = {"model": "a/one", "max_tokens": 1, "messages": [{"role": "user", "content": [image]}]}
    assert server.ask("/v1/chat/completions", body, fields=fields).status == 200


@pytest.mark.parametrize("config", [{}, {"temperature": 0.5}, {"max_output_tokens": None}, {"maxOutputTokens": "x"}, None, [], "x"])
@pytest.mark.parametrize("name", ["generationConfig", "generation_config"])
def test_a_limit_that_is_put_in_stands_there_once(server, name, config):
    fields = key(server, "k", "--budget", "0.0015/day")
    got = server.ask("/v1beta/models/a/one:generateContent", {"contents": [{"parts": [{"text": "hi"}]}], name: config}, fields=fields)
    assert got.status == 200, got.body
    assert sent(server)["max_tokens"] == int(got.field("x-weir-max-tokens")) < 750


# --- budgets for some models alone ---


def test_a_budget_for_models_is_a_wall_for_these_alone(server):
    fields = key(server, "k", "--budget", "1/day", "--model-budget", "a/*=0.0021/day")
    assert ask(server, fields, max_tokens=900).status == 200
    refused = ask(server, fields, max_tokens=1000)
    assert refused.status == 402
    assert "budget of key 'k' for 'a/*' is used up: 0.0019 USD of 0.0021 USD" in message(refused)
    assert int(refused.field("retry-after")) <= 86400
    assert ask(server, fields, "b/other", max_tokens=1000).status != 402
    assert ask(server, fields, max_tokens=700).status == 200
    # Without a limit of its own it gets the longest answer that fits.
    got = ask(server, fields)
    assert got.status == 200 and 700 < int(got.field("x-weir-max-tokens")) < 850


def test_all_that_match_count_at_every_level(server):
    server.command("org", "create", "acme", "--model-budget", "a/o*=0.0021/total")
    server.command("team", "create", "web", "--org", "acme")
    first = key(server, "a", "--team", "web", "--model-budget", "a/one=1/day,*=1/month")
    second = key(server, "b", "--team", "web", "--model-budget", "*=0.0001/day")
    assert ask(server, first, max_tokens=900).status == 200
    assert "key 'b' for '*'" in message(ask(server, second, max_tokens=100))
    refused = ask(server, first, max_tokens=1000)
    assert refused.status == 402 and "organisation 'acme' for 'a/o*'" in message(refused)
    assert refused.field("retry-after") is None
    assert ask(server, first, "a/two", max_tokens=1000).status == 200
    server.wait_for_rows(2)
    cost = sum(row["cost_pusd"] for row in server.rows())
    listed = {one["name"]: one for one in json.loads(server.command("key", "list", "--json").stdout)}
    assert listed["a"]["model_budgets"] == "a/one=1/day,*=1/month"
    assert listed["a"]["model_budgets_spent_pusd"] == {"a/one": 200_000_000, "*": cost}
    org = json.loads(server.command("org", "list", "--json").stdout)[0]
    assert org["model_budgets_spent_pusd"] == {"a/o*": 200_000_000}


def test_many_at_once_do_not_overspend_a_models_budget(server):
    fields = key(server, "k", "--model-budget", "a/one=0.02/day")
    server.host.play(lambda connection, request: (
        stream(stream_events(usage=USED)) if request.json.get("stream") else reply(completion(usage=USED))
    )(connection, request))
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        got = list(pool.map(lambda n: ask(server, fields, max_tokens=500, **({"stream": True} if n % 3 == 0 else {})).status, range(200)))
    assert set(got) == {200, 402}
    answered = got.count(200)
    until(lambda: ask(server, fields, max_tokens=1).status in (200, 402))
    server.wait_for_rows(answered)
    assert sum(row["cost_pusd"] for row in server.usage("--by", "key")) <= 20_000_000_000


def test_a_models_budget_is_known_after_a_restart_and_changes(server, weir, host):
    fields = key(server, "k", "--model-budget", "a/one=0.0021/day")
    assert ask(server, fields, max_tokens=900).status == 200
    server.wait_for_rows(1)
    server.command("key", "set", "k", "--model-budget", "b/*=1/day")
    server.command("key", "set", "k", "--model-budget", "a/one=0.0025/day")
    assert json.loads(server.command("key", "list", "--json").stdout)[0]["model_budgets"] == "b/*=1/day,a/one=0.0025/day"
    until(lambda: ask(server, fields, max_tokens=1000).status == 200)
    server.wait_for_rows(2)
    assert "0.0021 USD of 0.0025" in message(ask(server, fields, max_tokens=1200))
    server.stop()
    again = weir(CONFIG.format(url=server.host.url), WEIR_DATA=server.folder / "data")
    assert "0.0021 USD of 0.0025" in message(ask(again, fields, max_tokens=1200))
    again.command("key", "set", "k", "--model-budget", "a/one=none")
    until(lambda: ask(again, fields, max_tokens=1200).status == 200)
    again.command("key", "set", "k", "--model-budget", "none")
    assert json.loads(again.command("key", "list", "--json").stdout)[0]["model_budgets"] is None


def test_a_models_budget_by_the_admin_api(weir, host):
    provider = host()
    provider.play(reply(completion(usage=USED)))
    server = weir(CONFIG.format(url=provider.url), WEIR_ADMIN_KEY="admin-key")
    admin = [("authorization", "Bearer admin-key")]
    made = server.ask("/admin/v1/keys", {"name": "k", "model_budgets": "a/one = 0.001/day, b/*=2/month", "input_tokens_per_minute": 5000}, fields=admin)
    assert made.status in (200, 201), made.body
    fields = [("authorization", f"Bearer {made.json['key']}")]
    shown = until(lambda: next((k for k in server.ask("/admin/v1/keys", fields=admin).json["data"] if k["name"] == "k"), None))
    assert (shown["model_budgets"], shown["input_tokens_per_minute"]) == ("a/one=0.001/day,b/*=2/month", 5000)
    until(lambda: ask(server, fields, max_tokens=1000).status == 402)
    for bad in ("a/one", "a=1", "a=1/year", "=1/day", ",".join(f"m{n}=1/day" for n in range(9)), 7):
        assert server.ask("/admin/v1/keys/k", {"model_budgets": bad}, method="PATCH", fields=admin).status == 400, bad


def test_tokens_of_either_side(server):
    fields = key(server, "k", "--input-tpm", "150", "--output-tpm", "100000")
    got = ask(server, fields, max_tokens=10)
    assert got.status == 200 and got.field("x-ratelimit-limit-input-tokens") == "150" and got.field("x-ratelimit-limit-output-tokens") == "100000"
    long = {"messages": [{"role": "user", "content": "word " * 100}]}
    refused = ask(server, fields, max_tokens=10, **long)
    assert refused.status == 429 and "150 input tokens a minute" in message(refused)


def test_a_new_key_has_its_limits_from_its_first_request_on(server):
    key(server, "other")
    for n in range(5):
        fields = [("authorization", "Bearer " + server.command("key", "create", "--name", f"k{n}", "--rpm", "1000").stdout.split()[0])]
        first = until(lambda: (got := ask(server, fields)).status == 200 and got)
        assert first.field("x-ratelimit-limit-requests") == "1000"
