"""A real Redis server for tests, on a free port, with nothing on disk; it ends with the test."""
import signal
import socket
import subprocess
import time


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Redis:
    def __init__(self, password=None):
        self.port, self.password, self.process = free_port(), password, None
        self.start()

    @property
    def url(self):
        return f"redis://{':' + self.password + '@' if self.password else ''}127.0.0.1:{self.port}"

    def start(self):
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"]
        if self.password:
            words += ["--requirepass", self.password]
        self.process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        until_there = time.monotonic() + 10
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < until_there, "redis-server does not start"
            time.sleep(0.01)

    def answers(self):
        try:
            return b"PONG" in self.ask("PING")
        except OSError:
            return False

    def ask(self, *words):
        """The first bytes of the answer, as they come over the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
            say = [("AUTH", self.password)] if self.password else []
            got = b""
            for command in [*say, words]:
                s.sendall(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in command))
                got = s.recv(65536)
            return got

    def kill(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process.poll() is None:
            self.go_on()
            self.kill()
