"""A real PostgreSQL server for tests: started in a folder of its own, on a free port, by a user that it likes.

As root it is run as the user `postgres`, since it refuses root. It ends with the process that started it."""
import atexit
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
}
PASSWORD = "p%40ss-w0rd-of-tests"  # as a URL has it


def programs():
    """The folder of the newest installed version."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    on_path = shutil.which("initdb")
    assert found or on_path, "PostgreSQL is not installed: tools/packages.sh test"
    return found[-1].parent if found else pathlib.Path(on_path).parent


started = []


class Postgres:
    def __init__(self, settings=()):
        self.settings = {**SETTINGS, **dict(settings)}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-postgres-"))
        self.process, self.made = None, 0
        self.as_user = []
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.as_user = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        secret = self.folder / "password"
        secret.write_text("p@ss-w0rd-of-tests\n")
        if self.as_user:
            shutil.chown(secret, "postgres")
        self.run("initdb", "-D", self.folder / "data", "-U", "weir", "-A", "scram-sha-256", "--pwfile", secret, "--no-sync", "-E", "UTF8")
        started.append(self)
        self.start()

    def words(self, program, *words):
        return ["setpriv", "--pdeathsig=KILL", *self.as_user, programs() / program, *words]

    def run(self, program, *words):
        subprocess.run(self.words(program, *words), cwd=self.folder, check=True, capture_output=True)

    def start(self):
        settings = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen(
                self.words("postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder, *settings),
                cwd=self.folder, stdout=log, stderr=log,
            )
        end = time.monotonic() + 20
        ready = [programs() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready).returncode != 0:
            assert time.monotonic() < end and self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.02)

    def stop(self, how=signal.SIGINT):
        """Ends it, at once and with all connections (SIGINT), or as a crash does (SIGQUIT)."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(how)
        self.process.wait(20)

    def processes(self):
        """It and its children."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def signal_all(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def pause(self):
        self.signal_all(signal.SIGSTOP)

    def resume(self):
        self.signal_all(signal.SIGCONT)

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.signal_all(signal.SIGCONT)
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database="postgres"):
        return f"postgresql://weir:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def connect(self, database="postgres"):
        """A connection whose rows are dictionaries, outside of transactions."""
        import psycopg  # not for `make bench`, which has no need of it

        return psycopg.connect(self.url(database), autocommit=True, row_factory=psycopg.rows.dict_row, connect_timeout=5)

    def make(self):
        """The URL of a new database."""
        self.made += 1
        name = f"weir_{self.made}"
        with self.connect() as db:
            db.execute(f"CREATE DATABASE {name}")
        return self.url(name)


shared = None
urls = {}


@atexit.register
def end_all():
    """Also those that a test which failed has left."""
    while started:
        started.pop().end()


def of_folder(folder):
    """The URL of the database that belongs to a server's folder, on the server that all tests of the process share."""
    global shared
    if shared is None:
        shared = Postgres()
    key = str(folder)
    if key not in urls:
        urls[key] = shared.make()
    return urls[key]


def rows(url, sql, values=()):
    import psycopg

    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as db:
        return db.execute(sql, values).fetchall()
