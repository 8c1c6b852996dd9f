"""The real binary, started on a free port with a folder of its own, and asked over HTTP."""
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import time

# Which database the servers have: sqlite, or postgresql.
STORE = os.environ.get("WEIR_TEST_STORE", "sqlite")
SCRUBBED = re.compile(r".*_API_KEY$|^HF_TOKEN$|^WEIR_|^AZURE_|^AWS_|^GOOGLE_|^XDG_|.*_proxy$|^NOTIFY_SOCKET$", re.I)


def clean_environment(folder, **more):
    """The environment without keys and settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not SCRUBBED.match(name)}
    kept.update(HOME=str(folder), WEIR_DATA=str(folder / "data"), XDG_CONFIG_HOME=str(folder / "config"))
    kept["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    kept.update({name: str(value) for name, value in more.items()})
    if STORE == "postgresql":
        kept.setdefault("WEIR_STORE_URL", database_of(os.path.dirname(kept["WEIR_DATA"])))
    return kept


def database_of(folder):
    """The URL of the folder's database, where the tests are run with PostgreSQL."""
    import postgres

    return postgres.of_folder(folder)


def look(folder, sql, *values):
    """Rows of the database of a server's folder, as dictionaries; values are `?`."""
    if STORE == "postgresql":
        import postgres

        return postgres.rows(database_of(folder), sql.replace("?", "%s"), values)
    with sqlite3.connect(f"file:{folder}/data/weir.db?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql, values)]


def meddle(folder, sql):
    """Runs a statement on the database of a server's folder, as a person may."""
    if STORE == "postgresql":
        import psycopg

        with psycopg.connect(database_of(folder)) as db:
            db.execute(sql)
            db.execute("UPDATE weir_change SET n = n + 1")
    else:
        with sqlite3.connect(folder / "data/weir.db") as db:
            db.execute(sql)


class Reply:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def field(self, name):
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)

    @property
    def row_id(self):
        """The number of its row in the ledger."""
        return int(self.field("x-request-id")[4:20], 16)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def events(self):
        """The data of the events, JSON decoded."""
        found = re.findall(rb"^data: ?(.*)$", self.body.replace(b"\r\n", b"\n"), re.M)
        return [data if data == b"[DONE]" else json.loads(data) for data in found]


class Weir:
    def __init__(self, binary, folder, config="", env=(), wait=True):
        self.binary, self.folder = binary, folder
        self.file = folder / "weir.yaml"
        self.file.write_text(config if "listen:" in config else "listen: 127.0.0.1:0\n" + config)
        self.env = clean_environment(folder, **dict(env))
        self.errors = open(folder / "stderr", "w+b")
        self.since_ms = 0
        self.launch(wait)

    def launch(self, wait=True):
        """Starts it; also again, once it has ended."""
        if self.errors.closed:
            self.errors = open(self.folder / "stderr", "a+b")
        self.process = subprocess.Popen(
            [self.binary, "serve", "-c", self.file], cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=self.errors
        )
        self.banner, self.port = "", None
        if wait:
            self.read_banner()

    def read_banner(self):
        for line in self.process.stdout:
            self.banner += line.decode()
            if b"  curl " in line:
                break
        found = re.search(r"listening +https?://\S+?:(\d+)", self.banner)
        assert found, f"weir did not start:\n{self.banner}\n{self.log}"
        self.port = int(found.group(1))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self):
        return (self.folder / "stderr").read_text(errors="replace")

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, path="/v1/chat/completions", body=None, method=None, fields=(), timeout=30):
        """One request on a connection of its own; the whole reply."""
        connection = self.connect(timeout)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method or ("GET" if data is None else "POST"), path, data, dict(fields))
        reply = connection.getresponse()
        try:
            content = reply.read()
        except http.client.IncompleteRead as cut:
            content = cut.partial
        connection.close()
        return Reply(reply.status, reply.getheaders(), content)

    def chat(self, model, stream=False, fields=(), **more):
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        if stream:
            body["stream"] = True
        return self.ask(body=body, fields=fields)

    def command(self, *words, check=True):
        done = subprocess.run([self.binary, *words, "-c", self.file], cwd=self.folder, env=self.env, capture_output=True, text=True)
        assert not check or done.returncode == 0, done.stderr
        return done

    def usage(self, *words):
        return json.loads(self.command("usage", "--json", *words).stdout)

    def wait_for_usage(self, requests, seconds=5):
        """The rows, once they tell of so many requests."""
        return until(lambda: (rows := self.usage()) and sum(row["requests"] for row in rows) >= requests and rows, seconds)

    def rows(self):
        """The ledger itself, oldest first."""
        return look(self.folder, "SELECT * FROM ledger WHERE start_ms > ? ORDER BY id", self.since_ms)

    def forget_rows(self):
        """Rows of requests before now are shown no more."""
        self.since_ms = int(time.time() * 1000)
        until(lambda: time.time() * 1000 > self.since_ms + 2)

    def wait_for_rows(self, count, seconds=5):
        return until(lambda: len(rows := self.rows()) >= count and rows, seconds)

    def row_of(self, reply, seconds=5):
        """The ledger's row of a reply, once it is there."""
        return until(lambda: next((row for row in self.rows() if row["id"] == reply.row_id), None), seconds)

    def generation(self, reply, fields=()):
        """What /v1/generation says of a reply, once it is settled."""
        path = f"/v1/generation?id={reply.field('x-request-id')}"
        return until(lambda: (found := self.ask(path, fields=fields)).status == 200 and found.json)

    def metric(self, name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.ask("/metrics").body.decode(), re.M)
        return float(found.group(1)) if found else 0.0

    def resident_kib(self):
        """Memory of its own: without pages of files, the journal's among them."""
        with open(f"/proc/{self.process.pid}/statm") as statm:
            _, resident, shared = map(int, statm.read().split()[:3])
            return (resident - shared) * 4

    def tell(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends it and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"weir did not end:\n{self.log[-3000:]}") from None
        finally:
            self.process.stdout.close()
            self.errors.close()
        return status


def until(condition, seconds=5.0):
    """Polls until the condition holds and gives what it gave."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.01)
