"""Everything recorded, read into the canonical form and written back in its own dialect, loses nothing.

A request must come back as equal JSON: numbers by value, keys in any order. Of an answer must come back what the
canonical form holds: id and model, the parts of each alternative in their order (text, reasoning with its
signature, refusals, calls with id, name and arguments, images), why it ended, the stop text, the tokens. A stream
must come to the same, and be told in the same bytes however the bytes that tell it are cut.
"""
import json
import tomllib
import zlib

import pytest

from conftest import ROOT
from material import all_recorded, read
from meaning import anthropic, bedrock, cohere, compare, gemini, openai, responses
from translating import DIALECTS, PROVIDER, objects

READERS = dict(openai=openai, anthropic=anthropic, gemini=gemini, responses=responses, cohere=cohere, bedrock=bedrock)
LEAST_EQUAL = 0.995


def exceptions(kind, dialect):
    """What does not come back equal, each with its reason: {name: reason}."""
    listed = tomllib.loads((ROOT / "test/e2e/roundtrip.toml").read_text())
    return listed.get(kind, {}).get(dialect, {})


def of(translate, dialect):
    if dialect not in translate.spoken:
        pytest.skip(f"{dialect} is not translated")
    return [one for one in all_recorded() if one.dialect == dialect]


def judged(kind, dialect, checked, unequal, tell):
    """The exceptions are those that are listed, no fewer, and few."""
    listed = exceptions(kind, dialect)
    tell(f"round trip of {kind}, {dialect}: {checked - len(unequal)} of {checked} equal")
    new = {name: what for name, what in unequal.items() if name not in listed}
    assert not new, f"{len(new)} of {checked}: " + "\n".join(f"{name}: {what}" for name, what in list(new.items())[:20])
    assert set(listed) <= set(unequal), f"equal, though listed: {set(listed) - set(unequal)}"
    assert len(unequal) <= checked * (1 - LEAST_EQUAL) + 1


def same_json(one, other):
    """Equal, and true is not 1."""
    if type(one) is not type(other):
        return isinstance(one, (int, float)) and isinstance(other, (int, float)) and one == other and bool not in (
            type(one), type(other))  # fmt: skip
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return one == other


@pytest.mark.parametrize("dialect", DIALECTS)
def test_requests(translate, tell, dialect):
    checked, unequal = 0, {}
    for one in of(translate, dialect):
        if one.asked is None:
            continue
        checked += 1
        answer = translate.ask("prompt", dialect, dialect, one.request, model=one.model)
        if "error" in answer:
            unequal[one.name] = answer["note"]
            continue
        asked = {**one.asked, "model": one.model} if "model" in one.asked else one.asked
        if not same_json(json.loads(answer["body"]), asked) or answer["lost"]:
            unequal[one.name] = (answer["lost"], answer["body"][:1000], one.request[:1000])
    judged("requests", dialect, checked, unequal, tell)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_replies(translate, tell, dialect):
    checked, unequal, reader = 0, {}, READERS[dialect]
    for one in of(translate, dialect):
        if one.reply is None:
            continue
        checked += 1
        answer = translate.ask("answer", dialect, dialect, one.reply, model=one.model, prompt=asked_text(one))
        if "error" in answer:
            unequal[one.name] = answer["error"]
            continue
        said = reader.answer(json.loads(one.reply))
        assert not said.usage or same_tokens(said.usage, answer["usage"]), (one, said.usage, answer["usage"])
        before = compare.in_own_dialect(said, PROVIDER)
        after = compare.in_own_dialect(reader.answer(json.loads(answer["body"])), PROVIDER)
        if not equal_answers(before, after):
            unequal[one.name] = difference(before, after)
    judged("replies", dialect, checked, unequal, tell)


def asked_text(one):
    return one.request.decode() if one.asked is not None else ""


def equal_answers(before, after):
    """What was not told before may be told after: an id, a model of our own. Ids may get a prefix."""
    if before["model"] not in ("", after["model"]) or not after["id"].endswith(before["id"]):
        return False
    if before["usage"] and before["usage"] != after["usage"]:
        return False
    return same_json(plain(before["said"]), plain(after["said"]))


def plain(value):
    return json.loads(json.dumps(value))


def same_tokens(usage, counted):
    """What weir counted, its classes made as few as those of the readers."""
    count = {key: int(value) for key, value in counted.items()}
    return usage == {
        "input": count.get("input", 0) + count.get("input_audio", 0) + count.get("input_image", 0),
        "cached": count.get("cached_input", 0),
        "cache_write": count.get("cache_write", 0) + count.get("cache_write_1h", 0),
        "output": count.get("output", 0) + count.get("output_audio", 0) + count.get("output_image", 0),
        "reasoning": count.get("reasoning", 0),
    }


def difference(before, after):
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_streams(translate, tell, dialect):
    checked, unequal, reader = 0, {}, READERS[dialect]
    for one in of(translate, dialect):
        if one.stream is None:
            continue
        checked += 1
        plan = dict(model=one.model, prompt=asked_text(one), quirks=one.quirks)
        whole = translate.ask("stream", dialect, dialect, one.stream, **plan)
        for cut in ({"pieces": 1}, {"cuts": zlib.crc32(one.stream) or 1}, {"cuts": zlib.crc32(one.request) or 1}):
            assert translate.ask("stream", dialect, dialect, one.stream, **plan, **cut) == whole, f"{one} {cut}"
        try:
            said = reader.stream(objects(dialect, one.stream))
        except (KeyError, ValueError, TypeError) as e:
            unequal[one.name] = f"the recording cannot be read: {e!r}"
            continue
        assert not said.usage or same_tokens(said.usage, whole["usage"]), (one, said.usage, whole["usage"])
        before = compare.in_own_dialect(said, PROVIDER)
        told = reader.stream(objects(dialect, whole["body"]))
        assert not told.faults, (one, told.faults)
        after = compare.in_own_dialect(told, PROVIDER)
        if not equal_answers(before, after):
            unequal[one.name] = difference(before, after)
    judged("streams", dialect, checked, unequal, tell)


def test_there_is_enough():
    """The fixtures are all there."""
    found = all_recorded()
    assert len(found) == 3607
    assert sum(read(one.request) is not None for one in found) == 3607
