"""The field's coding agents, each with one turn that uses a tool of its own, through weir on hosts that speak another
dialect: Claude Code, Codex and Gemini CLI as npm has them. `make test-agents` runs them where there is no network but
loopback; they are kept out of `make test` for their size.

The host's model asks the agent to read a file. Only who really read it can send back what stands there.
"""
import functools
import json
import os
import pathlib
import subprocess

import pytest

from conftest import ROOT
from foreign import asked, call, says, text
from weir import clean_environment

KEY = "sk-weir-test-0123456789abcdef"
CONFIG = """
upstream: {{attempts: 1}}
providers:
  there: {{dialect: {dialect}, base_url: {url}, api_key: secret}}
models:
  a/model: [{{provider: there, model: m, context: 200000, price: {{input: 1, output: 2}}}}]
"""
ASK = "Tell what stands in note.txt."
SECRET = "The parrot is called Humboldt."
DONE = "It says so."


@functools.cache
def installed():
    found = subprocess.run([ROOT / "tools/node.sh", "test/e2e/agents"], check=True, capture_output=True, text=True, timeout=900)
    return pathlib.Path(found.stdout.strip())


def node(package, *words):
    return [installed() / "bin/node", installed() / "node_modules" / package, *words]


# --- how each is started, and which of its tools reads a file ---
#
# Claude Code and Codex say things that other dialects have no equivalent for (who asks, tools that load later or are
# the provider's own): they allow weir to leave these out.


def claude(server, folder):
    words = node("@anthropic-ai/claude-code/cli-wrapper.cjs", "-p", ASK, "--model", "a/model", "--allowedTools", "Read")
    env = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_SMALL_FAST_MODEL": "a/model",
           "ANTHROPIC_CUSTOM_HEADERS": "x-weir-drop: allow",
           "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_TELEMETRY": "1", "DISABLE_AUTOUPDATER": "1"}  # fmt: skip
    return words, env


def read_by_claude(tools, folder):
    return call("Read", file_path=str(folder / "note.txt"))


def codex(server, folder):
    home = folder / ".codex"
    home.mkdir()
    (home / "config.toml").write_text(f"""
model = "a/model"
model_provider = "weir"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.weir]
name = "weir"
base_url = "{server.url}/v1"
env_key = "WEIR_TEST_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
http_headers = {{ "x-weir-drop" = "allow" }}
""")
    words = node("@openai/codex/bin/codex.js", "exec", "--skip-git-repo-check", "-s", "danger-full-access", ASK)
    return words, {"CODEX_HOME": home, "WEIR_TEST_KEY": KEY}


def read_by_codex(tools, folder):
    if "exec_command" in tools:
        return call("exec_command", cmd="cat note.txt")
    return call("shell_command", command="cat note.txt") if "shell_command" in tools else call("shell", command=["cat", "note.txt"])


def gemini(server, folder):
    home = folder / ".gemini"
    home.mkdir()
    settings = {"privacy": {"usageStatisticsEnabled": False}, "telemetry": {"enabled": False}, "general": {"enableAutoUpdate": False},
                "security": {"auth": {"selectedType": "gemini-api-key"}}}  # fmt: skip
    (home / "settings.json").write_text(json.dumps(settings))
    words = node("@google/gemini-cli/bundle/gemini.js", "-m", "a/model", "--skip-trust", "-y", "-p", ASK)
    return words, {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": KEY, "GEMINI_CLI_HOME": folder}


def read_by_gemini(tools, folder):
    return call("read_file", file_path=str(folder / "note.txt"))


AGENTS = {"claude": (claude, read_by_claude), "codex": (codex, read_by_codex), "gemini": (gemini, read_by_gemini)}
BACKENDS = {"claude": ("openai", "gemini"), "codex": ("anthropic", "openai"), "gemini": ("openai", "anthropic")}


def results_of(prompt):
    return [part for turn in prompt.turns for part in turn.parts if part.kind == "result"]


def model_of(dialect, read, folder):
    """A model that has the file read, then says so. Questions without tools are asked beside."""

    def behave(connection, request):
        prompt = asked(dialect, request)
        if results_of(prompt):
            answer = [text(DONE)]
        elif prompt.tools:
            answer = [text("Let me look."), read([tool.name for tool in prompt.tools], folder)]
        else:
            answer = [text("A note.")]
        return says(dialect, *answer)(connection, request)

    return behave


@pytest.mark.parametrize("agent, dialect", [(agent, one) for agent, all in BACKENDS.items() for one in all])
def test_a_turn_with_a_tool(weir, host, tmp_path, agent, dialect):
    start, read = AGENTS[agent]
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "note.txt").write_text(SECRET + "\n")
    there = host(model_of(dialect, read, folder))
    server = weir(CONFIG.format(dialect=dialect, url=there.url), WEIR_KEY=KEY)
    words, env = start(server, folder)
    env = clean_environment(folder, PATH=f"{installed() / 'bin'}:{os.environ['PATH']}", **env)
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:] + server.log[-4000:]
    assert DONE in done.stdout
    results = [str(one.data[1]) for request in there.requests for one in results_of(asked(dialect, request))]
    assert results and SECRET in results[-1], results
