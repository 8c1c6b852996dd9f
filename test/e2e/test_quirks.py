"""Where a host deviates from its dialect: each quirk against the same words of a host without it."""
import json
import pathlib
import re

import pytest

from host import chunk, completion, event, fault, reply, stream
from translating import quirks

pytestmark = pytest.mark.asan

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def rows(weir, host):
    """Asks a host with the quirk, by its row in the table, and one that has none."""
    hosts, servers = {}, []

    def ask(row, behaviour, **more):
        """The ledger's row, the host's last request and the reply."""
        if not servers:
            hosts.update({name: host() for name in (row, "plain")})
            config = f"  {row}: {{base_url: {hosts[row].url}, api_key: k}}\n  plain: {{dialect: openai, base_url: {hosts['plain'].url}}}\n"
            servers.append(weir("providers:\n" + config))
        hosts[row].play(behaviour)
        got = servers[0].chat(row + "/any-model", **more)
        return servers[0].row_of(got), hosts[row].requests[-1], got

    return ask


def answered(**usage):
    return reply({**completion(), "usage": usage})


def tokens(row):
    names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")
    return tuple(row[name] for name in names)


def test_each_quirk_has_a_test():
    named = re.findall(r"^QUIRK\((\w+),", (ROOT / "src/dialect/quirks.def").read_text(), re.M)
    assert named and [name for name in named if f"test_{name}" not in globals()] == []


def test_Q_USAGE_IN_X_GROQ(rows):
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    events = [event(chunk({"content": "a"})), event(chunk({}, "stop", x_groq={"id": "r", "usage": usage})), event(b"[DONE]")]
    row, _, got = rows("groq", stream(events), stream=True)
    assert tokens(row) == (7, 0, 3, 0) and not row["estimated"]
    assert got.body == b"".join(events)
    row, _, _ = rows("plain", stream(events), stream=True)
    assert row["estimated"]


def test_Q_USAGE_UNASKED(rows):
    """It is not asked for what it sends anyway, and that is withheld from nobody."""
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    events = [event(chunk({"content": "a"}, "stop")), event({**chunk({}), "choices": [], "usage": usage}), event(b"[DONE]")]
    row, request, got = rows("mistral", stream(events), stream=True)
    assert "stream_options" not in request.json
    assert tokens(row) == (7, 0, 3, 0)
    assert got.body == b"".join(events)
    row, request, got = rows("plain", stream(events), stream=True)
    assert request.json["stream_options"] == {"include_usage": True}
    assert tokens(row) == (7, 0, 3, 0)
    assert got.body == events[0] + events[2]


@pytest.mark.parametrize("host_name", ("xai", "perplexity"))
def test_Q_REASONING_APART(rows, host_name):
    behaviour = answered(prompt_tokens=32, completion_tokens=9, total_tokens=135, completion_tokens_details={"reasoning_tokens": 94})
    assert tokens(rows(host_name, behaviour)[0]) == (32, 0, 9, 94)
    assert tokens(rows("plain", behaviour)[0]) == (32, 0, 0, 9)
    within = answered(prompt_tokens=32, completion_tokens=103, total_tokens=135, completion_tokens_details={"reasoning_tokens": 94})
    assert tokens(rows("plain", within)[0]) == (32, 0, 9, 94)


def test_Q_REASONING_MAY_BE_APART(rows):
    """At one host and by the model: the larger number cannot be a part of the smaller one."""
    apart = answered(prompt_tokens=5, completion_tokens=9, completion_tokens_details={"reasoning_tokens": 94})
    within = answered(prompt_tokens=5, completion_tokens=103, completion_tokens_details={"reasoning_tokens": 94})
    assert tokens(rows("deepinfra", apart)[0]) == tokens(rows("deepinfra", within)[0]) == (5, 0, 9, 94)
    assert tokens(rows("plain", apart)[0]) == (5, 0, 0, 9)


def test_Q_REASONING_IN_TOTAL(rows):
    """Google's surface: prompt and completion are less than the total by what the model thought."""
    thought = answered(prompt_tokens=9, completion_tokens=3, total_tokens=105)
    assert tokens(rows("google", thought)[0]) == (9, 0, 3, 93)
    assert tokens(rows("plain", thought)[0]) == (9, 0, 3, 0)
    assert tokens(rows("google", answered(prompt_tokens=9, completion_tokens=3, total_tokens=12))[0]) == (9, 0, 3, 0)
    stated = answered(prompt_tokens=9, completion_tokens=3, total_tokens=105, completion_tokens_details={"reasoning_tokens": 93})
    assert tokens(rows("google", stated)[0]) == (9, 0, 3, 93)


def test_Q_CACHED_MAY_BE_APART(rows):
    apart = answered(prompt_tokens=12, completion_tokens=1, prompt_tokens_details={"cached_tokens": 100})
    within = answered(prompt_tokens=112, completion_tokens=1, prompt_tokens_details={"cached_tokens": 100})
    assert tokens(rows("xai", apart)[0]) == tokens(rows("xai", within)[0]) == (12, 100, 1, 0)
    assert tokens(rows("plain", apart)[0]) == (0, 12, 1, 0)


def test_Q_ASK_FOR_ENGLISH(rows):
    refused = fault(400, "The model does not exist")
    assert rows("zai", refused)[1].field("accept-language") == "en-US,en"
    assert rows("plain", refused)[1].field("accept-language") is None


def asked_of_gemini(translate, *quirks_of_it):
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    request = {"model": "m", "metadata": {"a": "b"}, "store": True, "messages": [
        {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_1", "content": "x"}]}  # fmt: skip
    answer = translate.ask("prompt", "openai", "gemini", json.dumps(request).encode(), quirks=quirks(*quirks_of_it))
    return json.loads(answer["body"]), answer["lost"]


def test_Q_TAKES_LABELS(translate):
    """Vertex AI has them, and nothing that is kept."""
    body, lost = asked_of_gemini(translate, "Q_TAKES_LABELS")
    assert body["labels"] == {"a": "b"} and "store" not in body and lost == ["store"]
    body, lost = asked_of_gemini(translate)
    assert "labels" not in body and body["store"] is True and lost == ["metadata"]


def test_Q_NO_CALL_IDS(translate):
    for names, known in ([], True), (["Q_NO_CALL_IDS"], False):
        body, _ = asked_of_gemini(translate, *names)
        parts = [part for content in body["contents"] for part in content["parts"]]
        held = [part[kind] for part in parts for kind in ("functionCall", "functionResponse") if kind in part]
        assert len(held) == 2 and all(("id" in one) == known for one in held)


def asked_of_openai(translate, request, *quirks_of_it):
    answer = translate.ask("prompt", "anthropic", "openai", json.dumps({"max_tokens": 99, **request}).encode(), quirks=quirks(*quirks_of_it))
    assert answer["lost"] == []
    return json.loads(answer["body"])


def test_Q_MAX_COMPLETION_TOKENS(translate):
    request = {"messages": [{"role": "user", "content": "x"}]}
    for names, key, other in ([], "max_tokens", "max_completion_tokens"), (["Q_MAX_COMPLETION_TOKENS"], "max_completion_tokens", "max_tokens"):
        body = asked_of_openai(translate, request, *names)
        assert body[key] == 99 and other not in body


def test_Q_TAKES_CACHE_CONTROL(translate):
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    text, tool = {"type": "text", "text": "x"}, {"name": "f", "input_schema": {"type": "object"}}
    request = {"system": [text | mark], "tools": [tool | mark], "messages": [{"role": "user", "content": [text | mark]}]}
    body = asked_of_openai(translate, request, "Q_TAKES_CACHE_CONTROL")
    assert [message["content"] for message in body["messages"]] == [[text | mark]] * 2
    assert body["tools"][0]["cache_control"] == mark["cache_control"]
    body = asked_of_openai(translate, request)
    assert [message["content"] for message in body["messages"]] == ["x", "x"]
    assert "cache_control" not in json.dumps(body)


def test_Q_REASONING_BACK(translate):
    """What its own model thought goes back; what another did, to nobody."""
    for signature, names, told in ("weir.maker.", ["Q_REASONING_BACK"], "I think"), ("weir.maker.", [], None), ("other", ["Q_REASONING_BACK"], None):
        thought = {"type": "thinking", "thinking": "I think", "signature": signature}
        turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [thought, {"type": "text", "text": "y"}]}]
        body = asked_of_openai(translate, {"messages": turns}, *names)
        assert body["messages"][1].get("reasoning_content") == told, (signature, names)


def test_Q_IDS_OF_NINE(translate):
    calls = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in ("toolu_01", "Abc123xyZ")]
    results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "x"} for call in calls]
    request = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": calls}, {"role": "user", "content": results}]}
    for names in [], ["Q_IDS_OF_NINE"]:
        messages = asked_of_openai(translate, request, *names)["messages"]
        ids = [call["id"] for call in messages[1]["tool_calls"]]
        assert [message["tool_call_id"] for message in messages[2:]] == ids
        assert ids[1] == "Abc123xyZ" and (ids[0] == "toolu_01") == (not names)
        assert not names or re.fullmatch("[A-Za-z0-9]{9}", ids[0])
