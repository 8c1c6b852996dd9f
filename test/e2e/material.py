"""Recorded exchanges of the six dialects: the corpus, and the same prompts put to several of them.

What recording or serializing broke is put right here, and nowhere else: byte arrays of JavaScript, streams that
were kept as one array or as text.
"""
import base64
import functools
import hashlib
import json
from urllib.parse import unquote, urlsplit

from conftest import fixture_lines
from translating import compose, quirks

# Which dialect a recording is, by its own label.
SPOKEN = {
    "chat-completions": "openai", "baseten": "openai", "anthropic": "anthropic", "bedrock-anthropic": "anthropic",
    "vertex-anthropic": "anthropic", "google": "gemini", "vertex-google": "gemini", "responses": "responses",
    "bedrock": "bedrock",
    "openai.chat": "openai", "anthropic.messages": "anthropic", "gemini.generateContent": "gemini",
    "gemini.streamGenerateContent": "gemini", "openai.responses": "responses", "cohere.v2.chat": "cohere",
    "bedrock.converse": "bedrock", "bedrock.converse-stream": "bedrock",
}  # fmt: skip


class Recorded:
    """A request with what was answered: `request`, `reply`, `stream` are bytes or None."""

    def __init__(self, name, label, model="", request=None, reply=None, stream=None, origin=""):
        self.name, self.label, self.dialect, self.origin = name, label, SPOKEN[label], origin
        self.request, self.reply, self.stream = request, reply, stream
        self.model = model or (read(request) or {}).get("model") or "some-model"
        if not isinstance(self.model, str):
            self.model = "some-model"

    def __repr__(self):
        return f"{self.name} {self.label} {self.origin}".strip()

    @property
    def quirks(self):
        """Those of the host that the bytes tell."""
        return quirks("Q_USAGE_IN_X_GROQ") if self.stream and b'"x_groq"' in self.stream else 0

    @property
    def asked(self):
        return read(self.request)


def read(data):
    """The object that the bytes are, or None."""
    try:
        found = json.loads(data) if data else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def dump(value):
    return json.dumps(value, ensure_ascii=False).encode()


def mended(value):
    """Bytes that JavaScript wrote as an object are base64, as they were on the wire."""
    if isinstance(value, list):
        return [mended(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "Buffer" and isinstance(value.get("data"), list):
        return base64.b64encode(bytes(value["data"])).decode()
    if value and list(value) == [str(n) for n in range(len(value))]:
        return base64.b64encode(bytes(value.values())).decode()
    return {key: mended(one) for key, one in value.items()}


@functools.cache
def cases():
    """{case: {label: {"first" or "followup": Recorded}}}"""
    found = {}
    for line in fixture_lines("dialect-cases/cases.jsonl.gz"):
        kind = line["kind"]
        turn = "followup" if kind.startswith("followup-") else "first"
        place = found.setdefault(line["case"], {}).setdefault(line["dialect"], {})
        place.setdefault(turn, {})[kind.removeprefix("followup-")] = mended(line["body"])
    return {case: {label: case_turns(case, label, turns) for label, turns in labels.items()}
            for case, labels in found.items()}  # fmt: skip


def case_turns(case, label, turns):
    made, model = {}, ""
    for turn in ("first", "followup"):
        if turn not in turns:
            continue
        said, dialect = turns[turn], SPOKEN[label]
        asked, reply, told = said.get("request"), said.get("response"), said.get("response-streaming")
        model = (asked or {}).get("model") or (asked or {}).get("modelId") or model
        stream = compose(dialect, told) if told and is_stream(dialect, told) else None
        name = case + ("+" if turn == "followup" else "")
        made[turn] = Recorded(name, label, model, asked and dump(asked), reply and dump(reply), stream)
    return made


def is_stream(dialect, told):
    """Some of the "streams" are a whole message, or no events of the dialect."""
    if dialect == "anthropic":
        return told[-1].get("type") == "message_stop"
    return dialect != "responses" or all("type" in one for one in told)


@functools.cache
def corpus():
    """The recorded exchanges of the six dialects."""
    return [taken(line) for line in fixture_lines("recorded/corpus.jsonl.gz") if line["dialect"] in SPOKEN]


def frames_of(answer):
    """AWS's frames; some recorders kept them as text, in hex or base64."""
    if answer[:1] == b"\0":
        return answer
    try:
        return bytes.fromhex(answer.decode())
    except ValueError:
        return base64.b64decode(answer)


def taken(line):
    request, answer = base64.b64decode(line["req"]), base64.b64decode(line["resp"])
    mark, label = hashlib.sha256(request + answer).hexdigest()[:8], line["dialect"]
    reply = stream = None
    if line["status"] == 200 and label == "bedrock.converse-stream":
        stream = frames_of(answer)
    elif line["status"] == 200 and line["stream"]:
        stream = answer
    elif line["status"] == 200 and label == "gemini.streamGenerateContent":
        stream = compose("gemini", json.loads(answer))  # the array form, which weir never asks for
    elif line["status"] == 200:
        reply = answer
    path = unquote(urlsplit(line["uri"]).path)
    model = path.rpartition("/models/")[2].partition(":")[0] if label.startswith("gemini") else ""
    if label.startswith("bedrock"):
        model = path.split("/model/")[-1].rsplit("/", 1)[0]
    return Recorded(mark, label, model, request, reply, stream, line["file"].rpartition("/")[2])


@functools.cache
def all_recorded():
    """Both, as one list."""
    from_cases = [one for labels in cases().values() for turns in labels.values() for one in turns.values()]
    return from_cases + corpus()
