"""The configuration as its user meets it: where it comes from, what overrides it, what is said about a bad one."""
import pathlib
import re
import signal
import subprocess

import pytest

from conftest import BINARY, ROOT
from weir import clean_environment, until

pytestmark = pytest.mark.asan

EXAMPLE = """
listen: 127.0.0.1:8080
threads: 2
providers:
  mine:
    dialect: openai
    base_url: http://127.0.0.1:9001/v1
    api_key: ${MINE_KEY}
models:
  acme/large:
    - {provider: mine, model: large-v1, context: 131072, price: {input: 0.15, cached_input: 0.075, output: 0.60}}   # USD per million tokens
    - {provider: groq, model: openai/gpt-oss-120b}
local:
  models:
    tiny: {file: /models/tiny.gguf, context: 4096}
"""


@pytest.fixture
def check(tmp_path):
    """`weir check` in a folder of its own: check(text) with that as ./weir.yaml; None: without one."""

    def run(text=None, *words, status=0, **env):
        if text is not None:
            (tmp_path / "weir.yaml").write_text(text)
        done = subprocess.run(
            [BINARY, "check", *words], cwd=tmp_path, env=clean_environment(tmp_path, **env), capture_output=True, text=True, timeout=20
        )
        assert done.returncode == status, (done.returncode, done.stdout[:500], done.stderr)
        assert "runtime error" not in done.stderr
        return done

    return run


def value(done, path):
    """(value, comment) of an option in what `weir check` shows."""
    section, _, name = path.rpartition(".")
    text = done.stdout
    if section:
        text = re.search(rf"^{section}:\n((?:  .*\n)*)", text, re.M).group(1)
    found = re.search(rf"^{'  ' if section else ''}{name}: (.*?) +# (.*)$", text, re.M)
    return found.groups()


# --- a good one ---


def test_the_example_loads(check):
    done = check(EXAMPLE, MINE_KEY="mine-secret", GROQ_API_KEY="groq-secret")
    assert done.stderr == (
        'weir.yaml:15:18: warning: /models/tiny.gguf: No such file or directory; the local model "tiny" is left out\n'
    )
    assert value(done, "threads") == ("2", "weir.yaml:3")
    assert re.search(r"^  mine: +# weir.yaml:5; usable$", done.stdout, re.M)
    assert "price: {input: 0.15, cached_input: 0.075, output: 0.6}" in done.stdout
    assert re.search(r"^    - \{provider: groq, model: openai/gpt-oss-120b, context: 131072, .*price: \{input: ", done.stdout, re.M)
    assert "secret" not in done.stdout.replace("secret:", "")


def test_the_example_without_its_key_is_a_warning(check):
    done = check(EXAMPLE)
    assert re.search(r'^weir\.yaml:8:14: warning: MINE_KEY is not set: no key for provider "mine"$', done.stderr, re.M)
    assert re.search(r"^  mine: +# weir.yaml:5; out: ", done.stdout, re.M)


def test_the_file_that_is_installed_loads(check):
    assert check((ROOT / "etc/weir.yaml").read_text()).stderr == ""
    # Also with all that is commented out in it.
    lines = [re.sub(r"^# ( *[a-z/_-]+:( |$)| +- )", r"\1", line) for line in (ROOT / "etc/weir.yaml").read_text().splitlines()]
    done = check("\n".join(lines) + "\n", MINE_KEY="x", MY_GROQ_KEY="y")
    assert value(done, "route.policy") == ("cheapest", "weir.yaml:" + str([line.strip() for line in lines].index("policy: cheapest") + 1))


def test_none_is_needed(check):
    done = check()
    assert (done.stderr, done.stdout.splitlines()[0]) == ("", "# No configuration file.")
    assert value(done, "listen") == ("[127.0.0.1:8080]", "default")


def test_what_is_shown_is_a_configuration(check, tmp_path):
    """It can be read again, and means the same."""
    text = "threads: 3\nupstream: {connect: 1500ms, forward: [x-one, x-two]}\nroute: {explore: 12.5%, balance: 0.001}\ncors: {origins: ['*']}\n"
    first = check(text + "models: {acme/x: [{provider: groq, model: m, price: {input: 1, output: 2}}]}\n", GROQ_API_KEY="x")
    shown = first.stdout.replace("    api_key: (set)", "    # api_key")
    again = check(shown, GROQ_API_KEY="x")
    values = lambda done: [re.sub(" *#.*", "", line) for line in done.stdout.splitlines() if not re.match(" *#", line)]  # noqa: E731
    assert [line for line in values(again) if "api_key" not in line] == [line for line in values(first) if "api_key" not in line]


# --- where it comes from ---


def test_the_order_of_search(check, tmp_path):
    xdg, home = tmp_path / "config/weir/weir.yaml", tmp_path / ".config/weir/weir.yaml"
    threads = lambda *words, **env: value(check(None, *words, **env), "threads")  # noqa: E731
    places = [(tmp_path / "asked.yaml", ("-c", "asked.yaml")), (tmp_path / "weir.yaml", ()), (xdg, ())]
    for number, (path, _) in enumerate(places):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"threads: {number + 1}\n")
    home.parent.mkdir(parents=True)
    home.write_text("threads: 9\n")
    for number, (path, words) in enumerate(places):
        name = str(path) if path == xdg else path.name
        assert threads(*words) == (str(number + 1), f"{name}:1")
        path.unlink()
    # Without XDG_CONFIG_HOME, or with one that is not absolute, it is ~/.config.
    assert threads(XDG_CONFIG_HOME="") == threads(XDG_CONFIG_HOME="relative") == ("9", f"{home}:1")
    home.unlink()
    assert pathlib.Path("/etc/weir/weir.yaml").exists() or threads() == ("0", "default")


def test_the_first_one_counts_even_if_it_is_bad(check, tmp_path):
    (tmp_path / "config/weir").mkdir(parents=True)
    (tmp_path / "config/weir/weir.yaml").write_text("threads: 1\n")
    assert check("nonsense: 1\n", status=1).stderr.startswith("weir.yaml:1:1: ")
    assert check(None, "-c", "missing.yaml", status=1).stderr == "missing.yaml: cannot read: No such file or directory\n"
    (tmp_path / "weir.yaml").unlink()
    (tmp_path / "weir.yaml").mkdir()
    assert check(status=1).stderr == "weir.yaml: cannot read: Is a directory\n"


# --- variables ---

# A value of each option, as a variable has it and as it is shown.
VALUES = {
    "shared.url": ("redis://:secretpw@127.0.0.1/1", "(set)"),
    "store.url": ("postgresql://weir:secretpw@127.0.0.1/weir", "(set)"),
    "admin.key": ("secret-of-the-admin", "(set)"),
    "secret.key": ("secret" * 6, "(set)"),
    "webhook.url": ("http://127.0.0.1:1/hook", "http://127.0.0.1:1/hook"),
    "webhook.secret": ("secret-of-the-hook", "(set)"),
    "listen": ("127.0.0.1:1,[::1]:2", '[127.0.0.1:1, "[::1]:2"]'),
    "threads": ("7", "7"),
    "data": ("/somewhere/else", "/somewhere/else"),
    "catalog": ("{f}/catalog.json", "{f}/catalog.json"),
    "ca_file": ("{f}/roots.pem", "{f}/roots.pem"),
    "key": ("sk-secret", "(set)"),
    "core_dumps": ("yes", "true"),
    "tls.cert": ("{f}/roots.pem", "{f}/roots.pem"),
    "tls.key": ("{f}/roots.key", "{f}/roots.key"),
    "log.level": ("debug", "debug"),
    "log.format": ("json", "json"),
    "log.requests": ("off", "false"),
    "limits.header_bytes": ("2KiB", "2KiB"),
    "limits.body_bytes": ("1MB", "1000000"),
    "limits.header_time": ("1500ms", "1500ms"),
    "limits.body_time": ("1m30s", "90s"),
    "limits.keep_alive": ("2m", "2m"),
    "limits.write_time": ("1h", "1h"),
    "limits.connections": ("99", "99"),
    "limits.shutdown_time": ("0", "0ms"),
    "upstream.forward": ("x-one, x-two", "[x-one, x-two]"),
    "route.policy": ("cheapest", "cheapest"),
    "route.prefer": ("groq,together", "[groq, together]"),
    "route.explore": ("12.5%", "12.5%"),
    "route.balance": ("0.25", "0.25"),
    "route.breaker_open": ("2s", "2s"),
    "route.breaker_open_max": ("7m", "7m"),
    "translate.drop": ("true", "true"),
    "fetch.images": ("false", "false"),
    "fetch.private": ("true", "true"),
    "journal.max_bytes": ("2GiB", "2GiB"),
    "journal.on_full": ("go_on", "go_on"),
    "cors.origins": ("https://a.example,http://b.example", '[https://a.example, http://b.example]'),
    "metrics.open": ("true", "true"),
    "local.engine": ("off", "off"),
    "local.memory": ("3GiB", "3GiB"),
}
BY_DEFAULT = {"s": "3s", "m": "3s", "h": "3s", "%": "5%", "B": "64KiB"}  # by how the default ends; else a count


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x",
         "-out", folder / "roots.pem", "-keyout", folder / "roots.key"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "catalog.json").write_text('{"models": {}}')
    return folder


def test_a_variable_for_every_option(check, pem):
    manual = subprocess.run([BINARY, "help", "configuration.md"], capture_output=True, text=True).stdout
    rows = re.findall(r"^\| `([a-z_.]+)` \| `(WEIR_[A-Z_]+)` \| (?:`([^`]*)`)? ", manual, re.M)
    rows = [row for row in rows if row[0] != "secret.file"]  # stands for secret.key, which is here
    assert len(rows) > 45
    env, shown = {}, {}
    for option, variable, default in rows:
        assert variable == "WEIR_" + option.upper().replace(".", "_")
        text, printed = VALUES.get(option) or 2 * (BY_DEFAULT.get(default[-1:], "8192" if option == "local.context" else "3"),)
        env[variable], shown[option] = text.format(f=pem), printed.format(f=pem)
    done = check("threads: 1\nlimits: {connections: 5}\nroute: {policy: fastest}\n", **env)
    assert "no such option" not in done.stderr
    wrong = {option: found for option in shown if (found := value(done, option)) != (shown[option], "WEIR_" + option.upper().replace(".", "_"))}
    assert not wrong
    assert "secret" not in done.stdout.replace("secret:", "")


def test_variables_override_the_file_and_empty_ones_do_not(check):
    text = "threads: 5\nroute: {policy: cheapest}\n"
    assert value(check(text, WEIR_THREADS="6"), "threads") == ("6", "WEIR_THREADS")
    done = check(text, WEIR_THREADS="", WEIR_ROUTE_POLICY="local")
    assert (value(done, "threads"), value(done, "route.policy")) == (("5", "weir.yaml:1"), ("local", "WEIR_ROUTE_POLICY"))


def test_a_bad_variable_is_an_error_and_a_slip_a_warning(check):
    assert check(status=1, WEIR_THREADS="many").stderr == 'WEIR_THREADS: expected a whole number from 0 to 64, found "many"\n'
    done = check(WEIR_LISTN="x", WEIR_SERVICE_HOST="10.0.0.1")
    assert done.stderr == "WEIR_LISTN: warning: no such option; did you mean WEIR_LISTEN?\n"
    assert "secret" not in check(status=1, WEIR_KEY="sec ret", WEIR_THREADS="x").stderr.replace("sec ret", "secret")


def test_names_in_values(check):
    text = "data: /${A}/${B}\nroute: {prefer: ['${C}', '$${C}']}\n"
    done = check(text.replace(", '$${C}'", ""), A="one", B="two", C="groq", WEIR_DATA="")
    assert value(done, "data")[0] == "/one/two" and value(done, "route.prefer")[0] == "[groq]"
    assert '"${C}"' in check(text, A="one", B="two", C="groq", status=1).stderr  # a provider of that name, literally
    done = check(text.replace(", '$${C}'", ""), A="one", C="groq", status=1)
    assert done.stderr == "weir.yaml:1:7: B is not set\n"
    assert "expected the name of a variable" in check("data: ${no name}\n", status=1).stderr
    done = check("providers:\n  mine: {base_url: 'http://127.0.0.1:1/v1', api_key: ${KEY}}\n", status=1, KEY="x")
    assert done.stderr == 'weir.yaml:2:55: inside of {...} and [...] a variable wants quotes: "${NAME}"\n'


def test_keys_in_turn_and_where_they_are_from(check):
    done = check(
        "providers:\n  mine:\n    base_url: http://127.0.0.1:1/v1\n    api_key: ['${ONE}', '${TWO}']\n",
        ONE="secret-one", TWO="secret-two", GROQ_API_KEY="secret-a,secret-b",
    )  # fmt: skip
    assert done.stdout.count("2 keys, in turn") == 2 and "GROQ_API_KEY" in done.stdout and "secret" not in done.stdout.replace("secret:", "")


# --- a bad one ---

BAD = """listen: 127.0.0.1:99999
provders:
threads: many
log: {level: verbose}
limits:
  body_bytes: 5 GB
  header_tine: 5s
upstream: 5
providers:
  mine:
    dialect: opnai
    base_url: localhost:9001
    api_kee: x
models:
  acme/large:
    - {provider: nobody, model: x}
    - {provider: mine, model: m, context: -5, price: {input: cheap}}
local: {models: {tiny: {context: 5}}}
keys: [{name: x, hash: zz}]
tls: {cert: /nowhere.pem}
cors: {origins: [example.com]}
route: {prefer: [grok]}
catalog: /nowhere.json
"""
ERRORS = [
    '1:9: listen: expected an address like "127.0.0.1:8080" or "[::1]:8080", found "127.0.0.1:99999"',
    '2:1: unknown option "provders"; did you mean "providers"?',
    '3:10: threads: expected a whole number from 0 to 64, found "many"',
    '4:14: log.level: expected error, warn, info or debug, found "verbose"',
    '6:15: limits.body_bytes: expected a size like "64KiB" from 1KiB to 60MiB, found "5 GB"',
    '7:3: unknown option "header_tine" in limits; did you mean "header_time"?',
    "8:11: expected a mapping of options, found a text",
    '11:14: unknown word "opnai"; did you mean "openai"?',
    '12:15: base_url "localhost:9001": bad URL; expected https://HOST/PATH or http://HOST:PORT/PATH',
    '13:5: unknown option "api_kee" in providers.mine; did you mean "api_key"?',
    '16:18: unknown provider "nobody"',
    '17:43: expected a whole number from 1 to 1073741824, found "-5"',
    '17:62: expected an amount of USD like "0.15", found "cheap"',
    '18:18: the local model "tiny" has no file',
    '18:34: expected a whole number from 128 to 16777216, found "5"',
    "19:24: expected the SHA-256 of a key as 64 hexadecimal digits; `weir key create` prints it",
    "20:13: tls.cert: tls.key is wanted as well",
    '21:18: cors.origins: expected an origin like "https://app.example.org", without a path, found "example.com"',
    '22:18: route.prefer: unknown provider "grok"; did you mean "groq"?',
    "23:10: catalog: /nowhere.json: No such file or directory",
]


@pytest.mark.parametrize("command", ("check", "serve", "models", "usage"))
def test_all_errors_at_once(tmp_path, command):
    """In the compiler's form, in the order of the file, on standard error; nothing else happens."""
    (tmp_path / "bad.yaml").write_text(BAD)
    done = subprocess.run(
        [BINARY, command, "-c", "bad.yaml"], cwd=tmp_path, env=clean_environment(tmp_path), capture_output=True, text=True, timeout=20
    )
    assert done.stderr.splitlines() == ["bad.yaml:" + error for error in ERRORS]
    assert (done.returncode, done.stdout) == (1, "") and not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "text, said",
    [
        ("a: [1\nb: 2\n", "2:2: did not find expected ',' or ']'"),
        ("\tlisten: 5\n", "1:1: a tab; YAML is indented by blanks"),
        ("listen: :8080\nlisten: :8081\n", '2:1: "listen" is given twice; first in line 1'),
        ("- a\n", '1:1: expected options ("name: value"), found a list'),
        ("listen: &x :8080\n", "1:9: anchors and aliases (& and *) are not supported"),
        ("upstream.connect: 5s\n", '1:1: "upstream.connect" is written as "connect:" below "upstream:"'),
        ("connect: 5s\n", '1:1: unknown option "connect"; did you mean "upstream.connect"?'),
        ("upstream: {connect: 5}\n", '1:21: upstream.connect: expected a span of time like "5s" or "250ms" from 1ms to 1h, found "5"'),
        ("upstream: {connect: 2h}\n", "from 1ms to 1h"),
        ("listen: [':1', ':1']\n", '1:16: listen: ":1" is listed twice'),
        ("listen: []\n", "1:9: listen: expected at least one address"),
        ("listen: '::1:8080'\n", "1:9: listen: expected an address"),
        ("upstream: {forward: [authorization]}\n", '1:22: upstream.forward: "authorization" cannot be passed on'),
        ("models: {a: [{provider: groq, model: m, price: {input: 1}}]}\n", "output"),
        ("providers: {x: {base_url: 'http://x/v1', api_key: 5, auth: basic}}\n", 'unknown word "basic"'),
    ],
)  # fmt: skip
def test_what_is_said_of_a_mistake(check, text, said):
    done = check(text, status=1)
    assert done.stderr.startswith("weir.yaml:") and said in done.stderr, done.stderr


def test_a_file_that_is_no_text(check, tmp_path):
    (tmp_path / "weir.yaml").write_bytes(b"\xff\xfe")
    assert check(status=1).stderr.startswith("weir.yaml:1:1: not a text in UTF-8")
    (tmp_path / "weir.yaml").write_bytes(b"listen: a\0b\n")
    assert check(status=1).stderr.startswith("weir.yaml:1:")


def test_a_missing_model_file_puts_just_that_one_out(weir):
    server = weir("local: {models: {tiny: {file: /nowhere/tiny.gguf}}}\n")
    assert "/nowhere/tiny.gguf" in server.log and "warning: " in server.log
    assert server.ask("/healthz").status == 200
    got = server.chat("tiny")
    assert got.status == 404 and got.json["error"]["code"] == "no_provider_key" and "No such file" in got.json["message"], got.body


def test_warnings_of_a_reload_are_logged(weir):
    server = weir("")
    server.file.write_text("listen: 127.0.0.1:0\nproviders:\n  groq: {api_key: '${NOT_SET}'}\n")
    server.tell(signal.SIGHUP)
    until(lambda: re.search(r'Z warn .*weir\.yaml:3:19: warning: NOT_SET is not set: no key for provider "groq"', server.log))
