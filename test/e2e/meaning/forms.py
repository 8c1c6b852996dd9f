"""What requests and answers mean, in a form that none of the dialects has.

Each dialect has a reader of its own beside this file, written from its provider's documentation; weir's C code
is not looked at. compare.py tells whether two of them mean the same.
"""
import dataclasses
import json
from typing import NamedTuple


class Part(NamedTuple):
    kind: str  # text, image, audio, video, file, call, result, thought, refusal, other
    data: tuple
    cache: str = ""  # the lifetime of the cache breakpoint behind it: "5m", "1h"


def text(value, cache=""):
    return Part("text", (value,), cache)


def media(kind, source, data, mime="", name="", cache=""):
    """`source` says what the data is: "data" (base64), "url", "id"."""
    return Part(kind, (source, data, mime, name), cache)


def call(number, name, arguments, signature="", cache=""):
    return Part("call", (number, name, arguments, signature), cache)


def result(number, parts, failed=False, cache=""):
    return Part("result", (number, tuple(parts), failed), cache)


def thought(words, signature="", sealed=""):
    return Part("thought", (words or "", signature or "", sealed or ""))


@dataclasses.dataclass
class Turn:
    side: str  # user, assistant, system (instructions that come later)
    parts: list
    name: str = ""


@dataclasses.dataclass
class Tool:
    name: str
    description: str
    schema: dict
    strict: bool | None = None
    cache: str = ""


@dataclasses.dataclass
class Prompt:
    system: list = dataclasses.field(default_factory=list)  # of text Parts, ahead of the turns
    turns: list = dataclasses.field(default_factory=list)
    tools: list = dataclasses.field(default_factory=list)
    hosted: list = dataclasses.field(default_factory=list)  # tools that are the provider's own
    choice: tuple | None = None  # ("auto",), ("none",), ("required",), ("named", required, names...)
    parallel: bool = True
    format: tuple | None = None  # ("json",), ("schema", schema)
    effort: str | None = None
    budget: int | None = None  # of thinking, in tokens; -1: as the model likes
    show: bool | None = None
    values: dict = dataclasses.field(default_factory=dict)  # by name: temperature, max_output, ...
    keys: dict = dataclasses.field(default_factory=dict)  # what the dialect calls those that are said
    others: list = dataclasses.field(default_factory=list)  # paths of what has no place above


@dataclasses.dataclass
class Said:
    """One of the alternatives of an answer."""

    parts: list
    finish: str = ""  # stop, length, calls, filtered, error
    stop_text: str | None = None
    word: str = ""  # the dialect's own for `finish`, where a reader takes others for it


@dataclasses.dataclass
class Answer:
    id: str = ""
    model: str = ""
    said: list = dataclasses.field(default_factory=list)
    usage: dict | None = None  # disjoint: input, cached, cache_write, output, reasoning
    tier: str = ""
    faults: list = dataclasses.field(default_factory=list)  # in which a stream breaks its dialect's rules


VALUES = {
    "max_output", "temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "stop", "answers",
    "logprobs", "top_logprobs", "logit_bias", "user", "metadata", "tier", "store", "verbosity", "cache_key", "stream",
    "modalities", "cache_options", "cache_retention",
}  # fmt: skip


def take(prompt, body, names, outer=""):
    """The members that are said, under the names of VALUES."""
    for key, name in names.items():
        if body.get(key) is not None:
            assert name in VALUES
            prompt.values[name], prompt.keys[name] = body[key], outer + key


def media_of_url(kind, url, name="", cache=""):
    """A data: URL is data; its MIME type is before the comma."""
    if url.startswith("data:") and ";base64," in url[:200]:
        mime, _, data = url[5:].partition(";base64,")
        return media(kind, "data", data, mime, name, cache)
    return media(kind, "url", url, "", name, cache)


def json_or_text(value):
    """What a text of arguments means."""
    if not isinstance(value, str):
        return value
    try:
        return (json.loads(value) or {}) if value.strip() else {}
    except ValueError:
        return value


def merged(parts):
    """Texts and thoughts that follow each other are one."""
    out = []
    for part in parts:
        last = out[-1] if out else None
        if last and part.kind == last.kind == "text" and not last.cache:
            out[-1] = text(last.data[0] + part.data[0], part.cache)
        elif last and part.kind == last.kind == "refusal":
            out[-1] = Part("refusal", (last.data[0] + part.data[0],))
        elif part.kind in ("text", "refusal") and not part.data[0]:
            continue
        else:
            out.append(part)
    return out


def usage(input=0, cached=0, cache_write=0, output=0, reasoning=0):
    """The tokens that were used, each counted once; `output` is without the reasoning."""
    return dict(input=input, cached=cached, cache_write=cache_write, output=output, reasoning=reasoning)
