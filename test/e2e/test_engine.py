"""Models on this machine: the real llama.cpp engine and SmolLM2, supervised by weir."""
import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import zlib

import pytest

import tiny_gguf
from conftest import servers
from host import Host
from weir import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "weir"
SMOLLM2 = CACHE / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
LONG = 180  # seconds; the engine has to share the cores with other tests


@pytest.fixture(scope="module", autouse=True)
def fetched():
    """The engine and the model, in the user's cache."""
    done = subprocess.run([ROOT / "tools/engine.sh"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def started(server, name="smollm2"):
    """The processes that were started for a model, in order."""
    return [int(pid) for pid in re.findall(rf"engine {name}: starting .*\(process (\d+)\)", server.log)]


def is_running(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def ask(server, model, path="/v1/chat/completions", **more):
    body = {"model": model, "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 4}
    return server.ask(path, {**body, **more}, timeout=LONG)


def text_of(got):
    if got.field("content-type") == "text/event-stream":
        return "".join(e["choices"][0]["delta"].get("content") or "" for e in got.events[:-1])
    return got.json["choices"][0]["message"]["content"]


@pytest.fixture
def weir(weir):
    """One thread an engine: where others use the cores too, two wait for each other."""
    return lambda config="", **env: weir(config, WEIR_LOCAL_THREADS=1, **env)


def picture(side=28):
    """A PNG in a URL."""
    part = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    rows = b"".join(b"\0" + bytes((x * 9, y * 9, 128)[c] for x in range(side) for c in range(3)) for y in range(side))
    png = b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    png += part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


# --- one server for all that leaves its engines well ---

CONFIG = """
log: {{level: debug}}
providers:
  hosted: {{dialect: openai, base_url: {host}, local: false}}
local:
  models:
    second: {{file: {smollm2}, context: 512}}
    vectors: {{file: {smollm2}, context: 512, embedding: true}}
    eyes: {{file: {smollm2}, mmproj: {folder}/eyes.gguf, context: 512}}
    broken: {{file: {broken}}}
    ghost: {{file: {folder}/no-such.gguf}}
models:
  acme/mixed: [{{provider: local, model: broken}}, {{provider: hosted, model: mixed-v1}}]
  acme/ghost: [{{provider: local, model: ghost}}, {{provider: hosted, model: ghost-v1}}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory, fetched):
    folder, host = tmp_path_factory.mktemp("engine"), Host()
    tiny_gguf.eyes(folder / "eyes.gguf", 576)
    (folder / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    with servers(folder) as start:
        server = start(CONFIG.format(host=host.url, smollm2=SMOLLM2, broken=folder / "broken.gguf", folder=folder), WEIR_LOCAL_THREADS=1)
        server.host = host
        yield server
    host.close()


def test_smollm2_answers(server):
    got = ask(server, "smollm2", temperature=0, max_tokens=12)
    assert got.status == 200, got.body
    assert text_of(got).strip()
    assert (got.field("x-inference-provider"), got.field("x-weir-cost-usd")) == ("local", "0")
    row, usage = server.row_of(got), got.json["usage"]
    assert row["input_tokens"] + row["cached_input_tokens"] == usage["prompt_tokens"] > 10
    assert row["output_tokens"] == usage["completion_tokens"] > 0
    assert (row["provider"], row["upstream"], row["cost_pusd"]) == ("local", "smollm2", 0)


def test_smollm2_streams(server):
    got = ask(server, "smollm2", temperature=0, max_tokens=12, stream=True)
    assert (got.status, got.field("content-type")) == (200, "text/event-stream")
    assert text_of(got).strip() and got.events[-1] == b"[DONE]"
    row = server.row_of(got)
    assert row["output_tokens"] > 0 and not row["estimated"] and row["cost_pusd"] == 0
    assert not any(event.get("usage") for event in got.events[:-1])


def test_the_ledger_shows_both(server):
    rows = [row for row in server.usage() if row["model"] == "smollm2"]
    assert sum(row["requests"] for row in rows) >= 2
    assert all(row["provider"] == "local" and row["output_tokens"] > 0 for row in rows)


@pytest.mark.parametrize("model", ("smollm2:local", "local/smollm2", "smollm2:fastest", "second"))
def test_its_names(server, model):
    got = ask(server, model)
    assert (got.status, got.field("x-inference-provider")) == (200, "local"), got.body


def test_completions(server):
    got = ask(server, "smollm2", "/v1/completions", prompt="One, two, three,", messages=None)
    assert got.status == 200 and got.json["choices"][0]["text"]
    assert server.row_of(got)["operation"] == "completion"


def test_embeddings(server):
    got = server.ask("/v1/embeddings", {"model": "vectors", "input": ["a cat", "a dog and a cat"]}, timeout=LONG)
    assert got.status == 200, got.body
    assert [len(item["embedding"]) for item in got.json["data"]] == [576, 576]
    row = server.row_of(got)
    assert (row["operation"], row["output_tokens"], row["cost_pusd"]) == ("embedding", 0, 0)
    assert row["input_tokens"] == got.json["usage"]["prompt_tokens"] > 0


def test_images(server):
    """With a file that gives the model eyes an image becomes tokens of the prompt."""
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": picture()}}]
    blind = ask(server, "eyes", messages=[{"role": "user", "content": content[:1]}])
    seeing = ask(server, "eyes", messages=[{"role": "user", "content": content}])
    assert (blind.status, seeing.status) == (200, 200), seeing.body
    assert seeing.json["usage"]["prompt_tokens"] - blind.json["usage"]["prompt_tokens"] >= 4
    got = ask(server, "second", messages=[{"role": "user", "content": content}])
    assert (got.status, got.json["error"]["code"]) == (400, "no_provider_fits")


def test_two_models_at_once(server):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda model: ask(server, model), ["smollm2", "second"] * 2))
    assert [got.status for got in answers] == [200] * 4
    assert [got.json["model"] for got in answers] == ["smollm2", "second"] * 2
    first, second = started(server)[-1], started(server, "second")[-1]
    assert first != second and is_running(first) and is_running(second)


def test_its_log_is_in_weirs(server):
    assert ask(server, "smollm2").status == 200
    assert re.search(r"info engine smollm2: ready on 127\.0\.0\.1:\d+ after \d+ ms", server.log)
    assert re.search(r"debug engine smollm2: .*model loaded", server.log)
    assert re.search(r"debug engine smollm2: .*n_threads = 1$", server.log, re.M)


def test_nobody_else_may_ask_it(server):
    assert ask(server, "smollm2").status == 200
    port = re.search(r"engine smollm2: ready on 127\.0\.0\.1:(\d+)", server.log).group(1)
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=LONG)
    connection.request("POST", "/v1/chat/completions", "{}")
    assert connection.getresponse().status == 401


def test_what_fails_here_stays_here(server):
    """`:local` never leaves the machine; without it, the hosted candidate answers."""
    for body in ({"model": "acme/mixed:local"}, {"model": "broken"}, {"model": "acme/mixed", "provider": {"only": ["local"]}}):
        got = ask(server, **body)
        assert (got.status, got.json["error"]["code"]) == (502, "engine_failed"), got.body
        assert got.field("x-weir-attempts") == "1"  # the supervisor has tried three times
    assert server.host.requests == []
    got = ask(server, "acme/mixed:preferred")
    assert (got.status, got.field("x-inference-provider")) == (200, "hosted")
    assert len(server.host.requests) == 1


def test_a_file_that_is_not_there_is_a_warning(server):
    assert re.search(r"weir\.yaml:\d+:\d+: warning: \S+/no-such\.gguf: No such file or directory", server.log), server.log[:2000]
    before = len(server.host.requests)
    got = ask(server, "ghost")
    assert (got.status, "No such file" in got.json["error"]["message"]) == (404, True), got.body
    assert ask(server, "acme/ghost:local").status in (400, 404)
    assert len(server.host.requests) == before
    assert ask(server, "acme/ghost").field("x-inference-provider") == "hosted"


# --- deaths ---


def test_a_killed_engine_is_started_again(weir):
    server = weir()
    assert ask(server, "smollm2").status == 200
    for _ in range(2):
        os.kill(started(server)[-1], signal.SIGKILL)
        got = ask(server, "smollm2")
        assert got.status == 200, got.body
    assert len(set(started(server))) == 3
    assert sum(row["requests"] for row in server.wait_for_usage(3)) == 3


def test_one_killed_in_the_middle_of_a_stream(weir):
    server = weir()
    connection = server.connect(LONG)
    body = {"model": "smollm2", "stream": True, "ignore_eos": True, "messages": [{"role": "user", "content": "Tell me a long story."}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    reply = connection.getresponse()
    while b'"content":"' not in reply.readline():
        pass
    os.kill(started(server)[-1], signal.SIGKILL)
    rest = reply.read()
    assert b'"code":"stream_cut"' in rest and b"[DONE]" not in rest
    assert ask(server, "smollm2").status == 200
    row = server.wait_for_rows(2)[0]
    assert (row["outcome"], row["partial"]) == ("CUT_STREAM", 1)


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGKILL), ids=("SIGTERM", "SIGKILL"))
@pytest.mark.asan
def test_engines_end_with_weir(weir, number):
    server = weir()
    assert ask(server, "smollm2").status == 200
    (pid,) = started(server)
    assert is_running(pid)
    status = server.stop(number)
    assert status == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    until(lambda: not is_running(pid))


def test_one_that_is_starting_ends_with_weir(weir):
    server = weir()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, server, "smollm2")
        until(lambda: started(server))
        server.tell(signal.SIGKILL)
        assert isinstance(asked.exception(timeout=30), (ConnectionError, OSError))
    until(lambda: not is_running(started(server)[0]))


def test_a_caller_who_goes_stops_the_generation(weir):
    """An engine is asked for no more than somebody reads."""
    server = weir("log: {level: debug}\nlocal: {parallel: 1}\n")
    assert ask(server, "smollm2").status == 200
    connection = server.connect(LONG)
    body = {"model": "smollm2", "ignore_eos": True, "max_tokens": 8000, "messages": [{"role": "user", "content": "Count."}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    until(lambda: server.metric("weir_requests_in_flight") >= 2)
    connection.close()
    assert ask(server, "smollm2").status == 200  # the one slot is free again
    assert [row["outcome"] for row in server.wait_for_rows(3)][1] == "CLIENT_GONE"


# --- memory and idleness ---


def test_an_engine_that_is_not_used_is_stopped(weir):
    server = weir("local: {idle: 200ms}\n")
    assert ask(server, "smollm2").status == 200
    (first,) = started(server)
    until(lambda: not is_running(first), 20)
    assert ask(server, "smollm2").status == 200
    assert len(started(server)) == 2


def test_memory_is_made_by_the_one_not_used_for_longest(weir):
    config = "local:\n  memory: 500MiB\n  models:\n" + "".join(f"    m{n}: {{file: {SMOLLM2}, context: 512}}\n" for n in range(3))
    server = weir(config)
    for model in ("m0", "m1", "m0", "m2"):
        assert ask(server, model).status == 200
    assert (is_running(started(server, "m0")[0]), is_running(started(server, "m1")[0])) == (True, False)


def test_without_an_engine(weir):
    server = weir("local: {engine: off}\n")
    got = ask(server, "smollm2")
    assert got.status == 404, got.body
