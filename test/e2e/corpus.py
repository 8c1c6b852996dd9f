"""The recorded exchanges with hosts of the OpenAI dialect, and what ought to become of them.

Nothing here knows how weir does it: bodies are edited by the positions that Python's own JSON
scanner finds, events are told apart by a pattern, usage is computed from the decoded object.
"""
import base64
import functools
import hashlib
import json
import re
from urllib.parse import urlsplit

from conftest import fixture_lines

PATHS = {"openai.chat": "/chat/completions", "openai.completions": "/completions", "openai.embeddings": "/embeddings"}
# Which row of weir's table a recorded host is; others get a row of their own.
ROWS = {
    "api.openai.com": "openai", "openai.rig": "openai", "openrouter.rig": "openrouter", "mistral.rig": "mistral",
    "api.mistral.ai": "mistral", "deepseek.rig": "deepseek", "api.deepseek.com": "deepseek", "llamacpp.rig": "llamacpp",
    "groq.rig": "groq", "api.groq.com": "groq", "perplexity.rig": "perplexity", "router.huggingface.co": "huggingface",
    "huggingface.co": "huggingface", "api.together.xyz": "together", "api.together.ai": "together",
    "traceloop-stg.openai.azure.com": "azure", "test-resource.openai.azure.com": "azure", "api.sambanova.ai": "sambanova",
    "api.hyperbolic.xyz": "hyperbolic", "api.novita.ai": "novita", "api.cerebras.ai": "cerebras", "api.cohere.com": "cohere",
    "localhost:8000": "vllm", "127.0.0.1:11434": "ollama",
}  # fmt: skip


class Exchange:
    def __init__(self, number, line):
        self.number, self.line = number, line
        self.request, self.reply = base64.b64decode(line["req"]), base64.b64decode(line["resp"])
        self.mark = hashlib.sha256(self.request + self.reply).hexdigest()[:8]
        self.status, self.file = line["status"], line["file"]
        self.type = line["ct"] or ("text/event-stream" if line["stream"] else "application/json")
        self.path = PATHS[line["dialect"]]
        host = urlsplit(line["uri"]).netloc
        self.row = ROWS.get(host) or re.sub(r"\W", "-", host)
        self.built_in = host in ROWS
        self.query = urlsplit(line["uri"]).query
        self.asked = json.loads(self.request)
        self.streams = line["stream"] and self.status == 200

    def __repr__(self):
        return f"{self.mark} {self.row} {self.file}"

    @property
    def model(self):
        return self.asked.get("model")

    @property
    def is_stream(self):
        return self.asked.get("stream") is True

    @property
    def wants_usage(self):
        return (self.asked.get("stream_options") or {}).get("include_usage") is True

    @functools.cached_property
    def objects(self):
        """The JSON objects of the reply: the one, or those of the events."""
        texts = re.findall(rb"^data: ?(\{.*)$", self.reply, re.M) if self.streams else [self.reply]
        return [found for found in map(read_json, texts) if isinstance(found, dict)]

    @property
    def usage(self):
        """The usage object that counts: the last."""
        found = None
        for one in self.objects:
            found = one.get("usage") or (one.get("x_groq") or {}).get("usage") or found
        return found

    @property
    def said(self):
        """The model that the reply names."""
        return last(self.objects, "model") or ""


def last(objects, name):
    """The member of the last object that has it."""
    return next((one[name] for one in reversed(objects) if one.get(name)), None)


@functools.cache
def exchanges():
    lines = fixture_lines("recorded/corpus.jsonl.gz")
    return [Exchange(n, line) for n, line in enumerate(line for line in lines if line["dialect"] in PATHS)]


def read_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


# --- edits of a request ---


def members(text):
    """(key, where the key begins, where the value begins and ends) of each member of a JSON object's text."""
    decoder, blank = json.JSONDecoder(), re.compile(r"[ \t\r\n]*")
    skip = lambda at: blank.match(text, at).end()  # noqa: E731
    at, found = skip(skip(0) + 1), []
    while text[at] != "}":
        start = at
        key, at = decoder.raw_decode(text, at)
        value = skip(skip(at) + 1)
        _, end = decoder.raw_decode(text, value)
        found.append((key, start, value, end))
        at = skip(end)
        at = skip(at + 1) if text[at] == "," else at
    return found


def with_value(body, key, value):
    """The body with another value of a member, all other bytes as they are."""
    text = body.decode()
    for name, _, start, end in reversed(members(text)):
        if name == key:
            text = text[:start] + json.dumps(value) + text[end:]
    return text.encode()


def without(body, key):
    """The body without a member, and without the comma that is then too much."""
    text = body.decode()
    found = members(text)
    place = next(n for n, member in enumerate(found) if member[0] == key)
    if place + 1 < len(found):
        return (text[: found[place][1]] + text[found[place + 1][1] :]).encode()
    return (text[: found[place - 1][3]] + text[found[place][3] :]).encode()


def with_member(body, member):
    """The body with a member more, at its very end."""
    end = body.rindex(b"}")
    return body[:end] + b"," + member.encode() + body[end:]


# --- events ---


def events(body):
    """The events of a stream with the empty line behind each; what is behind the last one is dropped."""
    return re.findall(rb".*?\r?\n\r?\n", body, re.S)


def is_usage_only(event):
    data = re.match(rb"data: ?(\{.*)", event)
    one = read_json(data.group(1)) if data else None
    return bool(one and one.get("usage") and one.get("choices") == [])


# --- usage ---

CLASSES = [
    "input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "audio_input_tokens", "audio_output_tokens", "image_input_tokens", "image_output_tokens",
]  # fmt: skip


def classes_of(usage, row):
    """The disjoint classes of a usage object. A prompt holds its cached, audio and image tokens, a
    completion its reasoning tokens, but where the host's row or its own total says otherwise."""
    into = usage.get("prompt_tokens_details") or {}
    out = usage.get("completion_tokens_details") or {}
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens") or 0
    if prompt is None:
        prompt = usage["total_tokens"] - completion
    cached = into.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or usage.get("num_cached_tokens")
    cached = cached or usage.get("cached_tokens") or 0
    reasoning, audio = out.get("reasoning_tokens") or 0, into.get("audio_tokens") or 0
    if audio and prompt + audio + completion == usage["total_tokens"]:
        prompt += audio
    if row in ("xai", "perplexity"):
        completion += reasoning
    reasoning = min(reasoning, completion)  # some count the text again, and differently
    counts = dict.fromkeys(CLASSES, 0)
    counts["cached_input_tokens"] = cached
    counts["cache_write_tokens"] = into.get("cache_write_tokens") or 0
    counts["audio_input_tokens"] = audio
    counts["image_input_tokens"] = into.get("image_tokens") or 0
    counts["input_tokens"] = prompt - cached - audio - counts["cache_write_tokens"] - counts["image_input_tokens"]
    counts["reasoning_tokens"] = reasoning
    counts["audio_output_tokens"] = out.get("audio_tokens") or 0
    counts["image_output_tokens"] = out.get("image_tokens") or 0
    counts["output_tokens"] = completion - reasoning - counts["audio_output_tokens"] - counts["image_output_tokens"]
    assert min(counts.values()) >= 0, usage
    return counts
