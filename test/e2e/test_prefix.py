"""What is written for a longer conversation begins with the bytes written for the shorter one: caches of prompts hold.

Recorded conversations of agents are cut where the agent asked, and each piece is translated. Cache breakpoints that
move along with the conversation, as agents set them, change nothing but themselves.
"""
import functools
import json

import pytest

from material import all_recorded
from translating import DIALECTS

TURNS = {"openai": "messages", "responses": "input", "anthropic": "messages", "gemini": "contents", "cohere": "messages", "bedrock": "messages"}
MODELS = {"openai": "gpt-5", "responses": "gpt-5", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-pro", "cohere": "command-a-03-2025"}
MODELS["bedrock"] = "anthropic.claude-sonnet-4-5-20250929-v1:0"
MARK = {"cache_control": {"type": "ephemeral"}}
WRITTEN_MARKS = {"anthropic": b',"cache_control":{"type":"ephemeral"}', "bedrock": b',{"cachePoint":{"type":"default"}}'}


def is_models(item):
    """Did the model say it? An item of Responses may have no role."""
    kind = item.get("type", "")
    return item.get("role") in ("assistant", "model") or kind.endswith("_call") or kind == "reasoning"


def steps(dialect, request):
    """The requests of which the last became this one. What is to be called now is no part of them."""
    request = {key: value for key, value in request.items() if key not in ("tool_choice", "toolConfig")}
    items = request[TURNS[dialect]]
    ends = [n for n in range(1, len(items)) if is_models(items[n]) and not is_models(items[n - 1])]
    return [{**request, TURNS[dialect]: items[:n]} for n in [*ends, len(items)]]


@functools.cache
def conversations():
    """Those with tools that were asked three times at least, the longest first."""
    found, known = [], set()
    for one in all_recorded():
        asked = one.asked
        if not asked or not isinstance(asked.get(TURNS[one.dialect]), list) or not ({"tools", "toolConfig"} & set(asked)):
            continue
        key = json.dumps(asked)
        if key not in known and len(steps(one.dialect, asked)) >= 3:
            found.append(one)
        known.add(key)
    return sorted(found, key=lambda one: -len(one.asked[TURNS[one.dialect]]))


def bodies(translate, source, target, requests):
    """What is written for each. None, if the target has no place for something that was said: it would be refused."""
    written = []
    for request in requests:
        answer = translate.ask("prompt", source, target, json.dumps(request).encode(), model=MODELS[target])
        assert "error" not in answer, (source, target, answer, request)
        if any(loss.startswith(TURNS[source] + "[") for loss in answer["lost"]):
            return None
        written.append(answer["body"])
    return written


def assert_growing(written, why):
    """The conversation is the last in a body, so each body but for its end is the beginning of the next."""
    for shorter, longer in zip(written, written[1:]):
        assert shorter.endswith(b"]}"), (why, shorter[-200:])
        same = next((n for n, (a, b) in enumerate(zip(shorter[:-2], longer)) if a != b), len(shorter) - 2)
        assert longer.startswith(shorter[:-2]), (why, same, shorter[max(0, same - 80) : same + 80], longer[max(0, same - 80) : same + 80])
        assert len(longer) > len(shorter), why


@pytest.mark.parametrize("target", DIALECTS)
def test_longer_conversations_begin_as_shorter_ones(translate, tell, target):
    counted = asked = longest = 0
    for one in conversations():
        if one.dialect == target:
            continue
        requests = steps(one.dialect, one.asked)
        written = bodies(translate, one.dialect, target, requests)
        if written is None:
            continue
        assert_growing(written, (one, target))
        counted, asked = counted + 1, asked + len(requests)
        longest = max(longest, len(one.asked[TURNS[one.dialect]]))
    tell(f"prefixes, to {target}: {counted} conversations of agents, asked {asked} times, the longest of {longest} turns")
    assert counted >= 30 and longest >= 12


# --- breakpoints ---


def in_parts(message):
    if not isinstance(message.get("content"), str):
        return message
    return {**message, "content": [{"type": "text", "text": message["content"]}]}


def marked(message):
    """The message with a breakpoint behind it."""
    content = in_parts(message)["content"]
    return {**message, "content": [*content[:-1], {**content[-1], **MARK}]}


def marked_step(dialect, request):
    """Breakpoints as agents set them: behind tools and instructions, and behind all there is."""
    messages = [in_parts(message) for message in request["messages"]]
    messages[-1] = marked(messages[-1])
    more = {}
    if dialect == "anthropic":
        more["tools"] = [*request["tools"][:-1], {**request["tools"][-1], **MARK}]
        more["system"] = [{"type": "text", "text": "Be an agent.", **MARK}]
    else:
        messages = [marked({"role": "system", "content": "Be an agent."}), *messages]
    return {**request, **more, "messages": messages}


def longest_of(dialect):
    """The longest conversation of a dialect, without its instructions."""
    asked = next(one.asked for one in conversations() if one.dialect == dialect)
    return {**asked, "messages": [message for message in asked["messages"] if message["role"] not in ("system", "developer")]}


@pytest.mark.parametrize("source, target", [(s, t) for s in ("anthropic", "openai") for t in DIALECTS if s != t])
def test_breakpoints_that_move_change_nothing_else(translate, source, target):
    requests = steps(source, longest_of(source))
    written = bodies(translate, source, target, [marked_step(source, request) for request in requests])
    assert written and len(written) >= 4
    mark = WRITTEN_MARKS.get(target)
    if mark:
        for body in written:
            head, turns = body.split(b'"messages":[', 1)
            assert turns.count(mark) == 1 and body.rstrip(b"]}").endswith(mark.rstrip(b"]}")), body[-300:]
            assert head.count(mark) == (2 if source == "anthropic" else 1), head
        written = [body.replace(mark, b"") for body in written]
    assert_growing(written, (source, target))


@pytest.mark.parametrize("target", [d for d in DIALECTS if d != "anthropic"])
def test_a_recorded_loop_with_breakpoints(translate, target):
    """Two requests of one loop as they were recorded, breakpoints and all."""
    loop = sorted((one for one in all_recorded() if one.origin == "conformance_agent_loop.yaml" and one.dialect == "anthropic"), key=lambda one: len(one.request))
    assert len(loop) >= 2 and all(b"cache_control" in one.request for one in loop)
    written = bodies(translate, "anthropic", target, [one.asked for one in loop])
    if target in WRITTEN_MARKS:
        assert all(WRITTEN_MARKS[target] in body for body in written)
        written = [body.replace(WRITTEN_MARKS[target], b"") for body in written]
    assert_growing(written, target)
