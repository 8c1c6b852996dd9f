"""The caller's side of HTTP: what weir understands, what it bounds, what it refuses and in which words."""
import concurrent.futures
import json
import select
import threading

import pytest

from host import reply, silence, stream, stream_events
from weir import until
from wire import Wire, chat, get, post

pytestmark = pytest.mark.asan

CONFIG = """
threads: 1
providers:
  mine: {{base_url: {url}, api_key: mine-secret}}
models:
  acme/large: [{{provider: mine, model: large-v1, price: {{input: 0.15, cached_input: 0.075, output: 0.60}}}}]
"""
CHAT = "/v1/chat/completions"


@pytest.fixture
def door(weir, host):
    """Starts weir with one provider behind it; gives both."""

    def start(more="", **env):
        provider = host()
        return weir(CONFIG.format(url=provider.url) + more, **env), provider

    return start


def assert_fault(got, status, code, *words):
    """The error in OpenAI's shape, with the top-level message, in words of which these are some."""
    assert got.status == status, (got.status, got.body)
    assert got.field("content-type") == "application/json"
    error = got.json["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error"
    assert (error["code"], got.json["message"]) == (code, error["message"])
    for word in words:
        assert word in error["message"], error["message"]
    assert got.field("x-request-id").startswith("req_")
    return error


# --- messages ---


def test_keep_alive(door):
    server, _ = door()
    wire = Wire(server)
    for _ in range(3):
        got = wire.ask(post(CHAT, chat()))
        assert (got.status, got.field("connection")) == (200, None)
    assert wire.ask(get("/healthz", "Connection: close")).field("connection") == "close"
    assert wire.is_closed()
    assert server.metric("weir_connections_accepted_total") == 2
    wire = Wire(server)
    wire.send(get("/healthz", "Connection: close") + get("/v1/models"))
    assert wire.reply().json == {"status": "ok"} and wire.is_closed()


@pytest.mark.parametrize(
    "request_bytes, status",
    [
        (get("/v1/models/nobody/knows"), 404),
        (get("/nowhere"), 404),
        (get(CHAT), 405),
        (post(CHAT, b"{"), 400),
        (post(CHAT, chat("nobody/knows")), 404),
        (get("/v1/models", "Origin: http://localhost:1", "Access-Control-Request-Method: GET", method="OPTIONS"), 403),
        (get("/v1/models", "Host: x"), 400),
    ],
    ids=("no_model", "no_path", "no_method", "bad_json", "unknown_model", "preflight", "two_hosts"),
)
def test_a_refusal_keeps_the_connection_when_all_was_read(door, request_bytes, status):
    server, _ = door()
    wire = Wire(server)
    refused = wire.ask(request_bytes)
    assert refused.status == status
    # After a head that can't be trusted nobody knows where the next begins.
    if status == 400 and b"Host: x" in request_bytes:
        assert refused.field("connection") == "close" and wire.is_closed()
    else:
        assert refused.field("connection") is None
        assert wire.ask(get("/healthz")).status == 200


def test_pipelining(door):
    server, provider = door()
    many = [post(CHAT, chat(user=str(i))) + get("/healthz") for i in range(20)]
    wire = Wire(server)
    wire.send(b"".join(many))
    for i in range(20):
        assert wire.reply().json["choices"][0]["message"]["content"] == "hello"
        assert wire.reply().json == {"status": "ok"}
    assert [r.json["user"] for r in provider.requests] == [str(i) for i in range(20)]
    assert len({r.connection for r in provider.requests}) == 1


@pytest.mark.parametrize("step", (1, 7, 64))
def test_pipelined_requests_in_pieces(door, step):
    server, provider = door()
    text = post(CHAT, chat(user="one")) + get("/v1/models/acme/large") + post(CHAT, chat(user="two"), "X: " + "y" * 50)
    wire = Wire(server)
    wire.send(*(text[i : i + step] for i in range(0, len(text), step)))
    assert [wire.reply().status for _ in range(3)] == [200, 200, 200]
    assert [r.json["user"] for r in provider.requests] == ["one", "two"]


def test_pipelined_replies_keep_their_order_whoever_is_slow(door):
    server, provider = door()
    gate = threading.Event()
    slow = reply({"id": "slow", "choices": []})
    provider.play_next(lambda c, r: gate.wait(10) and slow(c, r), reply({"id": "quick", "choices": []}))
    wire = Wire(server)
    wire.send(post(CHAT, chat()) + post(CHAT, chat()) + get("/healthz"))
    provider.wait_for_requests(1)
    gate.set()
    assert [wire.reply().json.get("id") for _ in range(3)] == ["slow", "quick", None]


def test_what_is_sent_ahead_is_bounded(door):
    """A caller that sends on and on while one answer is awaited is read no further, and served all the same."""
    server, provider = door()
    gate = threading.Event()
    usual = provider.usual
    provider.play_next(lambda c, r: gate.wait(10) and usual(c, r))
    wire = Wire(server)
    wire.send(post(CHAT, chat()))
    provider.wait_for_requests(1)
    before = server.resident_kib()
    # More than the kernels on both sides hold; `send` says how much that is.
    wire.sock.setblocking(False)
    requests, sent = get("/healthz") * 400_000, 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += until(lambda: wire.sock.send(requests[sent : sent + 65536]), 0)
    assert server.resident_kib() - before < 1024
    gate.set()
    wire.sock.settimeout(20)
    assert all(wire.reply().status == 200 for _ in range(1000))


def test_chunked_request_bodies(door):
    server, provider = door()
    body = json.dumps(chat(user="x" * 300)).encode()
    pieces = [b"%x;ext=1\r\n%s\r\n" % (len(p), p) for p in (body[:1], body[1:20], body[20:])]
    whole = get(CHAT, "Transfer-Encoding: chunked", method="POST") + b"".join(pieces) + b"0\r\nTrailer: dropped\r\n\r\n"
    wire = Wire(server)
    assert wire.ask(whole).status == 200
    assert wire.ask(*(whole[i : i + 1] for i in range(len(whole)))).status == 200
    for request in provider.requests:
        assert request.json["user"] == "x" * 300
        # It is known by now how long it is.
        assert request.field("content-length") == str(len(request.body)) and not request.field("transfer-encoding")


@pytest.mark.parametrize("chunk", (b"x\r\n", b"-1\r\n", b"0x5\r\n", b"5\r\nhelloX\r\n", b"5\nhello\n", b"fffffffffffffffff\r\n"))
def test_a_malformed_chunk(door, chunk):
    server, provider = door()
    wire = Wire(server)
    assert_fault(wire.ask(get(CHAT, "Transfer-Encoding: chunked", method="POST") + chunk + b"0\r\n\r\n"), 400, "bad_http")
    assert wire.is_closed() and not provider.requests


def test_expect_100_continue(door):
    server, provider = door()
    body = json.dumps(chat()).encode()
    wire = Wire(server)
    head = get(CHAT, "Expect: 100-continue", f"Content-Length: {len(body)}", method="POST")
    assert wire.ask(head).status == 100
    assert not provider.requests
    assert wire.ask(body).status == 200
    # It comes along: nothing is waited for, whether it is told to go on or not.
    got = wire.ask(head + body)
    assert (wire.reply() if got.status == 100 else got).status == 200
    # HTTP/1.0 knows no such thing.
    old = Wire(server)
    old.send(get(CHAT, "Expect: 100-continue", f"Content-Length: {len(body)}", method="POST", version="1.0"))
    until(lambda: server.metric("weir_requests_in_flight") == 2)
    assert old.ask(body).status == 200
    # Nothing to wait for.
    assert wire.ask(get("/healthz", "Expect: 100-continue")).status == 200
    assert wire.ask(get("/healthz")).status == 200


def test_expect_is_refused_before_the_body(door):
    server, provider = door()
    too_long = get(CHAT, "Expect: 100-continue", "Content-Length: 100000000", method="POST")
    assert_fault(Wire(server).ask(too_long), 413, "body_too_large")
    nowhere = get("/nowhere", "Expect: 100-continue", "Content-Length: 10", method="POST")
    assert_fault(Wire(server).ask(nowhere), 404, "not_found")
    other = get(CHAT, "Expect: 200-ok", "Content-Length: 10", method="POST")
    assert_fault(Wire(server).ask(other), 417, "expectation_failed", "200-ok")
    assert not provider.requests


def test_head(door):
    server, _ = door()
    wire = Wire(server)
    for path in ("/healthz", "/v1/models", "/v1/models/acme/large", "/metrics"):
        asked = wire.ask(get(path, method="HEAD"), method="HEAD")
        got = wire.ask(get(path))
        assert (asked.status, asked.field("content-type")) == (got.status, got.field("content-type")) == (200, asked.field("content-type"))
        if path != "/metrics":  # it counts along
            assert asked.field("content-length") == got.field("content-length") == str(len(got.body))
    missing = wire.ask(get("/nowhere", method="HEAD"), method="HEAD")
    assert missing.status == 404 and int(missing.field("content-length")) > 0
    # Neither has a byte of body come: the next reply begins where it should.
    assert wire.ask(get("/healthz")).status == 200


def test_http_1_0(door):
    server, provider = door()
    wire = Wire(server)
    got = wire.ask(post(CHAT, chat(), version="1.0"))
    assert (got.status, got.field("connection")) == (200, "close")
    assert wire.is_closed()
    wire = Wire(server)
    for _ in range(2):
        got = wire.ask(post(CHAT, chat(), "Connection: keep-alive", version="1.0"))
        assert (got.status, got.field("connection")) == (200, "keep-alive")
    # HTTP/1.0 has no chunks: the end of a stream is the end of the connection.
    provider.play(stream())
    got = wire.ask(post(CHAT, chat(stream=True), "Connection: keep-alive", version="1.0"))
    assert (got.status, got.field("transfer-encoding"), got.field("connection")) == (200, None, "close")
    assert got.body == b"".join(stream_events(usage=None))


def test_http_1_0_needs_no_host(door):
    server, _ = door()
    assert Wire(server).ask(b"GET /healthz HTTP/1.0\r\n\r\n").status == 200


@pytest.mark.parametrize("scheme", ("http", "HTTP", "https"))
def test_absolute_form_targets(door, scheme):
    server, provider = door()
    wire = Wire(server)
    assert wire.ask(get(f"{scheme}://localhost:8080/healthz")).json == {"status": "ok"}
    assert wire.ask(post(f"{scheme}://localhost{CHAT}?a=b", chat())).status == 200
    assert provider.requests[0].target == "/v1/chat/completions?a=b"
    assert_fault(wire.ask(get(f"{scheme}://localhost")), 404, "not_found")
    # Its authority is the host that is asked, not the Host field (RFC 9112, 3.2.2).
    assert_fault(wire.ask(get(f"{scheme}://evil.example/healthz")), 403, "host_not_allowed", "evil.example")


def test_empty_lines_before_a_request(door):
    server, _ = door()
    wire = Wire(server)
    assert wire.ask(b"\r\n\r\n" + get("/healthz")).status == 200
    assert wire.ask(b"\r\n", get("/healthz")).status == 200


def test_a_stream_is_chunked_and_the_connection_kept(door):
    server, provider = door()
    provider.play(stream(pieces=3))
    wire = Wire(server)
    for _ in range(2):
        got = wire.ask(post(CHAT, chat(stream=True)))
        assert (got.field("transfer-encoding"), got.field("content-length"), got.field("connection")) == ("chunked", None, None)
        assert got.body == b"".join(stream_events(usage=None))


def test_each_event_comes_when_it_is_sent(door):
    """Never held to fill a buffer: the caller has an event before the next is sent."""
    server, provider = door()
    events = stream_events(usage=None)
    read = threading.Semaphore(2)  # the role's event shows only with the first token
    provider.play(stream(events, gap=lambda number: read.acquire(timeout=10)))
    wire = Wire(server)
    wire.send(post(CHAT, chat(stream=True)))
    wire.head()
    seen = b""
    for number in range(2, len(events) + 1):
        while seen != b"".join(events[:number]):
            seen += wire.chunk()
        read.release()
    assert wire.chunk() == b""


# --- limits ---


def test_a_body_at_the_limit_and_beyond(door):
    server, provider = door("limits: {body_bytes: 64KiB}\n")
    filler = 65536 - len(json.dumps(chat(user="")))
    assert server.ask(body=chat(user="x" * filler)).status == 200
    error = assert_fault(server.ask(body=chat(user="x" * (filler + 1))), 413, "body_too_large", "65536", "limits.body_bytes")
    assert error["param"] is None and len(provider.requests) == 1
    chunks = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    wire = Wire(server)
    assert_fault(wire.ask(get(CHAT, "Transfer-Encoding: chunked", method="POST") + 3 * chunks), 413, "body_too_large")


def test_who_sends_too_much_still_reads_why(door):
    """The reply is not lost by a reset, though its receiver is still sending."""
    server, _ = door("limits: {body_bytes: 64KiB}\n")
    wire = Wire(server)
    wire.send(post(CHAT, b"x" * 700_000)[:100_000])
    assert select.select([wire.sock], [], [], 10)[0]
    for _ in range(60):  # a connection that was just closed would break here
        wire.send(b"x" * 10_000)
    assert_fault(wire.reply(), 413, "body_too_large")


@pytest.mark.parametrize("in_pieces", (False, True))
def test_a_head_at_the_limit_and_beyond(door, in_pieces):
    server, _ = door("limits: {header_bytes: 2KiB}\n")

    def head(size):
        bare = get("/healthz", "X: ")
        text = get("/healthz", "X: " + "y" * (size - len(bare)))
        assert len(text) == size
        return [text[i : i + 100] for i in range(0, size, 100)] if in_pieces else [text]

    assert Wire(server).ask(*head(2048)).status == 200
    assert_fault(Wire(server).ask(*head(2049)), 431, "headers_too_large")


def test_more_header_fields_than_there_may_be(door):
    server, _ = door()
    assert Wire(server).ask(get("/healthz", *["X: y"] * 127)).status == 200
    assert_fault(Wire(server).ask(get("/healthz", *["X: y"] * 128)), 431, "headers_too_large")


def test_endless_heads_and_targets(door):
    server, _ = door()
    assert_fault(Wire(server).ask(b"GET /" + b"x" * 100_000), 431, "headers_too_large")
    assert_fault(Wire(server).ask(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100_000), 431, "headers_too_large")


def test_a_head_that_does_not_end_in_time(door):
    server, _ = door("limits: {header_time: 200ms}\n")
    wire = Wire(server)
    assert_fault(wire.ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n"), 408, "header_timeout", "limits.header_time")
    assert wire.is_closed()
    assert Wire(server).is_closed()  # nothing at all came: there is nobody to be answered


def test_a_dripping_head_does_not_get_more_time(door):
    server, _ = door("limits: {header_time: 300ms}\n")
    wire = Wire(server)
    over = threading.Event()

    def drip():
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        while not over.wait(0.05):
            wire.send(b"X: y\r\n")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        assert_fault(wire.reply(), 408, "header_timeout")
    finally:
        over.set()
        dripping.join()


def test_a_body_that_does_not_end_in_time(door):
    server, provider = door("limits: {body_time: 200ms}\n")
    wire = Wire(server)
    got = wire.ask(get(CHAT, "Content-Length: 100", method="POST") + b"{")
    assert_fault(got, 408, "body_timeout", "limits.body_time")
    assert wire.is_closed() and not provider.requests


def test_an_idle_connection_is_closed(door):
    server, provider = door("limits: {keep_alive: 200ms, header_time: 60s, body_time: 60s}\n")
    wire = Wire(server)
    assert wire.ask(get("/healthz")).status == 200
    assert wire.is_closed()
    # One that waits for its answer is not idle.
    gate = threading.Event()
    usual = provider.usual
    provider.play(lambda c, r: gate.wait(0.6) or usual(c, r))
    assert Wire(server).ask(post(CHAT, chat())).status == 200


def test_one_who_takes_nothing_is_given_up(door):
    server, provider = door("limits: {write_time: 300ms}\n")
    provider.play(reply({"id": "x" * 30_000_000, "choices": []}))
    wire = Wire(server)
    wire.send(post(CHAT, chat()))
    provider.wait_for_requests(1)
    assert until(lambda: server.metric("weir_connections") == 1)  # that of the question itself
    row = server.wait_for_rows(1)[0]
    assert (row["outcome"], row["partial"]) == ("CLIENT_GONE", 1)


def test_more_connections_than_there_may_be_wait(door):
    server, _ = door("limits: {connections: 2}\n")
    first, second, third = Wire(server), Wire(server), Wire(server)
    assert first.ask(get("/healthz")).status == second.ask(get("/healthz")).status == 200
    third.send(get("/healthz"))
    third.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        third.fill()
    third.sock.settimeout(10)
    first.close()
    assert third.reply().status == 200


# --- what two readers could understand differently ---


def body_of_5(*fields):
    return post(CHAT, b"hello", *fields)


STRICT = {
    "two_lengths": body_of_5("Content-Length: 5", "Content-Length: 6"),
    "the_same_length_twice": body_of_5("Content-Length: 5", "Content-Length: 5"),
    "a_list_of_lengths": body_of_5("Content-Length: 5, 5"),
    "length_with_a_sign": body_of_5("Content-Length: +5"),
    "length_in_hex": body_of_5("Content-Length: 0x5"),
    "length_of_nothing": body_of_5("Content-Length: "),
    "length_with_a_blank": body_of_5("Content-Length: 5 5"),
    "length_too_long": body_of_5("Content-Length: 99999999999999999999"),
    "length_and_coding": body_of_5("Content-Length: 5", "Transfer-Encoding: chunked"),
    "coding_and_length": body_of_5("Transfer-Encoding: chunked", "Content-Length: 5"),
    "coding_in_1_0": post(CHAT, b"0\r\n\r\n", "Transfer-Encoding: chunked", version="1.0"),
    "lf_behind_the_request_line": b"GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n",
    "lf_behind_a_field": b"GET /healthz HTTP/1.1\r\nHost: localhost\n\r\n",
    "lf_at_the_end": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n",
    "cr_in_a_value": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
    "cr_before_a_field": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\rX: a\r\n\r\n",
    "nul_in_a_value": get("/healthz", "X: a\0b"),
    "obsolete_folding": get("/healthz", "X: a", " b"),
    "folding_by_a_tab": get("/healthz", "X: a", "\tb"),
    "folded_host": b"GET /healthz HTTP/1.1\r\nHost:\r\n localhost\r\n\r\n",
    "blank_before_the_colon": get("/healthz", "X : a"),
    "tab_before_the_colon": get("/healthz", "X\t: a"),
    "blank_before_a_field": b"GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "field_without_a_name": get("/healthz", ": a"),
    "field_without_a_colon": get("/healthz", "X"),
    "name_with_a_bracket": get("/healthz", "X(a): b"),
    "two_hosts": get("/healthz", "Host: localhost"),
    "no_host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "a_method_that_is_none": b"G@T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "nul_in_the_target": b"GET /health\0z HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another_protocol": b"GET /healthz RTSP/1.0\r\nHost: localhost\r\n\r\n",
    "tls_on_a_plain_port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.fixture(scope="module")
def strict(request, tmp_path_factory):
    """One server for all of them: it must outlive every one."""
    from conftest import BINARY
    from host import Host
    from weir import Weir

    provider, folder = Host(), tmp_path_factory.mktemp("weir")
    server = Weir(str(BINARY), folder, CONFIG.format(url=provider.url))
    yield server, provider
    provider.close()
    assert server.stop() == 0 and "Sanitizer" not in server.log, server.log[-3000:]


@pytest.mark.parametrize("case", STRICT)
def test_strict_about_smuggling(strict, case):
    """Refused with 400, and what stands behind it is never taken for a request."""
    server, provider = strict
    wire = Wire(server)
    error = assert_fault(wire.ask(STRICT[case] + get("/v1/models")), 400, "bad_http")
    assert error["message"], "it says why"
    assert wire.is_closed() and not provider.requests


@pytest.mark.parametrize(
    "fields",
    [["Transfer-Encoding: gzip, chunked"], ["Transfer-Encoding: chunked, chunked"], ["Transfer-Encoding: identity"],
     ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], ["Transfer-Encoding: xchunked"], ["Transfer-Encoding: "]],
)  # fmt: skip
def test_transfer_codings_that_are_not_understood(strict, fields):
    server, provider = strict
    wire = Wire(server)
    got = wire.ask(post(CHAT, b"0\r\n\r\n", *fields))
    assert got.status in (400, 501), got.body
    assert_fault(got, got.status, got.json["error"]["code"])
    assert wire.is_closed() and not provider.requests


@pytest.mark.parametrize("version", ("2.0", "1.2", "0.9", "3.0", "11.1"))
def test_versions_that_are_not_spoken(strict, version):
    got = Wire(strict[0]).ask(get("/healthz", version=version))
    if version == "1.2":  # a later minor version is read as 1.1 (RFC 9110, 2.5)
        assert got.status in (200, 505)
    else:
        assert got.status in (400, 505)


def test_an_upgrade_is_ignored(strict):
    """Neither WebSocket nor h2c: an answer like any other (RFC 9110, 7.8)."""
    wire = Wire(strict[0])
    assert wire.ask(get("/healthz", "Upgrade: h2c, websocket", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMA")).status == 200
    assert wire.ask(get("/healthz")).status == 200
    assert_fault(Wire(strict[0]).ask(b"CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n"), 404, "not_found")


def test_garbage_hurts_nobody(strict):
    server, _ = strict
    for garbage in (b"\0" * 500 + b"\r\n\r\n", b"\xff\xfe" * 300 + b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"%" * 70_000):
        wire = Wire(server)
        assert wire.ask(garbage).status in (400, 431, 505)
    assert server.ask("/healthz").status == 200


# --- bodies ---


@pytest.mark.parametrize("encoding", ("gzip", "br", "zstd", "gzip, identity"))
def test_compressed_bodies_are_refused(door, encoding):
    server, provider = door()
    got = server.ask(body=chat(), fields={"content-encoding": encoding})
    assert_fault(got, 415, "unsupported_content_encoding", encoding.split(",")[0])
    assert not provider.requests


def test_an_identity_body_is_none_of_these(door):
    server, _ = door()
    assert server.ask(body=chat(), fields={"content-encoding": "identity"}).status == 200


@pytest.mark.parametrize("content_type", ("", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"))
def test_the_content_type_is_not_checked(door, content_type):
    """`curl -d` sends forms."""
    server, _ = door()
    assert Wire(server).ask(post(CHAT, chat(), f"Content-Type: {content_type}")).status == 200


@pytest.mark.parametrize(
    "body, code, param, words",
    [
        (b"", "invalid_json", None, "byte 0"),
        (b'{"model": ', "invalid_json", None, "byte 10"),
        (b'{"model": "acme/large",}', "invalid_json", None, "byte 23"),
        (b"[]", "invalid_value", None, "object"),
        (b'"text"', "invalid_value", None, "object"),
        (b"{}", "invalid_value", "model", "model"),
        (b'{"model": 5}', "invalid_value", "model", "model"),
        (b'{"model": "", "messages": []}', "invalid_value", "model", "model"),
        (b'{"model": "acme/large"}', "invalid_value", "messages", "messages"),
        (b'{"model": "acme/large", "messages": "hi"}', "invalid_value", "messages", "messages"),
        (b'{"model": "acme/large", "messages": [], "stream": "yes"}', "invalid_value", "stream", "stream"),
        (b'{"model": "acme/large", "messages": [], "provider": 5}', "invalid_value", "provider", "provider"),
        (b'{"model": "acme/large\xff", "messages": []}', "invalid_json", None, "UTF-8"),
    ],
)
def test_bodies_that_ask_nothing(door, body, code, param, words):
    server, provider = door()
    error = assert_fault(server.ask(body=body), 400, code, words)
    assert error["param"] == param and not provider.requests


def test_deep_nesting_is_bounded(door):
    server, _ = door()
    deep = b'{"model": "acme/large", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert_fault(server.ask(body=deep), 400, "invalid_json")


# --- refusals ---


@pytest.mark.parametrize(
    "method, path",
    [("GET", "/"), ("GET", "/v1"), ("GET", "/v1/"), ("GET", "/v2/models"), ("POST", "/chat/completions"), ("POST", "/v1/chat/completions/"),
     ("GET", "/V1/models"), ("GET", "/v1/models/"), ("POST", "//v1/chat/completions"), ("POST", "/v1/../v1/chat/completions"),
     ("POST", "/v1/chat%2Fcompletions"), ("GET", "*")],
)  # fmt: skip
def test_there_is_no_such_path(door, method, path):
    server, provider = door()
    asked = post(path, chat()) if method == "POST" else get(path)
    assert_fault(Wire(server).ask(asked), 404, "not_found", f"{method} {path}")
    assert not provider.requests


def test_the_hint_of_a_missing_v1(door):
    server, _ = door()
    assert "/v1" in assert_fault(server.ask("/chat/completions", chat()), 404, "not_found")["message"]


@pytest.mark.parametrize(
    "method, path, allowed",
    [("GET", CHAT, "POST"), ("PUT", CHAT, "POST"), ("HEAD", CHAT, "POST"), ("DELETE", "/v1/models", "GET, HEAD"),
     ("POST", "/healthz", "GET, HEAD"), ("POST", "/v1/models/acme/large", "GET, HEAD"), ("OPTIONS", "/v1/models", "GET, HEAD"),
     ("TRACE", "/healthz", "GET, HEAD")],
)  # fmt: skip
def test_another_method_is_wanted(door, method, path, allowed):
    server, _ = door()
    got = Wire(server).ask(get(path, method=method), method=method)
    assert (got.status, got.field("allow")) == (405, allowed)
    if method != "HEAD":
        assert_fault(got, 405, "method_not_allowed", allowed.split(",")[0], method)


def test_every_reply_has_an_id_of_its_own(door):
    server, provider = door()
    wire, ids = Wire(server), []
    for request in (post(CHAT, chat()), get("/healthz"), get("/readyz"), get("/metrics"), get("/v1/models"), get("/v1/generation"),
                    get("/nowhere"), post(CHAT, b"{")):  # fmt: skip
        ids.append(wire.ask(request).field("x-request-id"))
    provider.play(stream())
    ids.append(wire.ask(post(CHAT, chat(stream=True))).field("x-request-id"))
    provider.play(silence())
    ids.append(Wire(server).ask(b"nonsense\r\n\r\n").field("x-request-id"))
    assert len(set(ids)) == len(ids) == 10
    assert all(len(i) == 36 and i.startswith("req_") for i in ids)


def test_an_id_of_the_callers_is_not_taken_for_ours(door):
    server, provider = door()
    got = server.ask(body=chat(), fields={"x-request-id": "mine", "x-client-request-id": "c-1"})
    assert got.field("x-request-id").startswith("req_")
    assert provider.requests[0].field("x-request-id") is None
    assert provider.requests[0].field("x-client-request-id") == "c-1"


def test_many_at_once(door):
    server, provider = door()
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda i: server.ask(body=chat(user=str(i))), range(200)))
    assert all(r.status == 200 for r in replies)
    assert len({r.field("x-request-id") for r in replies}) == 200
    assert {r.json["user"] for r in provider.requests} == {str(i) for i in range(200)}
