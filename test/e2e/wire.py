"""One connection to weir, byte by byte: for what no client library would send.

    wire = Wire(server)
    wire.send(b"GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    assert wire.reply().status == 200
"""
import json
import socket

from weir import Reply


class Wire:
    def __init__(self, server, host="127.0.0.1", tls=None, timeout=20):
        """server: a Weir, or the port of one."""
        self.sock = socket.create_connection((host, getattr(server, "port", server)), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self.buffer = b""

    def send(self, *pieces):
        """Each piece in a packet of its own, as far as the kernel lets it."""
        for piece in pieces:
            self.sock.sendall(piece)

    def ask(self, *pieces, method="GET"):
        self.send(*pieces)
        return self.reply(method)

    def fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(f"weir closed the connection behind {self.buffer!r}")
        self.buffer += data

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def take_line(self, end=b"\r\n"):
        while end not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(end, 1)
        return line

    def head(self):
        """A reply's status and fields; its body is left on the wire."""
        first, *lines = self.take_line(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        return Reply(int(status), [tuple(line.split(": ", 1)) for line in lines], b"")

    def chunk(self):
        data = self.take(int(self.take_line(), 16))
        assert self.take(2) == b"\r\n"
        return data

    def reply(self, method="GET"):
        reply = self.head()
        if method == "HEAD" or reply.status < 200 or reply.status == 204:
            return reply
        if reply.field("transfer-encoding") == "chunked":
            while chunk := self.chunk():
                reply.body += chunk
        elif reply.field("content-length") is not None:
            reply.body = self.take(int(reply.field("content-length")))
        else:
            reply.body = self.rest()
        return reply

    def rest(self):
        """All that comes until weir closes."""
        while True:
            try:
                self.fill()
            except (EOFError, ConnectionError):
                data, self.buffer = self.buffer, b""
                return data

    def is_closed(self):
        """Weir closes it without another word."""
        return self.rest() == b""

    def close(self):
        self.sock.close()


def post(path, body=b"", *fields, method="POST", version="1.1"):
    """A request of those bytes; Host and Content-Length come by themselves."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *fields]
    if not any(line.lower().startswith(("content-length:", "transfer-encoding:")) for line in lines):
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data


def get(path, *fields, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: localhost", *fields, "", ""]).encode("latin-1")


def chat(model="acme/large", **more):
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
