"""Streams: held back until the first token, told event by event as they come, never made to look complete."""
import json
import threading

import pytest

from caller import Caller, chat_body, last_fault
from front import COST, attempts_of, billed_of
from host import (
    as_chunks, chunk, completion, cut, drip, event, fault, head, raw, reply, reset, silence, stream, stream_events, usage_of,
)
from weir import until

pytestmark = pytest.mark.asan

ROLE = event(chunk({"role": "assistant", "content": ""}))
TOKEN = event(chunk({"content": "x"}))
FINISH = event(chunk({}, "stop"))
USAGE = event({**chunk({}), "choices": [], "usage": usage_of((400, 600, 50))})
DONE = event(b"[DONE]")
ERROR = event({"error": {"message": "overloaded", "type": "server_error", "code": 503}})
TOO_LATE = 20.0  # seconds; nothing that is waited for takes nearly as long

STREAM = chat_body(stream=True)
SHOWN = b"".join(stream_events(usage=None))  # of the usual stream, to one who did not ask for usage


class Gate:
    """Lets a host go on when the test says so."""

    def __init__(self):
        self.steps = threading.Semaphore(0)

    def wait(self, *_):
        assert self.steps.acquire(timeout=TOO_LATE), "the test never opened the gate"

    def open(self, times=1):
        for _ in range(times):
            self.steps.release()


def played(*parts):
    """A stream out of bytes (sent as one HTTP chunk each), gates (waited for) and, as its end, a behaviour."""

    def behave(connection, request):
        connection.send(head(chunked=True, type="text/event-stream"))
        for part in parts:
            if isinstance(part, bytes):
                connection.send(as_chunks(part))
            elif isinstance(part, Gate):
                part.wait()
            else:
                return part(connection, request)
        connection.send(b"0\r\n\r\n")

    return behave


def wire(data, fields="transfer-encoding: chunked", then=cut):
    """A stream's head, then exactly these bytes, then the behaviour."""

    def behave(connection, request):
        connection.send(f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{fields}\r\n\r\n".encode() + data)
        return then(connection, request)

    return behave


@pytest.fixture
def front(in_front, lasting):
    """front(first's behaviour, ...) is weir with two hosts; the second has a stream ready."""
    return lambda behaviour, fresh=False, **more: (in_front if fresh else lasting)(behaviour, stream(), **more)


# --- until the first token another host can answer ---

TOKENS = {
    "text": {"content": "x"},
    "blank_text": {"content": " "},
    "reasoning": {"reasoning": "x"},
    "reasoning_content": {"content": None, "reasoning_content": "x"},
    "reasoning_details": {"reasoning_details": [{"type": "reasoning.text", "text": "x"}]},
    "tool_call": {"tool_calls": [{"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
    "refusal": {"refusal": "no"},
    "function_call": {"function_call": {"name": "f", "arguments": ""}},
}
NO_TOKENS = {
    "role": ROLE,
    "empty": event(chunk({"content": ""})),
    "null": event(chunk({"content": None, "reasoning": None, "refusal": None, "tool_calls": None})),
    "no_tool_calls": event(chunk({"tool_calls": [], "content": ""})),
    "no_choices": event({**chunk({}), "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}),
    "comment": b": OPENROUTER PROCESSING\n\n",
    "ping": b"event: ping\ndata: {}\n\n",
    "empty_data": b"data:\n\n",
    "retry": b"retry: 3000\nid: 7\n\n",
}


@pytest.mark.parametrize("kind", TOKENS)
def test_the_first_token_is_the_point_of_no_return(front, kind):
    token = event(chunk(TOKENS[kind]))
    server = front(played(ROLE, token, cut))
    c = Caller(server, STREAM)
    assert (c.status, c.field("x-inference-provider"), c.field("x-weir-attempts")) == (200, "a", "1")
    assert (c.event(), c.event()) == (ROLE, token)
    assert last_fault(c.rest())["code"] == "stream_cut"
    assert server.hosts[1].requests == []


@pytest.mark.parametrize("kind", NO_TOKENS)
def test_what_is_no_token_can_be_taken_back(front, kind):
    server = front(played(NO_TOKENS[kind], cut))
    c = Caller(server, STREAM)
    assert (c.status, c.field("x-inference-provider"), c.field("x-weir-attempts")) == (200, "b", "2")
    assert c.rest() == SHOWN and c.complete
    row = server.wait_for_rows(1)[0]
    assert (attempts_of(row), row["cost_pusd"], billed_of(row)) == ("a:CUT_REPLY b:OK", COST, ["maybe", "yes"])


def test_a_finish_without_a_token_is_an_answer(front):
    server = front(played(ROLE, FINISH, DONE))
    c = Caller(server, STREAM)
    assert c.rest() == ROLE + FINISH + DONE and c.complete
    assert server.hosts[1].requests == []


EARLY = {
    "error_event": (ROLE + ERROR, DONE, {}, "ERROR_EVENT"),
    "error_first": (ERROR, {}, "ERROR_EVENT"),
    "error_text": (event({"error": "overloaded"}), DONE, {}, "ERROR_EVENT"),
    "error_by_name": (b"event: error\n" + event({"message": "busy"}), cut, {}, "ERROR_EVENT"),
    "limit_event": (event({"error": {"message": "slow down", "code": 429}}), {}, "RATE_LIMITED"),
    "key_event": (event({"error": {"message": "who are you", "code": 401}}), {}, "UP_CREDENTIAL"),
    "cut": (ROLE, cut, {}, "CUT_REPLY"),
    "reset": (ROLE, reset, {}, "CUT_REPLY"),
    "ends_at_once": ({}, "CUT_REPLY"),
    "ends_with_the_role": (ROLE, {}, "CUT_REPLY"),
    "silent": (silence, {"first_token": "200ms"}, "FIRST_TOKEN"),
    "silent_after_the_role": (ROLE, silence, {"first_token": "200ms"}, "FIRST_TOKEN"),
    "only_comments": (drip(0.01, b": still here\n\n"), {"first_token": "200ms"}, "FIRST_TOKEN"),
    "not_json": (b"data: <html>\n\n", {}, "BAD_REPLY"),
    "bad_utf8": (b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n', {}, "BAD_REPLY"),
    "event_too_long": (b"data: " + b"x" * 3000, {"event_bytes": "1KiB"}, "BAD_REPLY"),
}


@pytest.mark.parametrize("kind", EARLY)
def test_before_the_first_token_another_host_answers(front, kind):
    *parts, config, outcome = EARLY[kind]
    server = front(played(*parts), fresh=kind in ("limit_event", "key_event"), **config)
    c = Caller(server, STREAM)
    assert c.rest() == SHOWN and c.complete, c.body
    assert (c.status, c.field("x-inference-provider"), c.field("x-weir-attempts")) == (200, "b", "2")
    row = server.wait_for_rows(1)[0]
    assert attempts_of(row) == f"a:{outcome} b:OK" and row["cost_pusd"] == COST and row["partial"] == 0
    assert len(server.rows()) == 1


FRAMES = {
    "bad_chunk": wire(b"zz\r\n"),
    "chunk_without_end": wire(as_chunks(ROLE)[:-2] + b"junk"),
    "endless_chunk_size": wire(b"f" * 40 + b"\r\n"),
    "short_length": wire(ROLE, "content-length: 9999"),
    "two_lengths": wire(ROLE, "content-length: 5\r\ncontent-length: 6"),
    "length_and_chunks": wire(as_chunks(ROLE + TOKEN + FINISH + DONE) + b"0\r\n\r\n", "transfer-encoding: chunked\r\ncontent-length: 5"),
    "folded": wire(ROLE, "x-a: b\r\n c: d\r\ncontent-length: 9999"),
    "coding_unknown": wire(ROLE, "transfer-encoding: gzip, chunked"),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_that_is_wrong_from_the_start_fails_over(front, kind):
    server = front(FRAMES[kind])
    c = Caller(server, STREAM)
    assert c.rest() == SHOWN and c.complete, c.body
    assert c.field("x-inference-provider") == "b"


def test_the_first_token_may_come_late_but_not_too_late(front):
    """The same pause, with a limit below and above it."""
    for limit, provider in (("100ms", "b"), ("10s", "a")):
        gate = Gate()
        server = front(played(ROLE, gate, TOKEN, FINISH, DONE), first_token=limit)
        c = Caller(server, STREAM)
        if provider == "b":
            assert c.field("x-inference-provider") == "b"  # it answered while the gate was shut
        gate.open()
        assert c.field("x-inference-provider") == provider and c.rest().endswith(DONE)


def test_an_abandoned_attempt_is_closed(front):
    """A host that is too slow is not left to work on, and what it says later reaches nobody."""
    closed = threading.Event()

    def slow(connection, request):
        connection.send(head(chunked=True, type="text/event-stream") + as_chunks(ROLE))
        connection.wait_closed()
        closed.set()
        return False

    server = front(slow, first_token="100ms")
    assert Caller(server, STREAM).rest() == SHOWN
    assert closed.wait(TOO_LATE)


# --- held back no longer ---


def test_held_back_for_too_long_it_goes_out_and_stays_alive(front):
    gate = Gate()
    server = front(played(gate, ROLE, TOKEN, FINISH, USAGE, DONE), hold_time="50ms", comment_time="20ms")
    c = Caller(server, STREAM)
    assert (c.status, c.field("content-type"), c.field("x-inference-provider")) == (200, "text/event-stream", "a")
    assert [c.event() for _ in range(3)] == [b": keep-alive\n\n"] * 3
    gate.open()
    assert c.rest().replace(b": keep-alive\n\n", b"") == ROLE + TOKEN + FINISH + DONE and c.complete
    assert server.wait_for_rows(1)[0]["cost_pusd"] == COST


LATE = {
    "cut": (cut, {}, "stream_cut"),
    "error_event": (ERROR, {}, "error_in_stream"),
    "no_first_token": (silence, {"first_token": "400ms"}, "first_token_timeout"),
}


@pytest.mark.parametrize("kind", LATE)
def test_once_the_head_is_out_nothing_is_tried_again(front, kind):
    *parts, config, code = LATE[kind]
    gate = Gate()
    server = front(played(gate, *parts), hold_time="50ms", comment_time="20ms", **config)
    c = Caller(server, STREAM)
    assert c.event() == b": keep-alive\n\n"
    gate.open()
    body = c.rest()
    assert b'"error"' in body and b"[DONE]" not in body
    assert server.hosts[1].requests == []
    assert len(server.wait_for_rows(1)) == 1


@pytest.mark.parametrize("behaviour", (fault(500), fault(429), reply(completion()), raw(b"junk"), cut), ids=("500", "429", "json", "junk", "closed"))
def test_what_comes_too_late_for_another_host_is_told_in_the_stream(front, behaviour):
    gate = Gate()
    server = front(lambda c, r: gate.wait() or behaviour(c, r), fresh=True, hold_time="50ms", comment_time="20ms")
    c = Caller(server, STREAM)
    assert c.event() == b": keep-alive\n\n"
    gate.open()
    assert last_fault(c.rest())["type"] in ("upstream_error", "rate_limit_error")
    assert c.status == 200 and c.complete and server.hosts[1].requests == []


def test_held_back_bytes_are_bounded(front):
    """What is too much to hold goes out, token or not; then comments follow while nothing comes."""
    gate = Gate()
    filler = b": " + b"x" * 300 + b"\n\n"
    server = front(played(*[filler] * 4, gate, ROLE, TOKEN, FINISH, DONE), hold_bytes="1KiB", comment_time="20ms")
    c = Caller(server, STREAM)
    assert [c.event() for _ in range(5)] == [filler] * 4 + [b": keep-alive\n\n"]
    gate.open()
    assert c.rest().replace(b": keep-alive\n\n", b"") == ROLE + TOKEN + FINISH + DONE


def test_an_event_larger_than_all_that_is_held_back_gets_through(front):
    big = event({**chunk({}), "choices": [], "prompt_filter_results": ["x" * 3_000_000]})
    server = front(played(ROLE, big, TOKEN, FINISH, DONE))
    c = Caller(server, STREAM)
    assert c.rest() == ROLE + big + TOKEN + FINISH + DONE


# --- events are told when they come ---


def test_each_event_is_told_when_it_comes(front):
    """The host sends each event only after the caller has seen the one before: a buffer would hold up both."""
    gate, events = Gate(), stream_events("a long enough text", usage=None)
    server = front(stream(events, gap=lambda n: n < 2 or gate.wait()))
    c = Caller(server, STREAM)
    for number, expected in enumerate(events):
        if number >= 2:
            gate.open()
        assert c.event() == expected
    assert c.rest() == b"" and c.complete


def test_each_event_of_a_plain_close_delimited_stream_too(front):
    gate = Gate()

    def behave(connection, request):
        connection.send(head(type="text/event-stream"))
        for part in (TOKEN, TOKEN, FINISH + DONE):
            connection.send(part)
            gate.wait()
        return False

    server = front(behave)
    c = Caller(server, STREAM)
    for expected in (TOKEN, TOKEN, FINISH, DONE):
        assert c.event() == expected
        gate.open()
    assert c.rest() == b"" and c.complete


def test_half_an_event_is_never_told(front):
    """The half waits for its rest, and is dropped when that never comes."""
    for rest, told in ((TOKEN[20:] + FINISH + DONE, TOKEN + FINISH + DONE), (None, b"")):
        gate = Gate()
        server = front(played(TOKEN + TOKEN[:20], gate, rest or cut))
        c = Caller(server, STREAM)
        assert c.event() == TOKEN
        gate.open()
        body = c.rest()
        assert body == told if rest else body.startswith(b'data: {"error"')


LINES = [ROLE, TOKEN, b": comment\n\n", b"event: message\nid: 3\nretry: 9\n" + TOKEN, FINISH, DONE]
TWO_LINES = b'data: {"choices":\ndata: [{"delta":{"content":"x"}}]}\n\n'
TEXTS = {
    "lf": (b"".join(LINES), None),
    "crlf": (b"".join(LINES).replace(b"\n", b"\r\n"), None),
    "cr": (b"".join(LINES).replace(b"\n", b"\r"), None),
    "mixed": (ROLE + TOKEN.replace(b"\n", b"\r\n") + TOKEN.replace(b"\n\n", b"\r\n\n") + FINISH + DONE, None),
    "no_blank": (b"".join(LINES).replace(b"data: ", b"data:"), None),
    "several_lines": (ROLE + TWO_LINES + FINISH + DONE, None),
    "byte_order_mark": (b"\xef\xbb\xbf" + ROLE + TOKEN + FINISH + DONE, None),
    "no_done": (ROLE + TOKEN + FINISH, None),
    "no_last_line_end": ((ROLE + TOKEN + FINISH + DONE)[:-1], ROLE + TOKEN + FINISH + DONE),
    "no_last_line_ends": ((ROLE + TOKEN + FINISH + DONE)[:-2], ROLE + TOKEN + FINISH + DONE),
    "no_done_nor_line_ends": ((ROLE + TOKEN + FINISH)[:-2], ROLE + TOKEN + FINISH),
    "unknown_fields": (b"x-y: 1\n" + TOKEN + b"foo\n\n" + FINISH + DONE, None),
    "empty_lines": (b"\n\n\n" + TOKEN + b"\n\n" + FINISH + DONE, None),
    "after_done": (TOKEN + FINISH + DONE + b": bye\n\n", None),
    "wide": (event('{"choices":[{"delta":{"content":"äöü€😀 \\u0000"}}]}'.encode()) + FINISH + DONE, None),
}


@pytest.mark.parametrize("pieces", (False, True), ids=("whole", "in_pieces"))
@pytest.mark.parametrize("kind", TEXTS)
def test_the_text_stays_as_it_is(front, kind, pieces):
    sent, expected = TEXTS[kind]
    server = front(stream([sent], pieces=7 if pieces else None))
    c = Caller(server, STREAM)
    assert c.rest() == (expected or sent) and c.complete
    assert server.hosts[1].requests == []
    row = server.wait_for_rows(1)[0]
    assert (row["outcome"], row["partial"]) == ("OK", 0)


def test_a_stream_with_a_content_length(front):
    body = ROLE + TOKEN + FINISH + DONE
    server = front(wire(body, f"content-length: {len(body)}", then=lambda c, r: None), fresh=True)
    for _ in range(2):
        c = Caller(server, STREAM)
        assert c.rest() == body and c.complete
    assert server.hosts[0].connections == 1


# --- usage ---

SPLIT = event({**chunk({}, "stop"), "usage": usage_of((400, 600, 50))})
NULLS = event(chunk({"content": "x"}, usage=None))
GROQ = event({**chunk({}, "stop"), "x_groq": {"usage": usage_of((400, 600, 50))}})


@pytest.mark.parametrize(
    "sent, asked, shown",
    (
        ((ROLE, TOKEN, FINISH, USAGE, DONE), False, (ROLE, TOKEN, FINISH, DONE)),
        ((ROLE, TOKEN, FINISH, USAGE, DONE), True, (ROLE, TOKEN, FINISH, USAGE, DONE)),
        ((ROLE, TOKEN, FINISH, USAGE), False, (ROLE, TOKEN, FINISH)),
        ((ROLE, TOKEN, USAGE, FINISH, DONE), False, (ROLE, TOKEN, FINISH, DONE)),
        ((USAGE, TOKEN, FINISH, DONE), False, (TOKEN, FINISH, DONE)),
        ((ROLE, NULLS, SPLIT, DONE), False, (ROLE, NULLS, SPLIT, DONE)),
        ((ROLE, NULLS, SPLIT, DONE), True, (ROLE, NULLS, SPLIT, DONE)),
        ((ROLE, TOKEN, SPLIT), False, (ROLE, TOKEN, SPLIT)),
    ),
    ids=("apart", "apart_and_asked", "apart_no_done", "before_the_finish", "first_of_all", "with_the_finish", "with_it_and_asked", "no_done"),
)
def test_usage_counts_and_is_shown_to_who_asked(front, sent, asked, shown):
    server = front(stream(sent))
    c = Caller(server, chat_body(stream=True, **({"stream_options": {"include_usage": True}} if asked else {})))
    assert c.rest() == b"".join(shown) and c.complete
    assert server.wait_for_rows(1)[0]["cost_pusd"] == COST
    assert server.hosts[0].requests[0].json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("options", (None, {"include_usage": False}, {"include_obfuscation": False}), ids=("null", "false", "other"))
def test_usage_is_asked_for_beside_what_the_caller_wants(front, options):
    server = front(stream())
    c = Caller(server, chat_body(stream=True, stream_options=options))
    assert c.rest() == SHOWN
    assert server.hosts[0].requests[0].json["stream_options"] == {**(options or {}), "include_usage": True}


@pytest.mark.parametrize("provider", ("mistral", "perplexity"))
def test_usage_that_comes_unasked_stays(weir, host, provider):
    """It was not asked for by weir either: nothing is taken away from what the provider says."""
    first = host(stream())
    server = weir(
        f"providers: {{{provider}: {{base_url: '{first.url}', api_key: k}}}}\n"
        f"models: {{acme/large: [{{provider: {provider}, model: large-v1, price: {{input: 0.15, cached_input: 0.075, output: 0.60}}}}]}}\n"
    )
    c = Caller(server, STREAM)
    assert c.rest() == b"".join(stream_events())
    assert "stream_options" not in first.requests[0].json
    assert server.wait_for_rows(1)[0]["cost_pusd"] == COST


def test_a_stream_without_usage_is_estimated(front):
    server = front(stream(stream_events(usage=None)))
    assert Caller(server, STREAM).rest() == SHOWN
    row = server.wait_for_rows(1)[0]
    assert (row["estimated"], row["output_tokens"], row["partial"]) == (1, len("hello"), 0)
    assert row["input_tokens"] > 0 and row["cost_pusd"] > 0


# --- what goes wrong after the first token ---

BROKEN = {
    "cut": (cut, {}, "stream_cut"),
    "cut_in_an_event": (TOKEN[:25], cut, {}, "stream_cut"),
    "cut_before_the_empty_line": (TOKEN[:-1], cut, {}, "stream_cut"),
    "reset": (reset, {}, "stream_cut"),
    "ends_without_a_finish": ({}, "stream_cut"),
    "ends_in_an_event": (TOKEN[:25], {}, "stream_cut"),
    "stall": (silence, {"idle": "200ms"}, "stream_stalled"),
    "stall_in_an_event": (TOKEN[:25], silence, {"idle": "200ms"}, "stream_stalled"),
    "not_json": (b"data: <html>\n\n", TOKEN, {}, "stream_malformed"),
    "half_json": (b'data: {"choices":[\n\n', TOKEN, {}, "stream_malformed"),
    "bad_utf8": (b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', {}, "stream_malformed"),
    "nul": (b"data: \x00\x00\n\n", {}, "stream_malformed"),
    "event_too_long": (b"data: " + b"x" * 5000, {"event_bytes": "2KiB"}, "stream_malformed"),
    "for_ever": (drip(0.01, TOKEN), {"total": "600ms"}, "request_timeout"),
    "comments_for_ever": (drip(0.01, b": x\n\n"), {"total": "600ms"}, "request_timeout"),
    "drip": (drip(0.01, b"d"), {"total": "600ms"}, "request_timeout"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_after_the_first_token_a_failure_is_told(front, kind):
    *parts, config, code = BROKEN[kind]
    server = front(played(ROLE, TOKEN, *parts), **config)
    c = Caller(server, STREAM)
    body = c.rest()
    assert c.status == 200 and body.startswith(ROLE + TOKEN)
    fault = last_fault(body)
    assert (fault["code"], fault["type"]) == (code, "upstream_error")
    assert set(body.split(b"\n\n")[:-2]) <= {ROLE[:-2], TOKEN[:-2], b": x"}  # no [DONE], no half event
    assert server.hosts[1].requests == []
    rows = server.wait_for_rows(1)
    assert len(rows) == 1 and rows[0]["partial"] == 1 and rows[0]["status"] == 200
    assert billed_of(rows[0]) == ["yes"] and rows[0]["output_tokens"] >= 1 and rows[0]["estimated"] == 1


@pytest.mark.parametrize(
    "tail",
    (b"zz\r\n", b"5\r\nabcdefgh\r\n", b"-1\r\n", b"\r\n\r\n", b"0x5\r\nhello\r\n", b"ffffffffffffffffff\r\n", b"5;" + b"e" * 200_000),
    ids=("no_number", "too_long", "negative", "empty", "hex_prefix", "overflow", "extension"),
)
def test_a_malformed_chunk_is_told(front, tail):
    server = front(wire(as_chunks(ROLE, TOKEN) + tail), idle="1s")
    c = Caller(server, STREAM)
    body = c.rest()
    assert body.startswith(ROLE + TOKEN) and last_fault(body)["type"] == "upstream_error" and b"[DONE]" not in body
    assert server.wait_for_rows(1)[0]["partial"] == 1


def test_a_content_length_that_promises_more_is_a_cut(front):
    body = ROLE + TOKEN + FINISH
    server = front(wire(body, f"content-length: {len(body) + 10}"))
    assert last_fault(Caller(server, STREAM).rest())["code"] == "stream_cut"


def test_a_content_length_that_promises_less_ends_it_there(front):
    """What follows is no part of the answer, and the connection is not used again."""
    body = ROLE + TOKEN + FINISH + DONE
    server = front(wire(body + TOKEN, f"content-length: {len(body)}", then=lambda c, r: None), fresh=True)
    for _ in range(2):
        assert Caller(server, STREAM).rest() == body
    assert server.hosts[0].connections == 2


def test_chunk_extensions_and_trailers_are_no_part_of_it(front):
    body = ROLE + TOKEN + FINISH + DONE
    framed = b"%x;name=value;q=\"a b\"\r\n%s\r\n0\r\nx-trailer: 1\r\nx-request-id: 2\r\n\r\n" % (len(body), body)
    server = front(wire(framed, then=lambda c, r: None), fresh=True)
    for _ in range(2):
        c = Caller(server, STREAM)
        assert c.rest() == body and c.complete
    assert server.hosts[0].connections == 1


def test_an_error_of_the_provider_in_the_stream_is_passed(front):
    """Its own words reach the caller, and are enough: no second error, and no success in the ledger."""
    for ending in ((), (cut,), (DONE,), (silence,)):
        server = front(played(ROLE, TOKEN, ERROR, *ending), idle="200ms")
        c = Caller(server, STREAM)
        body = c.rest()
        assert body == ROLE + TOKEN + ERROR + (DONE if DONE in ending else b"")
        assert server.hosts[1].requests == []
        row = server.wait_for_rows(1)[0]
        assert (row["outcome"], row["partial"]) == ("STREAM_ERROR", 1)


@pytest.mark.parametrize("end", (cut, reset, silence, raw(b"junk")), ids=("cut", "reset", "silence", "junk"))
def test_behind_its_own_end_mark_a_stream_is_complete(front, end):
    """Some hosts never send HTTP's own end."""
    server = front(played(ROLE, TOKEN, FINISH, USAGE, DONE, end))
    c = Caller(server, STREAM)
    assert c.rest() == ROLE + TOKEN + FINISH + DONE and c.complete
    row = server.wait_for_rows(1)[0]
    assert (row["outcome"], row["partial"], row["cost_pusd"]) == ("OK", 0, COST)


@pytest.mark.parametrize("end", (silence, cut), ids=("silence", "cut"))
def test_an_end_mark_alone_does_not_hang(front, end):
    server = front(played(DONE, end))
    c = Caller(server, STREAM)
    assert c.rest() in (DONE, SHOWN)
    assert server.wait_for_rows(1)[0]["partial"] == 0


def test_a_second_answer_that_is_missing_is_a_cut(front):
    """Two answers were asked for; one of them ended, then the stream did."""
    one = event({**chunk({"content": "x"}, "stop")})
    two = event({**chunk({}), "choices": [{"index": 1, "delta": {"content": "y"}, "finish_reason": None}]})
    server = front(played(one, two))
    assert last_fault(Caller(server, chat_body(stream=True, n=2)).rest())["code"] == "stream_cut"
