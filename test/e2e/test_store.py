"""weir store: the schema, and the way from SQLite to PostgreSQL."""
import json
import sqlite3

import psycopg
import pytest

import postgres
from host import completion, reply
from weir import until

USAGE = (100, 0, 20)
SECRET = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def elsewhere():
    made = postgres.Postgres()
    yield made
    made.end()


@pytest.fixture
def server(in_front):
    """One that has something in each table that people fill; its keys by name."""
    server = in_front(reply(completion(usage=USAGE)), env={"WEIR_STORE_URL": "", "WEIR_SECRET_KEY": SECRET, "WEIR_ADMIN_KEY": "admin-key"}.items())
    server.command("org", "create", "acme")
    server.command("team", "create", "web", "--org", "acme", "--budget", "25/month")
    server.command("key", "create", "--name", "gone")
    server.command("key", "revoke", "gone")
    server.key = server.command("key", "create", "--name", "ci", "--team", "web", "--rpm", "600").stdout.strip()
    server.command("team", "credit", "web", "5")
    server.fields = {"authorization": f"Bearer {server.key}", "x-session-id": "s\u00e4", "x-weir-tags": "one,two"}
    until(lambda: server.chat("acme/large", fields=server.fields).status == 200)
    for _ in range(9):
        assert server.chat("acme/large", fields=server.fields).status == 200
    return server


def in_file(server, sql):
    with sqlite3.connect(f"file:{server.folder}/data/weir.db?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        db.text_factory = lambda text: text.decode(errors="replace")  # as they are mended
        return [dict(row) for row in db.execute(sql)]


def settled(server, count):
    until(lambda: in_file(server, "SELECT count(*) AS n FROM ledger")[0]["n"] >= count)


def move(server, url, check=True):
    server.env["THERE"] = url
    return server.command("store", "move", "--to", "$THERE", "--json", check=check)


def test_all_of_it_is_moved(server, elsewhere):
    settled(server, 10)
    url = elsewhere.make()
    shown = ["usage", "--by", "key,team,session,tags"], ["audit"], ["key", "list"], ["team", "list"], ["org", "list"]
    before = [json.loads(server.command(*words, "--json").stdout) for words in shown]
    refused = move(server, url, check=False)
    assert refused.returncode == 1 and f"another weir with pid {server.process.pid} uses the data folder" in refused.stderr
    assert server.stop() == 0
    moved = {row["table"]: row["rows"] for row in json.loads(move(server, url).stdout)}
    assert moved["ledger"] == 10 and moved["key"] == 2 and moved["account"] == 3 and moved["credit"] == 1 and moved["audit"] >= 6
    columns = [row["name"] for row in in_file(server, "SELECT name FROM pragma_table_info('ledger')")]
    names = ", ".join(f'"{name}"' for name in columns)
    assert postgres.rows(url, f"SELECT {names} FROM ledger ORDER BY id") == in_file(server, f"SELECT {names} FROM ledger ORDER BY id")
    assert postgres.rows(url, "SELECT count(*) AS n FROM ledger_other")[0]["n"] == 0
    server.env["WEIR_STORE_URL"] = url
    assert [json.loads(server.command(*words, "--json").stdout) for words in shown] == before
    # It goes on there, with the same keys and the next ids.
    server.launch()
    assert server.chat("acme/large", fields=server.fields).status == 200
    until(lambda: postgres.rows(url, "SELECT count(*) AS n FROM ledger")[0]["n"] == 11)
    server.command("key", "create", "--name", "next")
    assert [row["id"] for row in postgres.rows(url, "SELECT id FROM key ORDER BY id")] == [1, 2, 3]
    assert len(in_file(server, "SELECT * FROM ledger")) == 10
    again = move(server, url, check=False)
    assert again.returncode == 1
    server.stop()
    again = move(server, url, check=False)
    assert again.returncode == 1 and "has rows already" in again.stderr


def test_what_a_killed_server_left_is_taken_over_there(server, elsewhere):
    url = elsewhere.make()
    with sqlite3.connect(server.folder / "data/weir.db", isolation_level=None) as lock:
        settled(server, 10)
        lock.execute("BEGIN IMMEDIATE")
        for _ in range(5):
            assert server.chat("acme/large", fields=server.fields).status == 200
        server.process.kill()
        server.process.wait()
        lock.execute("ROLLBACK")
    move(server, url)
    server.env["WEIR_STORE_URL"] = url
    server.launch()
    assert postgres.rows(url, "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM ledger") == [{"n": 15, "ids": 15}]


def test_what_is_not_the_same_there_is_not_moved(server, elsewhere):
    settled(server, 10)
    assert server.stop() == 0
    url = elsewhere.make()
    server.env["WEIR_STORE_URL"] = url
    assert "went from schema 0 to" in server.command("store", "migrate").stdout
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE FUNCTION less() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.cost_pusd = NEW.cost_pusd - 1; RETURN NEW; END $$")
        db.execute("CREATE TRIGGER less BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION less()")
    told = move(server, url, check=False)
    assert told.returncode == 1 and "the table ledger is not the same there" in told.stderr
    assert all(postgres.rows(url, f"SELECT count(*) AS n FROM {table}")[0]["n"] == 0 for table in ("ledger", "key", "account", "audit"))


def test_migrate_says_from_which_to_which(server, elsewhere):
    newest = in_file(server, "PRAGMA user_version")[0]["user_version"]
    assert server.command("store", "migrate").stdout.endswith(f"has schema {newest}, the newest\n")
    assert json.loads(server.command("store", "migrate", "--json").stdout) == {"from": newest, "to": newest}
    server.env["WEIR_STORE_URL"] = elsewhere.make()
    assert json.loads(server.command("store", "migrate", "--json").stdout) == {"from": 0, "to": newest}


@pytest.mark.parametrize("words, why", [
    ([], "it is `weir store migrate` or"), (["move"], "--to URL is wanted"), (["migrate", "--to", "x"], "--to URL is wanted"),
    (["move", "--to", "mysql://u:hunter2@h/x"], "it must begin with postgresql://"),
])  # fmt: skip
def test_what_is_wrong_with_the_words(server, words, why):
    done = server.command("store", *words, check=False)
    assert done.returncode == 2 and why in done.stderr and "hunter2" not in done.stderr
