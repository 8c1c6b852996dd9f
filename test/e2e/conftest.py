"""What every end-to-end test may ask for.

WEIR_BIN       the binary under test (build/weir)
WEIR_PROBE     the parsers at the end of a pipe (build/release/probe)
WEIR_TEST_STORE  the database of the servers: sqlite, or postgresql, of which one is started
WEIR_FIXTURES  recorded traffic and test vectors (../shared/fixtures beside the repository)
"""
import contextlib
import functools
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

from front import config_for
from host import Host
from translating import Translate, translate_path
from weir import Weir

CRASHES = [-number for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)]
ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("WEIR_BIN", ROOT / "build/weir")).resolve()


def fixture_file(name):
    """The path of a fixture. Skips when there are none, fails when those asked for are not there."""
    asked = os.environ.get("WEIR_FIXTURES")
    path = pathlib.Path(asked or ROOT.parent / "shared" / "fixtures") / name
    if path.is_file() and os.access(path, os.R_OK):
        return path
    if asked:
        pytest.fail(f"WEIR_FIXTURES is {asked}, but {path} cannot be read")
    pytest.skip(f"no fixtures: {path} is not there and WEIR_FIXTURES is not set")


def fixture_lines(name):
    """The objects of a .jsonl.gz fixture."""
    with gzip.open(fixture_file(name), "rt") as lines:
        return [json.loads(line) for line in lines]


class Probe:
    """test/e2e/probe.c: ask("json", b"[1]") gives what the parser says."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what, data, **options):
        """The answer, read by json.loads with the options."""
        self.process.stdin.write(b"%s %s\n" % (what.encode(), data.hex().encode()))
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the probe died of {what} {data[:200]!r}"
        return json.loads(answer, **options)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=20) == 0


@pytest.fixture(scope="session")
def probe():
    path = pathlib.Path(os.environ.get("WEIR_PROBE", ROOT / "build/release/probe"))
    assert path.is_file(), f"{path} is not there: make probe"
    p = Probe(path)
    yield p
    p.close()


@pytest.fixture(scope="session")
def translate():
    path = translate_path()
    assert path.is_file(), f"{path} is not there: make probe"
    t = Translate(path)
    yield t
    t.close()


# What takes long comes first, so that no worker is left with it at the end.
SLOW = ("fleet", "sdks", "faults", "cross", "engine", "outage", "journal", "budgets", "bill", "spending", "adversary", "priced", "wall", "ops")


def pytest_collection_modifyitems(items):
    rank = {f"test_{name}": n for n, name in enumerate(SLOW)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(SLOW)))


TOLD = []


@pytest.fixture(scope="session")
def tell():
    """tell("12 of 12 equal") stands in what `make test` prints at its end."""
    return TOLD.append


def pytest_sessionfinish(session):
    """Of several processes each hands over what it has to say, and ends its database: they leave without a farewell."""
    if "postgres" in sys.modules:
        sys.modules["postgres"].end_all()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["told"] = TOLD


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    TOLD.extend(getattr(node, "workeroutput", {}).get("told", []))


def pytest_terminal_summary(terminalreporter):
    for line in TOLD:
        terminalreporter.write_line(f"figures: {line}")


@pytest.fixture
def host():
    """Makes providers: host() is one, with `url` and `requests`; see host.py."""
    made = []

    def make(behaviour=None, **options):
        h = Host(**options)
        if behaviour:
            h.play(behaviour)
        made.append(h)
        return h

    yield make
    for h in made:
        h.close()


@contextlib.contextmanager
def servers(folder):
    """Gives what starts servers in the folder; they must all end well."""
    made = []

    def start(config="", wait=True, binary=BINARY, **env):
        place = folder / f"weir{len(made)}"
        place.mkdir()
        server = Weir(str(binary), place, config, env.items(), wait)
        made.append(server)
        return server

    yield start
    for server in made:
        ended = server.process.poll() is not None
        status = server.stop()
        assert status == 0 or (ended and status not in CRASHES), f"exit status {status}:\n{server.log[-3000:]}"
        assert "Sanitizer" not in server.log, server.log[-6000:]
        assert "runtime error" not in server.log, server.log[-6000:]


@pytest.fixture
def weir(tmp_path):
    """Starts servers: weir("providers: ...", MINE_KEY="x") is a running one; see weir.py. It must end well."""
    with servers(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def module_weir(tmp_path_factory):
    """As weir, for servers that all tests of a file share."""
    with servers(tmp_path_factory.mktemp("module")) as start:
        yield start


def start_in_front(start, make_host, *behaviours, env=(), lines="", offers=(), providers=(), route=(), binary=BINARY, **upstream):
    hosts = [one if isinstance(one, (Host, str)) else make_host(one) for one in behaviours]
    config = config_for(*hosts, lines=lines, offers=offers, providers=providers, route=route, upstream=upstream)
    server = start(config, binary=binary, **dict(env))
    server.hosts = hosts
    return server


@pytest.fixture(scope="session")
def preload(tmp_path_factory):
    """preload("clock") is the environment in which test/e2e/clock.c stands before the C library."""
    if shutil.which("cc") is None:
        pytest.skip("no compiler")
    folder = tmp_path_factory.mktemp("preload")

    def build(name):
        source, library = ROOT / f"test/e2e/{name}.c", folder / f"{name}.so"
        subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        return {"LD_PRELOAD": library}

    return functools.cache(build)


@pytest.fixture
def in_front(weir, host):
    """in_front(behaviour, ..., first_token="1s") is weir in front of hosts that do so; they are its `hosts`.

    What is not named above are options of `upstream`; see front.py."""
    return functools.partial(start_in_front, weir, host)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """As in_front, but a server of the same options is used for all tests of a file: what one leaves behind shows in the
    next. Not for what benches a host."""
    made = {}
    with servers(tmp_path_factory.mktemp("lasting")) as start:

        def make(*behaviours, **options):
            urls = [one if isinstance(one, str) else None for one in behaviours]
            key = json.dumps([urls, options], sort_keys=True)
            if key not in made:
                made[key] = start_in_front(start, lambda _: Host(), *behaviours, **options)
            server = made[key]
            for one, behaviour in zip(server.hosts, behaviours):
                if isinstance(one, Host):
                    one.begin(behaviour)
            server.forget_rows()
            return server

        yield make
    for server in made.values():
        for one in server.hosts:
            if isinstance(one, Host):
                one.close()
