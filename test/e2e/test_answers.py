"""What weir answers itself: the models, what a request cost, and why nobody could be asked."""
import re
import threading

import pytest

from host import cut, fault, reset, silence, stream, stream_events
from weir import until
from wire import Wire, chat, get, post

pytestmark = pytest.mark.asan

CHAT = "/v1/chat/completions"
CONFIG = """
upstream: {{total: 2s, attempts: 2, retry_wait: 0s}}
route: {{breaker_failures: 1000}}
providers:
  mine: {{base_url: {url}, api_key: mine-secret}}
  shut: {{base_url: 'https://shut.example/v1', api_key: '${{SHUT_KEY}}'}}
models:
  acme/large:
    - {{provider: mine, model: large-v1, context: 4096, tools: false, price: {{input: 0.15, cached_input: 0.075, output: 0.60}}}}
  acme/shut: [{{provider: shut, model: m}}]
"""


@pytest.fixture
def door(weir, host):
    def start(more="", **env):
        provider = host()
        return weir(CONFIG.format(url=provider.url) + more, **env), provider

    return start


# --- /v1/models ---


def test_the_models_that_can_be_asked(door):
    server, _ = door("local: {engine: 'off'}\n", GROQ_API_KEY="x")
    listed = server.ask("/v1/models")
    assert (listed.status, listed.field("content-type"), listed.json["object"]) == (200, "application/json", "list")
    models = {model["id"]: model for model in listed.json["data"]}
    assert "acme/large" in models and "openai/gpt-oss-120b" in models and "acme/shut" not in models
    for model in models.values():
        assert (model["object"], model["owned_by"]) == ("model", model["id"].split("/")[0] if "/" in model["id"] else "local")
        assert isinstance(model["created"], int)
        assert model["providers"] and {p["provider"] for p in model["providers"]} <= {"mine", "groq", "local"}
    large = models["acme/large"]
    assert large["context_length"] == 4096
    assert large["providers"][0]["pricing"] == {"input": 0.15, "output": 0.6} and large["providers"][0]["supports_tools"] is False
    assert {key: large[key] for key in ("id", "object", "owned_by")} == {"id": "acme/large", "object": "model", "owned_by": "acme"}


@pytest.mark.parametrize("path", ("acme/large", "acme%2Flarge", "acme%2flarge"))
def test_one_model(door, path):
    """Some clients send the slash of its name encoded."""
    server, _ = door()
    got = server.ask(f"/v1/models/{path}")
    assert got.status == 200 and got.json == next(m for m in server.ask("/v1/models").json["data"] if m["id"] == "acme/large")


def test_no_such_model(door):
    server, _ = door()
    for name, word in (("nobody/knows", "does not exist"), ("acme/shut", "can be used here")):
        got = server.ask(f"/v1/models/{name}")
        assert (got.status, got.json["error"]["code"], got.json["error"]["param"]) == (404, "model_not_found", "model")
        assert name in got.json["message"] and word in got.json["message"]


# --- /v1/generation ---


def test_what_a_request_cost(door):
    server, _ = door()
    got = server.ask(body=chat())
    told = server.generation(got)
    assert (told["id"], told["model"], told["provider"], told["status"]) == (got.field("x-request-id"), "acme/large", "mine", 200)
    assert (told["cost_pusd"], told["cost_usd"]) == (135_000_000, "0.000135")
    assert (told["input_tokens"], told["cached_input_tokens"], told["output_tokens"]) == (400, 600, 50)


def test_what_is_not_settled_yet(door):
    server, provider = door("threads: 2\n")
    gate = threading.Event()
    provider.play(stream(gap=lambda number: number < 3 or gate.wait(10)))
    wire = Wire(server)
    wire.send(post(CHAT, chat(stream=True)))
    name = wire.head().field("x-request-id")
    for _ in range(8):  # on whichever thread the question is
        got = server.ask(f"/v1/generation?id={name}")
        assert (got.status, got.json) == (202, {"status": "in_flight"})
    gate.set()
    until(lambda: server.ask(f"/v1/generation?id={name}").status == 200)


@pytest.mark.parametrize(
    "query", ("", "?", "?id", "?id=", "?id=5", "?id=req_", "?id=req_" + "0" * 32, "?id=req_" + "g" * 32, "?id=req_" + "0" * 33, "?other=1")
)
def test_no_such_request(door, query):
    server, _ = door()
    got = server.ask("/v1/generation" + query)
    assert (got.status, got.json["error"]["code"]) == (404, "not_found") and got.json["message"]


# --- when nobody is left ---


@pytest.mark.parametrize(
    "body, status, code, words",
    [
        (chat("nobody/knows"), 404, "model_not_found", ["nobody/knows"]),
        (chat("acme/larche"), 404, "model_not_found", ["Did you mean", "'acme/large'"]),
        (chat("openai/gpt-oss-120b"), 404, "no_provider_key", ["Set one of: ", "GROQ_API_KEY", "CEREBRAS_API_KEY", "DEEPINFRA_API_KEY", "TOGETHER_API_KEY"]),
        (chat("openai/gpt-oss-120b:groq"), 404, "no_provider_key", ["GROQ_API_KEY"]),
        (chat("acme/shut"), 404, "no_provider_key", ["acme/shut"]),
        (chat("acme/large", provider={"only": ["groq"]}), 400, "no_provider_fits", ["provider.only"]),
        (chat("acme/large", provider={"ignore": ["mine"]}), 400, "no_provider_fits", ["provider.ignore"]),
        (chat("acme/large", provider={"max_price": {"prompt": 0.1}}), 400, "no_provider_fits", ["provider.max_price"]),
        (chat("acme/large", provider={"data_collection": "deny"}), 400, "no_provider_fits", ["provider.data_collection"]),
        (chat("acme/large:local", provider={"only": ["groq"]}), 400, "no_provider_fits", [":local was asked for"]),
        (chat("acme/large", tools=[{"type": "function", "function": {"name": "f"}}]), 400, "no_provider_fits", ["cannot do"]),
        (chat("acme/large", messages=[{"role": "user", "content": "word " * 20_000}]), 400, "context_length_exceeded", ["too short"]),
    ],
)
def test_refusals_name_their_reason(door, body, status, code, words):
    server, provider = door("local: {engine: 'off'}\n")
    got = server.ask(body=body)
    assert (got.status, got.json["error"]["code"], got.json["error"]["type"]) == (status, code, "invalid_request_error"), got.body
    for word in words:
        assert word in got.json["message"]
    assert not provider.requests and got.field("x-weir-attempts") is None


def test_each_variable_is_named_once(door):
    server, _ = door("local: {engine: 'off'}\n")
    named = re.findall(r"[A-Z]+_[A-Z_]+", server.chat("openai/gpt-oss-120b").json["message"])
    assert len(named) == len(set(named)) > 8


def test_all_limited(door):
    server, provider = door()
    provider.play(fault(429, "slow down", [("retry-after", "17")]))
    got = server.ask(body=chat())
    assert (got.status, got.json["error"]["code"], got.json["error"]["type"]) == (429, "rate_limit_exceeded", "rate_limit_error")
    assert got.field("retry-after") in ("16", "17")
    # And again, without asking anybody.
    got = server.ask(body=chat())
    assert got.status == 429 and int(got.field("retry-after")) in range(10, 18) and len(provider.requests) == 1


@pytest.mark.parametrize(
    "behaviour, status, code",
    [
        (fault(500), 502, "provider_error"),
        (fault(503), 502, "provider_error"),
        (fault(401, "bad key"), 502, "provider_refused_credential"),
        (fault(402, "pay first"), 502, "provider_quota_exhausted"),
        (reset(), 502, "connection_reset"),
        (cut(), 502, "connection_closed"),
        (silence(), 504, "request_timeout"),
    ],
)
def test_the_providers_fault_is_named_as_such(door, behaviour, status, code):
    server, provider = door()
    provider.play(behaviour)
    got = server.ask(body=chat())
    assert (got.status, got.json["error"]["code"], got.json["error"]["type"]) == (status, code, "upstream_error"), got.body
    assert "mine" in got.json["message"] or status == 504
    assert got.field("x-inference-provider") == "mine" and int(got.field("x-weir-attempts")) >= 1
    assert got.field("retry-after") is None
    assert "mine-secret" not in got.body.decode()


def test_a_cut_stream_never_looks_complete(door):
    server, provider = door()
    provider.play(stream(stream_events()[:3], then=cut))
    got = server.chat("acme/large", stream=True)
    assert got.status == 200 and got.events[-1]["error"]["code"] == "stream_cut" and b"[DONE]" not in got.body
    assert got.events[-1]["message"] == got.events[-1]["error"]["message"]


def test_a_key_that_a_provider_repeats_goes_nowhere(door):
    server, provider = door()
    provider.play(fault(401, "mine-secret is no valid key"))
    assert "secret" not in server.ask(body=chat()).body.decode()
    until(lambda: server.rows())
    assert "secret" not in repr(server.rows()) + server.log


def test_readiness(door):
    server, _ = door()
    assert server.ask("/healthz").json == {"status": "ok"} and server.ask("/readyz").json == {"status": "ready"}
    # Asked by HEAD as well, as some balancers do.
    assert Wire(server).ask(get("/readyz", method="HEAD"), method="HEAD").status == 200
