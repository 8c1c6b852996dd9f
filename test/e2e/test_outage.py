"""PostgreSQL stops, crashes, freezes or throws weir out while requests run: no request fails for it, and no row is lost or
comes twice. WEIR_ROUNDS is how often weir is killed meanwhile (3; `make torture`: 200)."""
import contextlib
import json
import os
import random
import re
import select
import signal
import subprocess
import threading
import time

import psycopg
import pytest

import postgres
from conftest import BINARY
from front import attempts_of
from host import completion, reply
from test_journal import SMALL, Callers, compare, figures, stage  # noqa: F401
from weir import clean_environment, until

ROUNDS = min(int(os.environ.get("WEIR_ROUNDS", 3)), 200)
SOON = "threads: 2\nstore: {timeout: 700ms}\n" + SMALL.format(max="64MiB", full="refuse")


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server of this file's own: it does not live quietly."""
    made = postgres.Postgres()
    yield made
    made.end()


@pytest.fixture
def database(server):
    if server.process.poll() is not None:
        server.start()
    server.resume()
    return server.make()


def rows_of(url):
    return postgres.rows(url, "SELECT * FROM ledger ORDER BY id")


@contextlib.contextmanager
def under_load(s, names, threads=8):
    """All of the names are asked meanwhile, and all are answered."""
    callers = Callers(s.server.port, s.plan, names, threads=threads)
    until(lambda: len(callers.complete) > 30, 20)
    yield callers
    callers.join()
    assert not callers.refused and len(callers.complete) > 0.5 * len(names)


def told(s, text):
    return len(re.findall(text, s.server.log))


AWAY, BACK = "the ledger in PostgreSQL at 127.0.0.1:.* cannot be written", "the ledger in PostgreSQL .* is written again"


def check_complete(s, callers, url, seconds=30):
    """What all three journals say is the same, and nothing waits."""
    until(lambda: len(rows_of(url)) >= len(s.plan.asked), seconds)
    assert compare(s.plan, callers, rows_of(url)) == 0
    until(lambda: json.loads(s.server.command("journal", "--json").stdout)["rows_waiting"] == 0)


def check_away(s):
    assert s.server.ask("/readyz").status == 200
    assert s.server.ask("/readyz").json == {"status": "ready", "ledger": "cannot be written"}
    assert s.server.metric("weir_store_up") == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_a_server_that_ends_and_comes_back(stage, server, database, how):  # noqa: F811
    s = stage(11)
    names = s.start(1500, SOON, WEIR_STORE_URL=database, WEIR_ADMIN_KEY="admin-key")
    opens = {"authorization": "Bearer admin-key"}
    with under_load(s, names) as callers:
        server.stop(how)
        until(lambda: told(s, AWAY) == 1, 20)
        for path, body in (("teams", {"name": "web"}), ("teams", None), ("keys", {"name": "k"})):
            assert s.server.ask(f"/admin/v1/{path}", body, fields=opens, timeout=3).status in (500, 503)
        before = len(callers.complete)
        until(lambda: len(callers.complete) > before + 100 or not callers.names, 20)
        check_away(s)
        server.start()
    until(lambda: told(s, BACK) == 1, 20)
    check_complete(s, callers, database)
    assert told(s, AWAY) == told(s, BACK) == 1
    assert s.server.ask("/readyz").json == {"status": "ready"} and s.server.metric("weir_store_up") == 1
    assert s.server.ask("/admin/v1/teams", {"name": "web"}, fields=opens).status == 201
    assert "p@ss-w0rd" not in s.server.log and postgres.PASSWORD not in s.server.log


def test_a_server_that_freezes(stage, server, database):  # noqa: F811
    """It takes no answer for one: the connection is given up, and a new one made when that is answered."""
    s = stage(12)
    names = s.start(1500, SOON, WEIR_STORE_URL=database)
    with under_load(s, names) as callers:
        server.pause()
        until(lambda: told(s, AWAY) == 1, 20)
        assert "no answer within" in s.server.log
        check_away(s)
        before = len(callers.complete)
        until(lambda: len(callers.complete) > before + 100 or not callers.names, 20)
        server.resume()
    until(lambda: told(s, BACK) >= 1, 20)
    check_complete(s, callers, database)


def test_connections_that_are_ended_at_any_moment(stage, server, database):  # noqa: F811
    """Also in the middle of a transaction, and between a commit and its answer."""
    s = stage(13)
    names = s.start(1500, SOON, WEIR_STORE_URL=database)
    ended = 0
    with under_load(s, names) as callers, psycopg.connect(database, autocommit=True) as db:
        while callers.names:
            ended += db.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'weir'"
                " AND datname = current_database()"
            ).fetchone()[0]
            time.sleep(random.uniform(0, 0.25))  # at any moment: not waiting for anything
    check_complete(s, callers, database)
    assert ended >= 3


def test_a_commit_whose_answer_is_not_heard(stage, server, database):  # noqa: F811
    """The rows are there, and come again: they are passed over, and none is lost that came with them."""
    s = stage(14)
    names = s.start(400, SOON, WEIR_STORE_URL=database)
    callers = Callers(s.server.port, s.plan, names[:200]).join()
    check_complete(s, callers, database)
    with psycopg.connect(database) as lock:
        lock.execute("LOCK TABLE ledger IN EXCLUSIVE MODE")
        callers.complete |= Callers(s.server.port, s.plan, names[200:300]).join().complete
        s.kill()
    # As if no commit had been heard of: how far the segments are drained is what it was before.
    postgres.rows(database, "UPDATE journal SET drained = 64 WHERE drained > 64 RETURNING drained")
    before = rows_of(database)
    s.start(0, SOON, WEIR_STORE_URL=database)
    after = rows_of(database)
    assert len(before) == 200 and len(after) == 300 and all(row in after for row in before)
    assert compare(s.plan, callers, after) == 0


def test_killed_while_the_database_comes_and_goes(stage, server, database, tell):  # noqa: F811
    seed = int(os.environ.get("WEIR_SEED", random.randrange(1 << 30)))
    print("seed", seed)
    s, chance = stage(seed), random.Random(seed)
    complete, interrupted = set(), 0
    for _ in range(ROUNDS):
        names = s.start(300, SOON, WEIR_STORE_URL=database)
        callers = Callers(s.server.port, s.plan, names)
        trouble = chance.choice(["stop", "pause", "crash"])
        time.sleep(chance.uniform(0.01, 0.3))  # a moment of the trouble: not waiting for anything
        server.pause() if trouble == "pause" else server.stop(signal.SIGINT if trouble == "stop" else signal.SIGQUIT)
        time.sleep(chance.uniform(0.0, 0.3))
        s.kill()
        callers.join()
        complete |= callers.complete
        callers.complete = complete
        server.resume() if trouble == "pause" else server.start()
        s.server = None
        s.start(0, SOON, WEIR_STORE_URL=database)
        interrupted = compare(s.plan, callers, rows_of(database))
        s.server.stop()
    figures(tell, s, f"{ROUNDS} kills while PostgreSQL stops, crashes or freezes", complete, interrupted)


# --- several servers ---


def test_two_servers_share_what_is_kept(weir, server, database, tmp_path):  # noqa: F811
    one, two = weir(WEIR_STORE_URL=database), weir(WEIR_STORE_URL=database)
    key = one.command("key", "create", "--name", "ci").stdout.strip()
    ask = lambda s, key: s.ask("/v1/models", fields={"authorization": f"Bearer {key}"}).status  # noqa: E731
    for s in (one, two):
        until(lambda: ask(s, key) == 200 and ask(s, "sk-weir-other") == 401, 2)
    two.command("key", "revoke", "ci")
    for s in (one, two):
        until(lambda: ask(s, key) == 401, 2)
    assert [row["name"] for row in postgres.rows(database, "SELECT * FROM key")] == ["ci"]
    seen = postgres.rows(database, "SELECT * FROM instance")
    assert len({row["id"] for row in seen}) == 2


def test_several_start_at_once_with_a_new_database(weir, server, database):  # noqa: F811
    started = [weir(wait=False, WEIR_STORE_URL=database) for _ in range(4)]
    for s in started:
        s.read_banner()
    assert postgres.rows(database, "SELECT count(*) AS n FROM weir_schema")[0]["n"] == 1
    assert len(postgres.rows(database, "SELECT * FROM instance")) == 4


def test_a_copy_of_a_data_folder_is_no_second_server(weir, server, database):
    one = weir(WEIR_STORE_URL=database)
    two = weir(wait=False, WEIR_STORE_URL=database)
    two.read_banner()
    two.stop()
    (two.folder / "data/instance").write_text((one.folder / "data/instance").read_text())
    one.process.kill()
    one.process.wait()
    two.launch()  # the other one is gone
    two.stop()
    one.launch()
    two.launch(wait=False)
    # It waits for a while, as the connection of one that was killed may live on.
    assert select.select([two.process.stdout], [], [], 0.7)[0] == [] and two.process.poll() is None
    one.stop()
    two.read_banner()


def test_one_that_starts_leaves_the_others_requests_alone(stage, server, database, weir):  # noqa: F811
    """What is open at a server that runs is not settled by one that starts."""
    s = stage(15)
    names = s.start(3, "threads: 1\n" + SMALL.format(max="16MiB", full="refuse"), WEIR_STORE_URL=database)
    held = threading.Event()
    s.plan.of[names[0]] = ("json", (10, 0, 5))
    s.hosts["a"].play_next(lambda c, r: held.wait(20) and reply(completion(usage=(10, 0, 5)))(c, r))
    asking = threading.Thread(target=s.server.chat, args=(f"acme/{names[0]}",))
    asking.start()
    s.hosts["a"].wait_for_requests(1)
    weir(WEIR_STORE_URL=database)
    held.set()
    asking.join(20)
    until(lambda: rows_of(database), 10)
    assert [row["outcome"] for row in rows_of(database)] == ["OK"]


# --- starting ---


def start_in_vain(tmp_path, url):
    done = subprocess.run([BINARY, "serve"], cwd=tmp_path, env=clean_environment(tmp_path, WEIR_LISTEN="127.0.0.1:0", WEIR_STORE_URL=url), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "p@ss" not in done.stderr and "p%40ss" not in done.stderr and "hunter2" not in done.stderr
    return done.stderr


def test_a_database_that_is_not_there_is_told(tmp_path, server, database):
    told = start_in_vain(tmp_path, f"postgresql://weir:{postgres.PASSWORD}@127.0.0.1:1/ledger")
    assert "cannot reach PostgreSQL at 127.0.0.1:1/ledger: " in told and "Connection refused" in told and "store.url" in told
    told = start_in_vain(tmp_path, f"postgresql://weir:hunter2@127.0.0.1:{server.port}/postgres")
    assert "password authentication failed" in told
    told = start_in_vain(tmp_path, f"postgresql://weir:{postgres.PASSWORD}@127.0.0.1:{server.port}/nowhere")
    assert '"nowhere" does not exist' in told
    assert "it must begin with postgresql://" in start_in_vain(tmp_path, "mysql://root:hunter2@localhost/x")
    assert "it is no URL like" in start_in_vain(tmp_path, "postgresql://weir:hunter2@[::1/x")
    for secret in ("a/hunter2", "1/hunter2", "a@hunter2", "hunter2:1@x", "1/a@hunter2"):
        assert "with %XX for what is special" in start_in_vain(tmp_path, f"postgresql://weir:{secret}@127.0.0.1:1/x")
    assert "with %XX for what is special" in start_in_vain(tmp_path, "postgresql://weir:hunter2")


def test_a_schema_of_a_newer_weir_is_refused(tmp_path, server, database, weir):
    weir(WEIR_STORE_URL=database).stop()
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("UPDATE weir_schema SET version = 999")
    assert "it was written by a newer weir (schema 999" in start_in_vain(tmp_path, database)


# --- the ledger ---


def test_months_have_partitions(weir, server, database):
    weir(WEIR_STORE_URL=database)
    names = [row["relname"] for row in postgres.rows(database, "SELECT relname FROM pg_class WHERE relname ~ '^ledger_[0-9_]+$' ORDER BY 1")]
    month = time.gmtime()
    following = time.gmtime(time.mktime((month.tm_year, month.tm_mon + 1, 15, 0, 0, 0, 0, 0, 0)))
    assert names == [f"ledger_{m.tm_year:04}_{m.tm_mon:02}" for m in (month, following)]


def test_rows_of_a_month_without_a_partition_move_into_it(stage, server, database):  # noqa: F811
    s = stage(16)
    names = s.start(20, SOON, WEIR_STORE_URL=database)
    month = f"ledger_{time.gmtime().tm_year:04}_{time.gmtime().tm_mon:02}"
    with psycopg.connect(database, autocommit=True) as db:
        db.execute(f"DROP TABLE {month}")
        callers = Callers(s.server.port, s.plan, names).join()
        check_complete(s, callers, database)
        assert db.execute("SELECT count(*) FROM ledger_other").fetchone()[0] == 20
        s.server.stop()
        s.start(0, SOON, WEIR_STORE_URL=database)
        assert db.execute(f"SELECT count(*) FROM {month}").fetchone()[0] == 20
        assert db.execute("SELECT count(*) FROM ledger_other").fetchone()[0] == 0
    assert compare(s.plan, callers, rows_of(database)) == 0


def test_a_row_that_is_refused_holds_up_no_other(stage, server, database):  # noqa: F811
    s = stage(17)
    names = s.start(300, SOON, WEIR_STORE_URL=database)
    bad = {f"acme/{name}" for name in names[50:60]}
    with psycopg.connect(database, autocommit=True) as db:
        listed = ", ".join(f"'{name}'" for name in sorted(bad))
        db.execute(f"ALTER TABLE ledger ADD CONSTRAINT never CHECK (asked NOT IN ({listed}))")
    Callers(s.server.port, s.plan, names).join()
    until(lambda: len(rows_of(database)) == 290, 20)
    until(lambda: told(s, "the ledger refuses the row of req_") == 10)
    assert not bad & {row["asked"] for row in rows_of(database)}
    assert s.server.metric("weir_store_up") == 1 and all(attempts_of(row) for row in rows_of(database))


def test_texts_that_are_no_text_are_mended(stage, server, database):  # noqa: F811
    s = stage(18)
    names = s.start(1, SOON, WEIR_STORE_URL=database)
    body = {"model": f"acme/{names[0]}", "messages": [{"role": "user", "content": "hi"}], "user": "a\u0000b\u00e4"}
    got = s.server.ask(body=body, fields={"x-session-id": b"s\xff\xc3\xa4".decode("latin-1")})
    assert got.status == 200
    row = until(lambda: rows_of(database), 10)[0]
    assert row["session"].startswith("s\ufffd"), row["session"]
