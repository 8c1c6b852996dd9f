"""Requests, replies and streams that are not what they should be, through every pair of dialects.

Whatever comes: nothing crashes (the sanitizers watch), what comes out is JSON, and what is refused is refused with a
sentence that names the member. And what is only spelt in another way means the same.
"""
import json
import os
import random

import pytest

from material import all_recorded
from meaning import anthropic, bedrock, cohere, gemini, openai, prompts, responses
from translating import DIALECTS, frame, objects

pytestmark = pytest.mark.asan

READERS = dict(openai=openai, anthropic=anthropic, gemini=gemini, responses=responses, cohere=cohere, bedrock=bedrock)
SEED = 4711
ROUNDS = 20 if os.environ.get("WEIR_FULL") else 1
REFUSALS = {"BAD_REQUEST", "SYNTAX", "FULL"}
DEEP = json.loads("[" * 60 + "]" * 60)
WRONG = [json.dumps(value) for value in [
    None, True, False, 0, 7, -1, 1.5, 1e300, 2**64, "", "text", " ", "\0", "\ud800", "\udc00x", "/", '"', "\\", "é", "☃",
    "\u2028", "😀", "data:", "data:image/png;base64,", 'data:a"b\\;base64,"\n', 'image/p"ng',
    'data:image/png;base64,"', "http://", [], {}, [[]], [None], [1], [""], ["a", 1], [{}],
    {"": ""}, {"type": 1}, {"type": "text"}, {"type": "text", "text": 1}, {"a": {"b": [1, {"c": None}]}}, DEEP,
    "x" * 70000,
]]  # fmt: skip


def spoken(translate, *dialects):
    for one in dialects:
        if one not in translate.spoken:
            pytest.skip(f"{one} is not translated")


def requests(dialect, n, rng):
    """Recorded ones, the largest among them, as those have most members."""
    found = sorted((one for one in all_recorded() if one.dialect == dialect and len(one.request) < 60000),
                   key=lambda one: len(one.request))  # fmt: skip
    return [one.asked for one in rng.sample(found, min(n, len(found)))] + [one.asked for one in found[-3:]]


# --- mutations ---


def places(value, found):
    """(container, key) of all values within, the outer first."""
    for key in value if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], (dict, list)) and value[key]:
            places(value[key], found)
    return found


def mutated(value, rng):
    value = json.loads(json.dumps(value))
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        found = places(value, [])
        if not found:
            break
        container, key = rng.choice(found)
        way = rng.random()
        if way < 0.7:
            container[key] = json.loads(rng.choice(WRONG))
        elif way < 0.8:
            del container[key]
        elif way < 0.9 and isinstance(container, dict):
            container[rng.choice(("", "type", "role", key + "x", "\ud800", 'a"b', "é"))] = container.pop(key)
        elif isinstance(container, list):
            container.extend(json.loads(json.dumps([container[key]] * rng.choice((1, 40)))))
        else:
            container[key] = [container[key]]
    return value


def spelt(value, rng):
    """The JSON of a value with its members said twice, its letters escaped, blanks between: at random."""
    if isinstance(value, dict):
        members = [(key, one) for key, one in value.items() for _ in range(1 + (rng.random() < 0.02))]
        return "{" + ",".join(f"{text_of(key, rng)} : {spelt(one, rng)}" for key, one in members) + "\n}"
    if isinstance(value, list):
        return "[ " + ",".join(spelt(one, rng) for one in value) + "]"
    return text_of(value, rng) if isinstance(value, str) else json.dumps(value)


def text_of(text, rng):
    made = "".join(f"\\u{ord(c):04X}" if rng.random() < 0.01 and ord(c) < 0xD800 else json.dumps(c)[1:-1] for c in text[:400])
    return '"' + made.replace("/", "\\/") + json.dumps(text[400:])[1:-1] + '"'


# --- requests ---


def check_prompt(translate, source, target, data):
    answer = translate.ask("prompt", source, target, data)
    if "error" in answer:
        assert answer["error"] in REFUSALS, (answer, data[:500])
        if answer["error"] == "BAD_REQUEST":
            assert len(answer["note"]) > 10 and answer["param"], (answer, data[:500])
        return answer["error"]
    is_json(answer["body"], data)
    return "told"


def is_json(body, data):
    try:
        json.loads(body)
    except ValueError as e:
        raise AssertionError(f"{e} in {body[:3000]!r} of {data[:3000]!r}") from None


@pytest.mark.parametrize("source", DIALECTS)
def test_requests_of_wrong_types(translate, tell, source):
    spoken(translate, source)
    rng, outcomes = random.Random(SEED), {}
    for asked in requests(source, 25, rng):
        for _ in range(12 * ROUNDS):
            data = json.dumps(mutated(asked, rng)).encode()
            outcome = check_prompt(translate, source, rng.choice(translate.spoken), data)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes.get("told", 0) > 50 and outcomes.get("BAD_REQUEST", 0) > 10, outcomes


@pytest.mark.parametrize("source", DIALECTS)
def test_requests_in_other_spellings(translate, source):
    """Valid, if strange: escaped keys, members said twice."""
    spoken(translate, source)
    rng = random.Random(SEED)
    for asked in requests(source, 15, rng):
        for _ in range(3 * ROUNDS):
            check_prompt(translate, source, rng.choice(translate.spoken), spelt(asked, rng).encode())


@pytest.mark.parametrize("source", DIALECTS)
def test_requests_of_other_serializers(translate, source):
    """PHP escapes slashes, Python everything but ASCII, others have blanks: all mean the same."""
    spoken(translate, source)
    rng = random.Random(SEED)
    for asked in requests(source, 40 * ROUNDS, rng):
        plain = json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode()
        others = [json.dumps(asked).replace("/", "\\/"), json.dumps(asked, ensure_ascii=False, indent=1)]
        for target in translate.spoken:
            first = translate.ask("prompt", source, target, plain)
            for text in others:
                again = translate.ask("prompt", source, target, text.encode())
                assert again.get("lost") == first.get("lost") and again.get("error") == first.get("error"), text[:300]
                if "body" in first:
                    meant = [READERS[target].prompt(json.loads(one["body"])) for one in (first, again)]
                    assert not prompts.differences(*meant), (target, text[:500])


@pytest.mark.parametrize("source", DIALECTS)
def test_large_requests(translate, source):
    spoken(translate, source)
    for asked in LARGE[source]:
        for target in translate.spoken:
            check_prompt(translate, source, target, json.dumps(asked).encode())


def large(member, tool, text):
    """10,000 tools, 10,000 turns, a text of a MB, 10,000 members that nobody knows."""
    turn = member("Hello")
    return [
        {**turn[0], "tools": [tool(n) for n in range(10000)]},
        {key: value * 10000 for key, value in turn[0].items()},
        member("x" * (1 << 20))[0],
        member("\0\u2028😀" * 5000)[0],
        {**turn[0], **{f"unknown{n}": n for n in range(10000)}},
    ]


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
LARGE = {
    "openai": large(
        lambda text: [{"messages": [{"role": "user", "content": text}]}],
        lambda n: {"type": "function", "function": {"name": f"f{n}", "parameters": SCHEMA}}, "text"),
    "anthropic": large(
        lambda text: [{"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}],
        lambda n: {"name": f"f{n}", "input_schema": SCHEMA}, "text"),
    "gemini": large(
        lambda text: [{"contents": [{"role": "user", "parts": [{"text": text}]}]}],
        lambda n: {"functionDeclarations": [{"name": f"f{n}", "parameters": SCHEMA}]}, "text"),
    "responses": large(
        lambda text: [{"input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]}],
        lambda n: {"type": "function", "name": f"f{n}", "parameters": SCHEMA}, "text"),
    "cohere": large(
        lambda text: [{"messages": [{"role": "user", "content": text}]}],
        lambda n: {"type": "function", "function": {"name": f"f{n}", "parameters": SCHEMA}}, "text"),
    "bedrock": large(
        lambda text: [{"messages": [{"role": "user", "content": [{"text": text}]}]}],
        lambda n: {"toolSpec": {"name": f"f{n}", "inputSchema": {"json": SCHEMA}}}, "text"),
}  # fmt: skip


# What was asked, on many lines, for those who repeat it.
ASKED = {dialect: json.dumps({**LARGE[dialect][4], "tools": LARGE[dialect][0]["tools"][:3], "metadata": {"a": "b"}} | {
    key: None for key in LARGE[dialect][4] if key.startswith("unknown")}, indent=2) for dialect in DIALECTS}  # fmt: skip


# --- answers ---


def answers(dialect, n, rng):
    found = [one for one in all_recorded() if one.dialect == dialect and one.reply and len(one.reply) < 40000]
    read = [json.loads(one.reply) for one in rng.sample(found, min(n, len(found))) if one.reply.lstrip()[:1] == b"{"]
    return [one for one in read if isinstance(one, dict)]


@pytest.mark.parametrize("source", DIALECTS)
def test_replies_of_wrong_types(translate, source):
    spoken(translate, source)
    rng, told = random.Random(SEED), 0
    for reply in answers(source, 40, rng):
        for _ in range(10 * ROUNDS):
            value = mutated(reply, rng)
            data = json.dumps(value).encode() if rng.random() < 0.8 else spelt(value, rng).encode()
            answer = translate.ask("answer", source, rng.choice(translate.spoken), data, prompt="{}")
            if "error" in answer:
                assert answer["error"] in {"BAD_REPLY", "SYNTAX", "FULL"}, (answer, data[:500])
            else:
                is_json(answer["body"], data)
                told += 1
    assert told > 50


def streams(dialect, n, rng):
    found = [one for one in all_recorded() if one.dialect == dialect and one.stream and len(one.stream) < 30000]
    return [objects(dialect, one.stream) for one in rng.sample(found, min(n, len(found))) if is_read(dialect, one.stream)]


def is_read(dialect, data):
    try:
        return bool(objects(dialect, data))
    except ValueError:
        return False


def wire(dialect, told, rng):
    """The bytes of (name, object) events, some of them in other spellings."""
    out = b""
    for name, one in told:
        text = json.dumps(one).encode() if rng.random() < 0.8 else spelt(one, rng).replace("\n", " ").encode()
        if dialect == "bedrock":
            out += frame("event", name, text)
        else:
            out += (b"event: %s\n" % name.encode() if name else b"") + b"data: %s\n\n" % text
    return out


@pytest.mark.parametrize("source", DIALECTS)
def test_streams_of_wrong_types(translate, source):
    """Events changed, lost, said twice, in another order, cut off: the bytes told are events all the same."""
    spoken(translate, source)
    rng = random.Random(SEED)
    for told in streams(source, 25, rng):
        for _ in range(5 * ROUNDS):
            changed = list(told)
            for _ in range(rng.choice((1, 2, 4))):
                at = rng.randrange(len(changed))
                way = rng.random()
                if way < 0.6 and isinstance(changed[at][1], dict):
                    changed[at] = (changed[at][0], mutated(changed[at][1], rng))
                elif way < 0.7 and len(changed) > 1:
                    del changed[at]
                elif way < 0.8:
                    changed.insert(at, changed[at])
                elif way < 0.9:
                    changed.insert(rng.randrange(len(changed)), changed.pop(at))
                else:
                    del changed[max(at, 1) :]
            data = wire(source, changed, rng)
            check_stream(translate, source, rng.choice(translate.spoken), data, rng)


def check_stream(translate, source, target, data, rng):
    asked = rng.choice(("{}", ASKED[target]))
    whole = translate.ask("stream", source, target, data, prompt=asked)
    again = translate.ask("stream", source, target, data, prompt=asked, cuts=rng.randrange(1, 1 << 60))
    assert whole == again, data[:2000]
    try:
        told = objects(target, whole["body"])
    except ValueError as e:
        raise AssertionError(f"{e} in {whole['body'][-1500:]!r} of {data!r}") from None
    if target == "anthropic":
        blocks_are_in_order(told, data)
    if target == "responses":
        numbers = [one["sequence_number"] for _, one in told]
        assert numbers == list(range(len(numbers))), data[:2000]


def blocks_are_in_order(told, data):
    opened, n, begun = False, 0, False
    for name, one in told:
        assert begun or name in ("message_start", "error", "ping"), data[:2000]
        begun = True
        if name == "content_block_start":
            assert not opened and one["index"] == n, data[:2000]
            opened = True
        elif name == "content_block_delta":
            assert opened and one["index"] == n, data[:2000]
        elif name == "content_block_stop":
            assert opened and one["index"] == n, data[:2000]
            opened, n = False, n + 1


@pytest.mark.parametrize("source", DIALECTS)
def test_streams_of_noise(translate, source):
    """Bytes that are no stream, and streams with bytes changed."""
    spoken(translate, source)
    rng = random.Random(SEED)
    for told in streams(source, 15, rng):
        data = bytearray(wire(source, told, rng))
        for _ in range(rng.choice((1, 3, 30))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        translate.ask("stream", source, rng.choice(translate.spoken), bytes(data), prompt="{}")
        translate.ask("stream", source, rng.choice(translate.spoken), rng.randbytes(200), prompt="{}")
