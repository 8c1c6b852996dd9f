"""The translations at the end of a pipe (translate.c), and the wire forms of the six dialects' streams."""
import functools
import json
import os
import pathlib
import re
import struct
import subprocess
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIALECTS = ["openai", "anthropic", "gemini", "responses", "cohere", "bedrock"]
PROVIDER = "maker"  # the name of who answers, in tests


@functools.cache
def quirk_bits():
    """{"Q_...": its bit}, from the table."""
    names = re.findall(r"^QUIRK\((\w+)", (ROOT / "src/dialect/quirks.def").read_text(), re.M)
    return {name: 1 << n for n, name in enumerate(names)}


def quirks(*names):
    return sum(quirk_bits()[name] for name in names)


class Translate:
    """ask("prompt", "openai", "gemini", b"{...}", model="m") is what becomes of it."""

    def __init__(self, path):
        self.path = path
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what, source, target, data, **plan):
        plan = {"model": "some-model", "provider": PROVIDER} | plan
        head = f"{what} {source} {target} {json.dumps(plan).encode().hex()} "
        self.process.stdin.write(head.encode() + data.hex().encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self.start()
            raise AssertionError(f"translate died ({status}) of {what} {source} {target} {plan} {data[:2000]!r}")
        answer = json.loads(line)
        if "body" in answer:
            answer["body"] = bytes.fromhex(answer["body"])
        return answer

    @functools.cached_property
    def spoken(self):
        """The dialects that are translated."""
        return [d for d in DIALECTS if self.ask("prompt", d, d, b"{}").get("error") != "NOT_FOUND"]

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=20) == 0


def translate_path():
    return pathlib.Path(os.environ.get("WEIR_PROBE", ROOT / "build/release/probe")).resolve().parent / "translate"


# --- streams as they stand on the wire ---


def frame(kind, name, payload):
    """A frame of AWS's event stream; `kind` is event or exception."""
    headers = b""
    fields = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    for key, value in fields.items():
        headers += bytes([len(key)]) + key.encode() + b"\7" + struct.pack(">H", len(value)) + value.encode()
    prelude = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def frames(data):
    """(message type, event or exception type, payload) of each frame, its checksums verified."""
    found = []
    while data:
        total, length, crc = struct.unpack(">III", data[:12])
        one, data = data[:total], data[total:]
        assert crc == zlib.crc32(one[:8]) and struct.unpack(">I", one[-4:])[0] == zlib.crc32(one[:-4])
        headers, fields = one[12 : 12 + length], {}
        while headers:
            n = headers[0]
            name, headers = headers[1 : 1 + n].decode(), headers[1 + n :]
            assert headers[0] == 7
            size = struct.unpack(">H", headers[1:3])[0]
            fields[name], headers = headers[3 : 3 + size].decode(), headers[3 + size :]
        kind = fields[":message-type"]
        found.append((kind, fields.get(f":{kind}-type", ""), one[12 + length : -4]))
    return found


def events(data):
    """(name, data) of each event of a text stream, by the rules of WHATWG."""
    found = []
    for block in re.split(r"\r\n\r\n|\n\n|\r\r", data.decode()):
        name, lines = "", []
        for line in re.split(r"\r\n|\n|\r", block):
            key, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if key == "event":
                name = value
            elif key == "data":
                lines.append(value)
        if lines:
            found.append((name, "\n".join(lines)))
    return found


def compose(dialect, objects):
    """The bytes of a stream of these events."""
    texts = [(one, json.dumps(one, ensure_ascii=False).encode()) for one in objects]
    if dialect == "openai":
        return b"".join(b"data: %s\n\n" % text for _, text in texts) + b"data: [DONE]\n\n"
    if dialect == "gemini":
        return b"".join(b"data: %s\r\n\r\n" % text for _, text in texts)
    if dialect == "bedrock":
        return b"".join(frame("event", *aws_event(one)) for one in objects)
    return b"".join(b"event: %s\ndata: %s\n\n" % (one["type"].encode(), text) for one, text in texts)


def aws_event(one):
    (name, payload), *_ = one.items()
    return name, json.dumps(payload, ensure_ascii=False).encode()


def objects(dialect, data):
    """The events of a stream's bytes, decoded: [(name, object)]; a [DONE] is left out."""
    if dialect == "bedrock":
        return [(name, json.loads(payload)) for _, name, payload in frames(data)]
    return [(name, json.loads(text)) for name, text in events(data) if text.strip() != "[DONE]"]
