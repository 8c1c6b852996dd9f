"""The field's own clients, unchanged but for their address: openai, sync and async, and huggingface_hub."""
import asyncio
import base64
import json
import pathlib
import struct
import subprocess

import huggingface_hub
import openai
import pydantic
import pytest
from openai.pagination import SyncPage
from huggingface_hub.errors import HfHubHTTPError

from host import chunk, completion, cut, event, fault, refused_port, reply, silence, stream, stream_events

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = "sk-weir-test-0123456789abcdef"
CONFIG = """
upstream: {{attempts: 1, retry_wait: 0s}}
route: {{breaker_failures: 1000}}
providers:
  mine: {{dialect: openai, base_url: {url}, api_key: mine-secret}}
models:
  acme/large: [{{provider: mine, model: large-v1, price: {{input: 0.15, cached_input: 0.075, output: 0.60}}}}]
  acme/embed: {{kind: embedding, providers: [{{provider: mine, model: embed-v1, price: {{input: 0.02}}}}]}}
"""
HELLO = [{"role": "user", "content": "hi"}]


@pytest.fixture
def server(weir, host):
    provider = host()
    server = weir(CONFIG.format(url=provider.url), WEIR_KEY=KEY)
    server.host = provider
    return server


@pytest.fixture(params=("sync", "async"))
def run(request, server):
    """run(lambda client: client.chat...) gives what the call gives; a stream as the list of its chunks."""

    def call(ask, key=KEY, url=None, retries=0):
        options = {"base_url": url or server.url + "/v1", "api_key": key, "max_retries": retries}
        if request.param == "sync":
            with openai.OpenAI(**options) as client:
                answer = ask(client)
                return list(answer) if isinstance(answer, openai.Stream | SyncPage) else answer

        async def main():
            async with openai.AsyncOpenAI(**options) as client:
                answer = await ask(client)
                return [part async for part in answer] if hasattr(answer, "__aiter__") else answer

        return asyncio.run(main())

    return call


def chat(client, **more):
    return client.chat.completions.create(**{"model": "acme/large", "messages": HELLO, **more})


# --- openai: what works ---


def test_chat(run, server):
    answer = run(chat)
    assert answer.choices[0].message.content == "hello"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (1000, 50)
    assert server.host.requests[-1].json == {"model": "large-v1", "messages": HELLO}
    assert server.host.requests[-1].field("authorization") == "Bearer mine-secret"
    assert server.host.requests[-1].field("user-agent").endswith(openai.__version__)


def test_stream(run, server):
    server.host.play(stream(pieces=7))
    parts = run(lambda client: chat(client, stream=True))
    assert "".join(part.choices[0].delta.content or "" for part in parts) == "hello"
    assert parts[-1].choices[0].finish_reason == "stop"
    assert [part.usage for part in parts] == [None] * len(parts)


def test_stream_with_usage(run, server):
    server.host.play(stream())
    parts = run(lambda client: chat(client, stream=True, stream_options={"include_usage": True}))
    assert (parts[-1].choices, parts[-1].usage.prompt_tokens) == ([], 1000)


TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


def test_tools(run, server):
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    server.host.play(reply({**completion(), "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}))
    answer = run(lambda client: chat(client, tools=[TOOL], tool_choice="required"))
    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"city": "Oslo"}'
    asked = server.host.requests[-1].json
    assert (asked["tools"], asked["tool_choice"]) == ([TOOL], "required")
    # The second turn: the call and its result.
    server.host.play(reply(completion("rain")))
    result = {"role": "tool", "tool_call_id": "call_1", "content": "rain"}
    again = [*HELLO, answer.choices[0].message, result]
    assert run(lambda client: chat(client, tools=[TOOL], messages=again)).choices[0].message.content == "rain"
    assert server.host.requests[-1].json["messages"][1]["tool_calls"] == [CALL]


def test_tools_in_a_stream(run, server):
    def piece(**function):
        return event(chunk({"tool_calls": [{"index": 0, "function": function}]}))

    first = event(chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}]}))
    server.host.play(stream([first, piece(arguments='{"city":'), piece(arguments=' "Oslo"}'), event(chunk({}, "tool_calls")), event(b"[DONE]")]))
    parts = run(lambda client: chat(client, stream=True, tools=[TOOL]))
    calls = [call for part in parts for call in part.choices[0].delta.tool_calls or ()]
    assert calls[0].id == "call_1"
    assert json.loads("".join(call.function.arguments for call in calls)) == {"city": "Oslo"}


class Weather(pydantic.BaseModel):
    city: str
    degrees: float


def test_structured_output(run, server):
    server.host.play(reply(completion('{"city": "Oslo", "degrees": -3.5}')))
    answer = run(lambda client: client.chat.completions.parse(model="acme/large", messages=HELLO, response_format=Weather))
    assert answer.choices[0].message.parsed == Weather(city="Oslo", degrees=-3.5)
    wanted = server.host.requests[-1].json["response_format"]
    assert wanted["type"] == "json_schema" and wanted["json_schema"]["strict"] is True


def test_structured_output_in_a_stream(server):
    server.host.play(stream(stream_events('{"city": "Oslo", "degrees": -3.5}')))
    with openai.OpenAI(base_url=server.url + "/v1", api_key=KEY) as client:
        with client.chat.completions.stream(model="acme/large", messages=HELLO, response_format=Weather) as answer:
            kinds = {one.type for one in answer}
            assert answer.get_final_completion().choices[0].message.parsed == Weather(city="Oslo", degrees=-3.5)
    assert {"chunk", "content.delta", "content.done"} <= kinds


@pytest.mark.parametrize("encoding", ("float", "base64"))
def test_embeddings(run, server, encoding):
    """The client asks for base64 unless told otherwise, and decodes it."""
    vector = [0.5, -0.25, 3.0]
    sent = base64.b64encode(struct.pack("<3f", *vector)).decode() if encoding == "base64" else vector
    body = {"object": "list", "model": "embed-v1", "data": [{"object": "embedding", "index": 0, "embedding": sent}]}
    server.host.play(reply({**body, "usage": {"prompt_tokens": 4, "total_tokens": 4}}))
    extra = {} if encoding == "base64" else {"encoding_format": "float"}
    answer = run(lambda client: client.embeddings.create(model="acme/embed", input=["a cat"], **extra))
    assert (answer.data[0].embedding, answer.usage.prompt_tokens) == (vector, 4)
    assert server.host.requests[-1].json == {"model": "embed-v1", "input": ["a cat"], "encoding_format": encoding}


def test_completions(run, server):
    body = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "large-v1"}
    server.host.play(reply({**body, "choices": [{"text": " four", "index": 0, "finish_reason": "stop", "logprobs": None}]}))
    answer = run(lambda client: client.completions.create(model="acme/large", prompt="one, two, three,"))
    assert answer.choices[0].text == " four"


def test_models(run):
    assert {"acme/large", "acme/embed"} <= {model.id for model in run(lambda client: client.models.list())}
    assert run(lambda client: client.models.retrieve("acme/large")).id == "acme/large"
    with pytest.raises(openai.NotFoundError):
        run(lambda client: client.models.retrieve("acme/small"))


def test_raw_response(run, server):
    server.host.play(reply(completion(), fields=[("x-ratelimit-remaining-requests", "59"), ("openai-processing-ms", "7")]))
    raw = run(lambda client: client.chat.completions.with_raw_response.create(model="acme/large", messages=HELLO))
    assert (raw.headers["x-inference-provider"], raw.headers["x-weir-attempts"]) == ("mine", "1")
    assert (raw.headers["x-weir-cost-usd"], raw.headers["x-ratelimit-remaining-requests"]) == ("0.000135", "59")
    assert raw.headers["openai-processing-ms"] == "7"
    assert raw.headers["x-request-id"].startswith("req_")


def test_what_the_client_does_not_know(run, server):
    """Extra fields, headers and query parameters go through, and extra fields of the reply come back."""
    server.host.play(reply(completion(x_extra={"a": [1.50]})))
    answer = run(lambda client: chat(client, extra_body={"min_p": 0.1, "provider": {"sort": "price"}}, extra_query={"api-version": "7"},
                                     extra_headers={"openai-beta": "x", "idempotency-key": "i-1"}))
    assert answer.x_extra == {"a": [1.5]}
    request = server.host.requests[-1]
    assert request.json == {"model": "large-v1", "messages": HELLO, "min_p": 0.1}
    assert request.target == "/v1/chat/completions?api-version=7"
    assert (request.field("openai-beta"), request.field("idempotency-key")) == ("x", "i-1")


# --- openai: what fails, and as which exception ---

REFUSED = {
    "BadRequestError": (fault(400, "bad temperature", param="temperature", code="bad_value"), 400, "bad_value"),
    "UnprocessableEntityError": (fault(422, "bad schema", code="bad_schema"), 422, "bad_schema"),
    "RateLimitError": (fault(429, "slow down"), 429, "rate_limit_exceeded"),
    "InternalServerError": (fault(500, "broken"), 502, "provider_error"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_errors_of_the_host(run, server, kind):
    behaviour, status, code = REFUSED[kind]
    server.host.play(behaviour)
    with pytest.raises(getattr(openai, kind)) as failed:
        run(chat)
    assert (failed.value.status_code, failed.value.code) == (status, code)
    assert failed.value.request_id.startswith("req_")


def test_the_hosts_own_words_arrive(run, server):
    server.host.play(fault(400, "bad temperature", param="temperature", code="bad_value"))
    with pytest.raises(openai.BadRequestError, match="bad temperature") as failed:
        run(chat)
    server.host.play(fault(422, "no"))
    assert (failed.value.param, failed.value.type, failed.value.body["message"]) == ("temperature", "test_error", "bad temperature")


def test_a_wrong_key(run):
    with pytest.raises(openai.AuthenticationError) as failed:
        run(chat, key="sk-weir-wrong")
    assert failed.value.code == "invalid_api_key"


def test_an_unknown_model(run):
    with pytest.raises(openai.NotFoundError, match="Did you mean 'acme/large'") as failed:
        run(lambda client: chat(client, model="acme/lrge"))
    assert (failed.value.code, failed.value.param) == ("model_not_found", "model")


def test_an_unknown_path(run):
    with pytest.raises(openai.NotFoundError):
        run(lambda client: client.images.generate(model="acme/large", prompt="a cat"))


def test_nobody_there(run):
    with pytest.raises(openai.APIConnectionError):
        run(chat, url=f"http://127.0.0.1:{refused_port()}/v1")


def test_a_host_that_says_nothing(run, server):
    server.host.play(silence())
    with pytest.raises(openai.APITimeoutError):
        run(lambda client: chat(client, timeout=0.3))
    assert server.wait_for_rows(1)[0]["outcome"] == "CLIENT_GONE"


def test_a_stream_that_breaks(run, server):
    server.host.play(stream(stream_events()[:3], then=cut()))
    with pytest.raises(openai.APIError, match="mine") as failed:
        run(lambda client: chat(client, stream=True))
    assert failed.value.code == "stream_cut"


def test_the_client_tries_again(run, server):
    server.host.play_next(fault(500), fault(503))
    assert run(chat, retries=2).choices[0].message.content == "hello"
    assert len(server.host.requests) == 3
    server.host.play_next(fault(429, "slow down", [("retry-after", "1")]))
    assert run(chat, retries=1).choices[0].message.content == "hello"
    server.host.play(fault(400))
    with pytest.raises(openai.BadRequestError):
        run(chat, retries=2)
    assert len(server.host.requests) == 6


# --- huggingface_hub ---


@pytest.fixture(params=("", "/v1"))
def hub(request, server):
    return huggingface_hub.InferenceClient(base_url=server.url + request.param, api_key=KEY)


def test_hub_chat(hub, server):
    answer = hub.chat_completion(HELLO, model="acme/large", max_tokens=5)
    assert answer.choices[0].message.content == "hello"
    assert answer.usage.prompt_tokens == 1000
    assert server.host.requests[-1].json["model"] == "large-v1"
    assert server.host.requests[-1].field("authorization") == "Bearer mine-secret"


def test_hub_in_openais_words(hub):
    answer = hub.chat.completions.create(model="acme/large:cheapest", messages=HELLO)
    assert answer.choices[0].message.content == "hello"


def test_hub_stream(hub, server):
    server.host.play(stream(pieces=3))
    parts = list(hub.chat_completion(HELLO, model="acme/large", stream=True))
    assert "".join(part.choices[0].delta.content or "" for part in parts) == "hello"


def test_hub_async(server):
    async def main():
        client = huggingface_hub.AsyncInferenceClient(base_url=server.url, api_key=KEY)
        whole = await client.chat_completion(HELLO, model="acme/large")
        server.host.play(stream())
        parts = [part async for part in await client.chat_completion(HELLO, model="acme/large", stream=True)]
        return whole.choices[0].message.content, "".join(part.choices[0].delta.content or "" for part in parts)

    assert asyncio.run(main()) == ("hello", "hello")


@pytest.mark.parametrize("behaviour, status, words", ((fault(400, "bad words"), 400, "bad words"), (fault(500, "broken"), 502, "mine")))
def test_hub_errors(hub, server, behaviour, status, words):
    server.host.play(behaviour)
    with pytest.raises(HfHubHTTPError, match=words) as failed:
        hub.chat_completion(HELLO, model="acme/large")
    assert failed.value.response.status_code == status


def test_hub_refused(server):
    wrong = huggingface_hub.InferenceClient(base_url=server.url, api_key="sk-weir-wrong")
    with pytest.raises(HfHubHTTPError) as failed:
        wrong.chat_completion(HELLO, model="acme/large")
    assert failed.value.response.status_code == 401
    unknown = huggingface_hub.InferenceClient(base_url=server.url, api_key=KEY)
    with pytest.raises(HfHubHTTPError, match="does not exist") as failed:
        unknown.chat_completion(HELLO, model="acme/lrge")
    assert failed.value.response.status_code == 404


# --- both, with the model on this machine ---


def test_the_local_model(weir):
    subprocess.run([ROOT / "tools/engine.sh"], check=True, timeout=600)
    server = weir(WEIR_LOCAL_THREADS=1)
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", timeout=180)
    answer = client.chat.completions.create(model="smollm2", messages=HELLO, max_tokens=4)
    assert answer.choices[0].message.content and answer.usage.completion_tokens > 0
    parts = list(client.chat.completions.create(model="smollm2:local", messages=HELLO, max_tokens=4, stream=True))
    assert "".join(part.choices[0].delta.content or "" for part in parts)
    assert "smollm2" in [model.id for model in client.models.list()]
    hub = huggingface_hub.InferenceClient(base_url=server.url, api_key="none", timeout=180)
    assert hub.chat_completion(HELLO, model="smollm2", max_tokens=4).choices[0].message.content
    parts = list(hub.chat_completion(HELLO, model="smollm2", max_tokens=4, stream=True))
    assert "".join(part.choices[0].delta.content or "" for part in parts)
    assert sum(row["requests"] for row in server.wait_for_usage(4)) == 4
