"""Embeddings of three dialects, each asked of hosts that speak each."""
import base64
import itertools
import struct

import pytest

from host import reply

CONFIG = """
providers:
  openai-like: {{dialect: openai, base_url: {url}, api_key: secret}}
  gemini-like: {{dialect: gemini, base_url: {url}, api_key: secret}}
  cohere-like: {{dialect: cohere, base_url: {url}, api_key: secret}}
models:
  e/openai: {{kind: embedding, providers: [{{provider: openai-like, model: m, price: {{input: 1}}}}]}}
  e/gemini: {{kind: embedding, providers: [{{provider: gemini-like, model: m, price: {{input: 1}}}}]}}
  e/cohere: {{kind: embedding, providers: [{{provider: cohere-like, model: m, price: {{input: 1}}}}]}}
"""
TEXTS = ['one "\u00e9"', "two\n"]
VECTORS = [[0.5, -1.25, 1e-05], [3, 0.0, -0.75]]
NAMES = ["openai", "gemini", "cohere"]
pytestmark = pytest.mark.asan


def packed(vector):
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def read(path, body):
    """The texts that a host is asked for, and what else it is told."""
    if path.endswith("/embeddings"):
        assert body.pop("model") == "m"
        texts = body.pop("input")
        return [texts] if isinstance(texts, str) else texts, body
    if path.endswith("/embed"):
        assert body.pop("model") == "m"
        return body.pop("texts"), body
    requests = body.get("requests") or [body]
    assert path.endswith("/models/m:" + ("batchEmbedContents" if "requests" in body else "embedContent"))
    texts = ["".join(part["text"] for part in one.pop("content")["parts"]) for one in requests]
    assert all(one.pop("model", "models/m") == "models/m" for one in requests)
    assert all(one == requests[0] for one in requests)
    return texts, requests[0]


def answer(name, count, as_base64=False):
    made = [packed(v) if as_base64 else v for v in VECTORS[:count]]
    if name == "openai":
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(made)]
        return {"object": "list", "data": data[::-1], "model": "m", "usage": {"prompt_tokens": 7, "total_tokens": 7}}
    if name == "gemini":
        return {"embeddings": [{"values": v} for v in made], "usageMetadata": {"promptTokenCount": 7}}
    kind = "base64" if as_base64 else "float"
    return {"id": "x", "embeddings": {kind: made}, "texts": TEXTS[:count],
            "meta": {"billed_units": {"input_tokens": 7}}, "response_type": "embeddings_by_type"}  # fmt: skip


def asked(name, model, texts=TEXTS, **more):
    """Path and body of a request."""
    if name == "openai":
        return "/v1/embeddings", {"model": model, "input": texts, **more}
    if name == "cohere":
        return "/v2/embed", {"model": model, "texts": texts, **more}
    requests = [{"model": f"models/{model}", "content": {"parts": [{"text": text}]}, **more} for text in texts]
    return f"/v1beta/models/{model}:batchEmbedContents", {"requests": requests}


def told(name, body):
    """The vectors and the tokens of a reply."""
    if name == "openai":
        return [one["embedding"] for one in sorted(body["data"], key=lambda d: d["index"])], body["usage"]["prompt_tokens"]
    if name == "gemini":
        return [one["values"] for one in body["embeddings"]], body["usageMetadata"]["promptTokenCount"]
    return body["embeddings"]["float"], body["meta"]["billed_units"]["input_tokens"]


@pytest.fixture
def server(weir, host):
    provider = host()
    server = weir(CONFIG.format(url=provider.url))
    server.host = provider
    return server


@pytest.mark.parametrize("caller, name", list(itertools.product(NAMES, NAMES)))
def test_texts_and_vectors(server, caller, name):
    server.host.play(reply(answer(name, 2)))
    path, body = asked(caller, f"e/{name}")
    got = server.ask(path, body)
    assert (got.status, told(caller, got.json)) == (200, (VECTORS, 7))
    request = server.host.requests[-1]
    texts, more = read(request.target, request.json)
    assert texts == TEXTS
    forced = {"input_type": "search_document", "embedding_types": ["float"]}
    assert more == (forced if name == "cohere" and caller != name else {})
    assert got.field("x-weir-cost-usd") == "0.000007"


@pytest.mark.parametrize("name", ["gemini", "cohere"])
def test_base64_is_made_where_it_is_wanted(server, name):
    """OpenAI's own client asks for it unasked."""
    server.host.play(reply(answer(name, 2, as_base64=name == "cohere")))
    path, body = asked("openai", f"e/{name}", encoding_format="base64", dimensions=3)
    assert told("openai", server.ask(path, body).json)[0] == [packed(vector) for vector in VECTORS]
    more = read(server.host.requests[-1].target, server.host.requests[-1].json)[1]
    assert 3 in (more.get("outputDimensionality"), more.get("output_dimension"))


def test_base64_is_read(server):
    server.host.play(reply(answer("cohere", 2, as_base64=True)))
    vectors, _ = told("gemini", server.ask(*asked("gemini", "e/cohere")).json)
    assert [struct.pack("<3f", *v) for v in vectors] == [struct.pack("<3f", *v) for v in VECTORS]


def test_one_text_of_gemini(server):
    server.host.play(reply(answer("openai", 1)))
    got = server.ask("/v1/models/e/openai:embedContent", {"content": {"parts": [{"text": "a"}, {"text": "b"}]}})
    assert got.json["embedding"] == {"values": VECTORS[0]}
    assert server.host.requests[-1].json["input"] == ["ab"]


@pytest.mark.parametrize("caller, more, lost", [
    ("openai", {"extra": 1}, "extra"),
    ("gemini", {"taskType": "RETRIEVAL_QUERY"}, "taskType"),
    ("gemini", {"title": "t"}, "title"),
    ("cohere", {"input_type": "search_query"}, "input_type"),
    ("cohere", {"embedding_types": ["int8"]}, "embedding_types"),
    ("cohere", {"truncate": "START"}, "truncate"),
])  # fmt: skip
def test_what_has_no_equivalent_is_named(server, caller, more, lost):
    target = "gemini" if caller == "openai" else "openai"
    server.host.play(reply(answer(target, 2)))
    path, body = asked(caller, f"e/{target}", **more)
    refused = server.ask(path, body)
    assert refused.status == 400 and lost in refused.body.decode()
    dropped = server.ask(path, body, fields=[("x-weir-drop", "allow")])
    assert (dropped.status, dropped.field("x-weir-dropped")) == (200, lost)


@pytest.mark.parametrize("task, word", [("RETRIEVAL_QUERY", "search_query"), ("CLUSTERING", "clustering")])
def test_tasks_go_between_those_who_have_them(server, task, word):
    server.host.play(reply(answer("cohere", 2)))
    assert server.ask(*asked("gemini", "e/cohere", taskType=task)).status == 200
    assert server.host.requests[-1].json["input_type"] == word
    server.host.play(reply(answer("gemini", 2)))
    assert server.ask(*asked("cohere", "e/gemini", input_type=word)).status == 200
    assert server.host.requests[-1].json["requests"][0]["taskType"] == task


def test_tokens_cannot_be_asked_elsewhere(server):
    got = server.ask("/v1/embeddings", {"model": "e/gemini", "input": [[1, 2]]})
    assert got.status == 400 and got.json["error"]["param"] == "input"


@pytest.mark.parametrize("body", [{}, {"embeddings": []}, {"data": 1}, [], {"embedding": {}}])
def test_what_is_no_answer_is_the_hosts_fault(server, body):
    server.host.play(reply(body))
    assert server.ask(*asked("cohere", "e/openai")).status == 502
