"""Who may come in: keys, hosts and origins, addresses, HTTPS; and whose credentials go where."""
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

from host import stream
from weir import until
from wire import Wire, chat, get, post

pytestmark = pytest.mark.asan

CHAT = "/v1/chat/completions"
CONFIG = """
providers:
  mine: {{base_url: {url}, api_key: mine-secret}}
models:
  acme/large: [{{provider: mine, model: large-v1}}]
"""


@pytest.fixture
def door(weir, host):
    def start(more="", **env):
        provider = host()
        return weir(CONFIG.format(url=provider.url) + more, **env), provider

    return start


def new_key(server, name="ci"):
    return server.command("key", "create", "--name", name).stdout.strip()


def bearer(key):
    return {"authorization": f"Bearer {key}"}


# --- while no key is defined ---


@pytest.mark.parametrize(
    "name", ("localhost", "localhost:80", "localhost:", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "127.9.9.9", "[::1]", "[::1]:8080", "app.localhost")
)
def test_names_of_this_machine(door, name):
    server, _ = door()
    assert server.ask(body=chat(), fields={"host": name}).status == 200


@pytest.mark.parametrize(
    "name",
    ("evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "0.0.0.0", "[::]", "[::ffff:10.0.0.1]",
     "evil.example@localhost", "localhost:80@evil.example", "xlocalhost", "[::1", "::1]", "127.0.0.1]:80"),
)  # fmt: skip
def test_no_page_gets_in_by_a_name_of_its_own(door, name):
    """DNS rebinding: the browser believes that weir is the page's own site."""
    server, provider = door()
    got = server.ask(body=chat(), fields={"host": name})
    assert (got.status, got.json["error"]["code"]) == (403, "host_not_allowed")
    assert name in got.json["message"] and "weir key create" in got.json["message"]
    assert not provider.requests


@pytest.mark.parametrize("origin", ("https://evil.example", "null", "http://localhost:1", "http://127.0.0.1", "file://", "", "*"))
@pytest.mark.parametrize("path", (CHAT, "/v1/models", "/metrics"))
def test_no_page_of_another_site_gets_in(door, origin, path):
    server, provider = door()
    got = server.ask(path, chat() if path == CHAT else None, fields={"origin": origin})
    assert (got.status, got.json["error"]["code"]) == (403, "origin_not_allowed")
    assert "cors.origins" in got.json["message"] and not provider.requests
    assert got.field("access-control-allow-origin") is None


def test_a_page_of_our_own_gets_in(door):
    server, _ = door()
    for name in (f"127.0.0.1:{server.port}", f"localhost:{server.port}"):
        assert server.ask(body=chat(), fields={"host": name, "origin": f"http://{name}"}).status == 200


def test_a_key_of_the_callers_is_ignored(door):
    """Every client library insists on sending one."""
    server, _ = door()
    assert server.ask(body=chat(), fields=bearer("anything")).status == 200


# --- CORS ---


def preflight(origin, *fields):
    return get(CHAT, f"Origin: {origin}", "Access-Control-Request-Method: POST", *fields, method="OPTIONS")


def test_cors_is_off_by_default(door):
    server, _ = door()
    got = Wire(server).ask(preflight("https://app.example"))
    assert got.status == 403 and not [name for name, _ in got.fields if name.startswith("access-control")]
    got = server.ask(body=chat())
    assert not [name for name, _ in got.fields if name.startswith("access-control")]


@pytest.mark.parametrize("keys", (False, True), ids=("no_keys", "keys"))
def test_cors_for_those_on_the_list(door, keys):
    env = {"WEIR_KEY": "sk-mine"} if keys else {}
    server, provider = door("cors: {origins: ['https://app.example', 'http://localhost:3000']}\n", **env)
    wire = Wire(server)
    # A browser asks first, and never with a key.
    got = wire.ask(preflight("https://app.example", "Access-Control-Request-Headers: authorization,content-type,x-weir-cost"))
    assert (got.status, got.field("content-length"), got.body) == (204, None, b"")
    assert got.field("access-control-allow-origin") == "https://app.example"
    assert "POST" in got.field("access-control-allow-methods") and "GET" in got.field("access-control-allow-methods")
    assert got.field("access-control-allow-headers") == "authorization,content-type,x-weir-cost"
    assert int(got.field("access-control-max-age")) > 0 and got.field("vary") == "Origin"
    assert got.field("access-control-allow-credentials") is None
    provider.play_next(stream())
    for body in (chat(stream=True), chat()):
        got = wire.ask(post(CHAT, body, "Origin: http://localhost:3000", "Authorization: Bearer sk-mine"))
        assert (got.status, got.field("access-control-allow-origin"), got.field("vary")) == (200, "http://localhost:3000", "Origin")
        assert "x-request-id" in got.field("access-control-expose-headers")
    # A page must be able to read why it was refused.
    got = wire.ask(post(CHAT, b"{", "Origin: https://app.example", "Authorization: Bearer sk-mine"))
    assert (got.status, got.field("access-control-allow-origin")) == (400, "https://app.example")
    if keys:
        got = wire.ask(post(CHAT, chat(), "Origin: https://app.example"))
        assert (got.status, got.field("access-control-allow-origin")) == (401, "https://app.example")
        wire = Wire(server)
    for other in ("https://app.example.evil", "http://app.example", "https://app.example:444", "https://evil.example"):
        assert wire.ask(preflight(other)).status == 403


def test_every_origin_may_be_allowed_only_once_there_are_keys(door):
    server, _ = door("cors: {origins: '*'}\n")
    assert server.ask(body=chat(), fields={"origin": "https://evil.example"}).status == 403
    server, _ = door("cors: {origins: '*'}\n", WEIR_KEY="sk-mine")
    got = server.ask(body=chat(), fields={"origin": "https://any.example", **bearer("sk-mine")})
    assert (got.status, got.field("access-control-allow-origin")) == (200, "https://any.example")


def test_with_keys_names_and_origins_do_not_matter(door):
    """The key is what opens; a page that is not on the list just cannot read the answer."""
    server, _ = door(WEIR_KEY="sk-mine")
    got = server.ask(body=chat(), fields={"host": "weir.example", "origin": "https://other.example", **bearer("sk-mine")})
    assert (got.status, got.field("access-control-allow-origin")) == (200, None)


# --- keys ---


def assert_locked(got, code):
    assert (got.status, got.json["error"]["code"]) == (401, code)
    assert got.json["error"]["type"] == "invalid_request_error" and got.json["message"] == got.json["error"]["message"]
    assert got.field("www-authenticate").startswith("Bearer")
    assert "weir key create" in got.json["message"] or "Incorrect API key" in got.json["message"]


@pytest.mark.parametrize(
    "fields, code",
    [
        ({}, "missing_api_key"),
        ({"authorization": "Bearer "}, "missing_api_key"),
        ({"authorization": "Basic c2stbWluZTo="}, "missing_api_key"),
        ({"x-api-key": ""}, "missing_api_key"),
        ({"authorization": "Bearer sk-min"}, "invalid_api_key"),
        ({"authorization": "Bearer sk-mine2"}, "invalid_api_key"),
        ({"authorization": "Bearer SK-MINE"}, "invalid_api_key"),
        ({"authorization": "Bearer sk-mine sk-mine"}, "invalid_api_key"),
        ({"x-api-key": "sk-other"}, "invalid_api_key"),
        ({"authorization": "Bearer " + "x" * 10_000}, "invalid_api_key"),
    ],
)
def test_without_a_valid_key_nothing_is_answered(door, fields, code):
    server, provider = door(WEIR_KEY="sk-mine")
    for path, body in ((CHAT, chat()), ("/v1/completions", {}), ("/v1/embeddings", {}), ("/v1/models", None),
                       ("/v1/models/acme/large", None), ("/v1/generation?id=req_0", None), ("/metrics", None)):  # fmt: skip
        assert_locked(server.ask(path, body, fields=fields), code)
    assert not provider.requests


def test_a_wrong_key_is_told_before_the_body_is_read(door):
    server, _ = door(WEIR_KEY="sk-mine")
    assert_locked(Wire(server).ask(get(CHAT, "Content-Length: 1000000", method="POST")), "missing_api_key")


@pytest.mark.parametrize(
    "fields",
    ({"authorization": "Bearer sk-mine"}, {"authorization": "bearer  sk-mine "}, {"x-api-key": "sk-mine"}, {"X-API-KEY": "sk-mine"}),
)
def test_the_key_opens(door, fields):
    server, _ = door(WEIR_KEY="sk-mine")
    assert server.ask(body=chat(), fields=fields).status == 200
    assert server.wait_for_rows(1)[0]["key"] == "WEIR_KEY"


def test_keys_of_the_configuration(door):
    import hashlib

    lines = "".join(f"  - {{name: {n}, hash: {hashlib.sha256(('sk-' + n).encode()).hexdigest()}}}\n" for n in ("one", "two"))
    server, _ = door("keys:\n" + lines)
    assert server.ask(body=chat()).status == 401
    for name in ("one", "two"):
        assert server.ask(body=chat(), fields=bearer("sk-" + name)).status == 200
    assert {row["key"] for row in server.wait_for_rows(2)} == {"one", "two"}  # of one millisecond in any order
    # The hash is not a key.
    assert server.ask(body=chat(), fields=bearer(hashlib.sha256(b"sk-one").hexdigest())).status == 401


def seconds_until(condition):
    start = time.monotonic()
    until(condition)
    return time.monotonic() - start


def test_made_and_revoked_while_the_server_runs(door):
    server, _ = door()
    status = lambda key: server.ask("/v1/models", fields=bearer(key)).status  # noqa: E731
    assert status("nothing") == 200
    first = new_key(server, "first")
    made = seconds_until(lambda: status("nothing") == 401)
    assert status(first) == 200
    times = []
    for i in range(3):
        key = new_key(server, f"key{i}")
        made = min(made, seconds_until(lambda: status(key) == 200))
        server.command("key", "revoke", f"key{i}")
        times.append(seconds_until(lambda: status(key) == 401))
        assert_locked(server.ask("/v1/models", fields=bearer(key)), "invalid_api_key")
    # What is promised, at the best of three: others use this machine too.
    assert min(times) < 0.5 and made < 0.5
    # Without any valid key left the door is shut, not open.
    server.command("key", "revoke", "first")
    until(lambda: status(first) == 401)
    assert server.ask("/v1/models").status == 401


def test_a_revoked_key_does_not_open_after_a_restart(door, weir):
    server, _ = door()
    new_key(server)
    server.command("key", "revoke", "ci")
    server.stop()
    again = weir(server.file.read_text(), WEIR_DATA=server.folder / "data")
    assert again.ask("/v1/models").status == 401
    assert again.ask("/healthz").status == 200


def test_only_its_own_key_reads_what_a_request_cost(door):
    server, _ = door()
    one, two = new_key(server, "one"), new_key(server, "two")
    until(lambda: server.ask("/v1/models", fields=bearer(two)).status == 200)
    got = server.ask(body=chat(), fields=bearer(one))
    assert server.generation(got, fields=bearer(one))["provider"] == "mine"
    other = server.ask(f"/v1/generation?id={got.field('x-request-id')}", fields=bearer(two))
    assert (other.status, other.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ("/healthz", "/readyz"))
def test_the_health_needs_no_key(door, path):
    server, _ = door(WEIR_KEY="sk-mine")
    got = server.ask(path, fields={"host": "10.0.0.7:8080"})
    assert (got.status, got.field("content-type")) == (200, "application/json")
    assert server.ask(path, fields=bearer("wrong")).status == 200


def test_the_metrics_need_one_unless_they_are_open(door):
    assert door()[0].ask("/metrics").status == 200
    server, _ = door(WEIR_KEY="sk-mine")
    assert server.ask("/metrics").status == 401
    got = server.ask("/metrics", fields=bearer("sk-mine"))
    assert (got.status, got.field("content-type")) == (200, "text/plain; version=0.0.4; charset=utf-8")
    server, _ = door("metrics: {open: true}\n", WEIR_KEY="sk-mine")
    assert server.ask("/metrics").status == 200 and server.ask("/v1/models").status == 401


# --- whose credentials go where ---

SECRETS = {
    "authorization": "Bearer sk-caller",
    "x-api-key": "sk-caller",
    "api-key": "sk-caller",
    "x-goog-api-key": "sk-caller",
    "proxy-authorization": "Basic sk-caller",
    "cookie": "session=sk-caller",
}


@pytest.mark.parametrize("keys", (False, True), ids=("no_keys", "keys"))
@pytest.mark.parametrize("provider_key", ("mine-secret", ""))
def test_a_callers_credential_is_never_forwarded(weir, host, keys, provider_key):
    provider = host()
    config = CONFIG.format(url=provider.url).replace(", api_key: mine-secret", f", api_key: {provider_key}" if provider_key else "")
    server = weir(config, **({"WEIR_KEY": "sk-caller"} if keys else {}))
    for body in (chat(), chat(stream=True)):
        assert server.ask(body=body, fields={**SECRETS, "x-title": "kept"}).status in (200, 502)
    provider.play(lambda connection, request: False)  # the way of a second try is the same
    assert server.ask(body=chat(), fields=SECRETS).status == 502
    assert len(provider.requests) >= 3
    for request in provider.requests:
        assert request.field("authorization") == (f"Bearer {provider_key}" if provider_key else None)
        assert "sk-caller" not in repr(request.fields) + request.target
    assert provider.requests[0].field("x-title") == "kept"


# --- addresses ---


def test_ipv4_and_ipv6_and_several_addresses(weir):
    server = weir("listen: ['127.0.0.1:0', '[::1]:0', '127.0.0.2:0']\nthreads: 2\n")
    urls = re.search(r"listening +(.*)", server.banner).group(1).split(", ")
    assert [re.sub(r":\d+$", "", url) for url in urls] == ["http://127.0.0.1", "http://[::1]", "http://127.0.0.2"]
    for url in urls:
        name, port = url.removeprefix("http://").rsplit(":", 1)
        connection = http.client.HTTPConnection(name.strip("[]"), int(port), timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()


def test_all_addresses_of_both_families(weir):
    server = weir("listen: ':0'\n", WEIR_KEY="sk-mine")
    for name in ("127.0.0.1", "::1"):
        assert Wire(server, name).ask(get("/healthz")).status == 200


def outer_address():
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return s.getsockname()[0]


@pytest.mark.parametrize("listen", (":0", "0.0.0.0:0", "[::]:0", "['127.0.0.1:0', '0.0.0.0:0']"))
def test_nothing_but_loopback_without_keys(weir, listen):
    server = weir(f"listen: {listen if listen[0] == '[' and listen[1] != ':' else repr(listen)}\n", wait=False)
    assert server.process.wait(10) == 1
    assert server.process.stdout.read() == b"", "no banner"
    assert "no key is defined" in server.log and "weir key create" in server.log and "WEIR_KEY" in server.log


def test_an_address_of_the_machine_itself(weir):
    outer = outer_address()
    refused = weir(f"listen: '{outer}:0'\n", wait=False)
    assert refused.process.wait(10) == 1 and "no key is defined" in refused.log
    server = weir(f"listen: '{outer}:0'\n", WEIR_KEY="sk-mine")
    assert Wire(server, outer).ask(get("/v1/models", "Authorization: Bearer sk-mine")).status == 200
    # Keys and prompts can be read on the way: said once.
    assert server.log.count("without TLS") == 1
    warning = next(line for line in server.log.splitlines() if "without TLS" in line)
    assert " warn " in warning and "tls.cert" in warning


def test_loopback_is_not_warned_of(door):
    server, _ = door(WEIR_KEY="sk-mine")
    assert "TLS" not in server.log


def test_an_address_that_another_program_has(weir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = weir(f"listen: {address}\n", wait=False)
        assert server.process.wait(10) == 1
    assert server.log == f"weir: cannot listen on {address}: Address already in use; `listen` or WEIR_LISTEN names another address\n"


def test_an_address_that_another_weir_has(weir):
    """Sharing a port is for the threads of one process, not for two processes by accident."""
    first = weir("")
    second = weir(f"listen: 127.0.0.1:{first.port}\n", wait=False)
    assert second.process.wait(10) == 1
    assert f"cannot listen on 127.0.0.1:{first.port}: Address already in use" in second.log


def test_an_address_that_is_none_of_this_machine(weir):
    server = weir("listen: 192.0.2.1:0\n", wait=False, WEIR_KEY="sk-mine")
    assert server.process.wait(10) == 1
    assert "cannot listen on 192.0.2.1:0: Cannot assign requested address" in server.log


@pytest.mark.parametrize("threads", (3, None))
def test_a_listener_for_each_thread(weir, threads):
    server = weir(f"threads: {threads}\n" if threads else "")  # by default as many as there are cores
    with open(f"/proc/{server.process.pid}/net/tcp") as sockets:
        listening = [line for line in sockets if f":{server.port:04X} 00000000:0000 0A" in line]
    assert len(listening) == (threads or os.sysconf("SC_NPROCESSORS_ONLN"))
    for _ in range(30):  # whichever the kernel picks
        assert server.ask("/healthz").status == 200


# --- HTTPS ---


@pytest.fixture
def certificate(tmp_path):
    """Makes (certificate, key) files for localhost."""

    def make(name):
        cert, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", cert, "-keyout", key],
            check=True, capture_output=True,
        )  # fmt: skip
        return cert, key

    return make


def trusting(cert):
    return ssl.create_default_context(cafile=cert)


def presented(server):
    return ssl.get_server_certificate(("127.0.0.1", server.port)).strip()


def test_https(door, certificate):
    cert, key = certificate("first")
    server, provider = door(f"tls: {{cert: {cert}, key: {key}}}\n")
    assert f"https://127.0.0.1:{server.port}" in server.banner and "curl -k https://" in server.banner
    wire = Wire(server, tls=trusting(cert))
    assert wire.sock.version() in ("TLSv1.2", "TLSv1.3")
    assert wire.ask(post(CHAT, chat())).status == 200
    assert wire.ask(post(CHAT, chat(user="x" * 1_000_000))).status == 200
    provider.play(stream(pieces=1))
    assert wire.ask(post(CHAT, chat(stream=True))).body.endswith(b"data: [DONE]\n\n")
    wire.send(get("/healthz", "Connection: close"))
    assert wire.reply().status == 200 and wire.is_closed()


def test_plain_http_on_an_https_port(door, certificate):
    cert, key = certificate("first")
    server, _ = door(f"tls: {{cert: {cert}, key: {key}}}\n")
    wire = Wire(server)
    wire.send(get("/healthz"))
    assert b"HTTP/1.1 200" not in wire.rest()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(door, certificate):
    cert, key = certificate("first")
    server, _ = door(f"tls: {{cert: {cert}, key: {key}}}\n")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Wire(server, tls=old)


def test_a_handshake_that_does_not_end_in_time(door, certificate):
    cert, key = certificate("first")
    server, _ = door(f"tls: {{cert: {cert}, key: {key}}}\nlimits: {{header_time: 200ms}}\n")
    wire = Wire(server)
    wire.send(b"\x16\x03\x01")
    assert wire.is_closed()


def test_a_new_certificate_comes_by_sighup(door, certificate):
    cert, key = certificate("first")
    server, _ = door(f"tls: {{cert: {cert}, key: {key}}}\n")
    old = Wire(server, tls=trusting(cert))
    assert old.ask(get("/healthz")).status == 200
    assert presented(server) == cert.read_text().strip()
    second, second_key = certificate("second")
    second.replace(cert), second_key.replace(key)
    server.tell(signal.SIGHUP)
    until(lambda: presented(server) == cert.read_text().strip())
    assert old.ask(get("/healthz")).status == 200  # its connection goes on
    # One that cannot be read is refused, and the one before goes on.
    before = presented(server)
    cert.write_text("nonsense")
    server.tell(signal.SIGHUP)
    until(lambda: "the old one stays" in server.log)
    assert f"{server.file}:" in server.log and "tls.cert" in server.log
    assert presented(server) == before


@pytest.mark.parametrize("swap", ("cert", "key", "pair"))
def test_certificates_that_do_not_work(weir, certificate, swap, tmp_path):
    (cert, key), (_, other) = certificate("first"), certificate("other")
    if swap == "pair":
        key = other
    else:
        (cert if swap == "cert" else key).write_text("nonsense")
    server = weir(f"tls:\n  cert: {cert}\n  key: {key}\n", wait=False)
    assert server.process.wait(10) == 1
    line, option = ("3", "tls.cert") if swap == "cert" else ("4", "tls.key")
    assert re.search(rf"^{re.escape(str(server.file))}:{line}:\d+: {option}: ", server.log, re.M), server.log


def test_with_tls_there_is_no_warning(weir, certificate):
    cert, key = certificate("first")
    server = weir(f"listen: ':0'\ntls: {{cert: {cert}, key: {key}}}\n", WEIR_KEY="sk-mine")
    assert Wire(server, tls=trusting(cert)).ask(get("/healthz")).status == 200
    assert "without TLS" not in server.log
