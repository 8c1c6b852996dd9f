"""The way to a host: TLS that is verified, names with several addresses, connections that are kept."""
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from caller import Caller, chat_body, last_fault
from certificates import Authority
from conftest import BINARY
from front import COST, attempts_of, billed_of
from host import as_chunks, completion, cut, head, refused_port, reply, silence, stream
from test_stream import DONE, FINISH, ROLE, SHOWN, STREAM, TOKEN, TOO_LATE, Gate
from weir import until

pytestmark = pytest.mark.asan

JSON = chat_body()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def answered_by(got):
    return got.field("x-inference-provider")


def over(in_front, first, authority, **more):
    """weir in front of the TLS host and another one, with the authority's root as the only one."""
    return in_front(first, reply(completion("from b")), lines=f"ca_file: {authority.ca}" if authority else "", **more)


# --- TLS ---


@pytest.mark.parametrize("wanted", (JSON, STREAM), ids=("json", "stream"))
def test_tls_with_a_root_of_ones_own(in_front, host, authority, wanted):
    first = host(stream() if wanted is STREAM else reply(completion()), tls=authority.leaf())
    server = over(in_front, first, authority)
    for _ in range(3):
        got = server.ask(body=wanted)
        assert (got.status, answered_by(got), got.field("x-weir-attempts")) == (200, "a", "1")
        assert wanted is JSON or got.body == SHOWN
    assert first.connections == 1
    assert first.requests[0].field("authorization") == "Bearer a-secret"


BAD = {
    "unknown_root": (dict(), "certificate"),
    "wrong_name": (dict(names="DNS:other.test,IP:127.0.0.2"), "mismatch"),
    "no_name": (dict(names=None), "mismatch"),
    "expired": (dict(end="20210101000000Z"), "expired"),
    "not_yet": (dict(start="20480101000000Z"), "not yet"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_certificate_gets_no_request(in_front, host, authority, kind):
    """The credential is not sent, the reason is told, and another host answers."""
    wrong, word = BAD[kind]
    first = host(tls=authority.leaf(**wrong))
    server = over(in_front, first, None if kind == "unknown_root" else authority)
    got = server.ask(body=JSON)
    assert (got.status, answered_by(got), got.field("x-weir-attempts")) == (200, "b", "2")
    assert first.requests == []
    row = server.wait_for_rows(1)[0]
    assert (attempts_of(row), billed_of(row)) == ("a:TLS b:OK", ["no", "yes"])
    only = server.ask(body=chat_body("acme/large:a"))
    assert only.status == 502 and only.json["error"]["code"] == "tls_failed"
    assert word in only.json["error"]["message"], only.json


def test_a_certificate_of_another_authority(in_front, host, authority, tmp_path):
    server = over(in_front, host(tls=Authority(tmp_path / "other", "Test Root").leaf()), authority)
    assert answered_by(server.ask(body=JSON)) == "b" and server.hosts[0].requests == []


def test_what_speaks_no_tls(in_front, host, authority):
    plain = host(greet=lambda c: c.send(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n") and False)
    server = over(in_front, plain.url.replace("http:", "https:"), authority)
    assert answered_by(server.ask(body=JSON)) == "b"
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:TLS b:OK"


def test_a_tls_host_that_is_asked_without(in_front, host, authority):
    first = host(tls=authority.leaf())
    server = over(in_front, first.url.replace("https:", "http:"), authority)
    assert answered_by(server.ask(body=JSON)) == "b" and first.requests == []


@pytest.mark.parametrize("said", (b"", b"\x16\x03\x03\x00"), ids=("nothing", "half_a_record"))
def test_a_handshake_that_stalls(in_front, host, authority, said):
    """It has a limit of its own."""
    first = host(greet=lambda c: c.send(said) or c.wait_closed() and False)
    server = over(in_front, first.url.replace("http:", "https:"), authority, tls="200ms")
    assert answered_by(server.ask(body=JSON)) == "b"
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:CONNECT_TIMEOUT b:OK"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_tls_is_refused(in_front, host, authority):
    first = host(tls=authority.leaf())
    first.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    first.context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = over(in_front, first, authority)
    assert answered_by(server.ask(body=JSON)) == "b" and first.requests == []


@pytest.mark.parametrize("version", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), ids=("1.2", "1.3"))
def test_sessions_are_resumed(in_front, host, authority, version):
    """Without a kept connection each request makes one; the second is spared most of the handshake."""
    resumed = []

    def behave(connection, request):
        resumed.append(connection.sock.session_reused)
        return reply(completion())(connection, request)

    first = host(behave, tls=authority.leaf())
    first.context.minimum_version = first.context.maximum_version = version
    server = over(in_front, first, authority, pool_idle="0s")
    for _ in range(4):
        assert answered_by(server.ask(body=JSON)) == "a"
    assert resumed == [False, True, True, True] and first.connections == 4


def test_the_name_is_sent(in_front, host, authority):
    names = []
    first = host(tls=authority.leaf(), name="localhost")
    first.context.sni_callback = lambda sock, name, context: names.append(name)
    server = over(in_front, first, authority)
    assert answered_by(server.ask(body=JSON)) == "a" and names == ["localhost"]
    assert first.requests[0].field("host") == f"localhost:{first.port}"


def torn(connection, request):
    """Closes the connection without TLS's goodbye: anybody on the way could have done it."""
    socket.socket(fileno=os.dup(connection.sock.fileno())).shutdown(socket.SHUT_RDWR)
    return False


@pytest.mark.parametrize("end", (torn, cut), ids=("torn", "cut"))
def test_a_tls_stream_that_is_cut(in_front, host, authority, end):
    def behave(connection, request):
        connection.send(head(type="text/event-stream") + ROLE + TOKEN)
        return end(connection, request)

    server = over(in_front, host(behave, tls=authority.leaf()), authority)
    assert last_fault(Caller(server, STREAM).rest())["code"] == "stream_cut"


def test_a_tls_reply_that_ends_with_the_connection_is_not_forged(in_front, host, authority):
    """Without TLS's goodbye the end of a reply without a length may be anybody's."""
    data = head() + json.dumps(completion()).encode()
    server = over(in_front, host(lambda c, r: c.send(data) or torn(c, r), tls=authority.leaf()), authority)
    assert answered_by(server.ask(body=JSON)) == "b"
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:CUT_REPLY b:OK"


def test_a_large_request_and_a_large_reply_over_tls(in_front, host, authority):
    """Both larger than what TLS and the kernel hold at once, and both as they were."""
    text = "".join(chr(33 + n % 90) for n in range(3_000_000))
    first = host(lambda c, r: reply(completion(r.json["messages"][0]["content"]))(c, r), tls=authority.leaf())
    server = over(in_front, first, authority, offers={"a": {"context": 9_000_000}})
    for _ in range(2):
        c = Caller(server, {"model": "acme/large", "messages": [{"role": "user", "content": text}]})
        got = json.loads(c.rest())
        assert c.status == 200 and got["choices"][0]["message"]["content"] == text, str(got)[:300]
    assert server.wait_for_rows(2)[1]["cost_pusd"] == COST and first.connections == 1


def test_a_slow_reader_of_a_tls_stream(in_front, host, authority):
    part = as_chunks(TOKEN * 400)

    def behave(connection, request):
        connection.send(head(chunked=True, type="text/event-stream"))
        for _ in range(250):
            connection.send(part)
        connection.send(as_chunks(FINISH + DONE) + b"0\r\n\r\n")

    server = over(in_front, host(behave, tls=authority.leaf()), authority)
    c = Caller(server, STREAM, buffer=4096)
    assert c.status == 200
    server.hosts[0].wait_for_requests(1)
    assert c.rest() == TOKEN * 100_000 + FINISH + DONE and c.complete


# --- names and addresses ---


def test_a_name_is_looked_up(in_front, host):
    first = host(name="localhost")
    server = in_front(first, reply(completion("from b")))
    for _ in range(2):
        assert answered_by(server.ask(body=JSON)) == "a"
    assert first.connections == 1


def test_a_name_that_nobody_knows(in_front, host):
    server = in_front("http://no-such-host.invalid:1/v1", reply(completion("from b")), connect="2s")
    assert answered_by(server.ask(body=JSON)) == "b"
    row = server.wait_for_rows(1)[0]
    assert attempts_of(row) in ("a:DNS b:OK", "a:CONNECT_TIMEOUT b:OK") and billed_of(row) == ["no", "yes"]


def test_an_address_of_the_other_family(in_front, host):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        first = host(address="::1")
    except OSError:
        pytest.skip("no IPv6 loopback here")
    server = in_front(first, reply(completion("from b")))
    assert answered_by(server.ask(body=JSON)) == "a"
    assert first.requests[0].field("host") == f"[::1]:{first.port}"


@pytest.fixture
def named(tmp_path, weir):
    """A binary that sees another /etc/hosts: named("1.2.3.4 name", ...) gives its path."""

    def make(*lines):
        hosts, script = tmp_path / "hosts", tmp_path / "weir-named"
        hosts.write_text("127.0.0.1 localhost\n" + "\n".join(lines) + "\n")
        script.write_text(f'#!/bin/sh\nexec unshare -m sh -c \'mount --bind {hosts} /etc/hosts && exec "$0" "$@"\' {BINARY} "$@"\n')
        script.chmod(0o755)
        tried = subprocess.run(["unshare", "-m", "sh", "-c", f"mount --bind {hosts} /etc/hosts"], capture_output=True) if shutil.which("unshare") else None
        if tried is None or tried.returncode != 0:
            pytest.skip("/etc/hosts cannot be replaced for a process here (it takes root)")
        return script

    return make


def test_the_next_address_of_a_name_is_tried(in_front, host, named):
    """A name with three addresses, and only one of them listens: no failure, and one attempt."""
    only = host(address="127.0.0.3", name="three.test")
    server = in_front(only, reply(completion("from b")), binary=named("127.0.0.1 three.test", "127.0.0.2 three.test", "127.0.0.3 three.test"))
    got = server.ask(body=JSON)
    assert (answered_by(got), got.field("x-weir-attempts")) == ("a", "1")
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:OK"


def test_both_families_of_a_name_are_tried(in_front, host, named):
    only = host(address="127.0.0.1", name="both.test")
    server = in_front(only, reply(completion("from b")), binary=named("::1 both.test", "127.0.0.1 both.test"))
    assert answered_by(server.ask(body=JSON)) == "a"


def test_an_address_that_does_not_answer_leaves_time_for_the_next(in_front, host, named):
    """The first has a full queue, so that connecting hangs; the limit holds for both together."""
    full = socket.create_server(("127.0.0.2", 0), backlog=0)
    waiting = [socket.socket() for _ in range(200)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    only = host(address="127.0.0.3", port=full.getsockname()[1], name="slow.test")
    server = in_front(only, reply(completion("from b")), binary=named("127.0.0.2 slow.test", "127.0.0.3 slow.test"), connect="600ms")
    assert answered_by(server.ask(body=JSON)) == "a"
    for one in [full, *waiting]:
        one.close()


def test_no_address_of_a_name_listens(in_front, host, named):
    port = refused_port()
    server = in_front(f"http://none.test:{port}/v1", reply(completion("from b")), binary=named("127.0.0.1 none.test", "127.0.0.2 none.test"))
    assert answered_by(server.ask(body=JSON)) == "b"
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:CONNECT b:OK"


# --- kept connections ---


def test_so_many_connections_are_kept_and_no_more(in_front):
    """Four at a time, two are kept: the next four make two new ones."""
    gate, count = Gate(), 4
    server = in_front(lambda c, r: gate.wait() or reply(completion())(c, r), pool_size=2)
    for made in (count, 2 * count - 2):
        callers = [Caller(server, JSON) for _ in range(count)]
        server.hosts[0].wait_for_requests(count if made == count else 2 * count)
        assert server.hosts[0].connections == made
        gate.open(count)
        assert all(c.status == 200 for c in callers)
        until(lambda: server.metric("weir_requests_in_flight") == 1)


def test_connections_are_not_shared_by_hosts_of_one_port(in_front, host):
    """The same address by two names is two hosts: each name sees its own requests."""
    first = host()
    server = in_front(first, first.url.replace("127.0.0.1", "localhost"))
    for provider, name in (("a", "127.0.0.1"), ("b", "localhost")) * 2:
        assert server.chat(f"acme/large:{provider}").status == 200
        assert first.requests[-1].field("host") == f"{name}:{first.port}"
        assert first.requests[-1].field("authorization") == f"Bearer {provider}-secret"
    assert first.connections == 2
