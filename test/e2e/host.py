"""A provider for tests: a real HTTP server on loopback whose every byte the test decides.

    host = Host()
    host.play(reply({"choices": [...]}))          # for every request from now on
    host.play_next(reset(), status(500))          # for the next ones, one each
    host.requests[-1].json["model"]               # what came

A behaviour is a function (connection, request); it returns False when the connection is to be closed.
"""
import contextlib
import json
import random
import socket
import ssl
import struct
import threading
import time


class Request:
    def __init__(self, head, body, connection):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        self.fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if line]
        self.body = body
        self.connection = connection

    def field(self, name):
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)

    @property
    def json(self):
        return json.loads(self.body)


class Connection:
    def __init__(self, sock, host, number):
        self.sock, self.host, self.number = sock, host, number
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data)

    def send_in_pieces(self, data, seed, longest=700):
        """The bytes in random cuts, down to one byte, each in a packet of its own as far as the kernel lets it."""
        cut = random.Random(seed)
        while data:
            size = cut.choice((1, 2, 3, 7, 50, longest))
            self.send(data[:size])
            data = data[size:]

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def fill(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def wait_closed(self, seconds=30):
        """Waits until the other side closes; what it still sends is dropped."""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionError:
            pass
        return True

    def read_request(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, value = line.split(b":", 1)
            if name.lower() == b"content-length":
                length = int(value)
            if name.lower() == b"expect":
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(self.buffer) < length:
            if not self.fill():
                return None
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Request(head, body, self)


class Host:
    def __init__(self, tls=None, address="127.0.0.1", port=0, name=None, greet=None):
        """tls: (certificate, key), PEM files. name: in the URL, instead of the address. greet: called with each connection."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.create_server((address, port), family=family, backlog=512)
        self.port = self.socket.getsockname()[1]
        self.name = name or (f"[{address}]" if ":" in address else address)
        self.tls, self.greet, self.held = tls, greet, threading.Event()
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        self.requests, self.connections = [], 0
        self.lock = threading.Condition()
        self.usual, self.queue = reply(completion()), []
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://{self.name}:{self.port}/v1"

    def play(self, behaviour):
        with self.lock:
            self.usual = behaviour

    def begin(self, behaviour):
        """As if it were a new one, but for the connections that are kept."""
        with self.lock:
            self.usual, self.queue, self.requests = behaviour, [], []

    def play_next(self, *behaviours):
        with self.lock:
            self.queue.extend(behaviours)

    def accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(sock, self.connections), daemon=True).start()

    def serve(self, sock, number):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.context.wrap_socket(sock, server_side=True)
            connection = Connection(sock, self, number)
            if self.greet is None or self.greet(connection) is not False:
                self.serve_requests(connection)
        except (OSError, ValueError):
            pass
        finally:
            sock.close()

    def serve_requests(self, connection):
        while True:
            request = connection.read_request()
            if request is None:
                return
            with self.lock:
                self.requests.append(request)
                behaviour = self.queue.pop(0) if self.queue else self.usual
                self.lock.notify_all()
            if behaviour(connection, request) is False:
                return

    def wait_for_requests(self, count, seconds=10):
        with self.lock:
            assert self.lock.wait_for(lambda: len(self.requests) >= count, seconds), f"only {len(self.requests)} came"

    def close(self):
        """Ends the thread that accepts, too: else it may go on with the number of a socket that is made next."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


# --- bodies ---


def completion(text="hello", model="large-v1", usage=(400, 600, 50), **more):
    """A chat completion; usage is (uncached prompt, cached prompt, completion) tokens."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
    }
    if usage:
        body["usage"] = usage_of(usage)
    return {**body, **more}


def usage_of(usage):
    fresh, cached, out = usage
    return {
        "prompt_tokens": fresh + cached,
        "completion_tokens": out,
        "total_tokens": fresh + cached + out,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def chunk(delta, finish=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "large-v1", "choices": [choice], **more}


def event(data):
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def stream_events(text="hello", usage=(400, 600, 50)):
    """The events of an OpenAI stream whose caller asked for usage."""
    events = [event(chunk({"role": "assistant", "content": ""}))]
    events += [event(chunk({"content": letter})) for letter in text]
    events.append(event(chunk({}, "stop")))
    if usage:
        events.append(event({**chunk({}), "choices": [], "usage": usage_of(usage)}))
    return events + [event(b"[DONE]")]


# --- behaviours ---


def head(status=200, fields=(), length=None, chunked=False, type="application/json"):
    lines = [f"HTTP/1.1 {status} Any", f"content-type: {type}"]
    lines += [f"{name}: {value}" for name, value in fields]
    if length is not None:
        lines.append(f"content-length: {length}")
    if chunked:
        lines.append("transfer-encoding: chunked")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def as_chunks(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part)


def reply(body, status=200, fields=(), pieces=None, type="application/json"):
    """A reply with a Content-Length; `pieces` is the seed of random cuts."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(connection, request):
        whole = head(status, fields, len(data), type=type) + data
        connection.send(whole) if pieces is None else connection.send_in_pieces(whole, pieces)

    return behave


def fault(status, message="broken", fields=(), **more):
    return reply({"error": {"message": message, "type": "test_error", "param": None, "code": None, **more}}, status, fields)


def raw(data, then_close=True):
    """Exactly these bytes."""

    def behave(connection, request):
        connection.send(data)
        return not then_close

    return behave


def stream(events=None, pieces=None, fields=(), then=None, gap=None):
    """An event stream in HTTP chunks. `then` replaces its end: a behaviour called behind the last event.
    `gap` is called with the event's number before each one."""
    events = stream_events() if events is None else events

    def behave(connection, request):
        connection.send(head(200, fields, chunked=True, type="text/event-stream"))
        for number, part in enumerate(events):
            if gap:
                gap(number)
            data = as_chunks(part)
            connection.send(data) if pieces is None else connection.send_in_pieces(data, pieces + number)
        if then:
            return then(connection, request)
        connection.send(b"0\r\n\r\n")

    return behave


def reset(connection=None, request=None):
    """Resets the connection; as a behaviour, or behind another one's bytes."""
    if connection is None:
        return reset
    connection.reset()
    return False


def cut(connection=None, request=None):
    """Closes the connection in an orderly way."""
    return cut if connection is None else False


def silence(connection=None, request=None):
    """Says nothing until the other side gives up."""
    if connection is None:
        return silence
    connection.wait_closed()
    return False


def drip(every=0.05, byte=b" "):
    """A byte now and then, for ever."""

    def behave(connection, request):
        while True:
            connection.send(as_chunks(byte))
            time.sleep(every)

    return behave


REFUSING = []  # bound and not listening: nobody else gets these ports while the tests run


def refused_port():
    """A port on which connections are refused."""
    REFUSING.append(socket.socket())
    REFUSING[-1].bind(("127.0.0.1", 0))
    return REFUSING[-1].getsockname()[1]