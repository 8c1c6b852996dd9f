"""Same dialect in and out: only the declared edits are made, and every other byte stays."""
import pytest

from host import completion, event, raw, reply, stream

pytestmark = pytest.mark.asan

CONFIG = """
providers:
  mine: {{dialect: openai, base_url: {url}}}
models:
  acme/large:
    - {{provider: mine, model: '{model}', price: {{input: 1, output: 2}}}}
"""


@pytest.fixture
def ask(weir, host):
    """Sends a body as it is; gives the reply and the body that came to the host."""
    provider = host()
    servers = {}

    def send(body, behaviour=None, path="/v1/chat/completions", model="large-v1"):
        if model not in servers:
            servers[model] = weir(CONFIG.format(url=provider.url, model=model))
        if behaviour:
            provider.play(behaviour)
        got = servers[model].ask(path, body)
        return got, provider.requests[-1].body if provider.requests else None

    return send


M = b'"messages":[{"role":"user","content":"hi"}]'
USAGE = b'"stream_options":{"include_usage":true}'
# What is sent, and what arrives. The model is acme/large here and large-v1 there.
EDITS = {
    "the model": (b'{"model":"acme/large",%s}' % M, b'{"model":"large-v1",%s}' % M),
    "blanks, order and line ends": (
        b' {\r\n\t%s ,\n "z" : 1 , "model"\t:\r\n"acme/large" ,"a":\t[ ] }\n \n' % M,
        b' {\r\n\t%s ,\n "z" : 1 , "model"\t:\r\n"large-v1" ,"a":\t[ ] }\n \n' % M,
    ),
    "the suffix goes": (b'{"model":"acme/large:cheapest",%s}' % M, b'{"model":"large-v1",%s}' % M),
    "spelled with escapes": (b'{"mod\\u0065l":"acme\\/l\\u0061rge",%s}' % M, b'{"mod\\u0065l":"large-v1",%s}' % M),
    "the model twice": (
        b'{"model":"acme/large","a":1,"model":"acme/large",%s}' % M,
        b'{"model":"large-v1","a":1,"model":"large-v1",%s}' % M,
    ),
    "a model deeper down stays": (
        b'{"model":"acme/large",%s,"x":{"model":"acme/large","provider":{},"stream_options":null}}' % M,
        b'{"model":"large-v1",%s,"x":{"model":"acme/large","provider":{},"stream_options":null}}' % M,
    ),
    "numbers as they are spelled": (
        b'{"model":"acme/large",%s,"temperature":1.0E+00,"top_p":0.10,"seed":-0,"n":1e0,"x":[1E400,12345678901234567890123]}' % M,
        b'{"model":"large-v1",%s,"temperature":1.0E+00,"top_p":0.10,"seed":-0,"n":1e0,"x":[1E400,12345678901234567890123]}' % M,
    ),
    "the same key twice": (
        b'{"a":1,"a":2,"model":"acme/large","a":{"b":1,"b":2},%s,"":0,"":1}' % M,
        b'{"a":1,"a":2,"model":"large-v1","a":{"b":1,"b":2},%s,"":0,"":1}' % M,
    ),
    "texts as they are escaped": (
        '{"model":"acme/large",%s,"x":"\\u00e4ä\\/\\ud83d\\ude00😀\\ud800\\u0000"}'.encode() % M,
        '{"model":"large-v1",%s,"x":"\\u00e4ä\\/\\ud83d\\ude00😀\\ud800\\u0000"}'.encode() % M,
    ),
    "what is deep": (
        b'{"model":"acme/large",%s,"x":%s}' % (M, b"[" * 60 + b'{"model":1}' + b"]" * 60),
        b'{"model":"large-v1",%s,"x":%s}' % (M, b"[" * 60 + b'{"model":1}' + b"]" * 60),
    ),
    "provider goes, in front": (b'{"provider":{"sort":"price"},"model":"acme/large",%s}' % M, b'{"model":"large-v1",%s}' % M),
    "provider goes, between": (
        b'{"model":"acme/large" , "provider" : {"sort":"price"} , %s}' % M,
        b'{"model":"large-v1" , %s}' % M,
    ),
    "provider goes, behind": (b'{"model":"acme/large",%s,"provider":null}' % M, b'{"model":"large-v1",%s}' % M),
    "provider twice": (b'{"provider":null,"model":"acme/large","provider":{},%s}' % M, b'{"model":"large-v1",%s}' % M),
    "usage is asked for": (b'{"model":"acme/large",%s,"stream":true}' % M, b'{"model":"large-v1",%s,"stream":true,%s}' % (M, USAGE)),
    "usage asked for instead of null": (
        b'{"model":"acme/large","stream_options":null,"stream":true,%s}' % M,
        b'{"model":"large-v1",%s,"stream":true,%s}' % (USAGE, M),
    ),
    "usage asked for in an empty object": (
        b'{"model":"acme/large","stream_options":{ },"stream":true,%s}' % M,
        b'{"model":"large-v1","stream_options":{ "include_usage":true},"stream":true,%s}' % M,
    ),
    "usage asked for beside other options": (
        b'{"model":"acme/large","stream_options":{"include_obfuscation":false},"stream":true,%s}' % M,
        b'{"model":"large-v1","stream_options":{"include_obfuscation":false,"include_usage":true},"stream":true,%s}' % M,
    ),
    "usage asked for against the caller's word": (
        b'{"model":"acme/large","stream_options":{"include_usage":false,"x":1},"stream":true,%s}' % M,
        b'{"model":"large-v1","stream_options":{"include_usage":true,"x":1},"stream":true,%s}' % M,
    ),
    "usage is not asked for without a stream": (
        b'{"model":"acme/large","stream":false,"stream_options":null,%s}' % M,
        b'{"model":"large-v1","stream":false,"stream_options":null,%s}' % M,
    ),
    "all of them": (
        b'{"provider":{},"stream":true,%s,"provider":{},"model":"acme/large","provider":{}}' % M,
        b'{"stream":true,%s,"model":"large-v1",%s}' % (M, USAGE),
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_request(ask, edit):
    sent, due = EDITS[edit]
    got, came = ask(sent, stream() if b'"stream":true' in sent else reply(completion()))
    assert got.status == 200, got.body
    assert came == due


def test_an_id_that_needs_escapes(ask):
    _, came = ask(b'{"model":"acme/large",%s}' % M, model='l"\\ä/1')
    assert came == '{"model":"l\\"\\\\ä/1",%s}'.encode() % M


@pytest.mark.parametrize("path, rest", (("completions", b'"prompt":"a"'), ("embeddings", b'"input":[[1,2],[3]]')))
def test_the_other_operations(ask, path, rest):
    body = b'{"x":1.50,"provider":null,%s,"model":"mine/some-model"}' % rest
    got, came = ask(body, reply({"data": [], "choices": []}), "/v1/" + path)
    assert got.status == 200
    assert came == b'{"x":1.50,%s,"model":"some-model"}' % rest


REPLIES = {
    "odd but good": b' {"id":1,"id":2,"choices":[{"message":{"content":"a\\u0061\\/"},"x":1E400}],"usage":null,"z":-0.0e-0}\r\n',
    "nothing we know": b"[1,2,3]",
    "no more than a text": b'"hello"',
    "an error beside an answer": b'{"error":{"message":"partly"},"choices":[{"message":{"content":"a"}}]}',
}


@pytest.mark.parametrize("what", REPLIES)
def test_a_reply(ask, what):
    got, _ = ask(b'{"model":"acme/large",%s}' % M, reply(REPLIES[what], pieces=3))
    assert (got.status, got.body) == (200, REPLIES[what])


A = b'data: {"choices":[{"delta":{"content":"a"}}]}'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
DONE = b"data: [DONE]"
STREAMS = {
    "CRLF": [A + b"\r\n\r\n", END + b"\r\n\r\n", DONE + b"\r\n\r\n"],
    "CR": [A + b"\r\r", END + b"\r\r", DONE + b"\r\r"],
    "no mark at the end": [A + b"\n\n", END + b"\n\n"],
    "no blank behind the colon": [A.replace(b": ", b":", 1) + b"\n\n", END + b"\n\n", b"data:[DONE]\n\n"],
    "comments that keep it alive": [b": OPENROUTER PROCESSING\n\n", b":\n", A + b"\n\n", b": ping\n\n\n\n", END + b"\n\n", DONE + b"\n\n"],
    "names, ids and delays": [b"id: 7\nevent: chunk\nretry: 10\n" + A + b"\n\n", END + b"\n\n", DONE + b"\n\n"],
    "an event in two lines": [A.replace(b"[{", b"\ndata: [{", 1) + b"\n\n", END + b"\n\n", DONE + b"\n\n"],
    "chunks without choices": [event({"choices": [], "prompt_filter_results": []}), A + b"\n\n", END + b"\n\n", DONE + b"\n\n"],
    "a byte order mark": [b"\xef\xbb\xbf" + A + b"\n\n", END + b"\n\n", DONE + b"\n\n"],
}


@pytest.mark.parametrize("cuts", (None, 1, 2, 3))
@pytest.mark.parametrize("what", STREAMS)
def test_a_stream(ask, what, cuts):
    got, _ = ask(b'{"model":"acme/large","stream":true,%s}' % M, stream(STREAMS[what], pieces=cuts))
    assert (got.status, got.body) == (200, b"".join(STREAMS[what]))


@pytest.mark.parametrize("missing", (b"\n", b"\n\n"))
def test_a_missing_line_end_is_made_good(ask, missing):
    whole = A + b"\n\n" + DONE + b"\n\n"
    got, _ = ask(b'{"model":"acme/large","stream":true,%s}' % M, stream([whole.removesuffix(missing)]))
    assert got.body == whole


def test_a_stream_that_ends_with_its_connection(ask):
    whole = b"\n\n".join((A, END, DONE, b""))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    got, _ = ask(b'{"model":"acme/large","stream":true,%s}' % M, raw(head + whole))
    assert (got.status, got.body) == (200, whole)


def test_a_refusal_in_a_good_status_is_the_callers(ask):
    """As Azure words it: another host would not be asked, and the words arrive."""
    body = b'{"error": {"message": "The prompt was filtered", "code": "content_filter", "status": 400}}'
    got, _ = ask(b'{"model":"acme/large",%s}' % M, reply(body))
    assert (got.status, got.body) == (400, body)
    assert got.field("x-weir-attempts") == "1"
