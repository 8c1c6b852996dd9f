"""The parsers against vectors that others wrote, and against recorded traffic."""
import base64
import json
import re

import pytest

from conftest import fixture_lines

pytestmark = pytest.mark.asan  # quick: run with the sanitizers too

# --- JSON: JSONTestSuite ---

# Which way we go where the grammar leaves it open: these we refuse, all others we accept.
REFUSED = {
    # Strings must be UTF-8 (RFC 8259, 8.1); numbers of any size and lone surrogate escapes are fine.
    "i_string_UTF-16LE_with_BOM.json",
    "i_string_UTF-8_invalid_sequence.json",
    "i_string_UTF8_surrogate_U+D800.json",
    "i_string_invalid_utf-8.json",
    "i_string_iso_latin_1.json",
    "i_string_lone_utf8_continuation_byte.json",
    "i_string_not_in_unicode_range.json",
    "i_string_overlong_sequence_2_bytes.json",
    "i_string_overlong_sequence_6_bytes.json",
    "i_string_overlong_sequence_6_bytes_null.json",
    "i_string_truncated-utf-8.json",
    "i_string_utf16BE_no_BOM.json",
    "i_string_utf16LE_no_BOM.json",
    "i_structure_UTF-8_BOM_empty_object.json",
    "string_1_invalid_codepoint.json",
    "string_2_invalid_codepoints.json",
    "string_3_invalid_codepoints.json",
}


def test_json_suite(probe):
    cases = fixture_lines("vectors/json-test-suite.jsonl.gz")
    wrong, refused = [], set()
    for case in cases:
        text = base64.b64decode(case["bytes_base64"])
        answer = probe.ask("json", text)
        accepted = "json" in answer
        if not accepted:
            refused.add(case["name"])
        if case["expect"] in ("accept", "reject"):
            if accepted != (case["expect"] == "accept"):
                wrong.append((case["name"], answer))
            continue
        if accepted == (case["name"] in REFUSED):
            wrong.append((case["name"], answer))
    assert not wrong
    assert REFUSED <= refused
    assert len(cases) == 340


def python_reads(text):
    """Python's value of a text with numbers as they are written; None when it is none."""
    try:
        return {"json": json.loads(text.decode(), parse_int=str, parse_float=str)}
    except ValueError:
        return None


def without_lone_surrogates(value):
    """Ours become U+FFFD; Python keeps them."""
    plain = json.dumps(value, ensure_ascii=False)
    return json.loads(re.sub("[\ud800-\udfff]", "\ufffd", plain))


def test_json_values(probe):
    """What is accepted means the same to Python."""
    checked = 0
    for case in fixture_lines("vectors/json-test-suite.jsonl.gz"):
        text = base64.b64decode(case["bytes_base64"])
        ours = probe.ask("json", text, parse_int=str, parse_float=str)
        if "json" not in ours:
            continue
        assert ours == without_lone_surrogates(python_reads(text)), case["name"]
        checked += 1
    assert checked > 100


# --- recorded traffic ---


def recorded(keys):
    for record in fixture_lines("recorded/corpus.jsonl.gz"):
        for key in keys:
            yield record, base64.b64decode(record.get(key) or "")


def test_recorded_json(probe):
    read = 0
    for record, text in recorded(("req", "resp")):
        want = python_reads(text)
        ours = probe.ask("json", text, parse_int=str, parse_float=str)
        assert ("json" in ours) == (want is not None), record["file"]
        if want is not None:
            assert ours == without_lone_surrogates(want), record["file"]
            read += 1
    assert read > 5000


def events_of(text):
    """The events of a stream by the letter of the WHATWG's text, but with those without data."""
    text = re.sub("\r\n|\r", "\n", text.removeprefix("\ufeff"))
    blocks_of_lines = re.split("(?<=\n)\n|^\n", text)
    if blocks_of_lines[-1] == "":
        blocks_of_lines.pop()
    for block in blocks_of_lines:
        event = {"name": "", "data": None}
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "data":
                event["data"] = value if event["data"] is None else event["data"] + "\n" + value
            elif field == "event":
                event["name"] = value
        yield event


def test_recorded_streams(probe):
    read = 0
    for record, text in recorded(("resp",)):
        if "event-stream" not in (record.get("ct") or ""):
            continue
        ours = probe.ask("sse", text)["events"]
        assert ours == list(events_of(text.decode())), record["file"]
        read += len(ours)
    assert read > 1000


# --- HTTP: llhttp's own cases ---

# Where we differ from llhttp on purpose: side and title of the case, and why.
VERSION = "only HTTP/1.0 and HTTP/1.1 are spoken"
PROTOCOL = "no other protocol than HTTP is spoken"
CODING = "no other transfer coding than chunked is understood"
HEAD = "the case is of a reply to HEAD, which we never send, so bodies are never left out"
EMPTY = "empty lines are skipped before requests only (RFC 9112, 2.2); before a reply they belong to none"
EXCEPTIONS = {
    ("request", "CONNECT with body"): "the body is one like any other, not the start of a tunnel",
    ("request", "No HTTP version"): VERSION,
    ("request", "SOURCE request with ICE"): PROTOCOL,
    ("request", "OPTIONS request with RTSP"): PROTOCOL,
    ("request", "ANNOUNCE request with RTSP"): PROTOCOL,
    ("request", "Ignoring `pigeons`"): CODING,
    ("request", "POST with `chunked` as last transfer-encoding"): CODING,
    ("request", "POST with `chunked` as last transfer-encoding (multiple headers)"): CODING,
    ("request", "POST with `chunkedchunked` as transfer-encoding"): CODING,
    ("request", "Content-Length reset when no body is received"): HEAD,
    ("response", "Content-Length reset when no body is received"): HEAD,
    ("response", "HTTP version 0.9"): VERSION,
    ("response", "RTSP response"): PROTOCOL,
    ("response", "ICE response"): PROTOCOL,
    ("response", "HTTP 304 with Content-Length"): EMPTY,
    ("response", "HTTP 100 first, then 400"): EMPTY,
    ("response", "Should parse multiple events"): EMPTY,
    ("response", "Response starting with CRLF"): EMPTY,
    ("response", "`chunked` before other transfer-encoding"): CODING,
    ("response", "multiple transfer-encoding where chunked is not the last one"): CODING,
    ("response", "`chunkedchunked` transfer-encoding does not enable chunked enconding"): CODING,
}

# Errors of llhttp that are none for us: "data after close", where who reads stops by himself, and
# "pause on CONNECT/Upgrade": we upgrade to nothing, and what follows is the next message.
AFTER_CLOSE, UPGRADE = "5", "22"


def blocks(markdown):
    """The cases of a file: title, meta, message, log."""
    title, meta, kind, lines, message = "", None, None, [], None
    for line in markdown.split("\n"):
        if kind is not None:
            if not line.startswith("```"):
                lines.append(line)
                continue
            if kind == "http":
                message = "\n".join(lines)
            elif kind == "log":
                yield title, meta, to_bytes(message), "\n".join(lines)
            kind = None
        elif line.startswith("```"):
            kind, lines = line[3:].strip(), []
        elif line.startswith("#"):
            title = line.lstrip("# ")
        elif line.startswith("<!-- meta="):
            meta = json.loads(line[len("<!-- meta="):line.index("-->")])


def to_bytes(text):
    """Lines end with CR LF; one that ends in a backslash goes on; escapes are C's."""
    text = re.sub(r"\\\n", "", text).replace("\n", "\r\n")
    for escape, byte in ((r"\r", "\r"), (r"\n", "\n"), (r"\t", "\t"), (r"\f", "\f")):
        text = text.replace(escape, byte)
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), text).encode()


class Expected:
    """What a log says: messages, and whether it ends in an error."""

    def __init__(self, data, log):
        self.messages = []
        error = re.search(r"error code=(\d+)", log)
        self.error = error[1] if error else ""
        for line in log.split("\n"):
            self.read(line, data)

    def read(self, line, data):
        if line.endswith("message begin"):
            self.messages.append(
                {"fields": [], "body": b"", "complete": False, "head": False, "version_end": None})
        m = self.messages[-1] if self.messages else None
        span = re.match(r"off=(\d+) len=(\d+) span\[(\w+)\]=", line)
        if span:
            start, length = int(span[1]), int(span[2])
            self.span(m, span[3], data[start:start + length])
        elif line.endswith("version complete"):
            m["version_end"] = int(re.match(r"off=(\d+)", line)[1])
        elif line.endswith("message complete"):
            m["complete"] = True
        elif "headers complete" in line:
            m["head"] = True
            status = re.search(r"status=(\d+)", line)
            m["status"] = int(status[1]) if status else 0

    @staticmethod
    def span(m, what, data):
        if what.startswith("header_"):
            if m["head"]:
                return  # trailers are dropped
            if what == "header_field":
                m["fields"].append([data, b""])
            else:
                m["fields"][-1][1] += data
        elif what == "body":
            m["body"] += data
        else:
            m[what] = m.get(what, b"") + data


def with_hosts(data, expected):
    """Nearly no case has a Host field, which we insist on: gives each request one."""
    added = 0
    for m in expected.messages:
        end = m["version_end"]
        if end is None or any(name.lower() == b"host" for name, _ in m["fields"]):
            continue
        line_end = data.find(b"\r\n", end + added)
        if line_end >= 0:
            data = data[:line_end] + b"\r\nHost: added" + data[line_end:]
            added += len(b"\r\nHost: added")
    return data


def heads(answer):
    """Our messages in the form of Expected's, without the Host that we added."""
    for m in answer["messages"]:
        fields = [[bytes.fromhex(f["name"]), bytes.fromhex(f["value"])] for f in m["fields"]]
        yield {
            "method": bytes.fromhex(m["method"]),
            "url": bytes.fromhex(m["target"]),
            "status": m["status"],
            "fields": [f for f in fields if f != [b"Host", b"added"]],
            "body": bytes.fromhex(m["body"]),
            "complete": m["complete"],
        }


def differs(side, expected, answer, log):
    """How our answer differs from the log; None when it does not."""
    want = [m for m in expected.messages if m["head"]]
    got = list(heads(answer))
    finish = re.search(r"finish=(\d)", log)
    fails = finish[1] == "2" if finish else expected.error not in ("", AFTER_CLOSE)
    if expected.error == UPGRADE:
        got = got[:len(want)]
    elif fails != bool(answer["error"]):
        return f"{answer['error'] or 'accepted'}: {answer['why']}"
    if finish and finish[1] == "1":
        want[-1]["complete"] = True
    if len(want) != len(got):
        return f"{len(got)} messages instead of {len(want)}"
    for w, g in zip(want, got):
        for key in ("method", "url") if side == "request" else ("status",):
            if w.get(key, b"") != g[key]:
                return f"{key} is {g[key]}"
        if [[n, v.strip(b" \t")] for n, v in w["fields"]] != g["fields"]:
            return f"fields are {g['fields']}"
        if w["body"] != g["body"] or w["complete"] != g["complete"]:
            return f"body is {g['body']}, complete: {g['complete']}"
    return None


def ask(probe, side, kind, data, expected):
    """Our answer; a head that a log refuses before its end, and we at its end, gets one."""
    what = ("requests" if side == "request" else "replies") + ("-eof" if "finish" in kind else "")
    if side == "request":
        data = with_hosts(data, expected)
    answer = probe.ask(what, data)
    if expected.error and not answer["error"] and not data.endswith(b"\r\n\r\n"):
        answer = probe.ask(what, data + b"\r\n\r\n")
    return answer


def test_http_messages(probe):
    ran, lenient, wrong, missed = 0, 0, [], set(EXCEPTIONS)
    for case in fixture_lines("vectors/http1-messages.jsonl.gz"):
        for title, meta, data, log in blocks(case["markdown"]):
            if "lenient" in meta["type"]:
                lenient += 1
                continue
            ran += 1
            side = case["side"]
            expected = Expected(data, log)
            answer = ask(probe, side, meta["type"], data, expected)
            found = differs(side, expected, answer, log)
            if (side, title) in EXCEPTIONS and found:
                missed.discard((side, title))
            elif found:
                wrong.append(f"{side}, {title}: {found}")
    print(f"{ran} strict cases, {lenient} for lenient modes that we don't have")
    assert not wrong, "\n".join(wrong)
    assert not missed, "exceptions that are none"
    assert (ran, lenient) == (214, 37)


@pytest.mark.parametrize("request_text", [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
])
def test_a_request_has_one_host(probe, request_text):
    answer = probe.ask("requests", request_text)
    assert (answer["error"], answer["why"]) == ("BAD_HTTP", "there must be exactly one Host field")
