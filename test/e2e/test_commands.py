"""The commands: what each prints, for people and for machines, and how it refuses."""
import csv
import fcntl
import hashlib
import io
import json
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from conftest import BINARY
from host import completion, cut, fault, reply, stream, stream_events
from weir import clean_environment

pytestmark = pytest.mark.asan

CONFIG = """
providers:
  mine: {{base_url: {url}, api_key: mine-secret}}
models:
  acme/large: [{{provider: mine, model: large-v1, price: {{input: 0.15, cached_input: 0.075, output: 0.60}}}}]
  acme/odd: [{{provider: mine, model: odd-v1}}]
"""
COMMANDS = (
    "serve", "check", "models", "route", "key", "user", "team", "org", "usage", "audit", "invoice", "focus", "prices", "reprice",
    "reconcile", "journal", "store", "version", "help",
)  # fmt: skip
CLASSES = (
    "input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens", "reasoning_tokens",
    "audio_input_tokens", "audio_output_tokens", "image_input_tokens", "image_output_tokens", "priced_requests", "seconds", "characters",
)  # fmt: skip


@pytest.fixture
def cli(tmp_path):
    """Runs a command in a folder of its own, with a configuration beside it."""

    def run(*words, config="", status=0, **env):
        (tmp_path / "weir.yaml").write_text(config)
        done = subprocess.run(
            [BINARY, *words], cwd=tmp_path, env=clean_environment(tmp_path, **env), capture_output=True, text=True, timeout=30
        )
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr
        return done

    return run


@pytest.fixture
def used(weir, host):
    """A server that answered some requests, and failed others."""
    provider = host()
    server = weir(CONFIG.format(url=provider.url), GROQ_API_KEY="x")
    assert server.chat("acme/large").status == 200
    provider.play_next(stream())
    assert server.chat("acme/large:mine", stream=True).status == 200
    provider.play_next(reply(completion(model="odd-v1")))
    assert server.chat("acme/odd").status == 200  # of unknown price
    provider.play_next(*[fault(500)] * 3)
    assert server.chat("acme/large").status == 502
    provider.play_next(stream(stream_events()[:3], then=cut))
    assert server.chat("acme/large", stream=True).status == 200
    server.wait_for_rows(5)
    return server


def words_of(done):
    return done.stdout.split()


# --- help and refusals ---


def test_help_lists_the_commands(cli):
    listed = re.findall(r"^  ([a-z]+) ", cli("help").stdout, re.M)
    assert tuple(listed) == COMMANDS
    for words in (("--help",), ("-h",), ("help", "-h")):
        assert cli(*words).stdout.startswith("weir " if words != ("help", "-h") else "usage: weir help")
    bare = cli(status=2)
    assert bare.stdout == cli("help").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_has_a_help(cli, command):
    text = cli(command, "--help").stdout
    assert text.startswith(f"usage: weir {command}") and text.count("\n") > 2 and text.endswith(".\n") or "--" in text
    assert all(len(line) <= 80 for line in text.splitlines()), text
    assert cli(command, "-h").stdout == cli("help", command).stdout == text
    # Whatever else stands there; and what it says can be asked for.
    assert cli(command, "-c", "nowhere.yaml", "--help").stdout == text


def test_help_of_the_options(cli):
    text = cli("help", "options").stdout
    documented = re.findall(r"^\| `([a-z_.]+)` \| `WEIR_", cli("help", "configuration.md").stdout, re.M)
    assert len(documented) > 40 and set(documented) == set(re.findall(r"^([a-z_.]+)  ", text, re.M))
    assert all(len(line) <= 100 for line in text.splitlines())


@pytest.mark.parametrize(
    "words, said",
    [
        (("usge",), 'there is no command "usge"; did you mean "usage"?'),
        (("frobnicate",), 'there is no command "frobnicate"; `weir help` lists them'),
        (("help", "modles"), 'there is no command "modles"; did you mean "models"?'),
        (("-c", "x.yaml", "check"), '"-c" stands where a command is wanted; its options come behind it, as in `weir serve -c FILE`'),
        (("usage", "--sinse", "today"), '"--sinse" is not understood; did you mean "--since"?'),
        (("usage", "yesterday"), '"yesterday" is not understood; see `weir usage --help`'),
        (("usage", "--since", "yesterday"), "--since wants a day like 2026-01-31; see `weir usage --help`"),
        (("usage", "--until", "2026-13-01"), "--until wants a day like 2026-01-31; see `weir usage --help`"),
        (("usage", "--by", "week"), "--by wants some of day,key,provider,model,user,team,organisation,session,tags,served,upstream; see `weir usage --help`"),
        (("usage", "--by"), "--by wants a value; see `weir usage --help`"),
        (("models", "--csv"), '"--csv" is not understood; see `weir models --help`'),
        (("models", "a", "b"), '"b" is not understood; see `weir models --help`'),
        (("check", "--json"), '"--json" is not understood; see `weir check --help`'),
        (("serve", "now"), '"now" is not understood; see `weir serve --help`'),
        (("version", "x"), '"x" is not understood; see `weir version --help`'),
        (("route",), "the name of a model is wanted; see `weir route --help`"),
        (("route", "x", "--prompt", "many"), "--prompt wants a number; see `weir route --help`"),
        (("key",), "one of create, set, list, block, unblock, rotate, revoke is wanted; see `weir key --help`"),
        (("key", "make"), '"make" is none of create, set, list, block, unblock, rotate, revoke; see `weir key --help`'),
        (("key", "create"), "a new key wants a --name; see `weir key --help`"),
        (("key", "create", "--name"), "--name wants a value; see `weir key --help`"),
        (("key", "create", "--name", ""), "a new key wants a --name; see `weir key --help`"),
        (("key", "create", "--name", "a\nb"), "a key's name is up to 100 bytes of text; see `weir key --help`"),
        (("key", "create", "--name", "x" * 101), "a key's name is up to 100 bytes of text; see `weir key --help`"),
        (("key", "revoke"), "the name or the id of a key is wanted; see `weir key --help`"),
        (("key", "list", "--nmae", "x"), '"--nmae" is not understood; did you mean "--name"?'),
        (("check", "-c"), "-c wants a value; see `weir check --help`"),
    ],
)
def test_what_is_not_understood(cli, words, said):
    """Exit status 2, nothing on standard output, one line that says what to do."""
    done = cli(*words, status=2)
    assert (done.stdout, done.stderr) == ("", f"weir: {said}\n")


@pytest.mark.parametrize("words", (("serve",), ("check",), ("models",), ("route", "smollm2"), ("key", "list"), ("usage",)))
def test_each_takes_a_configuration(cli, tmp_path, words):
    """By -c, before and behind its other words; what is wrong with it is told by each in the same words."""
    (tmp_path / "other.yaml").write_text("listen: 127.0.0.1:0\nnonsense: 5\n")
    for line in ((*words, "-c", "other.yaml"), (words[0], "-c", "other.yaml", *words[1:]), (*words, "--config", "other.yaml")):
        done = cli(*line, status=1)
        assert done.stdout == "" and re.match(r'other\.yaml:2:1: unknown option "nonsense"', done.stderr)
    assert cli(*words, "-c", "nowhere.yaml", status=1).stderr == "nowhere.yaml: cannot read: No such file or directory\n"


def test_the_version(cli):
    version = re.fullmatch(r"weir (\d+\.\d+\.\d+)\n", cli("version").stdout).group(1)
    assert cli("--version").stdout == f"weir {version}\n"
    assert json.loads(cli("version", "--json").stdout) == json.loads(cli("--version", "--json").stdout) == {"version": version}


def test_nobody_reads_it(cli, tmp_path):
    """`weir models --all | head -1` ends quietly."""
    done = subprocess.run(["sh", "-c", f"'{BINARY}' models --json | head -c 10"], env=clean_environment(tmp_path), capture_output=True, timeout=20)
    assert done.stderr == b"" and len(done.stdout) == 10


# --- usage ---


def test_usage_for_machines(used):
    rows = used.usage()
    by_model = {row["model"]: row for row in rows}
    assert len(rows) == len(by_model) == 3, "one row each, and no total"
    for row in rows:
        assert list(row) == [
            "day", "key", "provider", "model", "requests", "failed_requests", "partial_requests", "unpriced_requests", *CLASSES,
            "cost_pusd", "cost_usd",
        ]  # fmt: skip
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["day"]) and (row["key"], row["provider"]) == ("", "mine")
        assert all(type(row[name]) is int for name in (*CLASSES, "requests"))
    row = by_model["acme/large"]
    assert (row["requests"], row["failed_requests"], row["partial_requests"]) == (3, 2, 1)
    # One whole answer, and what is guessed of the one that was cut.
    assert row["input_tokens"] > 400 and (row["cached_input_tokens"], row["output_tokens"]) == (600, 52)
    # The suffix was asked for, too.
    assert by_model["acme/large:mine"]["cost_pusd"] == 135_000_000 and by_model["acme/large:mine"]["cost_usd"] == "0.000135"
    # What nobody knows the price of costs not nothing.
    row = by_model["acme/odd"]
    assert (row["cost_pusd"], row["cost_usd"], row["unpriced_requests"], row["input_tokens"]) == (None, None, 1, 400)


@pytest.mark.parametrize("by", ("day", "key", "provider", "model", "provider,model", "model,day,key"))
def test_usage_by(used, by):
    names = by.split(",")
    rows = used.usage("--by", by)
    for row in rows:
        assert [name for name in ("day", "key", "provider", "model") if name in row] == sorted(names, key=("day", "key", "provider", "model").index)
    assert sum(row["requests"] for row in rows) == 5
    assert len(rows) == (3 if "model" in names else 1)


def test_usage_of_days(used):
    today = used.usage()[0]["day"]
    for words, requests in ((("--since", "today"), 5), (("--since", today), 5), (("--until", today), 5), (("--since", "2099-01-01"), 0),
                            (("--until", "2020-01-01"), 0), (("--since", "2020-01-01", "--until", "2099-12-31"), 5)):  # fmt: skip
        assert sum(row["requests"] for row in used.usage(*words)) == requests, words


def test_usage_as_csv_is_the_same(used):
    text = used.command("usage", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    expected = [{name: "" if value is None else str(value) for name, value in row.items()} for row in used.usage()]
    assert rows == expected


def test_usage_as_a_table(used):
    text = used.command("usage").stdout
    titles, *rows, total = [line.split() for line in text.splitlines()]
    assert titles == ["day", "key", "provider", "model", "reqs", "in", "cached", "out", "USD"]
    assert total[:5] == ["total", "-", "-", "-", "5"]
    assert [row[3] for row in rows] == ["acme/large", "acme/large:mine", "acme/odd"]
    assert rows[1][4:] == ["1", "1000", "600", "50", "0.000135"]
    assert rows[2][-1] == "unknown"
    assert total[-1].endswith("+"), "there is more, nobody knows how much"


def test_usage_without_any(cli):
    assert cli("usage", "--json").stdout == "[]\n"
    assert cli("usage", "--csv").stdout.startswith("day,key,provider,model,requests,") and cli("usage", "--csv").stdout.count("\n") == 1
    assert words_of(cli("usage"))[-5:] == ["0", "0", "0", "0", "0"]


def ledger_of(folder, **columns):
    """Puts a row into the ledger that a server made."""
    import sqlite3

    with sqlite3.connect(folder / "data/weir.db") as db:
        names = [row[1] for row in db.execute("PRAGMA table_info(ledger)")]
        texts = {"key", "asked", "model", "provider", "upstream", "said", "tier", "upstream_id", "operation", "outcome", "attempts"}
        row = {name: "" if name in texts else 0 for name in names}
        row.update(id=columns.pop("id"), **columns)
        db.execute(f"INSERT INTO ledger ({','.join(row)}) VALUES ({','.join('?' * len(row))})", list(row.values()))


def test_large_sums_are_rounded_for_people_only(cli, tmp_path):
    cli("usage")
    ledger_of(tmp_path, id=1, start_ms=1_790_000_000_000, provider="p", asked="m", input_tokens=12_345_678, output_tokens=123_456, cost_pusd=1_234_567_890_123_456)
    row = cli("usage").stdout.splitlines()[1].split()
    assert row[-4:] == ["12M", "0", "123K", "1234.57"]
    exact = json.loads(cli("usage", "--json").stdout)[0]
    assert (exact["input_tokens"], exact["cost_pusd"], exact["cost_usd"]) == (12_345_678, 1_234_567_890_123_456, "1234.567890123456")


def test_a_name_is_no_formula(cli, tmp_path):
    cli("usage")
    ledger_of(tmp_path, id=1, key='=cmd|"x"', provider="p", asked="+m", start_ms=1_790_000_000_000)
    line = cli("usage", "--csv").stdout.splitlines()[1]
    assert line.startswith('"2026-09-21","\'=cmd|""x""","p","\'+m",')


def test_a_name_does_not_control_the_terminal(cli, tmp_path):
    """Callers choose the names of models."""
    cli("usage")
    ledger_of(tmp_path, id=1, key="k", provider="p", asked="a\x1b[31mred\x07\x9b1mb\nc", start_ms=1_790_000_000_000)
    lines = cli("usage", COLUMNS="120").stdout.splitlines()
    assert len(lines) == 3 and "a?[31mred??1mb?c" in lines[1]
    assert json.loads(cli("usage", "--json").stdout)[0]["model"] == "a\x1b[31mred\x07\x9b1mb\nc"


# --- models ---


def test_models_for_machines(cli):
    """The whole catalog, reachable or not."""
    models = json.loads(cli("models", "--json", GROQ_API_KEY="x").stdout)
    assert len(models) > 200
    for model in models:
        assert {"id", "context", "providers"} <= set(model) and model["providers"]
        for offer in model["providers"]:
            assert {"provider", "model", "price"} <= set(offer)
            price = offer["price"]
            assert price is None or all(isinstance(value, (int, float, dict)) for value in price.values())
    oss = next(model for model in models if model["id"] == "openai/gpt-oss-120b")
    offers = {offer["provider"]: offer for offer in oss["providers"]}
    assert len(offers) > 10 and oss["context"] == 131072
    assert offers["groq"]["model"] == "openai/gpt-oss-120b" and {"input", "output"} <= set(offers["groq"]["price"])
    assert offers["groq"]["usable"] is True
    assert offers["cerebras"]["usable"] is False and "CEREBRAS_API_KEY" in offers["cerebras"]["why"]
    assert json.loads(cli("models", "--json").stdout)[0]["id"] == models[0]["id"]


def test_models_for_people(cli):
    off = "local: {engine: 'off'}\n"
    none = cli("models", config=off)
    assert none.stdout == "" and "no provider key was found" in none.stderr and "--all" in none.stderr
    lines = cli("models", config=off, GROQ_API_KEY="x").stdout.splitlines()
    assert lines[0].split()[0] == "model" and all(line.split()[1:3] == ["1", "groq"] for line in lines[1:])
    assert len(cli("models", "--all").stdout.splitlines()) > 200
    text = cli("models", "gpt-oss-120b", COLUMNS="150", GROQ_API_KEY="x").stdout
    assert text.startswith("openai/gpt-oss-120b\nprovider ")
    groq = next(line for line in text.splitlines() if line.startswith("groq"))
    assert groq.split()[1] == "openai/gpt-oss-120b" and groq.endswith("yes")
    assert "no key: set CEREBRAS_API_KEY" in text
    done = cli("models", "gpt-os-120b", status=1)
    assert done.stdout == "" and "openai/gpt-oss-120b" in done.stderr


# --- keys ---


def test_a_key_is_a_word_of_its_own(cli):
    done = cli("key", "create", "--name", "ci")
    (key,) = words_of(done)
    assert re.fullmatch(r"sk-weir-[A-Za-z0-9_-]{43}", key) and done.stdout == key + "\n"
    assert '"ci"' in done.stderr and key not in done.stderr
    assert f"keys: [{{name: ci, hash: {hashlib.sha256(key.encode()).hexdigest()}}}]" in done.stderr
    other = json.loads(cli("key", "create", "--name", "two", "--json").stdout)
    assert set(other) == {"name", "key", "hash"} and other["name"] == "two" and other["key"] != key


def test_the_list_never_shows_a_key(cli, tmp_path):
    keys = [words_of(cli("key", "create", "--name", name))[0] for name in ("one", "two")]
    cli("key", "revoke", "one")
    text, rows = cli("key", "list").stdout, json.loads(cli("key", "list", "--json").stdout)
    assert [line.split()[1] for line in text.splitlines()] == ["name", "one", "two"]
    assert [line.split()[-1] for line in text.splitlines()] == ["state", "revoked", "valid"]
    assert [(row["name"], row["revoked_at"] is None) for row in rows] == [("one", False), ("two", True)]
    assert set(rows[0]) == {"id", "name", "hint", "created_at", "revoked_at"}
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    for key in keys:
        secret = key.removeprefix("sk-weir-")
        assert all(secret[i : i + 8] not in text + json.dumps(rows) for i in range(36))
        assert all(secret[i : i + 8].encode() not in stored for i in range(36)), "only a hash is kept"


def test_names_of_keys(cli):
    cli("key", "create", "--name", "ci")
    done = cli("key", "create", "--name", "ci", status=1)
    assert done.stdout == "" and 'named "ci" is there already' in done.stderr
    cli("key", "revoke", "ci")
    assert cli("key", "revoke", "ci", status=1).stderr == 'weir: there is no valid key "ci"; `weir key list` shows all\n'
    cli("key", "create", "--name", "ci")  # the name is free again
    valid = next(row for row in json.loads(cli("key", "list", "--json").stdout) if not row["revoked_at"])
    cli("key", "revoke", str(valid["id"]))
    assert all(row["revoked_at"] for row in json.loads(cli("key", "list", "--json").stdout))


# --- route ---

ROUTED = """
providers:
  near: {base_url: 'http://127.0.0.1:1/v1'}
  far: {base_url: 'https://far.example/v1', api_key: '${FAR_KEY}'}
  shut: {base_url: 'https://shut.example/v1', api_key: '${SHUT_KEY}'}
models:
  acme/large:
    - {provider: near, model: large-near, context: 4000, price: {input: 1, output: 1}}
    - {provider: far, model: large-far, context: 100000, price: {input: 2, output: 2}}
    - {provider: shut, model: large-shut, price: {input: 0.5, output: 0.5}}
"""


def route(cli, model, *words):
    return json.loads(cli("route", model, *words, "--json", config=ROUTED, FAR_KEY="x").stdout)


def test_route_explains(cli):
    plan = route(cli, "acme/large:cheapest", "--prompt", "100", "--answer", "50")
    assert (plan["asked"], plan["policy"]) == ("acme/large:cheapest", "cheapest")
    inside, outside = [c for c in plan["candidates"] if c["in"]], [c for c in plan["candidates"] if not c["in"]]
    assert [(c["provider"], c["model"]) for c in inside] == [("near", "large-near"), ("far", "large-far")]
    assert [c["score"] for c in inside] == sorted(c["score"] for c in inside)
    assert inside[1]["expected_cost_pusd"] == 2 * inside[0]["expected_cost_pusd"] == 2 * 150 * 1_000_000
    (shut,) = outside
    assert (shut["provider"], shut["out"]) == ("shut", "NO_KEY") and shut["why"]
    assert all({"expected_ms", "expected_ttft_ms"} <= set(c) for c in plan["candidates"])


@pytest.mark.parametrize(
    "model, words, first, reasons",
    [
        ("acme/large:preferred", (), "near", {"shut": "no key"}),
        ("acme/large:far", (), "far", {"near": "another provider was named"}),
        ("acme/large:local", (), "near", {"far": ":local was asked for"}),
        ("acme/large:cheapest", ("--prompt", "5000"), "far", {"near": "too short"}),
    ],
)
def test_route_says_why(cli, model, words, first, reasons):
    plan = route(cli, model, *words)
    assert plan["candidates"][0]["provider"] == first
    for provider, reason in reasons.items():
        assert reason in next(c["why"] for c in plan["candidates"] if c["provider"] == provider)
    text = cli("route", model, *words, config=ROUTED, FAR_KEY="x", COLUMNS="120").stdout
    assert text.startswith(f"{model}: {plan['policy']} (")
    assert re.search(rf"^1\. +{first} .* taken first$", text, re.M)
    for provider, reason in reasons.items():
        assert re.search(rf"^out +{provider} .*{reason}", text, re.M), text


def test_route_when_nobody_is_left(cli):
    assert "No candidate is left" in cli("route", "acme/large:shut", config=ROUTED).stdout


@pytest.mark.parametrize("asked, near", (("acme/laarge", "acme/large"), ("meta-llama/Llama-3.3-70B-Instrukt", "meta-llama/Llama-3.3-70B-Instruct"), ("gpt-5-mni", "openai/gpt-5-mini")))
def test_the_nearest_names_of_an_unknown_model(cli, weir, asked, near):
    done = cli("route", asked, config=ROUTED, status=1)
    assert done.stdout == "" and f'there is no model "{asked}"; did you mean ' in done.stderr and near in done.stderr
    got = weir(ROUTED).chat(asked)
    assert (got.status, got.json["error"]["code"], got.json["error"]["param"]) == (404, "model_not_found", "model")
    assert near in got.json["message"]


# --- terminals ---


def too_wide(text, columns):
    return [line for line in text.splitlines() if len(line) > columns]


def fill_ledger(folder):
    for i in range(3):
        ledger_of(
            folder, id=i + 1, start_ms=1_790_000_000_000 + i, key="team-platform-production", provider="huggingface",
            asked="meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8:cheapest", input_tokens=10**12 + i, cached_input_tokens=10**11,
            output_tokens=10**10, cost_pusd=9_876_543_210_987_654,
        )  # fmt: skip


WIDE = (("usage",), ("models", "--all"), ("models", "llama"), ("route", "openai/gpt-oss-120b:cheapest"), ("key", "list"), ("usage", "--by", "day,model"))


@pytest.mark.parametrize("words", WIDE, ids=" ".join)
def test_tables_fit_80_columns(cli, tmp_path, words):
    cli("key", "create", "--name", "the-key-of-the-team-that-works-on-the-platform-in-production")
    fill_ledger(tmp_path)
    for env in ({"COLUMNS": "80"}, {}):
        text = cli(*words, GROQ_API_KEY="x", **env).stdout
        assert text.count("\n") > 1 and not too_wide(text, 80)
    wide = cli(*words, GROQ_API_KEY="x", COLUMNS="300").stdout
    assert "…" not in wide, "nothing is cut where there is room"


def on_a_terminal(tmp_path, words, columns):
    """What a command prints to a terminal so wide."""
    env = clean_environment(tmp_path)
    env.pop("COLUMNS", None)  # which would win
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    process = subprocess.Popen([BINARY, *words], cwd=tmp_path, env=env, stdout=side, stdin=side)
    os.close(side)
    text = b""
    try:
        while data := os.read(main, 65536):
            text += data
    except OSError:  # the other side was closed
        pass
    os.close(main)
    assert process.wait(10) == 0
    return text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", (60, 120))
def test_tables_fit_their_terminal(cli, tmp_path, columns):
    cli("check")
    text = on_a_terminal(tmp_path, ("models", "--all"), columns)
    assert not too_wide(text, columns)
    if columns == 120:
        assert too_wide(text, 80), "the room is used"
