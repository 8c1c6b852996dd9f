"""Vertex AI by a service account: an assertion that it signed is given for a token, which goes to the provider."""
import base64
import json
import threading
import urllib.parse

import pytest

from certificates import openssl
from foreign import says, text
from front import attempts_of
from host import reply, silence
from weir import until

pytestmark = pytest.mark.asan

EMAIL = "weir@project-1.iam.gserviceaccount.com"


def given(number=1, span=3600, **more):
    return reply({"access_token": f"ya29.token-{number}", "expires_in": span, "token_type": "Bearer", **more})


def refusal(error="invalid_grant", status=400):
    return reply({"error": error, "error_description": "Invalid JWT Signature."}, status)


def unknown_token():
    error = {"code": 401, "message": "Request had invalid credentials: ya29.token-1", "status": "UNAUTHENTICATED"}
    return reply({"error": error}, 401)


class Account:
    def __init__(self, folder, url):
        key = folder / "account.key"
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
        self.file, self.public, self.folder = folder / "account.json", folder / "public.pem", folder
        openssl("pkey", "-in", key, "-pubout", "-out", self.public)
        self.said = {"type": "service_account", "project_id": "project-1", "private_key_id": "k1", "private_key": key.read_text(),
                     "client_email": EMAIL, "token_uri": url + "/token"}  # fmt: skip
        self.write()

    def write(self, **more):
        self.file.write_text(json.dumps({**self.said, **more}))

    def check(self, request):
        """What an assertion says, once its signature was found to be right."""
        form = urllib.parse.parse_qs(request.body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        signed, _, signature = form["assertion"][0].rpartition(".")
        (self.folder / "signed").write_text(signed)
        (self.folder / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
        openssl("dgst", "-sha256", "-verify", self.public, "-signature", self.folder / "signature", self.folder / "signed")
        head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in signed.split("."))
        assert head == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
        return claims


@pytest.fixture
def tokens(host):
    made = host(given())
    made.at = made.url.removesuffix("/v1")
    return made


@pytest.fixture
def account(tmp_path, tokens):
    return Account(tmp_path, tokens.at)


@pytest.fixture
def front(in_front, account):
    def make(*behaviours, **upstream):
        behaviours = behaviours or (says("gemini", text("ok")),)
        entry = {"dialect": "gemini", "auth": "google", "api_key": None}
        server = in_front(
            *behaviours, providers={"a": entry}, offers={"a": {"model": "gemini-2.5-flash"}},
            env={"GOOGLE_APPLICATION_CREDENTIALS": account.file}, **upstream,
        )  # fmt: skip
        server.provider = server.hosts[0]
        return server

    return make


def bearers(server):
    return [request.field("authorization") for request in server.provider.requests]


def test_a_token_is_got_once_and_sent(front, tokens, account):
    server = front()
    for _ in range(3):
        assert server.chat("acme/large").status == 200
    assert server.chat("acme/large", stream=True).events[-1] == b"[DONE]"
    [request] = tokens.requests
    assert (request.method, request.target) == ("POST", "/token")
    assert request.field("content-type") == "application/x-www-form-urlencoded"
    claims = account.check(request)
    assert claims["iss"] == EMAIL and claims["aud"] == tokens.at + "/token"
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert claims["exp"] == claims["iat"] + 3600
    assert bearers(server) == ["Bearer ya29.token-1"] * 4
    assert server.provider.requests[0].target == "/v1/models/gemini-2.5-flash:generateContent"
    assert server.provider.requests[0].field("x-goog-api-key") is None
    seen = server.log + server.command("check").stdout + json.dumps(server.rows(), default=str)
    assert "ya29" not in seen and "PRIVATE KEY" not in seen


def test_many_at_once_wait_for_one(front, tokens):
    go, replies, server = threading.Event(), [], front()

    def behave(connection, request):
        go.wait(10)
        given()(connection, request)

    tokens.play(behave)
    callers = [threading.Thread(target=lambda: replies.append(server.chat("acme/large").status)) for _ in range(12)]
    for one in callers:
        one.start()
    until(lambda: server.metric("weir_requests_in_flight") >= 13)  # with the one that asks this
    go.set()
    for one in callers:
        one.join()
    assert replies == [200] * 12 and len(tokens.requests) == 1
    assert bearers(server) == ["Bearer ya29.token-1"] * 12


def test_it_is_renewed_before_its_end(front, tokens):
    server = front()
    tokens.play_next(given(1, span=1), given(2))
    assert server.chat("acme/large").status == 200
    until(lambda: server.chat("acme/large").status == 200 and len(tokens.requests) == 2, seconds=20)
    assert bearers(server)[-1] == "Bearer ya29.token-2"
    assert server.chat("acme/large").status == 200 and len(tokens.requests) == 2


def test_one_that_the_provider_takes_no_more_is_replaced(front, tokens):
    server = front()
    tokens.play_next(given(1), given(2))
    assert server.chat("acme/large").status == 200
    server.provider.play_next(unknown_token())
    answer = server.chat("acme/large")
    assert answer.status == 200 and answer.field("x-weir-attempts") == "2"
    assert bearers(server) == ["Bearer ya29.token-1"] * 2 + ["Bearer ya29.token-2"]
    assert "ya29" not in server.log


def test_one_that_was_never_taken_is_a_wrong_account(front, tokens):
    server = front()
    server.provider.play(unknown_token())
    answer = server.chat("acme/large")
    assert answer.status == 502 and answer.json["error"]["code"] == "provider_refused_credential"
    assert b"ya29" not in answer.body
    assert len(server.provider.requests) == 1


REFUSED = [
    (refusal(), "provider_refused_credential", "the service account was refused: invalid_grant: Invalid JWT Signature."),
    (reply(b"?", 500), "provider_error", "its host answered 500 without one"),
    (reply(b"<html>"), "malformed_reply", "its host answered 200 without one"),
    (given(access_token="a\r\nb"), "malformed_reply", "without one"),
    (reply(b"x" * 70000), "malformed_reply", "it is too large"),
]


@pytest.mark.parametrize("behaviour,code,words", REFUSED)
def test_no_token_is_no_answer(front, tokens, behaviour, code, words):
    tokens.play(behaviour)
    server = front(attempts=1)
    answer = server.chat("acme/large")
    assert (answer.status, answer.json["error"]["code"]) == (502, code) and words in answer.json["error"]["message"]
    assert server.provider.requests == []
    assert len(tokens.requests) == 1


def test_without_a_token_another_provider_answers(front, tokens):
    tokens.play(refusal())
    server = front(says("gemini", text("ok")), reply({"choices": [{"message": {"role": "assistant", "content": "b"}, "finish_reason": "stop"}]}))
    assert server.chat("acme/large").json["choices"][0]["message"]["content"] == "b"
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:UP_CREDENTIAL b:OK"


def test_a_silent_token_host_ends_with_the_request(front, tokens):
    tokens.play(silence)
    server = front(total="500ms")
    assert server.chat("acme/large").status == 504
    tokens.play(given())


VERTEX = "providers: {{vertex: {entry}}}\nmodels: {{acme/v: [{{provider: vertex, model: gemini-2.5-flash}}]}}\n"


@pytest.mark.parametrize("env,url", [
    ({}, "https://aiplatform.googleapis.com/v1/projects/project-1/locations/global/publishers/google"),
    ({"GOOGLE_CLOUD_PROJECT": "other", "GOOGLE_CLOUD_LOCATION": "europe-west4"},
     "https://europe-west4-aiplatform.googleapis.com/v1/projects/other/locations/europe-west4/publishers/google"),
    ({"GOOGLE_CLOUD_LOCATION": "eu"}, "https://aiplatform.eu.rep.googleapis.com/v1/projects/project-1/locations/eu/publishers/google"),
    ({"VERTEX_API_KEY": "express"}, "https://aiplatform.googleapis.com/v1/publishers/google"),
])  # fmt: skip
def test_where_vertex_is(weir, account, env, url):
    server = weir(VERTEX.format(entry="{}"), GOOGLE_APPLICATION_CREDENTIALS=account.file, **env)
    shown = server.command("check").stdout
    assert f"base_url: {url}\n" in shown + "\n" or f'base_url: "{url}"' in shown, shown


def test_a_key_goes_as_before(weir, host):
    provider = host(says("gemini", text("ok")))
    entry = json.dumps({"base_url": f"http://127.0.0.1:{provider.port}/v1/publishers/google"})
    server = weir(VERTEX.format(entry=entry), VERTEX_API_KEY="express-key")
    assert server.chat("acme/v").status == 200
    [request] = provider.requests
    assert request.field("x-goog-api-key") == "express-key" and request.field("authorization") is None
    assert request.target == "/v1/publishers/google/models/gemini-2.5-flash:generateContent"


WRONG = [
    (dict(type="authorized_user"), "it is not of a service account"),
    (dict(private_key="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "its private_key is no RSA key"),
    (dict(token_uri=7), "it has no token_uri"),
    (dict(client_email=""), "it has no client_email"),
    (None, "it is not JSON"),
    ("gone", "No such file or directory"),
]


@pytest.mark.parametrize("wrong,words", WRONG)
def test_a_file_that_does_not_do(weir, account, wrong, words):
    if wrong == "gone":
        account.file.unlink()
    elif wrong is None:
        account.file.write_text("{")
    else:
        account.write(**wrong)
    server = weir(VERTEX.format(entry="{}"), GOOGLE_APPLICATION_CREDENTIALS=account.file)
    told = server.command("check").stdout + server.command("route", "acme/v", check=False).stdout + server.chat("acme/v").body.decode()
    assert words in told, told


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "gpt-oss-120b"])
def test_what_vertex_serves_by_other_apis_is_not_asked(weir, account, host, model):
    provider = host(says("gemini", text("ok")))
    entry = json.dumps({"base_url": provider.url, "auth": "google"})
    server = weir(f"providers: {{vertex: {entry}}}", GOOGLE_APPLICATION_CREDENTIALS=account.file)
    answer = server.chat(f"vertex/{model}")
    assert answer.status == 404 and "cannot be put in its dialect" in answer.json["error"]["message"], answer.body
    assert provider.requests == []
    listed = {one["id"]: [o["provider"] for o in one["providers"]] for one in server.ask("/v1/models").json["data"]}
    assert listed["google/gemini-2.5-flash"] == ["vertex"]
    assert not any(one.endswith("/" + model) for one in listed)
