"""Whether a request in one dialect means what one in another means.

Both are brought into a form in which what dialects do differently is the same: turns of one side are one turn,
results of calls come first in it, ids are the numbers of their calls, instructions in the middle of a conversation
are the user's, texts that follow each other may be joined. Reasoning of earlier answers is left out: only who made it
can read it.
"""
import json
import re

from meaning import schemas
from meaning.forms import Part, json_or_text

MEDIA = ("image", "audio", "video", "file")
JOINS = ("", " ", "\n", "\n\n")
NEUTRAL = {
    "answers": (1,), "logprobs": (False,), "top_logprobs": (0,), "logit_bias": ({},), "frequency_penalty": (0,),
    "presence_penalty": (0,), "top_p": (1,), "stop": ([],), "metadata": ({},), "store": (False,),
    "tier": ("auto", "default", "standard"), "verbosity": ("medium",), "modalities": (["text"], ["TEXT"]),
    "stream": (False,),
}  # fmt: skip


def neutral(name, value):
    return value is None or any(value == one for one in NEUTRAL.get(name, ()))


# --- the conversation ---


class Numbers:
    """Calls by the order in which they were made."""

    def __init__(self):
        self.calls, self.answered = [], set()

    def call(self, number, name):
        self.calls.append((number, name))
        return len(self.calls) - 1

    def result(self, number):
        """By its id the last that has it; without one the first of that name that has no result yet."""
        if isinstance(number, tuple):
            found = [n for n, (_, name) in enumerate(self.calls) if name == number[1] and n not in self.answered]
            at = found[0] if found else None
        else:
            found = [n for n, (one, _) in enumerate(self.calls) if one == number]
            at = found[-1] if found else None
        self.answered.add(at)
        return at


def is_blank(part):
    return part.kind in ("text", "refusal", "late") and not part.data[0].strip()


LATE = re.compile(r"<system>(.*)</system>\Z", re.S)


def late(part):
    """Instructions in the middle of a conversation may stand in the user's text, marked as what they are."""
    found = LATE.match(part.data[0]) if part.kind == "text" else None
    return part._replace(kind="late", data=(found.group(1),)) if found else part


def numbered(part, numbers):
    if part.kind == "call":
        return part._replace(data=(numbers.call(part.data[0], part.data[1]), *part.data[1:3]))
    if part.kind == "result":
        inner = tuple(one._replace(cache="") for one in part.data[1] if not is_blank(one))
        return part._replace(data=(numbers.result(part.data[0]), inner, part.data[2]))
    if part.kind == "refusal":
        return part._replace(kind="text")
    return part


def grouped(prompt):
    """[(side, parts)], neighbours of one side as one."""
    turns, numbers = [], Numbers()
    for turn in prompt.turns:
        parts = [numbered(part, numbers) for part in turn.parts if part.kind != "thought" and not is_blank(part)]
        if turn.side == "system":
            parts = [part._replace(kind="late") for part in parts]
        elif turn.side == "user":
            parts = [late(part) for part in parts]
        side = "assistant" if turn.side == "assistant" else "user"
        if not parts:
            continue
        if turns and turns[-1][0] == side:
            turns[-1][1].extend(parts)
        else:
            turns.append((side, parts))
    return [(side, ordered(side, parts)) for side, parts in turns]


def ordered(side, parts):
    """Results, which come in the order of their calls, stand before what the user says, texts before calls."""
    first = "result" if side == "user" else "text"
    chosen = [part for part in parts if part.kind == first]
    if side == "user":  # in the order of their calls; those of none last
        chosen.sort(key=lambda part: (part.data[0] is None, part.data[0]))
    return chosen + [part for part in parts if part.kind != first]


def runs(parts):
    """Texts that follow each other as one run: [("text", [...]) or Part]."""
    found = []
    for part in parts:
        if part.kind in ("text", "late"):
            if found and found[-1][0] == part.kind:
                found[-1][1].append(part.data[0])
            else:
                found.append((part.kind, [part.data[0]]))
        else:
            found.append(part)
    return found


def same_texts(ones, others):
    if ones == others:
        return True
    ways = {way.join(ones) for way in JOINS}
    return any(way.join(others) in ways for way in JOINS) or bare(ones) == bare(others)


def bare(texts):
    """Without what stands between and around them."""
    return "".join("".join(texts).split())


def as_value(parts):
    """What a result says, as JSON where it is JSON."""
    parts = [part for part in parts if part.kind in ("text", "json")]
    if len(parts) == 1 and parts[0].kind == "json":
        return parts[0].data[0]
    texts = [part.data[0] for part in parts if part.kind == "text"]
    try:
        return json.loads("".join(texts))
    except ValueError:
        return "".join(texts)


def media_of(parts):
    return [part for part in parts if part.kind not in ("text", "json")]


def same_result(one, other):
    if one.data[0] != other.data[0]:
        return False
    ones, others = one.data[1], other.data[1]
    texts = [part.data[0] for part in ones if part.kind == "text"], [part.data[0] for part in others if part.kind == "text"]
    same = same_texts(*texts) if all(part.kind != "json" for part in ones + others) else False
    same = same or loose(as_value(ones)) == loose(as_value(others))
    return same and len(media_of(ones)) == len(media_of(others)) and all(
        map(same_part, media_of(ones), media_of(others)))  # fmt: skip


def loose(value):
    """The conventional wrappers of a function's value say nothing."""
    if isinstance(value, dict) and len(value) == 1 and set(value) & {"output", "result", "error", "content"}:
        value = next(iter(value.values()))
    return json_or_text(value) if value != "" else value


def same_media(one, other):
    """Source and bytes, in either alphabet of base64; the type where both tell it."""
    types = {part.data[2].replace("jpg", "jpeg").replace("mpeg", "mp3") for part in (one, other)}
    types -= {"", "application/octet-stream"}
    both = [(part.data[0], part.data[1].replace("-", "+").replace("_", "/")) for part in (one, other)]
    return both[0] == both[1] and len(types) < 2


def same_part(one, other):
    if isinstance(one, Part) != isinstance(other, Part):
        return False
    if not isinstance(one, Part):
        return one[0] == other[0] and same_texts(one[1], other[1])
    if one.kind in MEDIA and other.kind in MEDIA and "file" in (one.kind, other.kind):
        return same_media(one, other)  # what it is may be told by its name only
    if one.kind != other.kind:
        return False
    if one.kind == "call":
        return one.data[:2] == other.data[:2] and same_arguments(one.data[2], other.data[2])
    if one.kind == "result":
        return same_result(one, other)
    if one.kind in MEDIA:
        return same_media(one, other)
    return one.data == other.data


def same_arguments(one, other):
    raw = [value["_raw"] if isinstance(value, dict) and list(value) == ["_raw"] else value for value in (one, other)]
    return raw[0] == raw[1]


def same_turns(ones, others):
    if [side for side, _ in ones] != [side for side, _ in others]:
        return False
    for (_, one), (_, other) in zip(ones, others):
        one, other = runs(one), runs(other)
        if len(one) != len(other) or not all(map(same_part, one, other)):
            return False
    return True


# --- the rest ---


def same_tools(ones, others):
    if [one.name for one in ones] != [one.name for one in others]:
        return False
    return all(same_tool(one, other) for one, other in zip(ones, others))


def same_tool(one, other):
    strict = {bool(one.strict), bool(other.strict)} if None not in (one.strict, other.strict) else set()
    return (one.description or "") == (other.description or "") and len(strict) < 2 and schemas.same(
        one.schema, other.schema)  # fmt: skip


def same_choice(one, other):
    return (one or ("auto",)) == (other or ("auto",))


def same_format(one, other):
    if one is None or other is None or one[0] != other[0]:
        return one == other
    return one[0] == "json" or schemas.same(one[1], other[1])


def thinking(prompt):
    """none, some, or nothing said; an effort and a budget cannot be compared closer."""
    if prompt.effort == "none" or prompt.budget == 0:
        return "none"
    if prompt.effort or (prompt.budget or 0) > 0:
        return "some"
    return None


def same_value(name, one, other):
    if name == "stop":
        one, other = ([value] if isinstance(value, str) else value for value in (one, other))
    if name == "modalities":
        one, other = ([word.lower() for word in value or []] for value in (one, other))
    return one == other or (neutral(name, one) and neutral(name, other))


def differences(one, other):
    """{field: (one, other)} of all in which two requests differ; they need not be in one dialect."""
    found = {}

    def note(field, same, first, second):
        if not same:
            found[field] = (first, second)

    texts = [part.data[0] for part in one.system], [part.data[0] for part in other.system]
    note("system", same_texts(*texts), *texts)
    turns = grouped(one), grouped(other)
    note("turns", same_turns(*turns), *turns)
    note("tools", same_tools(one.tools, other.tools), one.tools, other.tools)
    note("choice", same_choice(one.choice, other.choice), one.choice, other.choice)
    note("parallel", one.parallel == other.parallel, one.parallel, other.parallel)
    note("format", same_format(one.format, other.format), one.format, other.format)
    thoughts = (one.effort, one.budget), (other.effort, other.budget)
    note("thinking", thinking(one) == thinking(other), *thoughts)
    for name in sorted({*one.values, *other.values} - {"stream"}):
        values = one.values.get(name), other.values.get(name)
        note(name, same_value(name, *values), *values)
    return found
