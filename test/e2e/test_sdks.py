"""The official clients of every dialect, each in front of hosts that speak another one.

Each client does what it is used for (sdks.py, node/clients.mjs): a plain answer, tools over two turns, an image,
structured output by its own helper, all of them whole and as streams; then errors, and answers recorded of the real
providers. The hosts are scripted in their own dialect (foreign.py), and what reached them is read by meaning/.
"""
import functools
import json
import random
import subprocess

import pytest

from conftest import ROOT
from foreign import READERS, USAGE, asked, breaks, call, plays, refuses, says, text
from host import Host
from material import all_recorded
from meaning import forms
from sdks import ABOUT, ASK, IMAGE, NPM, Node, PYTHON, RESULT, SCHEMA, SYSTEM, TOOL, count, run
from translating import objects
from weir import until

KEY = "sk-weir-test-0123456789abcdef"
BACKENDS = ["openai", "responses", "anthropic", "gemini", "cohere", "bedrock"]
CONFIG = """
upstream: {{attempts: 1, retry_wait: 0s}}
route: {{breaker_failures: 1000}}
providers: {providers}
models: {models}
"""
PRICE = {"input": 1, "output": 2}


@pytest.fixture(scope="module")
def hosts():
    made = {dialect: Host() for dialect in BACKENDS}
    yield made
    for one in made.values():
        one.close()


def config_of(hosts):
    providers = {name: {"dialect": name, "base_url": one.url, "api_key": "secret"} for name, one in hosts.items()}
    models = {f"a/{name}": [{"provider": name, "model": "m", "price": PRICE}] for name in hosts}
    return CONFIG.format(providers=json.dumps(providers), models=json.dumps(models))


def with_pair(server):
    """Makes an access key for those that sign."""
    made = json.loads(server.command("key", "create", "--name", "sdks", "--aws", "--json").stdout)
    server.pair = {"key_id": made["aws_access_key_id"], "key": made["aws_secret_access_key"]}
    fields = [("authorization", f"Bearer {made['key']}")]
    until(lambda: server.ask("/v1/models", fields=fields).status == 200)
    return server


@pytest.fixture(scope="module")
def server(module_weir, hosts):
    return with_pair(module_weir(config_of(hosts), WEIR_KEY=KEY))


CLIENTS = {name: one.dialect for name, one in PYTHON.items()} | NPM
PAIRS = [(client, backend) for client, dialect in CLIENTS.items() for backend in BACKENDS if backend != dialect]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    found = subprocess.run([ROOT / "tools/node.sh", "test/e2e/node"], check=True, capture_output=True, text=True, timeout=600)
    node = Node(found.stdout.strip(), tmp_path_factory.mktemp("node"))
    yield node
    node.close()


def asker(node, server_for):
    """ask(client, backend, what) gives what the client makes of it."""

    def ask(client, backend, what="chat", stream=False, key=KEY, model=None):
        server = server_for(client)
        task = {"key": key, "model": model or f"a/{backend}", "what": what, "stream": stream, "url": server.url}
        if client == "boto3":
            task |= server.pair | ({} if key == KEY else {"key": key})
        if client in NPM:
            return node.ask(client, task)
        return count(client, task) if what == "count" else run(client, task)

    return ask


@pytest.fixture
def ask(node, server):
    return asker(node, lambda client: server)


@pytest.fixture
def ask_fresh(node, weir, hosts):
    """Of a server of its own, as what fails is benched."""

    @functools.cache
    def server_for(client):
        server = weir(config_of(hosts), WEIR_KEY=KEY)
        return with_pair(server) if client == "boto3" else server

    return asker(node, server_for)


each_pair = pytest.mark.parametrize("client, backend", PAIRS)
whole_and_streamed = pytest.mark.parametrize("stream", (False, True), ids=("whole", "stream"))
TOLD = [USAGE[0] + USAGE[1], USAGE[2]]


def prompts_of(host, backend):
    return [asked(backend, request) for request in host.requests]


def words_of(parts):
    return "".join(part.data[0] for part in parts if part.kind == "text")


@each_pair
@whole_and_streamed
def test_chat(ask, hosts, client, backend, stream):
    words = 'It "rains"\n in \u00c5s \U0001f327.'
    hosts[backend].begin(says(backend, text(words)))
    assert ask(client, backend, stream=stream) == {"text": words, "calls": [], "usage": TOLD, "parsed": None}
    (prompt,) = prompts_of(hosts[backend], backend)
    assert (words_of(prompt.system), [words_of(turn.parts) for turn in prompt.turns]) == (SYSTEM, [ASK])
    assert (prompt.values["temperature"], prompt.values["max_output"]) == (0.5, 200)


@each_pair
@whole_and_streamed
def test_tools(ask, hosts, client, backend, stream):
    """Two calls at once, with words ahead; their results go back, each to its call."""
    host = hosts[backend]
    calls = [call(TOOL, "call_1", city='"Os\\lo"\n'), call(TOOL, "call_2", city="\u00c5s")]
    host.begin(says(backend, text("rain")))
    host.play_next(says(backend, text("Let me look."), *calls))
    told = ask(client, backend, "tools", stream)
    assert "error" not in told, told
    assert told["calls"] == [[TOOL, {"city": '"Os\\lo"\n'}], [TOOL, {"city": "\u00c5s"}]]
    assert (told["text"], told["usage"]) == ("rain", TOLD)
    first, second = prompts_of(host, backend)
    (tool,) = first.tools
    assert (tool.name, tool.description, tool.schema) == (TOOL, ABOUT, SCHEMA)
    made = [part for turn in second.turns for part in turn.parts if part.kind == "call"]
    assert [(one.data[1], one.data[2]) for one in made] == [(TOOL, one["arguments"]) for one in calls]
    results = [part for turn in second.turns for part in turn.parts if part.kind == "result"]
    assert [result_words(one) for one in results] == [RESULT, RESULT]
    if backend != "gemini":  # which has no ids
        assert [one.data[0] for one in results] == [one.data[0] for one in made]


def result_words(result):
    return RESULT if RESULT in str(result.data[1]) else str(result.data[1])


@each_pair
def test_image(ask, hosts, client, backend):
    hosts[backend].begin(says(backend, text("A dot.")))
    assert ask(client, backend, "image")["text"] == "A dot."
    (prompt,) = prompts_of(hosts[backend], backend)
    words, image = prompt.turns[-1].parts
    assert words == forms.text(ASK) and image == forms.media("image", "data", IMAGE, "image/png")


@each_pair
@whole_and_streamed
def test_structured_output(ask, hosts, client, backend, stream):
    by_tool = client in ("ai anthropic", "ai bedrock")  # which demand a call of a tool named json, and only one
    weather = {"city": "Oslo", "degrees": -3.5}
    hosts[backend].begin(says(backend, call("json", **weather) if by_tool else text(json.dumps(weather))))
    told = ask(client, backend, "schema", stream)
    assert "error" not in told, told
    assert told["parsed"] == weather
    (prompt,) = prompts_of(hosts[backend], backend)
    kind, schema = ("schema", prompt.tools[0].schema) if by_tool else prompt.format
    assert kind == "schema"
    assert {key: one["type"].lower() for key, one in schema["properties"].items()} == {"city": "string", "degrees": "number"}


@pytest.mark.parametrize("backend", ("openai", "bedrock"))
@pytest.mark.parametrize("client", ("anthropic", "google-genai", "npm anthropic", "npm google"))
def test_tokens_are_counted(ask_fresh, hosts, client, backend):
    """Nobody else is asked for it: what is told is an estimate."""
    hosts[backend].begin(says(backend))
    assert 1 <= ask_fresh(client, backend, "count") <= 30
    assert hosts[backend].requests == []


# --- answers recorded of the real providers ---

RECORDED, SEED = 12, 20261125


@functools.cache
def recorded(backend):
    """[(answer, whole or stream, what it means)] of some that have words or calls in them."""
    every = [(one, kind, data) for one in all_recorded() if one.dialect == backend
             for kind, data in (("answer", one.reply), ("stream", one.stream)) if data]  # fmt: skip
    found = []
    for one, kind, data in random.Random(SEED).sample(every, len(every)):
        meaning = meaning_of(backend, kind, data)
        if meaning and sum(each[1] == kind for each in found) < RECORDED:
            found.append((one, kind, data, meaning))
    return found


def meaning_of(backend, kind, data):
    """(words, calls) of an answer; None when there are none, or what other clients have no place for."""
    try:
        read = READERS[backend].answer(json.loads(data)) if kind == "answer" else READERS[backend].stream(objects(backend, data))
    except (ValueError, KeyError, AssertionError):
        return None
    parts = read.said[0].parts if len(read.said) == 1 else []
    if not parts or any(part.kind not in ("text", "call", "thought") for part in parts):
        return None
    calls = [[part.data[1], part.data[2]] for part in parts if part.kind == "call"]
    return (words_of(parts), calls) if all(isinstance(given, dict) for _, given in calls) else None


@pytest.mark.parametrize("client, backend", [pair for pair in PAIRS if not pair[0].startswith("ai ")])
def test_recorded_answers(ask, hosts, client, backend):
    found = recorded(backend)
    for one, kind, data, (words, calls) in found:
        hosts[backend].begin(plays(backend, data, data))
        told = ask(client, backend, "any", stream=kind == "stream")
        assert (told.get("text"), told.get("calls")) == (words, calls), (one, kind, told)
    assert len(found) == 2 * RECORDED


# --- the model on this machine ---


@pytest.fixture(scope="module")
def local_server(module_weir):
    subprocess.run([ROOT / "tools/engine.sh"], check=True, timeout=600)
    return with_pair(module_weir(WEIR_KEY=KEY, WEIR_LOCAL_THREADS=1))


@pytest.mark.parametrize("client", CLIENTS)
@whole_and_streamed
def test_the_local_model(node, local_server, client, stream):
    told = asker(node, lambda _: local_server)(client, "local", "any", stream, model="smollm2")
    assert told.get("text") and told["usage"][0] > 0 and 0 < told["usage"][1] <= 8, told


# --- errors ---

# What each client raises for a bad request, too many of them, a host that fails, a wrong key and an unknown model.
SAME = ("BadRequestError", "RateLimitError", "InternalServerError", "AuthenticationError", "NotFoundError")
RAISED = {
    **dict.fromkeys(("openai chat", "openai responses", "anthropic"), SAME),
    "google-genai": ("ClientError", "ClientError", "ServerError", "ClientError", "ClientError"),
    "cohere": ("BadRequestError", "TooManyRequestsError", "ApiError", "UnauthorizedError", "NotFoundError"),
    **dict.fromkeys(("npm openai chat", "npm openai responses", "npm anthropic"), SAME),
    "npm google": ("ApiError",) * 5,
    **dict.fromkeys((name for name in NPM if name.startswith("ai ")), ("APICallError",) * 5),
    "boto3": ("ValidationException", "ThrottlingException", "ServiceUnavailableException", "UnrecognizedClientException", "ResourceNotFoundException"),
}
STATUSES = (400, 429, 502, 401, 404)


def raised(client, which, told):
    assert (told.get("error"), told.get("status")) == (RAISED[client][which], STATUSES[which]), told
    return told["message"]


@each_pair
def test_errors_of_the_host(ask_fresh, hosts, client, backend):
    host = hosts[backend]
    host.begin(refuses(backend, 400, "the host's own words"))
    for stream in (False, True):
        assert "the host's own words" in raised(client, 0, ask_fresh(client, backend, stream=stream))
    host.play(refuses(backend, 500, "broken"))
    for stream in (False, True):
        raised(client, 2, ask_fresh(client, backend, stream=stream))
    host.play(refuses(backend, 429, "slow down"))
    raised(client, 1, ask_fresh(client, backend))
    assert len(host.requests) == 5


@pytest.mark.parametrize("client", CLIENTS)
def test_errors_of_weir(ask, client):
    raised(client, 3, ask(client, BACKENDS[0], key="sk-weir-wrong"))
    assert "Did you mean 'a/openai'" in raised(client, 4, ask(client, "any", model="a/opena"))


@each_pair
def test_a_stream_that_breaks(ask, hosts, client, backend):
    """What came is no answer: the client's own error is raised, and it tells who broke off."""
    hosts[backend].begin(breaks(backend, text("It rains. " * 20)))
    told = ask(client, backend, stream=True)
    assert told.get("error") and backend in told["message"], told
