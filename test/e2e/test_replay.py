"""Recorded traffic, replayed behind weir: what arrives on either side is what was sent, byte for byte.

All exchanges of the corpus with hosts of the OpenAI dialect go through one server, from a few kept-alive
connections, in random cuts down to single bytes, in every framing that HTTP has. The hosts are weir's own
rows, so their quirks are at work too.
"""
import concurrent.futures
import gzip
import http.client
import json
import pathlib
import random
import re
import time
from decimal import ROUND_HALF_UP, Decimal

import pytest

import corpus
from conftest import servers
from corpus import exchanges
from host import Host, as_chunks, head
from weir import Reply

pytestmark = pytest.mark.asan

ROOT = pathlib.Path(__file__).resolve().parents[2]
THREADS = 4
SEED = 20260821
USAGE_UNASKED = {"mistral", "perplexity"}  # rows with Q_USAGE_UNASKED: weir asks them for nothing

# What does not go through, by the exchange's mark, and with which status and code the caller learns of it.
EXCEPTIONS = {
    # No model stands in the body; the host had it in its path.
    "818f357d": (400, "invalid_value"),
    "c2bfcf89": (400, "invalid_value"),
    "1e45b07d": (400, "invalid_value"),
    "6aaaabda": (400, "invalid_value"),
    "71cb173e": (400, "invalid_value"),
    "fbb682e8": (400, "invalid_value"),
    "36105fb6": (400, "invalid_value"),
    # No messages.
    "d4653fb0": (400, "invalid_value"),
    # The body of the reply was lost in the recording.
    "bd37a536": (502, "malformed_reply"),
    "386091bd": (502, "malformed_reply"),
    "e9d07107": (502, "malformed_reply"),
    # Events of another form, which never tell that the answer is complete.
    "f694ca68": (502, "reply_cut"),
    # The last event, the one with the finish, breaks off in a stray quote.
    "64771377": (200, "stream_cut"),
    # An error with a status of 200: the caller's own, as his prompt was refused.
    "2305b148": (400, "content_filter"),
}
# A made-up reply whose audio and reasoning tokens are more than the completion that they are parts of.
CONTRADICTORY = "2ad1cc57"


def is_exception(trip):
    return trip.exchange.mark in EXCEPTIONS


def told(trip):
    """The status and the code that the caller got."""
    body = trip.got.events[-1] if trip.got.status == 200 else trip.got.json
    return trip.got.status, body["error"]["code"]


# --- one exchange on its way through: what is sent on either side, and then what came ---


class Trip:
    """`unasked`: as if the caller had not asked for the usage of his stream."""

    def __init__(self, exchange, row=None, unasked=False):
        x = self.exchange = exchange
        self.row_name, self.unasked = row or x.row, unasked
        self.dice = random.Random(SEED + x.number)
        self.framing = self.dice.choice(("length", "chunks", "chunks", "close"))
        self.compressed = self.dice.random() < 0.1 and not is_exception(self)
        self.sent, self.due = self.requests()
        self.reply = self.due_reply = gzip.compress(x.reply, mtime=0) if self.compressed else x.reply
        if unasked and not self.compressed:
            self.due_reply = b"".join(event for event in corpus.events(x.reply) if not corpus.is_usage_only(event))
        self.path = f"/v1{x.path}?record={x.number}&{x.query}&odd=%2Fa+b%20c&&=&e"
        n = str(x.number)
        self.fields = {
            "content-type": "application/json", "accept": "*/*, x/" + n, "user-agent": "replay/" + n,
            "openai-organization": "org-" + n, "openai-beta": "assistants=v2", "OpenAI-Project": "p" + n,
            "anthropic-version": "2023-06-01", "anthropic-beta": "b" + n, "Idempotency-Key": "idem-" + n,
        }  # fmt: skip
        self.kept = {
            "content-type": x.type, "openai-processing-ms": n, "x-ratelimit-limit-requests": "1000", "x-ratelimit-remaining-requests": "999",
            "x-ratelimit-reset-requests": "60ms", "retry-after-ms": n, "x-of-a-host": "a, b ; c=" + n,
        }  # fmt: skip
        if self.compressed:
            self.kept["content-encoding"] = "gzip"
        self.got = self.upstream = self.row = None

    def __repr__(self):
        return repr(self.exchange)

    def requests(self):
        """The recorded request, addressed to that row whatever the catalog says of the model; and what is to
        arrive: the recorded one, with the declared edits."""
        x, row = self.exchange, self.row_name
        sent, due = x.request, x.request
        if "model" in x.asked:
            sent = corpus.with_value(sent, "model", f"{row}/{x.model}:{row}")
        if "provider" in x.asked:  # OpenRouter's names of its own hosts: here they would name ours
            sent = corpus.with_value(sent, "provider", {"order": [row], "allow_fallbacks": False})
            due = corpus.without(due, "provider")
        if self.unasked:
            sent, due = corpus.without(sent, "stream_options"), corpus.without(due, "stream_options")
        if x.is_stream and (self.unasked or not x.wants_usage) and row not in USAGE_UNASKED:
            due = corpus.with_member(due, '"stream_options":{"include_usage":true}')
        return sent, due


def pieces(data, dice):
    """The bytes in random cuts; few of them in single bytes, of many a part of the cuts a byte apart."""
    points = {p + step for p in dice.sample(range(len(data)), min(len(data), 20)) for step in (0, dice.choice((1, 2, 90)))}
    if len(data) < 300:
        points = range(len(data))
    ends = sorted(p for p in points if 0 < p < len(data))
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)])]


DROPPED = {"keep-alive": "timeout=5", "x-hop": "1", "set-cookie": "a=b", "server": "host", "alt-svc": "clear",
           "proxy-authenticate": "Basic", "access-control-allow-origin": "*", "x-weir-dropped": "all"}  # fmt: skip


def host_side(trips):
    """Plays the reply of the exchange that the query names."""

    def behave(connection, request):
        trip = trips[int(re.search(r"record=(\d+)", request.target).group(1))]
        trip.upstream = request
        fields = {**trip.kept, **DROPPED, "x-request-id": f"up-{trip.exchange.number}", "connection": "x-hop"}
        if trip.framing == "close":
            fields["connection"] = "close, x-hop"
        data, kind = trip.reply, fields.pop("content-type")
        length, chunked = len(data) if trip.framing == "length" else None, trip.framing == "chunks"
        if chunked:
            data = as_chunks(*pieces(data, trip.dice)) + b"0\r\n\r\n"
        for piece in pieces(head(trip.exchange.status, fields.items(), length, chunked, kind) + data, trip.dice):
            connection.send(piece)
        return trip.framing != "close"

    return behave


def caller_side(server, trips):
    """Asks on one kept-alive connection."""
    connection = server.connect()
    for trip in trips:
        connection.putrequest("POST", trip.path, skip_accept_encoding=True)
        for field in trip.fields.items():
            connection.putheader(*field)
        connection.putheader("content-length", str(len(trip.sent)))
        connection.endheaders()
        for piece in pieces(trip.sent, trip.dice):
            connection.send(piece)
        reply = connection.getresponse()
        try:
            body = reply.read()
        except http.client.IncompleteRead as cut:
            body = cut.partial
        trip.got = Reply(reply.status, reply.getheaders(), body)
    connection.close()


CONFIG = "threads: 2\nlog: {requests: false}\nroute: {breaker_failures: 1000}\n"


def replay(folder, trips, config=CONFIG):
    """Sends them all through one server; each then knows what came, and its row of the ledger if it has one."""
    host = Host()
    host.play(host_side({trip.exchange.number: trip for trip in trips}))
    config += "providers:\n"
    for row, built_in in sorted({(t.row_name, t.exchange.built_in and t.row_name == t.exchange.row) for t in trips}):
        url = f"{host.url.removesuffix('/v1')}/{row}"
        config += f"  {row}: {{base_url: {url}, api_key: key-of-{row}, id_header: x-request-id"
        config += "}\n" if built_in else ", dialect: openai}\n"
    with servers(folder) as start:
        server = start(config)
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for done in [pool.submit(caller_side, server, trips[n::THREADS]) for n in range(THREADS)]:
                done.result()
    rows = {row["id"]: row for row in server.rows()}
    for trip in trips:
        trip.row = rows.get(trip.got.row_id)
    host.close()
    return trips


@pytest.fixture(scope="module")
def trips(tmp_path_factory):
    return replay(tmp_path_factory.mktemp("replay"), [Trip(x) for x in exchanges() if x.status == 200])


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    """The errors, each of a host of its own, so that none learns from another's."""
    trips = [Trip(x, f"host{x.number}") for x in exchanges() if x.status != 200]
    return replay(tmp_path_factory.mktemp("faults"), trips, CONFIG + "upstream: {attempts: 1}\n")


@pytest.fixture(scope="module")
def unasked(tmp_path_factory):
    """The streams whose usage was asked for, by callers who do not ask."""
    trips = [Trip(x, unasked=True) for x in exchanges() if x.streams and x.wants_usage and x.row not in USAGE_UNASKED]
    return replay(tmp_path_factory.mktemp("unasked"), trips)


@pytest.fixture(scope="module")
def passed(trips):
    return [trip for trip in trips if not is_exception(trip)]


# --- what must hold ---


def test_what_does_not_go_through_says_why(trips, faults):
    assert {t.exchange.mark: told(t) for t in trips + faults if is_exception(t)} == EXCEPTIONS
    assert (len(trips), len(faults)) == (1794, 70)
    assert [trip for trip in trips + faults if EXCEPTIONS.get(trip.exchange.mark) == (400, "invalid_value") and trip.upstream] == []


def test_the_answer_arrives_byte_for_byte(passed):
    assert [trip for trip in passed if (trip.got.status, trip.got.body) != (200, trip.reply)] == []
    assert sum(trip.exchange.streams for trip in passed) == 589


def test_the_request_arrives_byte_for_byte(passed):
    assert [trip for trip in passed if trip.upstream.body != trip.due] == []
    added = [trip for trip in passed if b'"stream_options"' in trip.due and b'"stream_options"' not in trip.sent]
    assert len(added) == 231 and sum("provider" in trip.exchange.asked for trip in passed) == 146


def test_only_the_usage_that_weir_asked_for_is_withheld(unasked):
    assert [trip for trip in unasked if trip.upstream.body != trip.due] == []
    assert [trip for trip in unasked if (trip.got.status, trip.got.body) != (200, trip.due_reply)] == []
    assert sum(trip.due_reply != trip.reply for trip in unasked) > 100
    assert [trip for trip in unasked if not trip.row["usage_known"] or trip.row["estimated"]] == []


def test_path_and_query_arrive(passed):
    for trip in passed:
        query = trip.path.split("?")[1]
        assert trip.upstream.target == f"/{trip.exchange.row}{trip.exchange.path}?{query}"


def test_the_callers_fields_arrive(passed):
    for trip in passed:
        x, came = trip.exchange, trip.upstream
        assert {name: came.field(name) for name in trip.fields} == trip.fields
        assert came.field("content-length") == str(len(trip.due))
        assert came.field("accept-encoding") == "identity"
        key = came.field("api-key") if x.row == "azure" else came.field("authorization")
        assert key == ("" if x.row == "azure" else "Bearer ") + "key-of-" + x.row


def test_the_hosts_fields_arrive(passed):
    for trip in passed:
        assert {name: trip.got.field(name) for name in trip.kept} == trip.kept
        assert trip.got.field("x-upstream-request-id") == f"up-{trip.exchange.number}"
        assert trip.got.field("x-inference-provider") == trip.exchange.row
        assert trip.got.field("x-weir-attempts") == "1"
        assert trip.got.field("x-request-id").startswith("req_")
        assert [name for name in DROPPED if trip.got.field(name) is not None] == []
        whole = not trip.exchange.streams
        assert (trip.got.field("content-length") == str(len(trip.reply))) == whole
        assert (trip.got.field("x-weir-cost-usd") is not None) == whole


def test_every_usage_is_in_its_classes(passed):
    wrong, counted = [], 0
    for trip in passed:
        x, row = trip.exchange, trip.row
        if not x.usage or x.mark == CONTRADICTORY:
            continue
        counted += 1
        due = corpus.classes_of(x.usage, x.row)
        if due != {name: row[name] for name in due} or not row["usage_known"] or row["estimated"]:
            wrong.append((x, x.usage, row))
    assert not wrong
    assert counted > 1640


def test_what_contradicts_itself_keeps_its_sum(passed):
    (row,) = [trip.row for trip in passed if trip.exchange.mark == CONTRADICTORY]
    assert (row["reasoning_tokens"], row["audio_output_tokens"], row["output_tokens"]) == (3, 1, 0)
    assert (row["cached_input_tokens"], row["audio_input_tokens"], row["input_tokens"]) == (1, 2, 17)


def test_without_usage_it_is_estimated_or_unknown(passed):
    for trip in passed:
        if not trip.exchange.usage:
            known = (trip.row["usage_known"], trip.row["estimated"])
            assert known == ((1, 1) if trip.exchange.streams else (0, 0)), trip.exchange
            assert trip.row["cost_pusd"] is None or trip.exchange.streams


def test_the_ledger_tells_what_was_said(passed):
    for trip in passed:
        x, row = trip.exchange, trip.row
        assert (row["outcome"], row["status"], row["partial"], row["stream"]) == ("OK", 200, 0, int(x.is_stream)), x
        assert (row["provider"], row["said"]) == (x.row, x.said), x
        assert row["asked"] == f"{x.row}/{x.model}:{x.row}"
        assert row["upstream"] == x.model
        assert row["upstream_id"] == f"up-{x.number}"
        assert row["tier"] == (corpus.last(x.objects, "service_tier") or ""), x


def test_a_stated_cost_is_kept(passed):
    stated = 0
    for trip in passed:
        usage = trip.exchange.usage or {}
        cost = usage.get("cost")
        cost = cost.get("total_cost") if isinstance(cost, dict) else cost
        due = None if cost is None else int(Decimal(str(cost)) * 10**12)
        stated += due is not None
        assert trip.row["stated_pusd"] == due, trip.exchange
    assert stated > 240


# Whose price holds for a class that a row of the catalog does not name.
INSTEAD = {
    "cached_input": "input", "cache_write": "input", "cache_write_1h": "cache_write", "reasoning": "output",
    "input_audio": "input", "output_audio": "output", "input_image": "input", "output_image": "output",
}  # fmt: skip
PRICE_OF = dict(zip(corpus.CLASSES, (
    "input", "cached_input", "cache_write", "cache_write_1h", "output", "reasoning", "input_audio", "output_audio",
    "input_image", "output_image",
)))  # fmt: skip


def cost_of(counts, prices, day):
    """Pico-USD by the rows of an offer in the catalog; None: nobody knows."""
    price = [row for row in prices if row.get("from", "") <= day][-1]
    size = sum(n for name, n in counts.items() if "input" in name or "write" in name)
    for tier in price.get("tiers", []):
        price = {**price, **(tier if size > tier["above_input_tokens"] else {})}
    exact = Decimal(price["request"]["usd"]) / price["request"]["per"] * 10**12 if "request" in price else Decimal(0)
    for name, n in counts.items():
        key = PRICE_OF[name]
        while key not in price and key in INSTEAD:
            key = INSTEAD[key]
        if n and key not in price:
            return None
        exact += n * price.get(key, 0) * 10**6
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def test_every_cost_is_the_catalogs(passed):
    models = json.loads((ROOT / "etc/catalog.json").read_text(), parse_float=Decimal)["models"].values()
    offers = {(offer["provider"], offer["model"]): offer["prices"] for model in models for offer in model["providers"]}
    day, priced, wrong = time.strftime("%Y-%m-%d", time.gmtime()), 0, []
    for trip in passed:
        x, row = trip.exchange, trip.row
        if row["estimated"] or not row["usage_known"]:
            continue
        prices = offers.get((x.row, x.said)) or offers.get((x.row, x.model))
        counts = {name: row[name] for name in corpus.CLASSES}  # right, as another test says
        due = cost_of(counts, prices, day) if prices else None
        priced += due is not None
        if due != row["cost_pusd"]:
            wrong.append((x, counts, prices, due, row["cost_pusd"]))
    assert not wrong
    assert priced > 700


def test_the_callers_faults_arrive_as_they_are(faults):
    mine = [t for t in faults if t.exchange.status in (400, 404, 422) and not is_exception(t)]
    for trip in mine:
        assert (trip.got.status, trip.got.body) == (trip.exchange.status, trip.reply), trip
        assert {name: trip.got.field(name) for name in trip.kept} == trip.kept
        assert trip.upstream.body == trip.due
        assert (trip.row["status"], trip.row["cost_pusd"]) == (trip.exchange.status, None)
    assert len(mine) == 50


def test_the_hosts_faults_are_named_as_theirs(faults):
    theirs = [trip for trip in faults if trip.exchange.status not in (400, 404, 422)]
    for trip in theirs:
        error = trip.got.json["error"]
        refused = trip.exchange.status in (401, 403)
        assert (trip.got.status, error["type"]) == (502, "upstream_error"), trip
        assert error["code"] == ("provider_refused_credential" if refused else "provider_error"), trip
        assert error["message"].startswith(f"{trip.row_name}: {trip.row_name} answered {trip.exchange.status}: ")
        assert trip.got.json["message"] == error["message"]
        words = trip.exchange.objects[0].get("detail") or trip.exchange.objects[0]["error"]["message"]
        assert words[:60] in error["message"]
    assert len(theirs) == 16
