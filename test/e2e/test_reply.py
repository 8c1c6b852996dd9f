"""What a reply carries besides its text: its length, its compression, its cost; and who reads it, how fast, how long."""
import gzip
import json
import random
import select
import threading
import zlib

import pytest

from caller import Caller, chat_body, last_fault
from front import COST, attempts_of, billed_of
from host import (
    as_chunks, chunk, completion, cut, event, fault, head, reply, reset, silence, stream, stream_events, usage_of,
)
from test_stream import DONE, ERROR, FINISH, ROLE, SHOWN, STREAM, TOKEN, TOO_LATE, USAGE, Gate, played
from weir import until

MIB = 1 << 20
JSON = chat_body()


@pytest.fixture
def front(in_front, lasting):
    """front(first's behaviour, ...) is weir with two hosts; the second answers "from b"."""

    def make(behaviour, second=reply(completion("from b")), fresh=False, **more):
        return (in_front if fresh else lasting)(behaviour, second, **more)

    return make


def body_of(size, **more):
    """A chat completion of exactly so many bytes."""
    data = json.dumps(completion("", **more)).encode()
    return json.dumps(completion("x" * (size - len(data)), **more)).encode()


def framed(data, frame):
    """A JSON reply in one of HTTP's three frames; a gate in the middle of it if there is one."""
    parts = data if isinstance(data, tuple) else (data,)
    length = sum(len(part) for part in parts if isinstance(part, bytes))

    def behave(connection, request):
        connection.send(head(chunked=frame == "chunked", length=length if frame == "length" else None))
        for part in parts:
            if isinstance(part, Gate):
                part.wait()
            elif callable(part):
                return part(connection, request)
            else:
                connection.send(as_chunks(part) if frame == "chunked" else part)
        if frame == "chunked":
            connection.send(b"0\r\n\r\n")
        return frame != "close"

    return behave


FRAMES = ("length", "chunked", "close")


# --- JSON, short and long ---


@pytest.mark.asan
@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("size", (1000, MIB), ids=("short", "longest"))
def test_a_reply_that_is_read_whole_carries_its_cost(front, frame, size):
    data = body_of(size)
    server = front(framed(data, frame))
    c = Caller(server, JSON)
    assert (c.status, c.field("x-weir-cost-usd"), c.field("content-length")) == (200, "0.000135", str(size))
    assert c.rest() == data
    assert server.wait_for_rows(1)[0]["cost_pusd"] == COST


@pytest.mark.asan
@pytest.mark.parametrize("frame", FRAMES)
def test_a_longer_one_is_told_as_it_comes(front, frame):
    """The host sends its end only after the caller has seen the beginning."""
    size, gate = MIB + 100, Gate()
    data = body_of(size)
    server = front(framed((data[: MIB - 500], data[MIB - 500 : -10], gate, data[-10:]), frame))
    c = Caller(server, JSON)
    assert (c.status, c.field("x-weir-cost-usd"), c.field("x-inference-provider")) == (200, None, "a")
    assert c.field("content-length") == (str(size) if frame == "length" else None)
    while len(c.body) < size - 10:
        assert c.more()
    gate.open()
    assert c.rest() == data and c.complete
    row = server.wait_for_rows(1)[0]
    assert (row["cost_pusd"], row["partial"], row["estimated"], row["outcome"]) == (COST, 0, 0, "OK")


@pytest.mark.asan
def test_the_usage_of_a_long_reply_is_found_wherever_it_is(front):
    usage, long = {"usage": usage_of((400, 600, 50))}, completion("x" * 2 * MIB, usage=None)
    quoted = completion('say "usage": {"prompt_tokens": 9}' * 50_000)
    tokens = {**completion("x" * 2 * MIB, usage=None), "logprobs": [{"token": "usage", "logprob": -1}, {"token": "usage"}], **usage}
    for body in ({**usage, **long}, quoted, tokens):
        data = json.dumps(body).encode()
        for behaviour in (reply(data), framed((data[:1], data[1:50], data[50:]), "chunked")):
            server = front(behaviour)
            assert Caller(server, JSON).rest() == data
            assert server.wait_for_rows(1)[0]["cost_pusd"] == COST
    for behaviour in (reply(data), framed(data, "chunked")):
        server = front(behaviour, reply_bytes=0, hold_bytes="1KiB")
        assert Caller(server, JSON).rest() == data
        assert server.wait_for_rows(1)[0]["cost_pusd"] == COST


@pytest.mark.asan
@pytest.mark.parametrize("frame", ("length", "chunked"))
@pytest.mark.parametrize("end", (cut, reset), ids=("cut", "reset"))
def test_one_that_breaks_off_half_way_fails_over(front, frame, end):
    data = body_of(MIB)
    server = front(framed((data[: MIB // 2], end, data[MIB // 2 :]), frame))
    got = server.ask(body=JSON)
    assert got.json["choices"][0]["message"]["content"] == "from b"
    assert (got.field("x-inference-provider"), got.field("x-weir-attempts")) == ("b", "2")
    row = server.wait_for_rows(1)[0]
    assert (attempts_of(row), billed_of(row), row["cost_pusd"]) == ("a:CUT_REPLY b:OK", ["maybe", "yes"], COST)


@pytest.mark.asan
@pytest.mark.parametrize("frame", ("length", "chunked"))
@pytest.mark.parametrize("end", (cut, reset, silence), ids=("cut", "reset", "silence"))
def test_a_longer_one_that_breaks_off_is_cut(front, frame, end):
    """No byte that is not the provider's, and no end that looks like one."""
    data, gate = body_of(3 * MIB), Gate()
    server = front(framed((data[: 2 * MIB], gate, end, data[2 * MIB :]), frame), idle="1s")
    c = Caller(server, JSON)
    while len(c.body) < 2 * MIB:
        assert c.more()
    gate.open()
    assert c.rest() == data[: 2 * MIB] and not c.complete and c.is_closed()
    assert server.hosts[1].requests == []
    row = server.wait_for_rows(1)[0]
    assert (row["partial"], row["status"], len(server.rows())) == (1, 200, 1)
    assert server.chat("acme/large:b").status == 200


@pytest.mark.asan
@pytest.mark.parametrize("wanted", (JSON, STREAM), ids=("json", "stream"))
def test_no_cost_comment_in_what_is_not_a_stream(front, wanted):
    data = body_of(MIB + 1)
    for frame in FRAMES:
        server = front(framed(data, frame))
        c = Caller(server, wanted, fields={"x-weir-cost": "comment"})
        assert c.rest() == data and (c.complete or frame == "close")


@pytest.mark.asan
@pytest.mark.parametrize("bad", (b"", b"null", b"[]", b"{", b"<html>", b"\xff", b'{"choices":[]} x', b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000))
def test_a_reply_that_is_no_answer(front, bad):
    """What is not JSON fails over; what is, in whatever form, is the provider's to say."""
    server = front(reply(bad))
    got = server.ask(body=JSON)
    try:
        json.loads(bad)
        assert got.field("x-inference-provider") == "a" and got.body == bad
        assert got.field("x-weir-cost-usd") == "unknown"
    except (ValueError, RecursionError):
        assert got.field("x-inference-provider") in ("a", "b") and got.status == 200
        assert got.field("x-inference-provider") == "b" or got.body == bad


# --- compressed although nobody asked for it ---


def raw_deflate(data):
    z = zlib.compressobj(wbits=-15)
    return z.compress(data) + z.flush()


CODINGS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "deflate_raw": raw_deflate}
PLAIN = {"gzip": gzip.decompress, "x-gzip": gzip.decompress, "deflate": zlib.decompress, "deflate_raw": lambda d: zlib.decompress(d, -15)}


def coding_of(kind):
    return [("content-encoding", kind.split("_")[0])]


@pytest.mark.asan
@pytest.mark.parametrize("kind", CODINGS)
def test_a_compressed_reply_passes_and_is_counted(front, kind):
    data = CODINGS[kind](json.dumps(completion()).encode())
    server = front(reply(data, fields=coding_of(kind), pieces=3))
    got = server.ask(body=JSON)
    assert (got.body, got.field("content-encoding")) == (data, kind.split("_")[0])
    assert got.field("x-weir-cost-usd") == "0.000135"
    assert server.hosts[0].requests[0].field("accept-encoding") == "identity"
    assert server.wait_for_rows(1)[0]["cost_pusd"] == COST


def compressed_events(kind, events):
    z = zlib.compressobj(wbits={"gzip": 31, "x-gzip": 31, "deflate": 15, "deflate_raw": -15}[kind])
    parts = [z.compress(part) + z.flush(zlib.Z_SYNC_FLUSH) for part in events]
    return parts[:-1] + [parts[-1] + z.flush()]


def inflater(kind):
    return zlib.decompressobj({"gzip": 31, "x-gzip": 31, "deflate": 15, "deflate_raw": -15}[kind])


@pytest.mark.asan
@pytest.mark.parametrize("pieces", (None, 5), ids=("whole", "in_pieces"))
@pytest.mark.parametrize("kind", CODINGS)
def test_a_compressed_stream_passes_and_is_counted(front, kind, pieces):
    parts = compressed_events(kind, stream_events())
    server = front(stream(parts, fields=coding_of(kind), pieces=pieces))
    c = Caller(server, STREAM, fields={"x-weir-cost": "comment"})
    assert c.rest() == b"".join(parts) and c.complete and c.field("content-encoding") == kind.split("_")[0]
    row = server.wait_for_rows(1)[0]
    assert (row["cost_pusd"], row["estimated"], row["outcome"]) == (COST, 0, "OK")
    assert row["ttft_ms"] is not None


@pytest.mark.asan
def test_a_compressed_stream_is_told_as_it_comes(front):
    gate, events, z = Gate(), stream_events("a text"), inflater("gzip")
    parts = compressed_events("gzip", events)
    server = front(stream(parts, fields=coding_of("gzip"), gap=lambda n: n < 2 or gate.wait()))
    c, seen = Caller(server, STREAM), b""
    for number in range(2, len(events) + 1):
        while seen != b"".join(events[:number]):
            assert c.more()
            seen, c.body = seen + z.decompress(c.body), bytearray()
        gate.open()
    assert c.rest() == b"" and c.complete


@pytest.mark.asan
def test_a_compressed_stream_may_lack_its_last_line_ends(front):
    for end in (SHOWN[:-2], SHOWN[: SHOWN.index(b"data: [DONE]") - 2]):
        data = gzip.compress(end)
        server = front(stream([data], fields=coding_of("gzip")))
        c = Caller(server, STREAM)
        assert c.rest() == data and c.complete
        assert server.wait_for_rows(1)[0]["outcome"] == "OK"


COMPRESSED_EARLY = {
    "error_event": (gzip.compress(ROLE + ERROR), None),
    "no_answer": (gzip.compress(ROLE), None),
    "cut": (gzip.compress(ROLE + TOKEN)[:-20][:40], cut),
    "no_gzip": (ROLE + TOKEN + FINISH + DONE, None),
    "broken_gzip": (gzip.compress(ROLE)[:12] + b"\xff" * 40, None),
}


@pytest.mark.asan
@pytest.mark.parametrize("kind", COMPRESSED_EARLY)
def test_a_compressed_stream_can_be_taken_back(front, kind):
    data, then = COMPRESSED_EARLY[kind]
    server = front(stream([data], fields=coding_of("gzip"), then=then), second=stream())
    c = Caller(server, STREAM)
    assert c.rest() == SHOWN and c.complete and c.field("x-inference-provider") == "b"
    assert c.field("content-encoding") is None


@pytest.mark.asan
@pytest.mark.parametrize("end", (cut, reset, silence), ids=("cut", "reset", "silence"))
def test_a_compressed_stream_that_breaks_off_is_cut(front, end):
    """Text of weir's own would be no part of it: the missing end tells."""
    parts = compressed_events("gzip", [ROLE, TOKEN, FINISH])[:2]
    server = front(stream(parts, fields=coding_of("gzip"), then=end), idle="200ms")
    c = Caller(server, STREAM)
    assert c.rest() == b"".join(parts) and not c.complete and c.is_closed()
    row = server.wait_for_rows(1)[0]
    assert (row["partial"], row["output_tokens"], server.hosts[1].requests) == (1, 1, [])


@pytest.mark.asan
def test_what_cannot_be_read_passes_all_the_same(front):
    """Of unknown cost, which is not none."""
    data = b"\x1b\x00 something that only brotli knows"
    server = front(reply(data, fields=[("content-encoding", "br")]))
    got = server.ask(body=JSON)
    assert (got.body, got.field("content-encoding"), got.field("x-weir-cost-usd")) == (data, "br", "unknown")
    assert server.wait_for_rows(1)[0]["cost_pusd"] is None
    server.hosts[0].play(stream([data, data], fields=[("content-encoding", "br")]))
    c = Caller(server, STREAM)
    assert c.rest() == data * 2 and c.complete
    assert server.wait_for_rows(2)[1]["cost_pusd"] is None


@pytest.mark.asan
def test_the_usage_of_a_long_compressed_reply_is_found(front):
    data = gzip.compress(json.dumps(completion(random.Random(1).randbytes(2 * MIB).hex())).encode(), 1)
    assert len(data) > 2 * MIB
    server = front(reply(data, fields=coding_of("gzip")))
    assert Caller(server, JSON).rest() == data
    assert server.wait_for_rows(1)[0]["cost_pusd"] == COST


@pytest.mark.asan
def test_a_compressed_error_is_understood(front):
    body = gzip.compress(json.dumps({"error": {"message": "temperature is too high"}}).encode())
    server = front(reply(body, 400, coding_of("gzip")))
    got = server.ask(body=JSON)
    assert (got.status, got.body, got.field("content-encoding")) == (400, body, "gzip")
    server.hosts[0].play(reply(gzip.compress(json.dumps({"error": {"message": "maximum context length is 5"}}).encode()), 400, coding_of("gzip")))
    assert server.ask(body=JSON).status == 400
    assert attempts_of(server.wait_for_rows(2)[1]) == "a:CONTEXT_LENGTH"


def test_a_bomb_stays_small(front):
    """64 KiB that become 64 MiB: memory does not follow."""
    bomb = gzip.compress(b'{"a": "' + b"x" * (64 << 20), 9)
    events = gzip.compress(event({"choices": [{"delta": {"content": "x" * (64 << 20)}}]}), 9)
    server = front(reply(bomb, fields=coding_of("gzip")), second=stream(), fresh=True)
    assert server.chat("acme/large").status == 200
    before = server.resident_kib()
    for behaviour in (reply(bomb, fields=coding_of("gzip")), stream([events], fields=coding_of("gzip")), stream([events[:1000]] * 50, fields=coding_of("gzip"))):
        server.hosts[0].play(behaviour)
        for wanted in (JSON, STREAM):
            Caller(server, wanted).rest()
    assert server.resident_kib() - before < 32 << 10
    server.hosts[0].play(reply(completion()))
    assert server.ask(body=JSON).field("x-weir-cost-usd") == "0.000135"


@pytest.mark.asan
@pytest.mark.parametrize("late", (stream(compressed_events("gzip", stream_events()), fields=coding_of("gzip")), reply(body_of(2 * MIB))), ids=("compressed", "long_json"))
def test_what_does_not_fit_a_head_that_went_out_is_told(front, late):
    """The head said "events, not compressed" before the provider said otherwise."""
    gate = Gate()
    server = front(lambda c, r: gate.wait() or late(c, r), hold_time="50ms", comment_time="20ms")
    c = Caller(server, STREAM)
    assert c.event() == b": keep-alive\n\n"
    gate.open()
    assert last_fault(c.rest())["code"] == "stream_malformed"
    assert c.complete and server.wait_for_rows(1)[0]["partial"] == 1


# --- what it cost ---


@pytest.mark.asan
def test_the_cost_comment_stands_before_the_end_mark(front):
    for events, tail in ((stream_events(), DONE), (stream_events()[:-1], b"")):
        server = front(stream(events))
        c = Caller(server, STREAM, fields={"x-weir-cost": "comment"})
        body = c.rest()
        comment = f": x-weir-cost-usd=0.000135 x-request-id={c.field('x-request-id')}\n\n".encode()
        assert body.endswith(FINISH + comment + tail) and body.replace(comment, b"") == b"".join(stream_events(usage=None)[:-1]) + tail
        assert Caller(server, STREAM, fields={"x-weir-cost": "no"}).rest() == body.replace(comment, b"")


@pytest.mark.asan
def test_a_generation_while_it_runs_and_afterwards(front):
    gate = Gate()
    server = front(played(ROLE, TOKEN, gate, FINISH, USAGE, DONE), lines="")
    c = Caller(server, STREAM)
    path = f"/v1/generation?id={c.field('x-request-id')}"
    assert server.ask(path).status == 202
    gate.open()
    assert c.rest().endswith(DONE)
    told = until(lambda: (got := server.ask(path)).status == 200 and got.json)
    assert (told["cost_pusd"], told["provider"], told["cost_usd"]) == (COST, "a", "0.000135")
    for unknown in ("req_" + "0" * 32, c.field("x-request-id")[:-1], "x", ""):
        assert server.ask(f"/v1/generation?id={unknown}").status == 404


@pytest.mark.asan
def test_a_generation_is_for_the_key_that_made_it(front):
    gate = Gate()
    server = front(played(ROLE, TOKEN, gate, FINISH, DONE), fresh=True)
    mine, other = (
        {"authorization": "Bearer " + next(w for w in server.command("key", "create", "--name", n).stdout.split() if w.startswith("sk-weir-"))}
        for n in ("mine", "other")
    )
    until(lambda: server.ask("/v1/models", fields=other).status == 200 and server.ask("/v1/models").status == 401)
    c = Caller(server, STREAM, fields=mine)
    path = f"/v1/generation?id={c.field('x-request-id')}"
    assert (server.ask(path, fields=mine).status, server.ask(path, fields=other).status, server.ask(path).status) == (202, 404, 401)
    gate.open()
    c.rest()
    until(lambda: server.ask(path, fields=mine).status == 200)
    assert (server.ask(path, fields=other).status, server.ask(path).status) == (404, 401)


def test_bug_a_generation_of_an_endless_name_is_json(front):
    """The names of three attempts are more than a row keeps: cut, they would be no JSON."""
    server = front(fault(500))
    got = server.chat("a/" + "x" * 3000)
    assert got.status == 502
    told = server.generation(got)
    assert told["attempts"] == [] and told["asked"] == "a/" + "x" * 3000 and told["outcome"] == "UP_5XX"
    got = server.chat("a/" + "x" * 900)
    assert [one["model"] for one in server.generation(got)["attempts"]] == ["x" * 900] * 3


# --- who reads it ---


@pytest.mark.asan
@pytest.mark.parametrize("keep", (False, True), ids=("close", "keep"))
def test_an_old_client(front, keep):
    """HTTP/1.0 knows no chunks: a stream ends with the connection."""
    server = front(stream())
    fields = {"connection": "keep-alive"} if keep else {}
    c = Caller(server, STREAM, version="1.0", fields=fields)
    assert (c.status, c.field("transfer-encoding"), c.field("content-length")) == (200, None, None)
    assert c.rest() == SHOWN and c.is_closed()
    server.hosts[0].play(reply(completion()))
    c = Caller(server, JSON, version="1.0", fields=fields)
    assert json.loads(c.rest())["usage"] and c.complete and c.field("connection") == ("keep-alive" if keep else "close")
    assert keep or c.is_closed()


@pytest.mark.asan
def test_an_old_client_is_told_of_a_cut(front):
    server = front(played(ROLE, TOKEN, cut))
    c = Caller(server, STREAM, version="1.0")
    assert last_fault(c.rest())["code"] == "stream_cut" and c.is_closed()


@pytest.mark.asan
def test_several_answers(front):
    def choice(index, delta, finish=None):
        return event({**chunk({}), "choices": [{"index": index, "delta": delta, "finish_reason": finish}]})

    events = [choice(0, {"content": "a"}), choice(1, {"content": "b"}), choice(0, {}, "stop"), choice(1, {"content": "c"}), choice(1, {}, "stop"), USAGE]
    server = front(stream(events))
    c = Caller(server, chat_body(stream=True, n=2))
    assert c.rest() == b"".join(events[:-1]) and c.complete
    assert server.wait_for_rows(1)[0]["cost_pusd"] == COST
    body = {**completion(), "choices": completion("a")["choices"] + completion("b")["choices"]}
    server.hosts[0].play(reply(body))
    assert server.ask(body=chat_body(n=2)).json == body


@pytest.mark.asan
def test_completions(front):
    def text(text, finish=None):
        return event({"id": "cmpl-1", "object": "text_completion", "model": "large-v1", "choices": [{"index": 0, "text": text, "finish_reason": finish}]})

    ask = {"model": "acme/large", "prompt": "hi", "stream": True}
    usage = event({"id": "cmpl-1", "object": "text_completion", "model": "large-v1", "choices": [], "usage": usage_of((400, 600, 50))})
    server = front(stream([text(""), text("he"), text("llo", "stop"), usage, DONE]))
    c = Caller(server, ask, path="/v1/completions")
    assert c.rest() == text("") + text("he") + text("llo", "stop") + DONE and c.complete
    assert server.wait_for_rows(1)[0]["cost_pusd"] == COST
    assert server.hosts[0].requests[0].target == "/v1/completions"
    server.hosts[0].play(played(text(""), cut))
    server.hosts[1].play(stream([text("b", "stop"), DONE]))
    assert Caller(server, ask, path="/v1/completions").rest() == text("b", "stop") + DONE
    server.hosts[0].play(played(text("x"), cut))
    assert last_fault(Caller(server, ask, path="/v1/completions").rest())["code"] == "stream_cut"


def endless(sent, parts, stuck):
    """Sends the parts as fast as it can, counts them in sent[0] and tells when it cannot send any more."""

    def behave(connection, request):
        connection.send(head(chunked=True, type="text/event-stream") + as_chunks(TOKEN))
        for part in parts:
            if not select.select([], [connection.sock], [], 0.3)[1]:
                stuck.set()
            connection.send(part)
            sent[0] += len(part)
        connection.send(as_chunks(FINISH + DONE) + b"0\r\n\r\n")

    return behave


@pytest.mark.parametrize("kind", ("events", "one_long_json"))
def test_a_slow_reader_slows_the_host_and_costs_no_memory(front, kind):
    """64 MiB for one who does not read: the host can't send more than what the kernel's buffers take."""
    sent, stuck, size = [0], threading.Event(), 64 * MIB
    if kind == "events":
        part = event(chunk({"content": "x" * 4000})) * 8
        behaviour, size = endless(sent, [as_chunks(part)] * (size // len(part)), stuck), size // len(part) * len(part)
    else:
        part = b" " * (64 << 10)

        def behaviour(connection, request):
            connection.send(head(length=size))
            for _ in range(size // len(part)):
                if not select.select([], [connection.sock], [], 0.3)[1]:
                    stuck.set()
                connection.send(part)
                sent[0] += len(part)

    server = front(behaviour, fresh=True)
    before = server.resident_kib()
    c = Caller(server, STREAM, buffer=4096)
    assert c.status == 200
    assert stuck.wait(TOO_LATE)
    assert sent[0] < 40 * MIB and server.resident_kib() - before < 4 << 10
    body, total = b"", 0
    while c.more():
        total, body, c.body = total + len(c.body), body[-200:] + c.body[-200:], bytearray()
    assert c.complete and total >= size and (kind != "events" or body.endswith(DONE))
    assert server.resident_kib() - before < 4 << 10


@pytest.mark.asan
@pytest.mark.parametrize("leave", (Caller.close, Caller.reset), ids=("close", "reset"))
def test_who_hangs_up_in_a_stream_ends_the_call(front, leave):
    closed, gate = threading.Event(), Gate()

    def behave(connection, request):
        connection.send(head(chunked=True, type="text/event-stream") + as_chunks(ROLE, TOKEN, TOKEN, TOKEN))
        gate.wait()
        connection.wait_closed()
        closed.set()
        return False

    server = front(behave, fresh=True)
    c = Caller(server, STREAM)
    assert [c.event() for _ in range(4)] == [ROLE, TOKEN, TOKEN, TOKEN]
    leave(c)
    gate.open()
    assert closed.wait(TOO_LATE)
    row = server.wait_for_rows(1)[0]
    assert (row["outcome"], row["partial"], row["estimated"], row["output_tokens"]) == ("CLIENT_GONE", 1, 1, 3)
    assert attempts_of(row) == "a:CLIENT_GONE" and billed_of(row) == ["yes"] and row["cost_pusd"] > 0
    assert server.metric("weir_requests_in_flight") == 1  # the one that asks


@pytest.mark.asan
@pytest.mark.parametrize("wanted", (JSON, STREAM), ids=("json", "stream"))
@pytest.mark.parametrize("before", (b"", head(chunked=True, type="text/event-stream") + as_chunks(ROLE), head(length=500) + b"{"), ids=("silent", "role", "half"))
def test_who_hangs_up_before_the_answer_ends_the_call(front, wanted, before):
    closed = threading.Event()

    def behave(connection, request):
        connection.send(before)
        connection.wait_closed()
        closed.set()
        return False

    server = front(behave)
    c = Caller(server, wanted)
    server.hosts[0].wait_for_requests(1)
    c.close()
    assert closed.wait(TOO_LATE)
    row = server.wait_for_rows(1)[0]
    assert (attempts_of(row), billed_of(row), row["partial"], row["cost_pusd"]) == ("a:CLIENT_GONE", ["maybe"], 1, None)
    assert server.hosts[1].requests == []


@pytest.mark.asan
def test_who_hangs_up_without_reading_ends_the_call(front):
    """The host's reading is paused then; that must not hide that the caller went."""
    sent, stuck, ended = [0], threading.Event(), threading.Event()
    part = as_chunks(event(chunk({"content": "x" * 4000}))) * 8
    send = endless(sent, [part] * 4000, stuck)

    def behave(connection, request):
        try:
            return send(connection, request)
        finally:
            ended.set()

    server = front(behave)
    c = Caller(server, STREAM, buffer=4096)
    assert c.status == 200 and stuck.wait(TOO_LATE)
    c.reset()
    assert ended.wait(TOO_LATE)
    assert server.wait_for_rows(1)[0]["outcome"] == "CLIENT_GONE"


@pytest.mark.asan
def test_who_takes_nothing_for_long_is_given_up(front):
    sent, stuck, ended = [0], threading.Event(), threading.Event()
    part = as_chunks(event(chunk({"content": "x" * 4000}))) * 8
    send = endless(sent, [part] * 4000, stuck)

    def behave(connection, request):
        try:
            return send(connection, request)
        finally:
            ended.set()

    server = front(behave, lines="limits: {write_time: 500ms}\n")
    c = Caller(server, STREAM, buffer=4096)
    assert c.status == 200 and ended.wait(TOO_LATE)
    assert server.wait_for_rows(1)[0]["outcome"] == "CLIENT_GONE"
    c.close()


@pytest.mark.asan
def test_an_error_keeps_its_fields(front):
    """The caller's own fault comes back as the provider said it, with what it says about its limits."""
    server = front(fault(422, "top_p is wrong", [("x-ratelimit-remaining-requests", "7"), ("server", "secret"), ("x-request-id", "up-1")], param="top_p"))
    got = server.ask(body=JSON)
    assert (got.status, got.json["error"]["param"], got.field("x-ratelimit-remaining-requests")) == (422, "top_p", "7")
    assert got.field("server") is None and got.field("x-request-id").startswith("req_")
