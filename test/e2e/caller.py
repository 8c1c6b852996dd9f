"""A caller that reads the reply bit by bit, when it wants to, down to its framing.

    c = Caller(server, {"model": ..., "stream": True})
    c.status, c.field("content-type")
    c.event()          # the next event's bytes, as soon as its empty line came
    c.rest()           # everything up to the end
    c.complete         # did the message end as HTTP wants it, or was it cut?
"""
import json
import socket
import struct


def chat_body(model="acme/large", **more):
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}


class Caller:
    def __init__(self, server, body=None, path="/v1/chat/completions", fields=(), version="1.1", buffer=None, timeout=20):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", server.port))
        self.version, self.wire, self.body = version, bytearray(), bytearray()
        self.fields, self.seen, self.complete = None, 0, False
        if body is not None:
            self.send(body, path, fields)

    def send(self, body, path="/v1/chat/completions", fields=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"POST {path} HTTP/{self.version}", "host: localhost", f"content-length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in dict(fields).items()]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    # --- bytes ---

    def fill(self):
        """Reads what is there; False at the end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            return False
        self.wire += data
        return bool(data)

    def line(self):
        while b"\r\n" not in self.wire:
            if not self.fill():
                return None
        line = self.take(self.wire.index(b"\r\n") + 2)
        return bytes(line[:-2])

    def take(self, count):
        taken = self.wire[:count]
        del self.wire[:count]
        return taken

    def head(self):
        if self.fields is not None:
            return
        first = self.line()
        assert first, "no reply came"
        self.got_status, self.fields = int(first.split()[1]), []
        while line := self.line():
            self.fields.append(tuple(part.strip() for part in line.decode("latin-1").split(":", 1)))
        length = self.field("content-length")
        self.left = None if length is None else int(length)

    @property
    def status(self):
        self.head()
        return self.got_status

    def field(self, name):
        self.head()
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)

    def more(self):
        """The next part of the body goes to self.body; False when there is no more."""
        self.head()
        if self.complete:
            return False
        if self.field("transfer-encoding") == "chunked":
            return self.more_chunk()
        if self.left == 0 or not (self.wire or self.fill()):
            self.complete = self.left == 0
            return False
        part = self.take(len(self.wire) if self.left is None else self.left)
        self.body += part
        if self.left is not None:
            self.left -= len(part)
        return True

    def more_chunk(self):
        line = self.line()
        if line is None:
            return False
        size = int(line, 16)
        while len(self.wire) < size + 2:
            if not self.fill():
                return False
        self.body += self.take(size)
        assert self.take(2) == b"\r\n"
        self.complete = size == 0
        return size > 0

    # --- what a test wants ---

    def event(self, end=b"\n\n"):
        """The bytes of the next event, its empty line included."""
        while (at := self.body.find(end, self.seen)) < 0:
            assert self.more(), f"the reply ended after {self.body[-300:]!r}"
        at += len(end)
        found, self.seen = bytes(self.body[self.seen : at]), at
        return found

    def rest(self):
        """What of the body was not given out by event() yet, up to the end."""
        while self.more():
            pass
        found, self.seen = bytes(self.body[self.seen :]), len(self.body)
        return found

    def is_closed(self):
        """Did weir close the connection, with nothing behind the reply?"""
        return not self.wire and not self.fill()

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def last_fault(body):
    """The error of the event with which a stream ended."""
    last = body.rstrip(b"\n").rsplit(b"\n\n", 1)[-1]
    assert last.startswith(b"data: "), f"no event at the end: {body[-300:]!r}"
    found = json.loads(last[6:])
    assert found["error"]["message"] == found["message"]
    return found["error"]
