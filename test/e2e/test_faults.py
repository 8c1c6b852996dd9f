"""What a broken or hostile host may send: another one answers, nothing hangs, and no reply reaches another's caller."""
import concurrent.futures
import gzip
import itertools
import json
import random
import socket
import sqlite3
import threading
import time

import pytest

from caller import Caller, chat_body, last_fault
from conftest import BINARY, servers
from front import COST, attempts_of, billed_of, config_for
from host import Host, as_chunks, completion, cut, drip, event, head, raw, refused_port, reply, reset, silence, stream, stream_events
from test_stream import DONE, FINISH, ROLE, SHOWN, STREAM, TOKEN, TOO_LATE, Gate
from weir import until

pytestmark = pytest.mark.asan

JSON = chat_body()
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
BODY = json.dumps(completion()).encode()
SIZED = b"content-length: %d\r\n\r\n" % len(BODY) + BODY


def text_of(got):
    return got.json["choices"][0]["message"]["content"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for all that is done to it: each case also shows that the one before left nothing behind."""
    hosts = [Host(), Host()]
    hosts[1].play(lambda c, r: (stream() if r.json.get("stream") else reply(completion("from b")))(c, r))
    with servers(tmp_path_factory.mktemp("shared")) as start:
        server = start(config_for(*hosts, upstream={"total": "20s", "idle": "5s"}))
        server.hosts = hosts
        yield server
    for one in hosts:
        one.close()


def play(server, behaviour, *ask):
    """The reply to a request at the behaviour, and its row; afterwards everything must be as before."""
    count = len(server.rows())
    server.hosts[0].play(behaviour)
    got = [server.ask(body=body) for body in ask]
    server.hosts[0].play(reply(completion("from a")))
    after = server.ask(body=JSON)
    assert (text_of(after), after.field("x-weir-attempts"), after.field("x-weir-cost-usd")) == ("from a", "1", "0.000135")
    rows = server.wait_for_rows(count + len(ask) + 1)[count:]
    assert len(rows) == len(ask) + 1
    return list(zip(got, rows))


# --- the connection ---

NO_CONNECTION = {
    "reset_at_once": (lambda c: c.reset() or False, ("CONNECT", "RESET", "EOF")),
    "closed_at_once": (lambda c: False, ("RESET", "EOF")),
    "junk_at_once": (lambda c: c.send(b"\x16\x03\x01 hello\r\n\r\n"), ("BAD_REPLY", "RESET")),
}


@pytest.mark.parametrize("wanted", (JSON, STREAM), ids=("json", "stream"))
@pytest.mark.parametrize("kind", NO_CONNECTION)
def test_a_host_that_takes_no_request(in_front, host, kind, wanted):
    greet, outcomes = NO_CONNECTION[kind]
    server = in_front(host(greet=greet), stream() if wanted is STREAM else reply(completion("from b")))
    got = server.ask(body=wanted)
    assert (got.status, got.field("x-inference-provider"), got.field("x-weir-attempts")) == (200, "b", "2")
    row = server.wait_for_rows(1)[0]
    assert attempts_of(row) in [f"a:{outcome} b:OK" for outcome in outcomes] and row["cost_pusd"] == COST


def full_backlog():
    """A port where connecting gets no answer: nobody accepts, and the queue is full."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(200):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(listening.getsockname())
        waiting.append(one)
    return listening, waiting


def test_a_host_that_does_not_answer_the_connection(in_front):
    listening, waiting = full_backlog()
    server = in_front(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", reply(completion("from b")), connect="200ms")
    assert text_of(server.ask(body=JSON)) == "from b"
    row = server.wait_for_rows(1)[0]
    assert (attempts_of(row), billed_of(row)) == ("a:CONNECT_TIMEOUT b:OK", ["no", "yes"])
    for one in [listening, *waiting]:
        one.close()


# --- heads ---


def ends(data, then=cut):
    """These bytes, and then the end of the connection, or what else."""
    return lambda c, r: c.send(data) or then(c, r)


def endless(part):
    def behave(connection, request):
        while True:
            connection.send(part)

    return behave


def moved(status):
    return OK.replace(b"200 OK", b"%d Moved" % status) + b"location: http://127.0.0.1:%d/v1/chat/completions\r\ncontent-length: 0\r\n\r\n"


HEADS = {
    "nothing": b"",
    "one_byte": b"H",
    "half_a_head": b"HTTP/1.1 200 OK\r\ncontent-ty",
    "junk": b"\x00\x01\x02\xff\xfe\r\n\r\n",
    "empty_lines": b"\r\n\r\n" + OK + SIZED,
    "http_0.9": b"<html>hello</html>\r\n\r\n",
    "http_2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n\r\n",
    "version_2": b"HTTP/2.0 200 OK\r\n" + SIZED,
    "version_0": b"HTTP/0.1 200 OK\r\n" + SIZED,
    "rtsp": b"RTSP/1.0 200 OK\r\n" + SIZED,
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "tls_alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "a_request": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "no_status": b"HTTP/1.1\r\n" + SIZED,
    "status_text": b"HTTP/1.1 OK\r\n" + SIZED,
    "status_0": b"HTTP/1.1 000 No\r\n" + SIZED,
    "status_99": b"HTTP/1.1 099 No\r\n" + SIZED,
    "status_1000": b"HTTP/1.1 1000 No\r\n" + SIZED,
    "status_negative": b"HTTP/1.1 -200 No\r\n" + SIZED,
    "status_999": b"HTTP/1.1 999 No\r\n" + SIZED,
    "status_600": b"HTTP/1.1 600 No\r\n" + SIZED,
    "huge_status_line": b"HTTP/1.1 200 " + b"x" * 300_000 + b"\r\n" + SIZED,
    "huge_name": OK + b"x" * 300_000 + b": 1\r\n" + SIZED,
    "huge_value": OK + b"x: " + b"x" * 300_000 + b"\r\n" + SIZED,
    "many_fields": OK + b"".join(b"x-%d: 1\r\n" % n for n in range(200)) + SIZED,
    "endless_line": endless(b"x" * 1000),
    "endless_fields": lambda c, r: c.send(OK) or endless(b"x: y\r\n" * 100)(c, r),
    "endless_early_hints": endless(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 50),
    "endless_continue": endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
    "many_continues": b"HTTP/1.1 100 Continue\r\n\r\n" * 5000 + OK + SIZED,
    "only_continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n" + OK + SIZED,
    "switching_only": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n\x00\x00\x00",
    "status_204": OK.replace(b"200 OK", b"204 Nothing") + b"\r\n",
    "status_205": OK.replace(b"200 OK", b"205 Nothing") + b"content-length: 0\r\n\r\n",
    "status_304": OK.replace(b"200 OK", b"304 Nothing") + b"\r\n",
    "status_304_with_length": OK.replace(b"200 OK", b"304 Nothing") + b"content-length: 500\r\n\r\n",
    "status_300": OK.replace(b"200 OK", b"300 Choices") + SIZED,
    "nul_in_a_value": OK + b"x-a: b\x00c\r\n" + SIZED,
    "nul_in_a_name": OK + b"x\x00a: b\r\n" + SIZED,
    "control_in_a_value": OK + b"x-a: b\x07c\r\n" + SIZED,
    "bare_lf": OK.replace(b"\r\n", b"\n") + SIZED,
    "bare_cr_in_a_value": OK + b"x-a: b\rset-cookie: c\r\n" + SIZED,
    "folded": OK + b"x-a: b\r\n c\r\n" + SIZED,
    "no_colon": OK + b"x-a\r\n" + SIZED,
    "blank_before_colon": OK + b"x-a : b\r\n" + SIZED,
    "no_name": OK + b": b\r\n" + SIZED,
    "two_lengths": OK + b"content-length: 5\r\n" + SIZED,
    "length_list": OK + b"content-length: 5, 6\r\n\r\n" + BODY,
    "length_negative": OK + b"content-length: -1\r\n\r\n" + BODY,
    "length_plus": OK + b"content-length: +%d\r\n\r\n" % len(BODY) + BODY,
    "length_hex": OK + b"content-length: 0x10\r\n\r\n" + BODY,
    "length_overflow": OK + b"content-length: 99999999999999999999999\r\n\r\n" + BODY,
    "length_empty": OK + b"content-length: \r\n\r\n" + BODY,
    "length_and_chunks": OK + b"transfer-encoding: chunked\r\n" + SIZED,
    "coding_unknown": OK + b"transfer-encoding: gzip\r\n\r\n" + BODY,
    "coding_list": OK + b"transfer-encoding: gzip, chunked\r\n\r\n" + as_chunks(BODY) + b"0\r\n\r\n",
    "coding_twice": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n" + as_chunks(BODY) + b"0\r\n\r\n",
    "chunks_in_http_1.0": OK.replace(b"1.1", b"1.0") + b"transfer-encoding: chunked\r\n\r\n" + as_chunks(BODY) + b"0\r\n\r\n",
    "no_body": OK + b"content-length: 0\r\n\r\n",
    "short": OK + b"content-length: %d\r\n\r\n" % (len(BODY) + 10) + BODY,
    "short_chunk": OK + b"transfer-encoding: chunked\r\n\r\n" + as_chunks(BODY)[:-20],
    "no_last_chunk": OK + b"transfer-encoding: chunked\r\n\r\n" + as_chunks(BODY),
    "half_a_last_chunk": OK + b"transfer-encoding: chunked\r\n\r\n" + as_chunks(BODY) + b"0\r\n",
    "bad_chunk": OK + b"transfer-encoding: chunked\r\n\r\n" + as_chunks(BODY)[:-2] + b"zz\r\n0\r\n\r\n",
    "chunk_size_overflow": OK + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + BODY,
    "bad_trailer": OK + b"transfer-encoding: chunked\r\n\r\n" + as_chunks(BODY) + b"0\r\nx\x00: 1\r\n\r\n",
}
OUTCOMES = ("BAD_REPLY", "UP_5XX", "CUT_REPLY", "EOF", "RESET")


@pytest.mark.parametrize("then", (cut, reset), ids=("cut", "reset"))
@pytest.mark.parametrize("kind", HEADS)
def test_what_is_no_answer(shared, kind, then):
    said = HEADS[kind]
    if callable(said) and then is reset:
        return  # it never comes to an end
    for got, row in play(shared, ends(said, then) if isinstance(said, bytes) else said, JSON, STREAM):
        assert (got.status, got.field("x-inference-provider"), got.field("x-weir-attempts")) == (200, "b", "2")
        assert got.body == (SHOWN if row["stream"] else json.dumps(completion("from b")).encode())
        assert attempts_of(row) in [f"a:{outcome} b:OK" for outcome in OUTCOMES]
        assert (row["outcome"], row["cost_pusd"], row["partial"]) == ("OK", COST, 0)


@pytest.mark.parametrize("status", (301, 302, 303, 307, 308))
def test_a_redirect_is_not_followed(shared, host, status):
    """The credential is for the host that the user named, and for no other."""
    trap = host()
    data = moved(status) % trap.port
    for got, row in play(shared, lambda c, r: c.send(data), JSON, STREAM):
        assert got.field("x-inference-provider") == "b" and attempts_of(row) == "a:UP_5XX b:OK"
    assert trap.connections == 0


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\ncontent-length: 7\r\n\r\n"


def test_interim_replies_come_before_the_answer(shared):
    for behaviour in (raw(INTERIM + OK + SIZED, then_close=False), lambda c, r: c.send_in_pieces(INTERIM + OK + SIZED, 3)):
        for got, row in play(shared, behaviour, JSON, JSON):
            assert got.body == BODY and got.field("link") is None and attempts_of(row) == "a:OK"


SLOW = {
    "no_head": b"",
    "half_a_head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "half_a_body": OK + b"content-length: 500\r\n\r\n{",
    "half_a_chunk": OK + b"transfer-encoding: chunked\r\n\r\n5\r\n{",
}


@pytest.mark.parametrize("kind", SLOW)
def test_silence(lasting, kind):
    """A JSON answer has the total limit; once something came, the idle limit."""
    server = lasting(ends(SLOW[kind], silence), reply(completion("from b")), idle="300ms", total="1s")
    got, began = server.ask(body=JSON), kind != "no_head"
    assert (got.status, got.field("x-inference-provider")) == ((200, "b") if began else (504, "a"))
    assert attempts_of(server.wait_for_rows(1)[0]) == ("a:IDLE b:OK" if began else "a:TOTAL_TIME")
    assert began or got.json["error"]["code"] == "request_timeout"


@pytest.mark.parametrize(
    "behaviour",
    (
        lambda c, r: c.send(head(chunked=True)) or drip(0.01)(c, r),
        lambda c, r: [c.send(b"H" if n == 0 else b"x") or time.sleep(0.01) for n in range(2000)],
        lambda c, r: c.send(OK.replace(b"200 OK", b"500 No") + b"content-length: 99999\r\n\r\n") or [c.send(b" ") or time.sleep(0.01) for n in range(2000)],
    ),
    ids=("body", "head", "error"),
)
def test_a_drip_is_ended_by_the_total_limit(lasting, behaviour):
    server = lasting(behaviour, reply(completion("from b")), total="700ms")
    got = server.ask(body=JSON)
    assert got.status in (200, 504)  # an error's body is not waited for so long
    assert got.status == 504 or got.field("x-inference-provider") == "b"
    assert len(server.wait_for_rows(1)) == 1


@pytest.mark.parametrize("status", (500, 503, 429, 401))
@pytest.mark.parametrize("rest", (silence, cut, reset), ids=("silence", "cut", "reset"))
def test_an_error_is_understood_without_its_body(in_front, status, rest):
    """The status is enough to go on with another host at once."""
    outcome = {500: "UP_5XX", 503: "UP_5XX", 429: "RATE_LIMITED", 401: "UP_CREDENTIAL"}[status]
    data = OK.replace(b"200 OK", b"%d No" % status) + b'content-length: 500\r\n\r\n{"error": {"mess'
    server = in_front(ends(data, rest), reply(completion("from b")), idle="60s", total="60s")
    assert text_of(server.ask(body=JSON, timeout=20)) == "from b"
    assert attempts_of(server.wait_for_rows(1)[0]) == f"a:{outcome} b:OK"


def test_an_endless_error_is_not_read_to_its_end(in_front):
    data = OK.replace(b"200 OK", b"500 No") + b"transfer-encoding: chunked\r\n\r\n"
    server = in_front(lambda c, r: c.send(data) or endless(as_chunks(b"x" * 1000))(c, r), reply(completion("from b")))
    assert text_of(server.ask(body=JSON)) == "from b"
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:UP_5XX b:OK"


# --- what is said too early, too much or twice ---

BIG = chat_body(padding="x" * (8 << 20))


def early(data, then):
    """Replies after the request's head, without having read its body."""

    def behave(connection):
        while b"\r\n\r\n" not in connection.buffer:
            connection.fill()
        connection.send(data)
        return then(connection, None)

    return behave


def hold(connection, request):
    """Reads nothing more, and does not close either, until the host is taken down."""
    connection.host.held.wait(TOO_LATE)
    return False


@pytest.mark.parametrize("then", (cut, reset, hold), ids=("cut", "reset", "open"))
def test_a_reply_before_the_request_was_sent(in_front, host, then):
    """It is the answer all the same; only the connection is of no further use."""
    first = host(greet=early(OK + SIZED, then))
    server = in_front(first, reply(completion("from b")))
    for number in (1, 2):
        got = server.ask(body=BIG)
        assert got.status == 200
        if then is not reset:  # a reset may overtake what was said before it
            assert got.body == BODY and got.field("x-inference-provider") == "a"
            assert first.connections == number
    first.held.set()


@pytest.mark.parametrize("then", (cut, hold), ids=("cut", "open"))
def test_a_refusal_before_the_request_was_sent(in_front, host, then):
    words = b'{"error":{"message":"the image is too large","type":"invalid_request_error","param":null,"code":null}}'
    data = OK.replace(b"200 OK", b"400 No") + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(words) + words
    first = host(greet=early(data, then))
    server = in_front(first, reply(completion("from b")))
    got = server.ask(body=BIG)
    first.held.set()
    assert (got.status, got.body) == (400, words)
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:UP_CALLER"


EXTRA = OK + b"content-length: %d\r\n\r\n" % len(json.dumps(completion("for nobody"))) + json.dumps(completion("for nobody")).encode()


@pytest.mark.parametrize("extra", (EXTRA, b"x", b"\r\n", b"\x00" * 5000), ids=("reply", "byte", "line", "nuls"))
def test_what_follows_a_reply_is_nobodys(in_front, extra):
    """In the same packet, or while the connection is idle: it is not used again."""
    gate, closed = Gate(), threading.Event()

    def behave(connection, request):
        connection.send(OK + SIZED + (extra if connection.number == 1 else b""))
        if connection.number != 2:
            return True
        gate.wait()
        connection.send(extra)
        connection.wait_closed()
        closed.set()
        return False

    server = in_front(behave, reply(completion("from b")))
    assert server.ask(body=JSON).body == BODY
    assert server.ask(body=JSON).body == BODY and server.hosts[0].connections == 2
    gate.open()
    assert closed.wait(TOO_LATE)
    assert server.ask(body=JSON).body == BODY and server.hosts[0].connections == 3


def test_replies_are_never_mixed_up(in_front):
    """Many callers at a time at a host that does everything wrong in turn: each gets its own words, or an error."""
    turn = itertools.count()

    def behave(connection, request):
        asked = request.json
        mine = json.dumps(completion(asked["messages"][0]["content"])).encode()
        sized = OK + b"content-length: %d\r\n\r\n" % len(mine) + mine
        kind = next(turn) % 9
        if asked.get("stream"):
            sized = head(chunked=True, type="text/event-stream") + as_chunks(*stream_events(asked["messages"][0]["content"])) + b"0\r\n\r\n"
        if kind == 0:
            return connection.send(sized + EXTRA)
        if kind == 1:
            return connection.send(sized[:-30]) or False
        if kind == 2:
            return connection.send(sized[: len(sized) // 2]) or reset(connection, request)
        if kind == 3:
            return cut(connection, request)
        if kind == 4:
            return connection.send(INTERIM + sized)
        if kind == 5:
            return connection.send_in_pieces(sized, 5)
        if kind == 6:
            return connection.send(b"junk\r\n\r\n" + sized)
        return connection.send(sized)

    server = in_front(behave, behave, behave, attempts=6)

    def ask(number):
        text, streamed = f"caller {number} ", number % 2 == 0
        got = server.ask(body={**chat_body(stream=streamed), "messages": [{"role": "user", "content": text}]})
        if got.status != 200:
            return got.status
        if not streamed:
            assert text_of(got) == text
            return 200
        faulty = [e for e in got.events if isinstance(e, dict) and "error" in e]
        told = "".join(c["delta"].get("content") or "" for e in got.events if isinstance(e, dict) for c in e.get("choices", ()))
        assert told == text or (faulty and text.startswith(told))
        return 599 if faulty else 200

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(ask, range(400)))
    assert statuses.count(200) > 200 and set(statuses) <= {200, 502, 599}, {s: statuses.count(s) for s in set(statuses)}
    assert len(server.wait_for_rows(400)) == 400


# --- kept connections ---


@pytest.mark.parametrize("wanted", (JSON, STREAM, BIG), ids=("json", "stream", "big"))
@pytest.mark.parametrize("gone", (cut, reset), ids=("cut", "reset"))
def test_a_kept_connection_that_was_closed_is_no_failure(in_front, gone, wanted):
    """Sent again on a fresh one: the caller and the ledger see one attempt."""
    good = stream() if wanted is STREAM else reply(completion())
    server = in_front(good, reply(completion("from b")))
    first = server.hosts[0]
    assert server.ask(body=wanted).status == 200
    first.play_next(gone)
    got = server.ask(body=wanted)
    assert (got.status, got.field("x-inference-provider"), got.field("x-weir-attempts")) == (200, "a", "1")
    assert [r.connection.number for r in first.requests] == [1, 1, 2]
    assert first.requests[1].body == first.requests[2].body
    assert attempts_of(server.wait_for_rows(2)[1]) == "a:OK"
    assert server.metric("weir_stale_connections_total") == 1


def test_it_is_sent_again_once_only(in_front):
    server = in_front(reply(completion()), reply(completion("from b")))
    first = server.hosts[0]
    assert server.ask(body=JSON).status == 200
    first.play_next(cut, cut)
    assert text_of(server.ask(body=JSON)) == "from b"
    assert [r.connection.number for r in first.requests] == [1, 1, 2]
    assert attempts_of(server.wait_for_rows(2)[1]) == "a:EOF b:OK"


def test_it_is_sent_again_on_a_fresh_one_though_others_are_kept(in_front):
    """They may be as dead as the first."""
    gate = Gate()

    def behave(connection, request):
        if len(server.hosts[0].requests) > 2 and connection.number < 3:
            return False
        gate.wait()
        return reply(completion())(connection, request)

    server = in_front(behave, reply(completion("from b")))
    both = [Caller(server, JSON) for _ in range(2)]
    server.hosts[0].wait_for_requests(2)
    gate.open(3)
    assert [c.status for c in both] == [200, 200]
    got = server.ask(body=JSON)
    assert (got.field("x-inference-provider"), got.field("x-weir-attempts")) == ("a", "1")
    assert server.hosts[0].connections == 3


def test_it_is_not_sent_again_once_a_byte_came(in_front):
    server = in_front(reply(completion()), reply(completion("from b")))
    first = server.hosts[0]
    assert server.ask(body=JSON).status == 200
    first.play_next(ends(b"H"))
    assert text_of(server.ask(body=JSON)) == "from b"
    assert [r.connection.number for r in first.requests] == [1, 1]
    row = server.wait_for_rows(2)[1]
    assert (attempts_of(row), billed_of(row)) == ("a:CUT_REPLY b:OK", ["maybe", "yes"])


def test_it_is_not_sent_again_on_a_fresh_connection(in_front):
    server = in_front(cut, reply(completion("from b")))
    assert text_of(server.ask(body=JSON)) == "from b"
    assert len(server.hosts[0].requests) == 1


@pytest.mark.parametrize("field", ("connection: close\r\n", "connection: Close, x-y\r\n"))
def test_a_host_that_wants_no_kept_connection(in_front, field):
    server = in_front(raw(OK + field.encode() + SIZED, then_close=False), reply(completion("from b")))
    for number in (1, 2, 3):
        assert server.ask(body=JSON).body == BODY and server.hosts[0].connections == number


def test_an_old_host_closes_the_connection(in_front):
    server = in_front(raw(OK.replace(b"1.1", b"1.0") + b"\r\n" + BODY), reply(completion("from b")))
    for number in (1, 2):
        assert server.ask(body=JSON).body == BODY and server.hosts[0].connections == number


def test_idle_connections_are_closed(in_front):
    gone = threading.Event()

    def behave(connection, request):
        reply(completion())(connection, request)
        connection.wait_closed()
        gone.set()
        return False

    server = in_front(behave, pool_idle="100ms")
    assert server.ask(body=JSON).status == 200 and gone.wait(TOO_LATE)


# --- words that nobody should have to read ---


def test_hostile_words_stay_words(shared):
    """Whatever a host says of its trouble: the reply is JSON, the log has one line a request."""
    words = 'x"\\\n\r\t\u2028\x1b[31m\x00\x7f é😀' * 30
    bodies = [
        json.dumps({"error": {"message": words, "code": words, "type": words}}).encode(),
        b'{"error": {"message": "\xff\xfe\xc3(' + b"\x80" * 200 + b'"}}',
        ("ü" * 400).encode(),
        b"\x00\x01\x02\n\n\r\n\xff" * 50,
        json.dumps({"error": {"message": "é" * 300}}, ensure_ascii=False).encode(),
        b"{" * 70_000,
    ]
    for body in bodies:
        lines = shared.log.count("\n")
        shared.hosts[1].play(reply(body, 500))
        for got, row in play(shared, reply(body, 500), JSON):
            assert got.status == 502 and got.json["error"]["type"] == "upstream_error"
            assert json.loads(row["attempts"])
        until(lambda: shared.log.count("\n") >= lines + 2)
        assert "\x1b" not in shared.log and "\x00" not in shared.log
        assert shared.log.count("\n") == lines + 2
    shared.hosts[1].play(lambda c, r: (stream() if r.json.get("stream") else reply(completion("from b")))(c, r))


def test_the_credential_is_not_told_when_the_host_echoes_it(in_front):
    """Neither the caller nor the log nor the ledger shows it, wherever the host puts it."""

    def behave(connection, request):
        return reply({"error": {"message": f"bad key: {request.field('authorization')}"}}, next(status))(connection, request)

    status = itertools.cycle((400, 500, 200, 429))
    server = in_front(behave, attempts=1)
    for number in range(1, 5):
        got = server.ask(body=chat_body("acme/large:a"))
        assert got.status in (400, 429, 502) and b"a-secret" not in got.body
        assert "a-secret" not in server.log
        assert "a-secret" not in server.wait_for_rows(number)[-1]["attempts"]


def test_a_model_name_that_is_no_name(shared):
    """What the host calls its model and itself goes into the ledger as text, however long or odd."""
    for name in ("x" * 5000, 'a"b\\c', "é😀", "\x00\x01", "", "'; DROP TABLE ledger; --"):
        for got, row in play(shared, reply(completion(model=name), fields=[("x-request-id", "i" * 3000)]), JSON):
            assert got.json["model"] == name and row["cost_pusd"] == COST


def test_numbers_that_are_no_numbers(shared):
    """Usage that cannot be is not believed: what it cost is unknown then, and not nothing."""
    odd = (-5, 1e300, 10**9 + 1, 2**63 - 1, 2**63, 2**64, 10**30, "x", [], {}, True, 0.5)
    for value in (*odd, 7, "7", 7.0):
        usage = {"prompt_tokens": value, "completion_tokens": value, "total_tokens": value, "cost": value}
        for got, row in play(shared, reply({**completion(), "usage": usage}), JSON):
            assert got.status == 200 and got.json["usage"] == usage
            assert row["cost_pusd"] == (None if value in odd else 7 * 150_000 + 7 * 600_000)
            assert (row["input_tokens"], row["output_tokens"]) == ((0, 0) if value in odd else (7, 7))
    for value in (2**63, 2**64 - 1, 10**9 + 1):
        for details in ({"cached_tokens": value}, {"audio_tokens": value}):
            usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": value + 15, "prompt_tokens_details": details, "reasoning_tokens": value}
            for got, row in play(shared, reply({**completion(), "usage": usage}), JSON):
                assert row["cost_pusd"] is None or 0 <= row["cost_pusd"] <= 10 * 150_000 + 5 * 600_000


def test_a_row_that_the_ledger_refuses_holds_up_no_other(in_front):
    server = in_front(reply(completion()))
    with sqlite3.connect(f"{server.folder}/data/weir.db") as db:
        db.execute("CREATE TRIGGER no BEFORE INSERT ON ledger WHEN NEW.stream = 1 BEGIN SELECT RAISE(ABORT, 'never'); END")
    assert server.ask(body=STREAM).status == server.ask(body=JSON).status == 200
    assert [row["stream"] for row in server.wait_for_rows(1)] == [0]
    until(lambda: "the ledger refuses the row of req_" in server.log and "never" in server.log)
    assert server.ask("/readyz").status == 200


def wires():
    """Good replies as they go over the wire."""
    events = stream_events("hello")
    squeezed = gzip.compress(BODY)
    yield OK + SIZED
    yield OK + b"transfer-encoding: chunked\r\n\r\n" + as_chunks(BODY[:100], BODY[100:]) + b"0\r\n\r\n"
    yield OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(squeezed) + squeezed
    yield head(chunked=True, type="text/event-stream") + as_chunks(*events) + b"0\r\n\r\n"
    yield head(chunked=True, type="text/event-stream", fields=[("content-encoding", "gzip")]) + as_chunks(gzip.compress(b"".join(events))) + b"0\r\n\r\n"


def mangled(data, dice):
    """Some bytes changed, lost, doubled or cut off, mostly at the beginning, where the head is."""
    for _ in range(dice.choice((1, 1, 2, 5))):
        at = dice.randrange(dice.choice((60, 200, len(data))))
        kind = dice.randrange(5)
        if kind == 0:
            data = data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[at + dice.randrange(1, 9) :]
        elif kind == 2:
            data = data[:at] + data[at : at + dice.randrange(1, 40)] * 2 + data[at:]
        elif kind == 3:
            data = data[:at] + dice.choice((b"\r\n", b"\x00", b"\xff", b"9" * 20, b'"', b"{", b"\n\n", b": ")) + data[at:]
        else:
            data = data[: max(at, 1)]
    return data


@pytest.mark.parametrize("seed", range(4))
def test_mangled_replies(lasting, seed):
    """Whatever comes of it, every caller has an answer, and the next one a good one."""
    dice, good = random.Random(seed), tuple(wires())
    server = lasting(
        lambda c, r: c.send(mangled(dice.choice(good), dice)) or dice.random() < 0.5 or c.reset(),
        lambda c, r: (stream() if r.json.get("stream") else reply(completion("from b")))(c, r),
        idle="150ms", first_token="150ms", total="2s",
    )  # fmt: skip
    tried = 0
    for number in range(60):
        body = STREAM if number % 2 else JSON
        try:
            c = Caller(server, body, version=dice.choice(("1.0", "1.1")))
            assert c.status in (200, 400, 401, 403, 404, 422, 429, 502, 504)
            c.rest()
            tried += c.field("x-weir-attempts") is not None
        finally:
            c.close()
    assert len(server.wait_for_rows(tried)) == tried
    server.hosts[0].begin(cut)
    assert server.chat("acme/large:b").json["choices"][0]["message"]["content"] == "from b"
