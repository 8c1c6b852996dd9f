"""Every route that can spend passes admission and settlement: a row of surface.def without a row here fails."""
import pathlib
import re

import pytest

from host import completion, cut, fault, reply, stream, stream_events
from weir import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """
upstream: {{attempts: 2, retry_wait: 0s}}
route: {{breaker_failures: 1000}}
providers:
  one: {{dialect: openai, base_url: {url}, api_key: secret}}
  two: {{dialect: openai, base_url: {url}, api_key: secret}}
models:
  a/one:
    - {{provider: one, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}
    - {{provider: two, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}
  e/one: {{kind: embedding, providers: [{{provider: one, model: m-2, price: {{input: 1}}}}]}}
  t/one: {{kind: completion, providers: [{{provider: one, model: m-3, max_output: 1000, price: {{input: 1, output: 2}}}}]}}
"""
SAID = [{"role": "user", "content": "hi"}]
PARTS = {"contents": [{"parts": [{"text": "hi"}]}]}
BLOCKS = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
VECTOR = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [1]}], "model": "m",
          "usage": {"prompt_tokens": 400, "total_tokens": 400}}  # fmt: skip
CHAT, TEXT, EMBED, COUNT = "chat", "text", "embed", "count"
STREAM = {"stream": True}
# The path in surface.def: what it asks, and bodies, each of which spends by itself.
SPENDING = {
    "/v1/chat/completions": (CHAT, {"model": "a/one", "messages": SAID}, STREAM),
    "/v1/responses": (CHAT, {"model": "a/one", "input": "hi"}, STREAM),
    "/v1/completions": (TEXT, {"model": "t/one", "prompt": "hi"}, STREAM),
    "/v1/embeddings": (EMBED, {"model": "e/one", "input": "hi"}, None),
    "/v1/messages": (CHAT, {"model": "a/one", "max_tokens": 100, "messages": SAID}, STREAM),
    "/v1/messages/count_tokens": (COUNT, {"model": "a/one", "messages": SAID}, None),
    "/v1/models/*:generateContent": (CHAT, PARTS, None),
    "/v1/models/*:streamGenerateContent": (CHAT, PARTS, None),
    "/v1/models/*:countTokens": (COUNT, PARTS, None),
    "/v1/models/*:embedContent": (EMBED, {"content": PARTS["contents"][0]}, None),
    "/v1/models/*:batchEmbedContents": (EMBED, {"requests": [{"content": PARTS["contents"][0]}]}, None),
    "/v1beta/models/*:generateContent": (CHAT, PARTS, None),
    "/v1beta/models/*:streamGenerateContent": (CHAT, PARTS, None),
    "/v1beta/models/*:countTokens": (COUNT, PARTS, None),
    "/v1beta/models/*:embedContent": (EMBED, {"content": PARTS["contents"][0]}, None),
    "/v1beta/models/*:batchEmbedContents": (EMBED, {"requests": [{"content": PARTS["contents"][0]}]}, None),
    "/v2/chat": (CHAT, {"model": "a/one", "messages": SAID}, STREAM),
    "/v2/embed": (EMBED, {"model": "e/one", "texts": ["hi"]}, None),
    "/model/*/converse": (CHAT, BLOCKS, None),
    "/model/*/converse-stream": (CHAT, BLOCKS, None),
}
COST = {CHAT: 1_000_000_000 + 100_000_000, TEXT: 1_000_000_000 + 100_000_000, EMBED: 400_000_000, COUNT: 0}
CASES = [(path, more) for path, row in SPENDING.items() for more in ([{}] if row[2] is None else [{}, row[2]])]
pytestmark = [pytest.mark.asan, pytest.mark.store]


def forwarding():
    rows = re.findall(r'^SURFACE\("POST",\s*"([^"]+)",[^)]*FORWARD', (ROOT / "src/proxy/surface.def").read_text(), re.M)
    assert len(rows) > 10
    return rows


def test_every_route_that_forwards_is_here():
    assert set(forwarding()) == set(SPENDING)


@pytest.fixture
def spender(weir, host):
    """A server with a key, and a host that answers whatever is asked."""
    provider = host()
    server = weir(CONFIG.format(url=provider.url))
    server.host = provider
    made = server.command("key", "create", "--name", "k", "--budget", "1/day").stdout.split()[0]
    server.fields = [("authorization", f"Bearer {made}")]
    until(lambda: server.ask("/v1/models").status == 401)
    return server


def answer(kind, streamed):
    if kind == EMBED:
        return reply(VECTOR)
    if kind == TEXT and not streamed:
        return reply({"object": "text_completion", "model": "m", "choices": [{"index": 0, "text": "a", "finish_reason": "stop"}],
                      "usage": completion()["usage"]})  # fmt: skip
    return stream(stream_events()) if streamed else reply(completion())


def ask(server, path, more):
    kind, body, _ = SPENDING[path]
    model = {EMBED: "e/one", TEXT: "t/one"}.get(kind, "a/one")
    return server.ask(path.replace("*", model), body | more, fields=server.fields)


def is_streamed(path, more):
    return bool(more) or "stream" in path


def set_budget(server, amount):
    """One under which nothing can be asked."""
    server.command("key", "set", "k", "--budget", amount)
    until(lambda: ask(server, "/v1/embeddings", {}).status == 402)


@pytest.mark.parametrize("path, more", CASES)
def test_admission(spender, path, more):
    spender.host.play(reply(VECTOR))
    set_budget(spender, "0/day")
    seen = len(spender.host.requests)
    got = ask(spender, path, more)
    if SPENDING[path][0] == COUNT:
        assert got.status == 200  # an estimate of weir's own
    else:
        assert got.status == 402, got.body
    assert len(spender.host.requests) == seen


@pytest.mark.parametrize("path, more", CASES)
def test_settlement(spender, path, more):
    kind = SPENDING[path][0]
    spender.host.play(answer(kind, is_streamed(path, more)))
    assert ask(spender, path, more).status == 200
    if kind == COUNT:
        return
    spender.wait_for_rows(1)
    assert [row["cost_pusd"] for row in spender.usage("--by", "key")] == [COST[kind]]


@pytest.mark.parametrize("path, more", [case for case in CASES if SPENDING[case[0]][0] == CHAT])
def test_a_retry_is_settled_once(spender, path, more):
    streamed = is_streamed(path, more)
    spender.host.play_next(fault(503))
    spender.host.play(answer(CHAT, streamed))
    assert ask(spender, path, more).status == 200
    spender.wait_for_rows(1)
    rows = spender.usage("--by", "key")
    assert [(row["requests"], row["cost_pusd"]) for row in rows] == [(1, COST[CHAT])]


@pytest.mark.parametrize("path, more", [case for case in CASES if SPENDING[case[0]][0] == CHAT and is_streamed(*case)])
def test_a_cut_stream_is_settled(spender, path, more):
    spender.host.play(stream(stream_events()[:4], then=cut))
    ask(spender, path, more)
    spender.wait_for_rows(1)
    row = spender.usage("--by", "key")[0]
    assert row["partial_requests"] == 1 and row["cost_pusd"] > 0


@pytest.fixture
def limited(weir, host):
    """Providers of which each may have one request a minute, in front of a host that answers whatever is asked."""
    provider = host()
    server = weir(CONFIG.replace("api_key: secret", "api_key: secret, limits: {{rpm: 1}}").format(url=provider.url))
    server.host, server.fields = provider, []
    return server


@pytest.mark.parametrize("path, more", CASES)
def test_limits_of_providers(limited, path, more):
    kind = SPENDING[path][0]
    limited.host.play(answer(kind, is_streamed(path, more)))
    got = [ask(limited, path, more) for _ in range(3)]
    if kind == COUNT:
        assert [one.status for one in got] == [200] * 3  # an estimate of weir's own
        return
    offers = 2 if kind == CHAT else 1
    assert [one.status for one in got] == [200] * offers + [429] * (3 - offers)
    assert int(got[2].field("retry-after")) >= 50 and len(limited.host.requests) == offers
