"""The running server: how it begins, what it tells, how it is reloaded and how it ends."""
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import BINARY
from host import fault, stream, stream_events
from weir import clean_environment, until
from wire import Wire, chat, get, post

pytestmark = pytest.mark.asan

CHAT = "/v1/chat/completions"
CONFIG = """
providers:
  mine: {{base_url: {url}, api_key: mine-secret}}
models:
  acme/large: [{{provider: mine, model: large-v1, price: {{input: 0.15, cached_input: 0.075, output: 0.60}}}}]
"""


@pytest.fixture
def door(weir, host):
    def start(more="", **env):
        provider = host()
        return weir(CONFIG.format(url=provider.url) + more, **env), provider

    return start


def lines_of(server, *words):
    return [line for line in server.log.splitlines() if all(word in line for word in words)]


# --- the beginning ---


def test_the_banner(door):
    server, _ = door("local: {models: {tiny: {file: tiny.gguf}}}\n", GROQ_API_KEY="groq-secret", NOVITA_API_KEY="novita-secret")
    banner = server.banner
    assert re.match(r"weir \d+\.\d+\.\d+\n", banner)
    assert f"listening http://127.0.0.1:{server.port}\n" in banner
    providers = re.search(r"providers +(.*)", banner).group(1).split(", ")
    assert {"mine", "groq", "novita"} == set(providers)
    assert re.search(r"local +\S", banner) and f"ledger    {server.folder}/data/weir.db\n" in banner
    assert re.search(r"keys +none defined.*weir key create", banner)
    assert "secret" not in banner
    # Paths are as long as they are, and the line to paste is one line.
    assert [line for line in banner.splitlines() if len(re.sub(r" /\S+", " /", line)) > 88 and "curl" not in line] == []


def test_the_banners_curl_line_works(door):
    server, provider = door("local: {engine: 'off'}\n")
    pasted = re.search(r"^  (curl .*)$", server.banner, re.M).group(1)
    done = subprocess.run(["sh", "-c", pasted + " -s"], capture_output=True, timeout=20)
    if "acme/large" in pasted:
        assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "hello"
        assert provider.requests[0].json["model"] == "large-v1"
    else:  # an engine is on this machine, but off: the line still gets an answer of weir's
        assert json.loads(done.stdout)["message"]


def test_the_banner_with_keys(door):
    server, _ = door(WEIR_KEY="sk-mine")
    assert "callers need one" in server.banner and "$WEIR_KEY" in server.banner and "sk-mine" not in server.banner


def test_the_banner_without_anything(weir):
    server = weir("local: {engine: 'off'}\n")
    assert "no key found; set one of GROQ_API_KEY" in server.banner


def test_it_stays_in_the_foreground_and_says_nothing_more_on_stdout(door):
    server, _ = door()
    assert server.ask(body=chat()).status == 200
    server.tell(signal.SIGTERM)
    assert server.process.wait(10) == 0
    assert server.process.stdout.read() == b"\n"  # the banner's last line


# --- the data folder ---


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_the_data_folder_is_private(weir):
    server = weir(WEIR_DATA="deep/er/data")
    data = server.folder / "deep/er/data"
    assert mode(data) == 0o700
    server.command("key", "create", "--name", "x")
    assert {mode(path) for path in data.rglob("*") if path.is_file()} == {0o600}
    assert {mode(path) for path in data.iterdir() if path.is_dir()} == {0o700}
    assert {"weir.db", "lock"} <= {path.name for path in data.iterdir()}


@pytest.mark.parametrize(
    "env, config, where",
    [
        ({"WEIR_DATA": "{f}/one", "XDG_DATA_HOME": "{f}/xdg"}, "data: {f}/two", "one"),
        ({"XDG_DATA_HOME": "{f}/xdg", "STATE_DIRECTORY": "{f}/state"}, "data: {f}/two", "two"),
        ({"XDG_DATA_HOME": "{f}/xdg", "STATE_DIRECTORY": "{f}/state:{f}/more"}, "", "state"),
        ({"XDG_DATA_HOME": "{f}/xdg"}, "", "xdg/weir"),
        ({"XDG_DATA_HOME": "relative"}, "", ".local/share/weir"),  # must be absolute, says its specification
        ({}, "", ".local/share/weir"),
        ({}, "data: ~/three", "three"),
    ],
)
def test_where_the_data_is(weir, tmp_path, env, config, where):
    folder = tmp_path / "weir0"
    env = {"WEIR_DATA": "", **{name: value.format(f=folder) for name, value in env.items()}}
    server = weir(config.format(f=folder) + "\n", **env)
    assert f"ledger    {folder / where}/weir.db\n" in server.banner
    assert mode(folder / where) == 0o700
    # The commands find it as the server does.
    key = server.command("key", "create", "--name", "x").stdout.strip()
    until(lambda: server.ask("/v1/models").status == 401)
    assert server.ask("/v1/models", fields={"x-api-key": key}).status == 200


def test_one_server_at_a_time(weir):
    first = weir()
    data = first.folder / "data"
    second = weir(wait=False, WEIR_DATA=data)
    assert second.process.wait(10) == 1
    assert second.log == (
        f"weir: another weir with pid {first.process.pid} uses the data folder {data}; "
        "stop it, or give this one a folder of its own (WEIR_DATA)\n"
    )
    # Commands work beside it, and a killed one leaves nothing in the way.
    assert first.command("usage").returncode == 0
    first.process.kill()
    first.process.wait()
    assert weir(WEIR_DATA=data).ask("/healthz").status == 200


def test_a_data_folder_that_cannot_be(weir):
    server = weir(wait=False, WEIR_DATA="/proc/no/such")
    assert server.process.wait(10) == 1
    assert "cannot make the folder /proc/no: No such file or directory" in server.log
    assert "WEIR_DATA" in server.log


def test_a_database_that_is_none(weir, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/weir.db").write_text("this is no database, but a text of some length" * 30)
    server = weir(wait=False, WEIR_DATA=tmp_path / "data")
    assert server.process.wait(10) == 1
    assert f"{tmp_path}/data/weir.db" in server.log and "not a database" in server.log


def test_a_database_of_a_newer_weir(weir, tmp_path):
    (tmp_path / "data").mkdir()
    subprocess.run(["sqlite3", tmp_path / "data/weir.db", "PRAGMA user_version = 99; CREATE TABLE x (y)"], check=True)
    server = weir(wait=False, WEIR_DATA=tmp_path / "data")
    assert server.process.wait(10) == 1 and "newer weir" in server.log


# --- the ledger ---


def test_a_request_is_in_the_ledger_within_half_a_second(door):
    server, _ = door()
    times = []
    for count in range(1, 4):
        assert server.ask(body=chat()).status == 200
        start = time.monotonic()
        until(lambda: len(server.rows()) >= count)
        times.append(time.monotonic() - start)
    assert min(times) < 0.5
    assert sum(row["requests"] for row in server.usage()) == 3


def test_refusals_before_an_attempt_are_not_in_the_ledger(door):
    server, _ = door()
    assert server.ask(body=b"{").status == 400
    assert server.ask(body=chat("nobody/knows")).status == 404
    assert server.ask("/v1/models").status == 200
    assert server.ask(body=chat()).status == 200
    assert len(server.wait_for_rows(1)) == 1
    # They are in the metrics and in the log.
    assert server.metric('weir_requests_total{status="400"}') == server.metric('weir_requests_total{status="404"}') == 1
    until(lambda: lines_of(server, "status=404") and lines_of(server, "status=400"))


def test_a_ledger_that_cannot_be_written_for_a_while(door):
    """Traffic goes on, it is told, and no row is lost."""
    server, _ = door()
    assert server.ask("/readyz").status == 200
    locked = sqlite3.connect(server.folder / "data/weir.db", isolation_level=None)
    locked.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        assert server.ask(body=chat()).status == 200
    behind = {"status": "ready", "ledger": "cannot be written"}
    until(lambda: server.ask("/readyz").json == behind, 20)  # SQLite waits for a while by itself
    assert server.ask("/readyz").status == 200 and server.metric("weir_store_up") == 0
    until(lambda: lines_of(server, " error ", f"the ledger in the file {server.folder}/data/weir.db cannot be written", "locked"))
    assert server.ask(body=chat()).status == 200
    locked.execute("ROLLBACK")
    locked.close()
    assert len(server.wait_for_rows(4, 20)) == 4
    until(lambda: server.ask("/readyz").json == {"status": "ready"})
    until(lambda: lines_of(server, " warn ", "is written again"))
    assert server.metric("weir_store_up") == 1


# --- SIGHUP ---


def reload(server, config, said):
    """Sends SIGHUP with that configuration in place, and waits for the line that it was taken or refused."""
    before = server.log.count(said)
    server.file.write_text("listen: 127.0.0.1:0\n" + config)
    server.tell(signal.SIGHUP)
    until(lambda: server.log.count(said) > before)


TAKEN, REFUSED = "the configuration was loaded anew", "the configuration is refused; the old one stays"


def test_sighup_loads_the_configuration_anew(door, host):
    server, first = door()
    second, old = host(), CONFIG.format(url=first.url)
    assert server.ask(body=chat("acme/small")).status == 404
    new = CONFIG.format(url=second.url) + "  acme/small: [{provider: mine, model: small-v1}]\nlimits: {body_bytes: 1KiB}\n"
    reload(server, new, TAKEN)
    until(lambda: server.ask(body=chat("acme/small")).status == 200)
    assert (second.requests[-1].json["model"], len(first.requests)) == ("small-v1", 0)
    assert server.ask(body=chat(user="x" * 2000)).status == 413
    reload(server, old, TAKEN)
    until(lambda: server.ask(body=chat("acme/small")).status == 404)
    assert server.ask(body=chat(user="x" * 2000)).status == 200 and first.requests


def test_a_request_ends_with_the_configuration_that_it_began_with(door, host):
    server, first = door()
    gate, usual = threading.Event(), first.usual
    first.play(lambda c, r: gate.wait(10) and usual(c, r))
    wire = Wire(server)
    wire.send(post(CHAT, chat()))
    first.wait_for_requests(1)
    reload(server, "local: {engine: 'off'}\n", TAKEN)
    until(lambda: server.ask(body=chat()).status == 404)
    gate.set()
    got = wire.reply()
    assert (got.status, got.field("x-weir-cost-usd")) == (200, "0.000135")
    assert wire.ask(post(CHAT, chat())).status == 404  # the next on that connection


def test_a_bad_configuration_is_refused_with_all_its_errors(door):
    server, provider = door()
    reload(server, "threadz: 2\nproviders:\n  mine: {base_url: nonsense}\nlimits: {body_bytes: many}\n", REFUSED)
    for line in (rf"{server.file}:2:1: unknown option \"threadz\"; did you mean \"threads\"\?",
                 rf"{server.file}:4:20: .*nonsense", rf"{server.file}:5:22: limits.body_bytes: expected"):  # fmt: skip
        assert re.search(r"Z error " + line.replace("\\\"", '"'), server.log), server.log
    assert server.ask(body=chat()).status == 200 and provider.requests
    server.file.unlink()
    server.tell(signal.SIGHUP)
    until(lambda: server.log.count(REFUSED) == 2)
    assert "cannot read: No such file or directory" in server.log
    assert server.ask(body=chat()).status == 200


def test_what_is_taken_at_the_start_only_is_said(door):
    server, provider = door("threads: 1\n")
    server.file.write_text("listen: 127.0.0.1:1\ndata: elsewhere\nthreads: 2\n" + CONFIG.format(url=provider.url))
    server.env.pop("WEIR_DATA")
    server.tell(signal.SIGHUP)
    until(lambda: TAKEN in server.log)
    for option in ("listen", "threads"):
        assert lines_of(server, " warn ", f"`{option}` stays as it is until weir is started anew")
    assert server.ask("/healthz").status == 200


def test_the_keys_of_the_configuration_are_loaded_anew(door):
    import hashlib

    server, provider = door()
    old = CONFIG.format(url=provider.url)
    reload(server, old + f"keys: [{{name: x, hash: {hashlib.sha256(b'sk-x').hexdigest()}}}]\n", TAKEN)
    until(lambda: server.ask("/v1/models").status == 401)
    assert server.ask("/v1/models", fields={"x-api-key": "sk-x"}).status == 200
    reload(server, old, TAKEN)
    until(lambda: server.ask("/v1/models").status == 200)


def test_the_last_key_cannot_go_while_others_reach_us(weir):
    import hashlib

    keys = f"keys: [{{name: x, hash: {hashlib.sha256(b'sk-x').hexdigest()}}}]\n"
    server = weir("listen: ':0'\n" + keys)
    server.file.write_text("listen: ':0'\n")
    server.tell(signal.SIGHUP)
    until(lambda: lines_of(server, " error ", "the old configuration stays"))
    assert server.ask("/v1/models").status == 401
    assert server.ask("/v1/models", fields={"x-api-key": "sk-x"}).status == 200


def test_many_reloads_under_traffic(door):
    server, provider = door("threads: 2\n")
    over = threading.Event()
    statuses = set()

    def ask():
        while not over.is_set():
            statuses.add(server.ask(body=chat()).status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    config = CONFIG.format(url=provider.url)
    for i in range(10):
        reload(server, config + f"route: {{breaker_failures: {i + 1}}}\n", TAKEN)
        reload(server, config + "bad: option\n", REFUSED)
    over.set()
    for thread in threads:
        thread.join()
    assert statuses == {200}


# --- the end ---


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_it_ends_when_told(weir, number):
    server = weir()
    assert server.ask("/healthz").status == 200
    idle = Wire(server)
    assert idle.ask(get("/healthz")).status == 200
    assert server.stop(number) == 0
    assert idle.is_closed()
    assert lines_of(server, " info ", "stopped")


def held_stream(provider):
    """A stream that stops in its middle until it may go on."""
    gate, half = threading.Event(), threading.Event()

    def gap(number):
        if number == 3:
            half.set()
            gate.wait(20)

    provider.play(stream(gap=gap))
    return gate, half


def test_sigterm_lets_a_stream_finish(door):
    server, provider = door()
    gate, half = held_stream(provider)
    wire = Wire(server)
    wire.send(post(CHAT, chat(stream=True)))
    assert half.wait(10)
    server.tell(signal.SIGTERM)
    until(lambda: lines_of(server, "stopping"))
    # Nobody new comes in.
    with pytest.raises(ConnectionRefusedError):
        until(lambda: Wire(server).close(), 5)
    assert server.process.poll() is None
    gate.set()
    got = wire.reply()
    assert got.status == 200 and got.body == b"".join(stream_events(usage=None))
    assert wire.is_closed()
    assert server.process.wait(10) == 0
    rows = server.rows()
    assert [(row["outcome"], row["partial"], row["cost_pusd"]) for row in rows] == [("OK", 0, 135_000_000)]


def test_sigterm_lets_a_json_answer_finish(door):
    server, provider = door()
    gate, usual = threading.Event(), provider.usual
    provider.play(lambda c, r: gate.wait(20) and usual(c, r))
    wire = Wire(server)
    wire.send(post(CHAT, chat()) + post(CHAT, chat(user="sent ahead")))
    provider.wait_for_requests(1)
    server.tell(signal.SIGTERM)
    until(lambda: lines_of(server, "stopping"))
    gate.set()
    got = wire.reply()
    assert (got.status, got.field("connection")) == (200, "close")
    assert wire.is_closed()
    assert server.process.wait(10) == 0
    assert len(server.rows()) == len(provider.requests) == 1


@pytest.mark.parametrize("twice", (False, True), ids=("limit", "told_twice"))
def test_sigterm_does_not_wait_for_ever(door, twice):
    server, provider = door("limits: {shutdown_time: %s}\n" % ("1d" if twice else "200ms"))
    gate, half = held_stream(provider)
    wire = Wire(server)
    wire.send(post(CHAT, chat(stream=True)))
    assert half.wait(10)
    server.tell(signal.SIGTERM)
    if twice:
        until(lambda: lines_of(server, "stopping"))
        server.tell(signal.SIGTERM)
    assert server.process.wait(10) == 0
    gate.set()
    assert not wire.rest().endswith(b"0\r\n\r\n"), "it must not look complete"
    rows = server.rows()
    assert [(row["partial"], row["output_tokens"]) for row in rows] == [(1, 2)]
    assert lines_of(server, " warn ", "ending requests that are still being answered")


def test_readiness_while_stopping(door):
    server, provider = door()
    gate, half = held_stream(provider)
    streaming, asking = Wire(server), Wire(server)
    streaming.send(post(CHAT, chat(stream=True)))
    assert half.wait(10)
    asking.send(get("/readyz")[:-2])  # it is on its way when the end begins
    until(lambda: server.metric("weir_requests_in_flight") == 3)
    server.tell(signal.SIGTERM)
    until(lambda: lines_of(server, "stopping"))
    got = asking.ask(b"\r\n")
    assert (got.status, got.json, got.field("connection")) == (503, {"status": "stopping"}, "close")
    gate.set()
    assert server.process.wait(10) == 0


# --- logs ---

SAID = "the-prompt-nobody-logs"


def talk(server, provider):
    """Requests of all sorts, with what must not be logged wherever it can be."""
    said = {"messages": [{"role": "user", "content": SAID}], "user": SAID}
    fields = {"authorization": f"Bearer {SAID}", "cookie": SAID, "x-title": SAID, "referer": SAID, "user-agent": SAID}
    provider.play_next(stream(stream_events(SAID[:5])))
    server.chat("acme/large", stream=True, **said, fields=fields)
    server.ask(f"{CHAT}?key={SAID}", {"model": "acme/large", **said}, fields=fields)
    provider.play_next(fault(400, f"bad prompt {SAID}"), fault(401, f"mine-secret is no key, {SAID}"))
    server.chat("acme/large", **said)
    server.chat("acme/large", **said)
    server.ask(body=b'{"model": "' + SAID.encode())
    provider.play_next(*[fault(500, SAID)] * 3)
    server.chat("acme/large", **said)
    server.ask("/nowhere?" + SAID)
    server.ask(body={"model": "acme/large", "messages": SAID})
    server.ask(body={"model": "acme/large", **said, "provider": {"order": SAID}})


@pytest.mark.parametrize("level", ("info", "debug"))
@pytest.mark.parametrize("form", ("text", "json"))
def test_never_a_prompt_never_a_secret(door, form, level):
    server, provider = door(f"log: {{format: {form}, level: {level}}}\nroute: {{breaker_failures: 1000}}\n", GROQ_API_KEY="groq-secret")
    talk(server, provider)
    server.stop()
    assert server.log.count(CHAT) == 8, server.log
    assert SAID not in server.log and "secret" not in server.log
    assert "secret" not in repr(server.rows())


def test_a_line_for_each_request(door):
    server, provider = door()
    got = server.ask(body=chat())
    line = until(lambda: lines_of(server, got.field("x-request-id")))[0]
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info request id=req_[0-9a-f]{32} method=POST path=/v1/chat/completions status=200 ms=\d+ "
        r"model=acme/large provider=mine attempts=1 in=1000 out=50 cost_usd=0\.000135",
        line,
    ), line
    provider.play_next(*[fault(503)] * 3)
    got = server.ask(body=chat())
    line = until(lambda: lines_of(server, got.field("x-request-id")))[0]
    assert "status=502" in line and "outcome=UP_5XX" in line and "tried=mine:UP_5XX:503,mine:UP_5XX:503,mine:UP_5XX:503" in line
    got = server.ask("/nowhere")
    line = until(lambda: lines_of(server, got.field("x-request-id")))[0]
    assert 'status=404' in line and 'note="There is no GET /nowhere here.' in line


def test_the_json_form(door):
    server, provider = door("log: {format: json}\n")
    wire = Wire(server)
    ok = wire.ask(post(CHAT, chat()))
    odd = wire.ask(get('/no"where\\\x7f'.replace("\x7f", "")))
    server.stop()
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    requests = {line["id"]: line for line in lines if line["message"] == "request"}
    line = requests[ok.field("x-request-id")]
    assert (line["status"], line["provider"], line["model"], line["in"], line["out"], line["cost_usd"]) == (200, "mine", "acme/large", 1000, 50, "0.000135")
    assert requests[odd.field("x-request-id")]["path"] == '/no"where\\'


def test_what_a_caller_sends_stays_on_its_line(door):
    """Neither a path nor a model's name can forge a line or a field."""
    server, _ = door()
    wire = Wire(server)
    ids = [wire.ask(get("/a%0Ab=c\"status=200")).field("x-request-id"),
           wire.ask(post(CHAT, chat("x\n2026-01-01T00:00:00.000Z error forged"))).field("x-request-id"),
           wire.ask(post(CHAT, chat("x status=200"))).field("x-request-id")]  # fmt: skip
    server.stop()
    assert all(len(lines_of(server, i)) == 1 for i in ids)
    assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z (error|warn|info) ", line) for line in server.log.splitlines())
    assert not [line for line in server.log.splitlines() if line.startswith("2026-01-01T00:00:00.000Z error")]
    assert all(line.count(" status=404") == 1 and " status=200 " not in line.split(" note=")[0] for i in ids for line in lines_of(server, i))


def test_levels(door):
    for level, told in (("error", 0), ("warn", 0), ("info", 1), ("debug", 1)):
        server, _ = door(f"log: {{level: {level}}}\n")
        got = server.ask(body=chat())
        server.stop()
        assert len(lines_of(server, " info request", got.field("x-request-id"))) == told
        assert bool(lines_of(server, " debug ")) == (level == "debug")
    server, _ = door("log: {requests: false}\n")
    server.ask(body=chat())
    server.stop()
    assert not lines_of(server, "request id=") and lines_of(server, "stopped")


def test_the_log_changes_on_sighup(door):
    server, provider = door()
    reload(server, CONFIG.format(url=provider.url) + "log: {format: json}\n", TAKEN)
    got = server.ask(body=chat())
    until(lambda: any(line.startswith("{") and got.field("x-request-id") in line for line in server.log.splitlines()))


def test_a_log_that_nobody_reads(tmp_path):
    """A full pipe holds up neither the answers nor the end."""
    (tmp_path / "weir.yaml").write_text("listen: 127.0.0.1:0\nthreads: 1\n")
    process = subprocess.Popen(
        [BINARY, "serve"], cwd=tmp_path, env=clean_environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        lines = iter(process.stdout.readline, "")
        port = int(next(re.search(r":(\d+)", line).group(1) for line in lines if "listening" in line))
        wire = Wire(port)
        for _ in range(20):  # 2 MB of lines: more than the pipe and the buffer before it take
            wire.send(get("/healthz") * 1000)
            assert all(wire.reply().status == 200 for _ in range(1000))
        dropped = re.search(rb"^weir_log_lines_dropped_total (\d+)$", wire.ask(get("/metrics")).body, re.M).group(1)
        assert int(dropped) > 0
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close(), process.stderr.close()


# --- systemd ---


class Systemd:
    """What systemd hears of a unit of Type=notify."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(10)

    def hears(self):
        return self.socket.recv(4096).decode()


@pytest.fixture
def short_path():
    """The name of a socket has no more than 107 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield folder


@pytest.mark.parametrize("abstract", (False, True))
def test_systemd_is_told(weir, short_path, abstract):
    name = f"weir-test-{os.getpid()}" if abstract else f"{short_path}/notify"
    systemd = Systemd("\0" + name if abstract else name)
    server = weir(NOTIFY_SOCKET="@" + name if abstract else name)
    assert systemd.hears() == "READY=1"
    assert server.ask("/healthz").status == 200  # not before it answers
    reload(server, "", TAKEN)
    assert systemd.hears().startswith("RELOADING=1") and systemd.hears() == "READY=1"
    reload(server, "bad: option\n", REFUSED)
    assert systemd.hears().startswith("RELOADING=1") and systemd.hears() == "READY=1"
    server.tell(signal.SIGTERM)
    assert systemd.hears() == "STOPPING=1"
    assert server.process.wait(10) == 0


def test_systemd_is_not_told_of_a_start_that_failed(weir, short_path):
    systemd = Systemd(f"{short_path}/notify")
    server = weir("bad: option\n", wait=False, NOTIFY_SOCKET=f"{short_path}/notify")
    assert server.process.wait(10) == 1
    systemd.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.hears()


# --- metrics ---


def test_the_metrics_are_well_formed_and_count(door):
    server, provider = door("threads: 2\n")
    for _ in range(4):
        assert server.ask(body=chat()).status == 200
    provider.play_next(stream(), fault(500))
    assert server.chat("acme/large", stream=True).status == 200
    assert server.ask(body=chat()).status == 200  # after the same one was tried again
    text = server.ask("/metrics").body.decode()
    typed = dict(re.findall(r"^# TYPE (\S+) (counter|gauge|histogram)$", text, re.M))
    helped = set(re.findall(r"^# HELP (\S+) \S", text, re.M))
    assert set(typed) == helped
    order = []
    for line in text.splitlines():
        if line.startswith("#"):
            order += [line.split()[2]] if line.startswith("# HELP") else []
            continue
        name, value = re.fullmatch(r'([a-z_]+)(?:\{[a-z]+="[^"\n]*"\})? (-?[0-9.e+]+)', line).groups()
        family = re.sub("_(bucket|sum|count)$", "", name) if name not in typed else name
        assert family == order[-1], "a metric's lines stand together, behind its head"
        assert (typed[family] == "counter") == family.endswith("_total"), family
        float(value)
    assert len(order) == len(set(order)) == len(typed)
    count = server.metric
    assert count('weir_requests_total{status="200"}') >= 6
    assert (count("weir_attempts_total"), count("weir_retries_total"), count("weir_failovers_total")) == (7, 1, 0)
    assert count("weir_cost_pico_usd_total") == 6 * 135_000_000
    assert count('weir_usage_total{class="input_tokens"}') == 6 * 400
    assert count("weir_time_to_first_token_seconds_count") >= 1 and count("weir_request_duration_seconds_count") == 6
    assert count('weir_offer_faults_total{offer="mine/large-v1"}') == 1 and count('weir_offer_breaker_open{offer="mine/large-v1"}') == 0
    # This one; the one before may end a moment later, on the other thread.
    until(lambda: count("weir_requests_in_flight") == 1 and count("weir_streams_open") == 0)
