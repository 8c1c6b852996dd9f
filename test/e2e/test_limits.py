"""Limits of providers and models: who is at one is out, nothing goes beyond it, and what was taken comes back."""
import concurrent.futures
import json
import signal
import subprocess
import threading
import time

import pytest

from host import completion, cut, fault, reply, silence, stream, stream_events
from weir import until

CONFIG = """
upstream: {{attempts: 3, retry_wait: 0s}}
route: {{policy: preferred, explore: 0%, breaker_failures: 1000}}
providers:
  one: {{dialect: openai, base_url: {one}, api_key: secret{one_limits}}}
  two: {{dialect: openai, base_url: {two}, api_key: secret{two_limits}}}
models:
  a/one:
    limits: {model_limits}
    providers:
      - {{provider: one, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}
      - {{provider: two, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}
  a/alone: [{{provider: one, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}]
{lines}
"""
USED = (100, 0, 50)  # 200 micro-USD
pytestmark = pytest.mark.asan


@pytest.fixture
def server(weir, host):
    """server(one="{rpm: 2}") stands in front of two hosts."""

    def start(one="", two="", model="{}", lines=""):
        hosts = [host(), host()]
        for each in hosts:
            each.play(answer)
        limits = [f", limits: {text}" if text else "" for text in (one, two)]
        made = weir(CONFIG.format(one=hosts[0].url, two=hosts[1].url, one_limits=limits[0], two_limits=limits[1], model_limits=model, lines=lines))
        made.hosts = hosts
        return made

    return start


def answer(connection, request):
    made = stream(stream_events(usage=USED)) if request.json.get("stream") else reply(completion(usage=USED))
    return made(connection, request)


def ask(server, model="a/one", fields=(), path="/v1/chat/completions", **more):
    return server.ask(path, {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 60} | more, fields=fields)


def message(got):
    return got.json["error"]["message"]


def who(got):
    return (got.status, got.field("x-inference-provider"))


def key(server, name="k", *limits):
    made = server.command("key", "create", "--name", name, *limits).stdout.split()[0]
    fields = [("authorization", f"Bearer {made}")]
    until(lambda: server.ask("/v1/models", fields=fields).status == 200 and server.ask("/v1/models").status == 401)
    return fields


class Crowd:
    """A behaviour that counts how many requests it has at a time."""

    def __init__(self, then=answer, hold=0.0):
        self.now = self.most = self.all = 0
        self.lock, self.then, self.hold = threading.Lock(), then, threading.Event()
        self.seconds = hold

    def __call__(self, connection, request):
        with self.lock:
            self.now += 1
            self.all += 1
            self.most = max(self.most, self.now)
        self.hold.wait(self.seconds)
        with self.lock:  # before its answer: weir may send the next one at once
            self.now -= 1
        return self.then(connection, request)


# --- of a provider ---


def test_requests_a_minute_of_a_provider(server):
    s = server(one="{rpm: 2}")
    assert [who(ask(s)) for _ in range(4)] == [(200, "one"), (200, "one"), (200, "two"), (200, "two")]
    refused = ask(s, "a/alone")
    assert refused.status == 429
    assert refused.json["error"]["code"] == "rate_limit_exceeded"
    assert "the limit of provider 'one' is reached (2 requests a minute)" in message(refused)
    assert 25 <= int(refused.field("retry-after")) <= 31
    assert len(s.hosts[0].requests) == 2


@pytest.mark.parametrize("path, body, type", [
    ("/v1/messages", {"model": "a/alone", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}, lambda j: j["error"]["type"] == "rate_limit_error"),
    ("/v1beta/models/a/alone:generateContent", {"contents": [{"parts": [{"text": "hi"}]}]}, lambda j: j["error"]["status"] == "RESOURCE_EXHAUSTED"),
    ("/v2/chat", {"model": "a/alone", "messages": [{"role": "user", "content": "hi"}]}, lambda j: "limit of provider" in j["message"]),
])  # fmt: skip
def test_it_is_told_in_the_callers_dialect(server, path, body, type):
    s = server(one="{rpm: 1}")
    assert ask(s, "a/alone").status == 200
    refused = s.ask(path, body)
    assert refused.status == 429 and type(refused.json) and int(refused.field("retry-after")) > 0


@pytest.mark.parametrize("limits, kind", [
    ("{tpm: 200}", "200 tokens a minute"),
    ("{input_tpm: 101}", "101 input tokens a minute"),
    ("{output_tpm: 60}", "60 output tokens a minute"),
    ("{spm: 0.00025}", "0.00025 USD a minute"),
])  # fmt: skip
def test_tokens_and_money_are_those_that_were_used(server, limits, kind):
    s = server(one=limits)
    # 150 tokens, 100 of them of the prompt: 200 micro-USD. What was reserved is less, or comes back.
    words = "x" * 40
    assert ask(s, "a/alone", messages=[{"role": "user", "content": words}]).status == 200
    refused = ask(s, "a/alone", messages=[{"role": "user", "content": words}])
    assert refused.status == 429 and kind in message(refused)


def test_what_failed_gives_back_its_tokens(server):
    s = server(one="{tpm: 200}")
    s.hosts[0].play(fault(500))
    for _ in range(5):
        assert who(ask(s)) == (200, "two")
    s.hosts[0].play(answer)
    assert who(ask(s)) == (200, "one")


@pytest.mark.parametrize("end", ["whole", "stream", "fault", "cut", "gone"])
def test_a_place_comes_back_however_the_request_ends(server, end):
    s = server(one="{concurrent: 1}")
    how = {"whole": answer, "stream": answer, "fault": fault(500), "cut": stream(stream_events()[:4], then=cut), "gone": silence}[end]
    s.hosts[0].play(how)
    streamed = end in ("stream", "cut")
    if end == "gone":
        connection = s.connect()
        connection.request("POST", "/v1/chat/completions", json.dumps({"model": "a/one", "messages": [{"role": "user", "content": "hi"}]}))
        s.hosts[0].wait_for_requests(1)
        assert who(ask(s)) == (200, "two")  # while it is held
        connection.close()
    else:
        ask(s, **({"stream": True} if streamed else {}))
    s.hosts[0].play(answer)
    until(lambda: who(ask(s)) == (200, "one"))
    assert who(ask(s)) == (200, "one")


def test_more_at_once_than_the_host_may_have(server):
    s = server(one="{concurrent: 5}", two="{concurrent: 7}")
    crowds = [Crowd(hold=0.02), Crowd(hold=0.02)]
    for host, crowd in zip(s.hosts, crowds):
        host.play(crowd)
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        got = [one.status for one in pool.map(lambda n: ask(s, stream=n % 3 == 0), range(400))]
    assert set(got) == {200, 429}
    assert 1 < crowds[0].most <= 5 and 1 < crowds[1].most <= 7
    assert crowds[0].all + crowds[1].all == got.count(200)
    assert who(ask(s)) == (200, "one")


def test_keys_that_teams_bring_do_not_count_there(server):
    s = server(one="{rpm: 1}", lines="secret: {key: 0123456789012345678901234567890123456789}")
    s.command("team", "create", "web")
    fields = key(s, "k", "--team", "web")
    subprocess.run([s.binary, "team", "provider-key", "web", "one", "-c", s.file], cwd=s.folder, env=s.env, input="sk-brought-by-the-team", text=True, check=True)
    until(lambda: ask(s, "a/alone", fields).status == 200 and s.hosts[0].requests[-1].field("authorization").endswith("brought-by-the-team"))
    assert [ask(s, "a/alone", fields).status for _ in range(3)] == [200] * 3


# --- of a model ---


def test_requests_a_minute_of_a_model(server):
    s = server(model="{rpm: 2}")
    got = [ask(s) for _ in range(3)]
    assert [one.status for one in got] == [200, 200, 429]
    assert "the limit of model 'a/one' is reached (2 requests a minute)" in message(got[2])
    assert [one.field("x-ratelimit-remaining-requests") for one in got] == ["1", "0", "0"]
    assert got[0].field("x-ratelimit-limit-requests") == "2"
    assert ask(s, "a/alone").status == 200


def test_limits_alone_leave_the_catalogs_model_as_it_is(weir, host):
    provider = host()
    provider.play(answer)
    s = weir(f"providers: {{groq: {{base_url: {provider.url}, api_key: x}}}}\nmodels: {{openai/gpt-oss-120b: {{limits: {{rpm: 1}}}}}}")
    assert ask(s, "openai/gpt-oss-120b").status == 200
    assert ask(s, "gpt-oss-120b:groq").status == 429
    assert provider.requests[0].json["model"] == "openai/gpt-oss-120b"
    assert "limits: {rpm: 1}" in s.command("check").stdout


def test_what_a_provider_says_of_its_own_is_not_mixed_with_it(server):
    s = server(model="{tpm: 100000}")
    s.hosts[0].play(reply(completion(usage=USED), fields=[("x-ratelimit-limit-tokens", "7"), ("x-ratelimit-limit-requests", "7")]))
    got = ask(s)
    assert got.field("x-ratelimit-limit-tokens") == "100000"
    assert got.field("x-ratelimit-limit-requests") is None
    assert [name for name, _ in got.fields if name == "x-ratelimit-limit-tokens"] == ["x-ratelimit-limit-tokens"]
    for host in s.hosts:
        host.play(fault(400, fields=[("x-ratelimit-limit-tokens", "7")]))
    got = ask(s)
    assert (got.status, [value for name, value in got.fields if name == "x-ratelimit-limit-tokens"]) == (400, ["100000"])


def test_limits_outlive_a_reload_and_change_with_it(server):
    s = server(one="{rpm: 1}")
    assert ask(s, "a/alone").status == 200
    s.tell(signal.SIGHUP)
    until(lambda: "loaded anew" in s.log)
    assert ask(s, "a/alone").status == 429
    s.file.write_text(s.file.read_text().replace("{rpm: 1}", "{rpm: 600}"))
    s.tell(signal.SIGHUP)
    until(lambda: ask(s, "a/alone").status == 200)


@pytest.mark.parametrize("text, why", [
    ("{rpm: 0}", "limits"), ("{rpm: x}", "x"), ("{rpms: 1}", 'did you mean "rpm"'), ("{spm: -1}", "amount of USD"), ("{headers: openai, tpm: 5}", None),
    ("openai", None), ("[1]", "expected"),
])  # fmt: skip
def test_bad_limits_are_told(server, text, why):
    s = server()
    s.file.write_text(s.file.read_text().replace("api_key: secret", f"api_key: secret, limits: {text}", 1))
    told = s.command("check", check=False)
    assert (told.returncode == 0) if why is None else (told.returncode != 0 and why in told.stderr + told.stdout)


# --- what providers tell of their own limits ---


def told(left, reset="60s", limit=None, kind="requests", **more):
    fields = [(f"x-ratelimit-remaining-{kind}", str(left)), (f"x-ratelimit-reset-{kind}", reset)]
    fields += [(f"x-ratelimit-limit-{kind}", str(limit))] if limit else []
    return reply(completion(usage=USED), fields=fields, **more)


def test_what_is_sent_between_replies_is_counted_down(server):
    s = server()
    s.hosts[0].play_next(told(3))
    assert [who(ask(s))[1] for _ in range(6)] == ["one"] * 4 + ["two"] * 2
    refused = ask(s, "a/one:one")
    assert refused.status == 429 and 55 <= int(refused.field("retry-after")) <= 60
    route = json.loads(until(lambda: (text := s.command("route", "a/one", "--json").stdout) and "rate limited" in text and text))
    assert [(c["provider"], c["in"], c.get("out")) for c in route["candidates"]] == [("two", True, None), ("one", False, "LIMITED")]


def test_no_more_are_under_way_than_are_left(server):
    s = server()
    crowds = [Crowd(hold=0.05, then=told(5)), Crowd()]
    s.hosts[0].play_next(told(5))
    for host, crowd in zip(s.hosts, crowds):
        host.play(crowd)
    ask(s)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        got = [one.status for one in pool.map(lambda n: ask(s), range(100))]
    assert set(got) == {200} and crowds[0].all + crowds[1].all == 100
    assert 1 < crowds[0].most <= 5


def test_it_is_asked_again_once_the_limit_is_full(server):
    s = server()
    s.hosts[0].play_next(told(0, "400ms"))
    assert who(ask(s)) == (200, "one")
    assert who(ask(s)) == (200, "two")
    until(lambda: who(ask(s)) == (200, "one"))


@pytest.mark.parametrize("left, reset", [(0, "0s"), (0, "1500000000"), ("lots", "60s"), (-1, "60s"), (5, "soon")])
def test_what_is_over_or_cannot_be_read_holds_nothing_back(server, left, reset):
    s = server()
    s.hosts[0].play_next(told(left, reset))
    assert [who(ask(s)) for _ in range(3)] == [(200, "one")] * 3


def test_nothing_is_held_back_for_more_than_ten_minutes(server):
    s = server()
    s.hosts[0].play_next(told(0, "24h"))
    assert ask(s, "a/alone").status == 200
    assert 590 <= int(ask(s, "a/alone").field("retry-after")) <= 600


def test_a_request_that_is_too_long_for_what_is_left_goes_elsewhere(server):
    s = server()
    s.hosts[0].play(told(50, limit=1000, kind="tokens"))
    assert who(ask(s, max_tokens=5)) == (200, "one")
    assert who(ask(s, max_tokens=5, messages=[{"role": "user", "content": "word " * 100}])) == (200, "two")
    assert who(ask(s, max_tokens=5)) == (200, "one")


def test_streams_tell_it_with_their_head(server):
    s = server()
    fields = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "60s")]
    s.hosts[0].play_next(stream(stream_events(usage=USED), fields=fields))
    assert [who(ask(s, stream=True)) for _ in range(2)] == [(200, "one"), (200, "two")]


def test_whose_key_it_is(server):
    """Each key has what its own replies said."""
    s = server()
    s.file.write_text(s.file.read_text().replace("api_key: secret", "api_key: [first, second]", 1))
    s.tell(signal.SIGHUP)
    until(lambda: "loaded anew" in s.log)
    s.hosts[0].play(lambda c, r: (told(0) if r.field("authorization") == "Bearer first" else told(9))(c, r))
    got = [who(ask(s)) for _ in range(8)]
    assert got == [(200, "one")] * 8
    assert [r.field("authorization") for r in s.hosts[0].requests].count("Bearer first") == 1


ANTHROPIC = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "a"}],
    "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 5},
}  # fmt: skip


def test_anthropics_names(weir, host):
    provider = host()
    s = weir(f"providers: {{clever: {{dialect: anthropic, base_url: {provider.url}, api_key: x}}}}\nmodels: {{a/b: [{{provider: clever, model: m}}]}}")
    reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 40))
    fields = [(f"anthropic-ratelimit-{kind}-{what}", value) for kind in ("requests", "output-tokens")
              for what, value in (("limit", "50"), ("remaining", "0" if "out" in kind else "49"), ("reset", reset))]  # fmt: skip
    provider.play(reply(ANTHROPIC, fields=fields))
    body = {"model": "a/b", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    assert s.ask("/v1/messages", body).status == 200
    refused = s.ask("/v1/messages", body)
    assert refused.status == 429 and 35 <= int(refused.field("retry-after")) <= 40
    assert len(provider.requests) == 1


@pytest.mark.parametrize("style, joint", [("fireworks", True), ("openai", False)])
def test_limits_of_an_account_and_of_a_model(weir, host, style, joint):
    provider = host()
    s = weir(
        f"providers: {{p: {{dialect: openai, base_url: {provider.url}, api_key: x, limits: {{headers: {style}}}}}}}\n"
        "models: {a/one: [{provider: p, model: m-1}], a/two: [{provider: p, model: m-2}]}"
    )
    provider.play_next(told(0))
    assert ask(s).status == 200
    assert ask(s).status == 429
    assert ask(s, "a/two").status == (429 if joint else 200)
