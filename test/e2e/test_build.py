"""What comes with the binary: documents, installation, the unit, the image."""
import os
import pathlib
import re
import stat
import subprocess

import pytest

from conftest import BINARY, ROOT
from weir import clean_environment

DOCUMENTS = ("configuration.md", "providers.md", "metrics.md", "dialects.md")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_are_current(tmp_path, name):
    subprocess.run(["tools/docs.sh", BINARY, tmp_path], cwd=ROOT, check=True)
    assert (tmp_path / name).read_text() == (ROOT / "docs" / name).read_text(), f"docs/{name} is stale: make docs"


def test_documents_do_not_depend_on_who_makes_them(tmp_path):
    """Neither on the environment nor on a configuration that lies about."""
    (tmp_path / "weir.yaml").write_text("nonsense: 1\n")
    env = clean_environment(tmp_path, GROQ_API_KEY="x", WEIR_THREADS="many", COLUMNS="30")
    for name in DOCUMENTS:
        made = subprocess.run([BINARY, "help", name], cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout
        assert made == (ROOT / "docs" / name).read_text()


def test_links_in_documents_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        text = document.read_text()
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            if path.startswith(("http:", "https:", "mailto:")):
                continue
            found = document.parent / path if path else document
            assert found.exists(), f"{document.name}: {target}"
            if anchor:
                anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)", found.read_text(), re.M)}
                assert anchor in anchors, f"{document.name}: {target}"


def make(*words):
    kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MODE")}
    done = subprocess.run(["make", *words], cwd=ROOT, env=kept, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_make_help_tells_every_target():
    told = re.findall(r"^  make ([a-z-]+) {2,}\S", make("help"), re.M)
    for target in ("all", "run", "install", "test", "lint", "format", "fuzz", "bench", "docs", "clean", "help"):
        assert target in told
    assert len(told) == len(set(told))


def test_make_run_ends_with_its_server(tmp_path):
    """It stays in the foreground, and a SIGTERM to make reaches the server."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "weir/models"
    if not cache.is_dir():
        pytest.skip("the local engine was not fetched: make engine")
    env = clean_environment(tmp_path, WEIR_LISTEN="127.0.0.1:0", HOME=os.environ.get("HOME", "/"))
    env = {name: value for name, value in env.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MODE")}
    process = subprocess.Popen(["make", "run"], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    banner = ""
    for line in process.stdout:
        banner += line
        if "  curl " in line:
            break
    assert "listening http://127.0.0.1:" in banner and re.search(r"local +.*smollm2", banner), banner
    server = int((tmp_path / "data/lock").read_text())
    assert pathlib.Path(f"/proc/{server}/comm").read_text() == "weir\n"
    process.terminate()
    assert "stopped" in process.stdout.read()
    process.wait(10)
    assert not pathlib.Path(f"/proc/{server}").exists()


@pytest.mark.parametrize("prefix", ("/usr/local", "/opt/weir"))
def test_make_install(tmp_path, prefix):
    make("install", f"DESTDIR={tmp_path}", f"PREFIX={prefix}")
    installed = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    at = prefix.lstrip("/")
    assert installed == {f"{at}/bin/weir": 0o755, f"{at}/share/doc/weir/weir.yaml": 0o644, "lib/systemd/system/weir.service": 0o644}
    done = subprocess.run([tmp_path / at / "bin/weir", "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("weir ")
    unit = (tmp_path / "lib/systemd/system/weir.service").read_text()
    assert f"\nExecStart={prefix}/bin/weir serve\n" in unit


def test_the_unit_says_what_weir_relies_on():
    lines = (ROOT / "etc/weir.service").read_text().splitlines()
    for line in ("Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "StateDirectory=weir", "StateDirectoryMode=0700",
                 "DynamicUser=yes", "LimitCORE=0", "NoNewPrivileges=yes", "KillMode=mixed"):  # fmt: skip
        assert line in lines
    # systemd kills what has not ended by then: later than weir ends by itself.
    stop = int(next(line for line in lines if line.startswith("TimeoutStopSec=")).partition("=")[2])
    shutdown = re.search(r"`limits.shutdown_time` \| `\w+` \| `(\d+)s`", (ROOT / "docs/configuration.md").read_text()).group(1)
    assert stop > int(shutdown)


# --- the image ---


def dockerfile():
    """The stages, each a list of (instruction, arguments)."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    stages = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, arguments = line.split(" ", 1)
        if instruction == "FROM":
            stages.append([])
        stages[-1].append((instruction, arguments))
    return stages


def of(stage, instruction):
    return [arguments for name, arguments in stage if name == instruction]


def test_the_image():
    build, final = dockerfile()
    assert of(final, "FROM") == ["debian:12-slim"] and of(build, "FROM") == ["debian:12-slim AS build"]
    assert of(final, "USER") == ["weir"] and of(final, "VOLUME") == ["/data"]
    assert "WEIR_DATA=/data" in of(final, "ENV")[0]
    assert len(of(final, "HEALTHCHECK")) == 1
    # The user is there before it is used, and owns the data.
    (run,) = of(final, "RUN")
    assert "useradd" in run and "-o weir" in run and "-m 0700 /data" in run and run.count("/data") == 1
    assert of(final, "ENTRYPOINT") == ['["weir"]'] and of(final, "CMD") == ['["serve"]']
    # What is built here does not go into the image's build.
    assert {"build", ".git"} <= set((ROOT / ".dockerignore").read_text().split())


def test_the_image_has_the_libraries():
    """Every library that the binary wants is of a package that the image installs, or of libc; theirs come with them."""
    _, final = dockerfile()
    packages = set(re.search(r"--no-install-recommends (.*?) &&", of(final, "RUN")[0]).group(1).split())
    binary = ROOT / "build/weir"
    if not binary.is_file():
        pytest.skip("build/weir is not there")
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    wanted = re.findall(r"NEEDED +(\S+)", subprocess.run(["objdump", "-p", binary], capture_output=True, text=True, check=True).stdout)
    for name, path in re.findall(r"(\S+) => (/\S+)", listed):
        if name not in wanted:
            continue
        owner = subprocess.run(["dpkg", "-S", os.path.realpath(path)], capture_output=True, text=True)
        if owner.returncode != 0:  # Debian 12 has files of /usr/lib listed under /lib
            owner = subprocess.run(["dpkg", "-S", os.path.realpath(path).removeprefix("/usr")], capture_output=True, text=True)
        package = owner.stdout.partition(":")[0]
        assert package in packages | {"libc6"}, f"{path} is of {package or owner.stderr}"


def test_the_images_health_check(weir):
    """The very command, against a server as the image starts it; and against nobody."""
    _, final = dockerfile()
    (check,) = of(final, "HEALTHCHECK")
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', check.partition("CMD ")[2])
    assert words[:2] == ["bash", "-c"]
    server = weir("listen: ':0'\n", WEIR_KEY="sk-mine")
    script = words[2].replace("\\\\", "\\").replace("/8080", f"/{server.port}")
    assert subprocess.run(["bash", "-c", script], timeout=20).returncode == 0
    server.stop()
    assert subprocess.run(["bash", "-c", script], timeout=20, capture_output=True).returncode != 0
