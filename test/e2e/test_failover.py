"""Who answers when a host does not: by the kind of its failure, within limits, and what the caller is told in the end."""
import concurrent.futures
import email.utils
import json
import threading
import time

import pytest

from caller import Caller, chat_body
from front import COST, PRICE, attempts_of, billed_of
from host import completion, cut, fault, refused_port, reply, reset, silence, stream
from test_stream import ROLE, SHOWN, STREAM, TOKEN, Gate, played
from weir import until

pytestmark = pytest.mark.asan

JSON = chat_body()
OTHER = reply(completion("from b"))


def answered_by(got):
    return got.field("x-inference-provider")


def code_of(got):
    return got.json["error"]["code"]


# --- limits: nobody is asked before the time that it stated ---


def at(seconds):
    return lambda: email.utils.formatdate(time.time() + seconds, usegmt=True)


WAITS = {
    "seconds": ("none", {"retry-after": "30"}, (28, 30)),
    "fraction": ("none", {"retry-after": "29.5"}, (28, 30)),
    "date": ("none", {"retry-after": at(30)}, (27, 31)),
    "date_past": ("none", {"retry-after": at(-30)}, (1, 6)),
    "iso_date": ("none", {"retry-after": lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 30))}, (27, 31)),
    "milliseconds": ("none", {"retry-after-ms": "30000", "retry-after": "99"}, (28, 30)),
    "azure": ("none", {"x-ms-retry-after-ms": "30000"}, (28, 30)),
    "span": ("none", {"retry-after": "30s"}, (28, 30)),
    "nothing": ("none", {}, (3, 5)),
    "zero": ("none", {"retry-after": "0"}, (1, 5)),
    "words": ("none", {"retry-after": "soon"}, (3, 5)),
    "negative": ("none", {"retry-after": "-30"}, (3, 5)),
    "for_ever": ("none", {"retry-after": "99999999999"}, (3500, 3600)),
    "overflow": ("none", {"retry-after": "9" * 40}, (3, 3600)),
    "openai_requests": ("openai", {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, (358, 360)),
    "openai_tokens": ("openai", {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "29.9s", "x-ratelimit-remaining-requests": "5"}, (28, 30)),
    "openai_both": (
        "openai",
        {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1s", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"},
        (28, 30),
    ),
    "cerebras": ("cerebras", {"x-ratelimit-remaining-tokens-minute": "0", "x-ratelimit-reset-tokens-minute": "29.5"}, (28, 30)),
    "together": ("together", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}, (28, 30)),
    "openrouter": ("together", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": lambda: str(int((time.time() + 30) * 1000))}, (27, 31)),
    "fireworks": ("fireworks", {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"}, (28, 30)),
    "mistral": ("mistral", {"x-ratelimit-remaining-tokens-minute": "0"}, (55, 60)),
}


@pytest.mark.parametrize("kind", WAITS)
def test_a_limit_lasts_as_long_as_the_host_said(in_front, kind):
    """The other host answers at once, and the limited one is left alone; alone, it makes a 429 that says how long."""
    style, fields, (least, most) = WAITS[kind]
    limited = lambda c, r: fault(429, "slow down", [(k, v() if callable(v) else v) for k, v in fields.items()])(c, r)  # noqa: E731
    server = in_front(limited, OTHER, providers={"a": {"limits": style}}, retry_wait="0s")
    for attempts in ("2", "1"):
        got = server.ask(body=JSON)
        assert (got.status, answered_by(got), got.field("x-weir-attempts")) == (200, "b", attempts)
    got = server.chat("acme/large:a")
    assert (got.status, code_of(got), got.json["error"]["type"]) == (429, "rate_limit_exceeded", "rate_limit_error")
    assert least <= int(got.field("retry-after")) <= most
    assert len(server.hosts[0].requests) == 1
    rows = server.wait_for_rows(2)
    assert attempts_of(rows[0]) == "a:RATE_LIMITED b:OK" and len(server.rows()) == 2
    assert billed_of(rows[0]) == ["no", "yes"]


def test_what_is_used_up_by_an_answer_is_left_alone_too(in_front):
    """The host need not be asked once more to say 429."""
    fields = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "30s")]
    server = in_front(reply(completion(), fields=fields), OTHER, providers={"a": {"limits": "openai"}})
    assert [answered_by(server.ask(body=JSON)) for _ in range(3)] == ["a", "b", "b"]


def test_a_limit_that_passed_is_forgotten(in_front):
    server = in_front(fault(429, "slow down", [("retry-after-ms", "300")]), OTHER)
    assert answered_by(server.ask(body=JSON)) == "b"
    server.hosts[0].play(reply(completion()))
    until(lambda: answered_by(server.ask(body=JSON)) == "a")
    assert len(server.hosts[0].requests) == 2


def test_the_earliest_of_several_limits_is_told(in_front):
    a, b = (fault(429, "slow down", [("retry-after", seconds)]) for seconds in ("50", "20"))
    server = in_front(a, b, retry_wait="0s")
    for attempts in ("2", None):
        got = server.ask(body=JSON)
        assert (got.status, got.field("x-weir-attempts")) == (429, attempts) and 18 <= int(got.field("retry-after")) <= 20
    assert len(server.hosts[0].requests) == len(server.hosts[1].requests) == 1
    assert len(server.wait_for_rows(1)) == 1


def test_the_only_host_is_waited_for_when_there_is_time(in_front):
    times = []

    def behave(connection, request):
        times.append(time.monotonic())
        return (fault(429, "slow down", [("retry-after-ms", "400")]) if len(times) == 1 else reply(completion()))(connection, request)

    server = in_front(behave)
    got = server.ask(body=JSON)
    assert (got.status, got.field("x-weir-attempts")) == (200, "2") and times[1] - times[0] >= 0.4
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:RATE_LIMITED a:OK"


def test_no_wait_that_would_take_too_long(in_front):
    """Longer than the request may take, or than retry_wait: told at once."""
    for more in ({"total": "10s", "retry_wait": "60s"}, {"retry_wait": "5s"}):
        server = in_front(fault(429, "slow down", [("retry-after", "14")]), **more)
        got = server.ask(body=JSON, timeout=8)
        assert got.status == 429 and int(got.field("retry-after")) in (13, 14)


def test_a_429_about_money_is_no_limit(in_front):
    """It will not pass by waiting."""
    words = "You exceeded your current quota, please check your plan and billing details."
    server = in_front(fault(429, words, code="insufficient_quota"), OTHER)
    assert answered_by(server.ask(body=JSON)) == "b"
    got = server.chat("acme/large:a")
    assert (got.status, code_of(got)) == (502, "provider_quota_exhausted") and len(server.hosts[0].requests) == 1


# --- what the caller did wrong, and what only this host thinks wrong ---

HIS = {
    "400": (fault(400, "temperature is too high", param="temperature"), 400),
    "422": (fault(422, "temperature is too high"), 422),
    "405": (fault(405, "not this way"), 405),
    "415": (fault(415, "not this type"), 415),
    "451": (fault(451, "not here"), 451),
    "content_policy": (fault(400, "Your request was rejected", code="content_policy_violation"), 400),
    "content_403": (fault(403, "flagged by moderation"), 403),
    "detail": (reply({"detail": [{"loc": ["body"], "msg": "field required"}]}, 422), 422),
}


@pytest.mark.parametrize("wanted", (JSON, STREAM), ids=("json", "stream"))
@pytest.mark.parametrize("kind", HIS)
def test_the_callers_fault_comes_back_as_it_is(lasting, kind, wanted):
    behaviour, status = HIS[kind]
    server = lasting(behaviour, OTHER)
    got = server.ask(body=wanted)
    assert (got.status, got.field("x-weir-attempts"), answered_by(got)) == (status, "1", "a")
    assert got.body.startswith(b'{"error": {"message"' if kind != "detail" else b'{"detail"')
    assert server.hosts[1].requests == []
    row = server.wait_for_rows(1)[0]
    assert (row["outcome"], row["status"], row["cost_pusd"], billed_of(row)) == ("UP_CALLER", status, None, ["no"])


def test_a_refusal_in_the_answer_is_an_answer(lasting):
    body = completion(None)
    body["choices"][0].update(finish_reason="content_filter", message={"role": "assistant", "content": None, "refusal": "no"})
    server = lasting(reply(body), OTHER)
    assert server.ask(body=JSON).json == body and server.hosts[1].requests == []


def test_the_callers_own_fault_wins_over_the_hosts_before(lasting):
    server = lasting(fault(500), fault(400, "temperature is too high"))
    got = server.ask(body=JSON)
    assert (got.status, got.json["error"]["message"], got.field("x-weir-attempts")) == (400, "temperature is too high", "2")


@pytest.mark.parametrize("status, words", ((400, "This model's maximum context length is 8192 tokens"), (413, "Request too large"), (422, "prompt is too long")))
def test_what_is_too_long_goes_to_a_longer_context(lasting, status, words):
    """b is no longer than a, and not even asked."""
    contexts = {"a": {"context": 8192}, "b": {"context": 8192}, "c": {"context": 131072}}
    server = lasting(fault(status, words), OTHER, reply(completion("from c")), offers=contexts)
    got = server.ask(body=JSON)
    assert (got.status, answered_by(got)) == (200, "c") and server.hosts[1].requests == []
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:CONTEXT_LENGTH c:OK"


def test_too_long_for_all_is_told_in_the_hosts_words(lasting):
    words = "This model's maximum context length is {} tokens"
    contexts = {"a": {"context": 8192}, "b": {"context": 16384}}
    server = lasting(fault(400, words.format(8192)), fault(400, words.format(16384)), offers=contexts)
    got = server.ask(body=JSON)
    assert got.status == 400 and got.json["error"]["type"] == "test_error" and "maximum context length" in got.json["error"]["message"]
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:CONTEXT_LENGTH b:CONTEXT_LENGTH"


def test_too_long_and_then_a_broken_one_is_still_the_callers(lasting):
    contexts = {"a": {"context": 8192}, "b": {"context": 131072}}
    server = lasting(fault(400, "maximum context length is 8192"), fault(503), offers=contexts, attempts=2)
    got = server.ask(body=JSON)
    assert got.status == 400 and "maximum context length" in got.json["error"]["message"]


def test_a_model_that_is_missing_is_missing_for_a_while(in_front):
    """At this host, and no other model of it."""
    server = in_front(lambda c, r: (fault(404, "no such model") if r.json["model"] == "large-v1" else reply(completion()))(c, r), OTHER)
    assert [answered_by(server.ask(body=JSON)) for _ in range(3)] == ["b"] * 3
    assert len(server.hosts[0].requests) == 1
    assert server.chat("a/small-v1").status == 200
    got = server.chat("acme/large:a")
    assert (got.status, code_of(got)) == (502, "provider_lacks_model")


def test_a_model_that_only_the_host_can_know(in_front):
    """Whoever names it reads what the host says of it."""
    server = in_front(fault(404, "The model `x` does not exist", code="model_not_found"), OTHER)
    for _ in range(2):
        got = server.chat("a/x")
        assert (got.status, code_of(got)) == (404, "model_not_found")
    assert len(server.hosts[0].requests) == 2


# --- nothing is left ---


def test_an_unknown_model(in_front):
    server = in_front(OTHER)
    for name in ("acme/laarge", "acme/Large-2"):
        got = server.chat(name)
        assert (got.status, code_of(got), got.json["error"]["param"]) == (404, "model_not_found", "model"), name
        assert "acme/large" in got.json["error"]["message"] and got.json["message"] == got.json["error"]["message"]
    assert server.rows() == []


def test_a_model_without_a_key_names_the_variables(in_front):
    got = in_front(OTHER).chat("openai/gpt-oss-120b")
    assert (got.status, code_of(got)) == (404, "no_provider_key")
    assert "GROQ_API_KEY" in got.json["error"]["message"]


FILTERS = {
    "only": ({"only": ["groq"]}, "provider.only"),
    "ignore": ({"ignore": ["a"]}, "provider.ignore"),
    "max_price": ({"max_price": {"prompt": 0.1}}, "max_price"),
    "data": ({"data_collection": "deny"}, "data_collection"),
}


@pytest.mark.parametrize("kind", FILTERS)
def test_what_the_caller_filtered_out(lasting, kind):
    wish, word = FILTERS[kind]
    server = lasting(OTHER)
    got = server.chat("acme/large", provider=wish)
    assert (got.status, code_of(got)) == (400, "no_provider_fits") and word in got.json["error"]["message"]
    assert server.hosts[0].requests == [] and server.rows() == []


LEFT = {
    "broken": ((fault(500), cut, reset), 502, "connection_reset"),
    "refused": ((f"http://127.0.0.1:{refused_port()}/v1",), 502, "connect_failed"),
    "credentials": ((fault(401), fault(403), fault(402)), 502, "provider_quota_exhausted"),
    "mixed": ((fault(500), fault(429)), 502, "provider_error"),
    "limited_and_refusing": ((fault(429), fault(401)), 502, "provider_refused_credential"),
    "late": ((silence, silence), 504, "first_token_timeout"),
}


@pytest.mark.parametrize("kind", LEFT)
def test_when_nothing_is_left(in_front, kind):
    """One status for each way in which all can fail; the words name each host that was asked."""
    behaviours, status, code = LEFT[kind]
    server = in_front(*behaviours, first_token="200ms", attempts=len(behaviours))
    got = server.ask(body=STREAM)
    assert (got.status, got.json["error"]["type"], code_of(got)) == (status, "upstream_error", code)
    assert got.field("x-weir-attempts") == str(len(behaviours)) and got.field("x-request-id").startswith("req_")
    for name in "abc"[: len(behaviours)]:
        assert f"{name}: " in got.json["error"]["message"]
    row = server.wait_for_rows(1)[0]
    assert (row["status"], row["partial"], row["cost_pusd"], len(json.loads(row["attempts"]))) == (status, 0, None, len(behaviours))
    assert len(server.rows()) == 1 and server.usage()[0]["requests"] == 1


def test_no_fallback_is_wanted(in_front):
    server = in_front(fault(500), OTHER, attempts=1)
    got = server.chat("acme/large", provider={"allow_fallbacks": False})
    assert got.status == 502 and server.hosts[1].requests == []


# --- the same one again ---


@pytest.mark.parametrize("failure", (fault(500), fault(503), fault(408), cut, reset, reply(b"{")), ids=("500", "503", "408", "cut", "reset", "half"))
def test_the_only_host_is_tried_again_after_a_pause(in_front, failure):
    times = []
    server = in_front(lambda c, r: times.append(time.monotonic()) or reply(completion())(c, r))
    server.hosts[0].play_next(lambda c, r: times.append(time.monotonic()) or failure(c, r))
    got = server.ask(body=JSON)
    assert (got.status, got.field("x-weir-attempts"), got.field("x-weir-cost-usd")) == (200, "2", "0.000135")
    assert 0.07 < times[1] - times[0] < 3
    rows = server.wait_for_rows(1)
    assert len(rows) == 1 and rows[0]["cost_pusd"] == COST and attempts_of(rows[0]).endswith(" a:OK")


def test_the_pauses_are_not_the_same_for_all(in_front):
    """Who failed together does not come again together."""
    gate, times, lock = threading.Barrier(8), [], threading.Lock()

    def behave(connection, request):
        with lock:
            times.append((time.monotonic(), request.connection))
            first = len(times) <= 8
        if first:
            gate.wait(20)
        return (fault(500) if first else reply(completion()))(connection, request)

    server = in_front(behave)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert [got.status for got in pool.map(lambda _: server.ask(body=JSON), range(8))] == [200] * 8
    again = sorted(when for when, _ in times[8:])
    assert len(again) == 8 and again[-1] - again[0] > 0.02


def test_attempts_are_bounded(in_front):
    server = in_front(fault(500), fault(502), fault(503), OTHER, attempts=3)
    assert server.ask(body=JSON).status == 502
    assert [len(h.requests) for h in server.hosts] == [1, 1, 1, 0]
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:UP_5XX b:UP_5XX c:UP_5XX"


def test_the_total_limit_holds_for_all_attempts_together(in_front):
    """The second host would answer, but the first took all the time."""
    server = in_front(silence, silence, OTHER, first_token="400ms", total="700ms")
    began = time.monotonic()
    got = server.ask(body=STREAM)
    assert (got.status, code_of(got)) == (504, "request_timeout") and time.monotonic() - began < 5
    assert server.hosts[2].requests == []
    assert attempts_of(server.wait_for_rows(1)[0]) == "a:FIRST_TOKEN b:TOTAL_TIME"


def test_no_retry_storm(in_front):
    """A host that is down for all is not asked three times by each: retries are a tenth, and a few to begin with."""
    server = in_front(fault(503), attempts=3)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert {got.status for got in pool.map(lambda _: server.ask(body=JSON), range(200))} == {502}
    assert 200 < len(server.hosts[0].requests) <= 200 + 10 + 200 * 0.1 + 1
    assert len(server.wait_for_rows(200)) == 200


# --- breakers ---


def test_a_breaker_opens_and_live_traffic_probes_it(in_front):
    server = in_front(fault(500), OTHER, route={"breaker_failures": 3, "breaker_open": "400ms", "breaker_open_max": "400ms"})
    first = server.hosts[0]
    assert [answered_by(server.ask(body=JSON)) for _ in range(10)] == ["b"] * 10
    assert len(first.requests) == 3
    until(lambda: server.ask(body=JSON).status == 200 and len(first.requests) == 4)  # the probe, which fails
    assert [answered_by(server.ask(body=JSON)) for _ in range(5)] == ["b"] * 5 and len(first.requests) == 4
    first.play(reply(completion("from a")))
    until(lambda: answered_by(server.ask(body=JSON)) == "a")
    assert [answered_by(server.ask(body=JSON)) for _ in range(5)] == ["a"] * 5
    gate, before = Gate(), len(first.requests)
    first.play(lambda c, r: gate.wait() or reply(completion("from a"))(c, r))
    both = [Caller(server, JSON) for _ in range(2)]
    first.wait_for_requests(before + 2)  # it is closed: both go there at a time
    gate.open(2)
    assert [c.status for c in both] == [200, 200]
    assert all(row["outcome"] == "OK" for row in server.rows())


def test_one_request_probes_and_the_others_do_not_wait(in_front):
    """While the probe is under way everybody else goes to the other host."""
    gate = Gate()
    server = in_front(fault(500), OTHER, route={"breaker_failures": 1, "breaker_open": "100ms"})
    first = server.hosts[0]
    assert answered_by(server.ask(body=JSON)) == "b"
    first.play(lambda c, r: gate.wait() or reply(completion("from a"))(c, r))
    probing = []

    def one_more():
        c = Caller(server, JSON)
        probing.append(c)
        return len(first.requests) == 2

    until(one_more)
    assert all(answered_by(server.ask(body=JSON)) == "b" for _ in range(5)) and len(first.requests) == 2
    gate.open()
    assert {c.field("x-inference-provider") for c in probing} >= {"a"}
    first.play(reply(completion("from a")))
    assert answered_by(server.ask(body=JSON)) == "a"


def test_a_single_host_is_asked_although_its_breaker_is_open(in_front):
    """It would only turn a doubt into a refusal."""
    server = in_front(fault(500), attempts=1, route={"breaker_failures": 1, "breaker_open": "1h", "breaker_open_max": "1h"})
    assert [server.ask(body=JSON).status for _ in range(3)] == [502] * 3
    server.hosts[0].play(reply(completion()))
    assert server.ask(body=JSON).status == 200


def test_what_is_not_the_hosts_fault_opens_no_breaker(in_front):
    server = in_front(fault(400, "wrong"), OTHER, route={"breaker_failures": 1, "breaker_open": "1h", "breaker_open_max": "1h"})
    assert [server.ask(body=JSON).status for _ in range(3)] == [400] * 3 and len(server.hosts[0].requests) == 3


def test_streams_that_break_off_open_it_as_well(in_front):
    server = in_front(played(ROLE, TOKEN, cut), stream(), route={"breaker_failures": 2, "breaker_open": "1h", "breaker_open_max": "1h"})
    for _ in range(2):
        assert b"stream_cut" in Caller(server, STREAM).rest()
    assert Caller(server, STREAM).rest() == SHOWN and len(server.hosts[0].requests) == 2


@pytest.mark.parametrize("wanted", (JSON, STREAM), ids=("json", "stream"))
def test_a_flapping_host_is_not_noticed(in_front, wanted):
    """Good and bad in turn, at two hosts: every caller has an answer, and each one bill."""
    def flapping(good, turn):
        def behave(connection, request):
            turn[0] += 1
            return (good if turn[0] % 2 else fault(503))(connection, request)

        return behave

    good = stream() if wanted is STREAM else reply(completion())
    server = in_front(flapping(good, [0]), flapping(good, [1]), route={"breaker_failures": 5})
    for _ in range(20):
        assert server.ask(body=wanted).status == 200
    rows = server.wait_for_rows(20)
    assert [row["cost_pusd"] for row in rows] == [COST] * 20
    assert sum(len(json.loads(row["attempts"])) for row in rows) == sum(len(h.requests) for h in server.hosts)
    assert sum(row["cost_pusd"] for row in server.usage()) == 20 * COST


# --- the ledger ---

BILLED = {
    "not_connected": (None, "no"),
    "refused": (fault(500), "no"),
    "half_a_reply": (lambda c, r: c.send(b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"id"') and False, "maybe"),
    "no_reply": (cut, "maybe"),
    "not_json": (reply(b"{"), "maybe"),
    "late": (silence, "maybe"),
}


@pytest.mark.parametrize("kind", BILLED)
def test_an_abandoned_attempt_that_may_have_been_billed_is_marked(lasting, kind):
    behaviour, billed = BILLED[kind]
    server = lasting(behaviour or f"http://127.0.0.1:{refused_port()}/v1", stream(), first_token="200ms")
    assert Caller(server, STREAM).rest() == SHOWN
    row = server.wait_for_rows(1)[0]
    assert billed_of(row) == [billed, "yes"] and row["cost_pusd"] == COST and row["provider"] == "b"
    assert (row["input_tokens"], row["cached_input_tokens"], row["output_tokens"]) == (400, 600, 50)


def test_the_row_that_was_chosen_gives_the_price(in_front):
    """Of two hosts with two prices the one that answered is paid, and only that one."""
    dear = {name: value * 10 for name, value in PRICE.items()}
    server = in_front(fault(500), reply(completion("from b")), offers={"b": {"price": dear}})
    assert server.ask(body=JSON).field("x-weir-cost-usd") == "0.00135"
    row = server.wait_for_rows(1)[0]
    assert (row["cost_pusd"], row["provider"], row["model"], row["upstream"], row["asked"]) == (10 * COST, "b", "acme/large", "large-v1", "acme/large")
    assert [line["cost_pusd"] for line in server.usage()] == [10 * COST]
    assert json.loads(row["attempts"])[0]["status"] == 500
