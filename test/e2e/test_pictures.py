"""Images and documents by URL, for providers that take bytes only: weir fetches them."""
import base64
import json
import threading

import pytest

from certificates import Authority
from foreign import refuses, says, text
from front import attempts_of
from host import head, raw, reply, silence
from weir import until

pytestmark = pytest.mark.asan

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 5
PDF = b"%PDF-1.7\n" + b"x" * 700


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


def picture(data=PNG, type="image/png", **more):
    return reply(data, type=type, **more)


def to(location, status=302):
    return reply(b"", status, [("location", location)])


@pytest.fixture
def pictures(host):
    """A host that has them, at `at`."""
    made = host(picture())
    made.at = f"http://127.0.0.1:{made.port}"
    return made


@pytest.fixture
def front(in_front):
    """front("gemini") is weir in front of such a host. What is named are options of `fetch`."""

    def make(dialect="bedrock", model=None, ca=None, **fetch):
        lines = f"fetch: {json.dumps({'private': True, **fetch})}\n" + (f"ca_file: {ca}" if ca else "")
        offers = {"a": {"model": model}} if model else {}
        server = in_front(says(dialect, text("ok")), lines=lines, providers={"a": {"dialect": dialect}}, offers=offers)
        server.provider = server.hosts[0]
        return server

    return make


def ask(server, *parts, timeout=30, **more):
    body = {"model": "acme/large", "messages": [{"role": "user", "content": [{"type": "text", "text": "what?"}, *parts]}], **more}
    return server.ask(body=body, timeout=timeout)


def sent(server):
    """The images that the Bedrock host got: (format, bytes)."""
    content = server.provider.requests[-1].json["messages"][0]["content"]
    return [(part["image"]["format"], base64.b64decode(part["image"]["source"]["bytes"])) for part in content if "image" in part]


def why(reply):
    assert reply.status == 400, reply.body
    assert reply.json["error"]["type"] == "invalid_request_error"
    return reply.json["error"]["message"]


def test_the_bytes_are_sent_in_place_of_the_url(front, pictures):
    server = front()
    assert ask(server, image(pictures.at + "/a/cat.png?size=1&x=%20#top")).status == 200
    assert sent(server) == [("png", PNG)]
    [request] = pictures.requests
    assert (request.method, request.target) == ("GET", "/a/cat.png?size=1&x=%20")
    assert request.field("host") == f"127.0.0.1:{pictures.port}"
    assert request.field("authorization") is None and request.field("cookie") is None


def test_a_stream_too(front, pictures):
    server = front()
    assert ask(server, image(pictures.at + "/"), stream=True).events[-1] == b"[DONE]"
    assert sent(server) == [("png", PNG)]


@pytest.mark.parametrize("type,data,format", [
    ("image/jpeg", b"\xff\xd8\xff\xe0 jpeg", "jpeg"), ("image/webp; x=1", b"RIFF....WEBPVP8 ", "webp"),
    ("image/png", b"GIF89a says png", "gif"), ("application/octet-stream", PNG, "png"), ("IMAGE/GIF", b"?", "gif"),
])  # fmt: skip
def test_what_it_is_the_bytes_know_best(front, pictures, type, data, format):
    pictures.play(picture(data, type))
    server = front()
    assert ask(server, image(pictures.at + "/x")).status == 200
    assert sent(server) == [(format, data)]


def test_several_at_once_and_each_url_once(front, pictures):
    together, server = threading.Barrier(2, timeout=10), front()

    def behave(connection, request):
        together.wait()
        picture(PNG + request.target.encode())(connection, request)

    pictures.play(behave)
    assert ask(server, *[image(f"{pictures.at}/{n}") for n in "abab"]).status == 200
    assert [data[-2:] for _, data in sent(server)] == [b"/a", b"/b", b"/a", b"/b"]
    assert len(pictures.requests) == 2


def test_a_document_of_messages_for_chat(front, pictures):
    pictures.play(picture(PDF, "application/pdf"))
    server = front("openai")
    document = {"type": "document", "source": {"type": "url", "url": pictures.at + "/a.pdf"}}
    body = {"model": "acme/large", "max_tokens": 9, "messages": [{"role": "user", "content": [document]}]}
    assert server.ask("/v1/messages", body).status == 200
    [part] = server.provider.requests[0].json["messages"][0]["content"]
    assert part["file"] == {"file_data": "data:application/pdf;base64," + base64.b64encode(PDF).decode(), "filename": "document.pdf"}
    pictures.play(picture(PNG))
    refused = server.ask("/v1/messages", body)
    assert refused.status == 400 and refused.json["type"] == "error"
    assert f"The document at 127.0.0.1:{pictures.port} cannot be fetched" in refused.json["error"]["message"]


@pytest.mark.parametrize("model,fetched", [("gemini-2.5-flash", True), ("gemini-3-flash", False)])
def test_gemini_reads_urls_from_version_3_on(front, pictures, model, fetched):
    server = front("gemini", model)
    assert ask(server, image(pictures.at + "/a.png")).status == 200
    part = server.provider.requests[0].json["contents"][0]["parts"][1]
    assert ("inlineData" in part, len(pictures.requests)) == (fetched, int(fetched)), part


def test_a_failover_does_not_fetch_again_and_who_takes_urls_gets_them(in_front, pictures):
    url = pictures.at + "/a.png"
    server = in_front(
        refuses("bedrock", 500, "x"), refuses("anthropic", 500, "x"), says("bedrock", text("ok")), lines="fetch: {private: true}",
        providers={"a": {"dialect": "bedrock"}, "b": {"dialect": "anthropic"}, "c": {"dialect": "bedrock"}},
    )  # fmt: skip
    assert ask(server, image(url)).status == 200
    assert len(pictures.requests) == 1
    first, second, third = [h.requests[0].json["messages"][0]["content"] for h in server.hosts]
    assert first == third and first[1]["image"]["source"] == {"bytes": base64.b64encode(PNG).decode()}
    assert second[1]["source"] == {"type": "url", "url": url}
    assert attempts_of(server.wait_for_rows(1)[0]).split() == ["a:UP_5XX", "b:UP_5XX", "c:OK"]


REDIRECTS = [("/b", "/b"), ("b", "/x/b"), ("//127.0.0.1:{port}/c", "/c"), ("http://127.0.0.1:{port}/d#e", "/d"), ("?f", "/x/a?f")]


@pytest.mark.parametrize("location,at", REDIRECTS)
def test_redirects_are_followed(front, pictures, location, at):
    pictures.play_next(to(location.format(port=pictures.port)), picture())
    server = front()
    assert ask(server, image(pictures.at + "/x/a?q")).status == 200
    assert sent(server) == [("png", PNG)]
    assert [one.target for one in pictures.requests] == ["/x/a?q", at]


def test_redirects_have_an_end(front, pictures):
    pictures.play(to("/again"))
    assert "it redirects more than 3 times" in why(ask(front(), image(pictures.at + "/")))
    assert len(pictures.requests) == 4


BAD = [
    (picture(b"<html>", "text/html"), "it is no image"),
    (picture(PDF, "application/pdf"), "it is no image"),
    (picture(b"<html>", "application/octet-stream"), "it is not what it says"),
    (picture(b""), "it is not what it says"),
    (picture(type='image/p"n,\\'), "it is no image"),
    (reply(b"gone", 404), "there is none (404)"),
    (reply(b"no", 403), "without credentials"),
    (reply(b"no", 500), "answers with an error"),
    (reply(PNG, fields=[("content-encoding", "gzip")], type="image/png"), "compressed"),
    (raw(b"hello\r\n\r\n"), "not HTTP"),
    (raw(head(200, length=5000, type="image/png") + PNG), "broke off"),
    (raw(head(200, length=5001, type="image/png")), "too large"),
    (raw(head(200, chunked=True, type="image/png") + b"1389\r\n" + b"x" * 5001), "too large"),
    (raw(head(200, type="image/png") + b"x" * 5001), "too large"),
    (to("file:///etc/passwd"), "there is none"),
    (silence, "longer than 500 ms"),
]


def test_what_cannot_be_had_is_refused_by_host_and_reason(front, pictures):
    server = front(bytes=5000, time="500ms")
    for behaviour, reason in BAD:
        pictures.play(picture() if reason == "there is none" else behaviour)
        if reason == "there is none":
            pictures.play_next(behaviour, reply(b"", 404))
        message = why(ask(server, image(pictures.at + "/a?token=hidden")))
        assert reason in message
        assert f"The image at 127.0.0.1:{pictures.port} cannot be fetched" in message
        assert server.provider.requests == []
        assert "hidden" not in server.log + message
    pictures.play(picture())
    assert ask(server, image(pictures.at + "/a")).status == 200


def test_the_size_is_that_of_all_together(front, pictures):
    server = front(bytes=4000)
    assert ask(server, *[image(f"{pictures.at}/{n}") for n in range(3)]).status == 200
    assert "too large" in why(ask(server, *[image(f"{pictures.at}/{n}") for n in range(4)]))


def test_at_most_twenty(front, pictures):
    server = front()
    assert ask(server, *[image(f"{pictures.at}/{n}") for n in range(20)]).status == 200
    assert len(sent(server)) == 20
    assert "More than 20" in why(ask(server, *[image(f"{pictures.at}/{n}") for n in range(21)]))


INWARD = ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "[::]", "0.0.0.0", "10.0.0.1",
          "192.168.1.1", "172.31.0.9", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "224.0.0.1", "[64:ff9b::7f00:1]",
          "100.100.100.200", "168.63.129.16"]  # fmt: skip


def test_no_address_but_public_ones(front, pictures):
    server = front(private=False)
    for name in INWARD:
        message = why(ask(server, image(f"http://{name}:{pictures.port}/a.png")))
        assert "its address is not a public one" in message, (name, message)
    assert pictures.connections == 0 and server.provider.requests == []


def test_loopback_by_the_option(front, pictures):
    server = front()
    for name in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
        assert ask(server, image(f"http://{name}:{pictures.port}/")).status == 200


def test_https_by_the_roots_of_the_file(front, host, tmp_path):
    authority = Authority(tmp_path / "ca")
    pictures = host(picture(), tls=authority.leaf())
    assert ask(front(ca=authority.ca), image(f"https://localhost:{pictures.port}/")).status == 200
    assert f"TLS with localhost:{pictures.port}" in why(ask(front(), image(f"https://localhost:{pictures.port}/")))


def test_turned_off_it_is_a_loss(front, pictures):
    server = front(images=False)
    assert "no equivalent for messages[0].content[1]" in why(ask(server, image(pictures.at + "/")))
    assert pictures.connections == 0


NO_URLS = ["http://", "http://a b/", "http://u@127.0.0.1/", "http:/x", "http://\u0000/", "http://host:99999/"]


def test_what_is_no_url(front):
    server = front()
    for url in NO_URLS:
        assert "it is no http or https URL" in why(ask(server, image(url)))


def test_a_caller_that_goes_ends_it(front, pictures):
    closed = threading.Event()

    def behave(connection, request):
        connection.wait_closed()
        closed.set()
        return False

    pictures.play(behave)
    server = front()
    connection = server.connect()
    body = {"model": "acme/large", "messages": [{"role": "user", "content": [image(pictures.at + "/")]}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    pictures.wait_for_requests(1)
    connection.sock.close()
    assert closed.wait(5)
    until(lambda: server.metric("weir_requests_in_flight") <= 1)
    assert ask(server, timeout=5).status == 200
