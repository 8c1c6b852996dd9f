"""What the catalog believes, and what a caller knows better: providers named in the model string."""
import pytest

from host import completion, reply

pytestmark = pytest.mark.asan

CONFIG = """
providers:
  mine: {{dialect: openai, base_url: {url}}}
  openai: {{base_url: {url}, api_key: k}}
models:
  acme/large: [{{provider: mine, model: large-v1, context: 1000, tools: false, vision: false}}]
  acme/embed: {{kind: embedding, providers: [{{provider: mine, context: 100}}]}}
  acme/complete: {{kind: completion, providers: [{{provider: mine, context: 100}}]}}
"""
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]


@pytest.fixture
def server(weir, host):
    provider = host()
    server = weir(CONFIG.format(url=provider.url))
    server.host = provider
    return server


def test_what_a_model_lacks_is_left_to_the_provider_that_is_named(server):
    assert server.chat("acme/large", tools=TOOLS).json["error"]["code"] == "no_provider_fits"
    assert server.chat("acme/large:mine", tools=TOOLS).status == 200
    assert server.chat("mine/large-v1", tools=TOOLS).status == 200
    got = server.chat("acme/large:mine", tools=TOOLS, provider={"require_parameters": True})
    assert (got.status, got.json["error"]["code"]) == (400, "no_provider_fits")


def test_so_is_a_context_that_is_too_long(server):
    long = {"messages": [{"role": "user", "content": "word " * 2000}]}
    assert server.chat("acme/large", **long).json["error"]["code"] == "context_length_exceeded"
    assert server.chat("acme/large:mine", **long).status == 200


def test_a_model_that_only_another_provider_lists(server):
    """The catalog has gpt-3.5-turbo-instruct at Azure; its maker has it as well."""
    got = server.ask("/v1/completions", {"model": "openai/gpt-3.5-turbo-instruct:openai", "prompt": "a"})
    assert (got.status, got.field("x-inference-provider"), got.field("x-weir-cost-usd")) == (200, "openai", "unknown")
    assert server.host.requests[-1].json["model"] == "gpt-3.5-turbo-instruct"
    assert server.chat("meta-llama/Llama-3.1-8B-Instruct:openai").json["error"]["code"] == "no_provider_fits"


@pytest.mark.parametrize("one", ("word " * 60, [7] * 60), ids=("text", "tokens"))
@pytest.mark.parametrize("path, model, key", (("embeddings", "acme/embed", "input"), ("completions", "acme/complete", "prompt")))
def test_each_of_several_inputs_has_the_context_for_itself(server, path, model, key, one):
    server.host.play(reply({**completion(), "data": []}))
    body = {"model": model, key: [one] * 20}
    assert server.ask("/v1/" + path, body).status == 200
    longer = [one] * 20 + [one * 10]
    assert server.ask("/v1/" + path, {**body, key: longer}).json["error"]["code"] == "context_length_exceeded"
    assert server.ask("/v1/" + path, {**body, key: one * 10}).json["error"]["code"] == "context_length_exceeded"
