"""The bill: invoices, exports, prices that change, and what providers say they charge."""
import csv
import datetime
import html.parser
import io
import json
import pathlib
import signal
import subprocess
from decimal import ROUND_HALF_UP, Decimal

import pytest

from host import Host, completion, reply
from weir import until

CONFIG = """
providers:
  one: {{dialect: openai, base_url: {url}, api_key: secret}}
  two: {{dialect: openai, base_url: {url}, api_key: secret}}
models:
  a/one: [{{provider: one, model: m-1, price: {{input: 1.000003, cached_input: 0.1, output: 2}}}}]
  a/two: [{{provider: two, model: m-2, price: {{input: 10, output: 20}}}}]
  a/free: [{{provider: one, model: m-3}}]
"""
ROOT = pathlib.Path(__file__).resolve().parents[2]
MONTH = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")
pytestmark = [pytest.mark.asan, pytest.mark.store]


def keyed(server, name, *limits):
    made = server.command("key", "create", "--name", name, *limits).stdout.split()[0]
    fields = [("authorization", f"Bearer {made}")]
    until(lambda: server.ask("/v1/models", fields=fields).status == 200 and server.ask("/v1/models").status == 401)
    return fields


def spend(server, fields, model, usage, times=1):
    for _ in range(times):
        name = {"a/one": "m-1", "a/two": "m-2"}.get(model, "m-3")
        server.host.play(reply(completion(model=name, usage=usage)))
        assert server.chat(model, fields=fields).status == 200


def pusd(*products):
    """Tokens times USD a million, in pico-USD."""
    return int(sum(Decimal(n) * Decimal(usd) * 10**6 for n, usd in products).quantize(Decimal(1), ROUND_HALF_UP))


ONE = pusd((7, "1.000003"), (5, "0.1"), (3, "2"))
TWO = pusd((11, "10"), (13, "20"))


@pytest.fixture
def server(weir, host, tmp_path):
    """Team web of acme has two keys and a user with one; team ops has another."""
    provider = host()
    server = weir(CONFIG.format(url=provider.url))
    server.host = provider
    server.command("org", "create", "acme")
    server.command("team", "create", "web", "--org", "acme", "--markup", "12.5%")
    server.command("team", "create", "ops", "--org", "acme")
    server.command("team", "create", "idle")
    server.command("user", "create", "ann", "--team", "web")
    web, ann, ops = keyed(server, "ci", "--team", "web"), keyed(server, "ann-1", "--user", "ann"), keyed(server, "ops-1", "--team", "ops")
    spend(server, web, "a/one", (7, 5, 3), times=3)
    spend(server, ann, "a/two", (11, 0, 13))
    spend(server, ann, "a/free", (1, 0, 1))
    spend(server, ops, "a/two", (11, 0, 13), times=2)
    server.wait_for_rows(7)
    return server


def invoice(server, *words, form="--json"):
    done = server.command("invoice", *words, "--month", MONTH, form)
    return json.loads(done.stdout) if form == "--json" else done.stdout


# --- invoices ---


def test_an_invoice_has_a_line_for_each_model_and_provider(server):
    told = invoice(server, "--team", "web")
    lines = {(line["model"], line["provider"]): line for line in told["lines"]}
    assert set(lines) == {("a/one", "one"), ("a/two", "two"), ("a/free", "one")}
    one = lines["a/one", "one"]
    assert (one["requests"], one["input_tokens"], one["cached_input_tokens"], one["output_tokens"]) == (3, 21, 15, 9)
    assert (one["cost_pusd"], lines["a/two", "two"]["cost_pusd"]) == (3 * ONE, TWO)
    assert (lines["a/free", "one"]["cost_pusd"], lines["a/free", "one"]["unpriced_requests"], told["unpriced_requests"]) == (None, 1, 1)
    assert told["cost_pusd"] == 3 * ONE + TWO
    assert Decimal(told["cost_usd"]) == Decimal(3 * ONE + TWO).scaleb(-12)
    assert (told["team"], told["month"], told["requests"], told["currency"]) == ("web", MONTH, 5, "USD")


def test_a_markup_is_added_once_and_rounded_once(server):
    told = invoice(server, "--team", "web")
    cost = 3 * ONE + TWO
    due = int((Decimal(cost) * Decimal("0.125")).quantize(Decimal(1), ROUND_HALF_UP))
    assert (told["markup_basis_points"], told["markup_pusd"], told["total_pusd"]) == (1250, due, cost + due)
    assert cost % 8 != 0  # else nothing was rounded
    # The ledger keeps the cost.
    assert sum(row["cost_pusd"] or 0 for row in server.rows() if row["team"] == "web") == cost


@pytest.mark.parametrize(
    "who, cost, basis",
    [
        (("--user", "ann"), TWO, 1250),  # of its team
        (("--key", "ci"), 3 * ONE, 1250),
        (("--team", "ops"), 2 * TWO, 0),
        (("--organisation", "acme"), 3 * ONE + 3 * TWO, 0),
        (("--team", "idle"), 0, 0),
    ],
)
def test_whose_markup_it_is(server, who, cost, basis):
    told = invoice(server, *who)
    assert (told["cost_pusd"], told["markup_basis_points"]) == (cost, basis)
    assert told["total_pusd"] == cost + told["markup_pusd"]


def test_a_discount_and_none(server):
    server.command("team", "set", "web", "--markup", "-50%")
    told = invoice(server, "--team", "web")
    assert (told["markup_basis_points"], told["total_pusd"]) == (-5000, told["cost_pusd"] + told["markup_pusd"])
    server.command("team", "set", "web", "--budget", "5/month")  # what is not named stays
    assert invoice(server, "--team", "web")["markup_basis_points"] == -5000
    server.command("team", "set", "web", "--markup", "none")
    assert invoice(server, "--team", "web")["total_pusd"] == told["cost_pusd"]


@pytest.mark.parametrize("text", ["10", "x%", "%", "1.234%", "-101%", "1e3%", ""])
def test_a_markup_that_is_none(server, text):
    done = server.command("team", "set", "web", "--markup", text, check=False)
    assert done.returncode == 2 and "--markup wants a percentage" in done.stderr


def test_an_invoice_in_csv_sums_up(server):
    rows = list(csv.DictReader(io.StringIO(invoice(server, "--team", "web", form="--csv"))))
    assert [row["line"] for row in rows] == ["usage"] * 3 + ["markup", "total"]
    told = invoice(server, "--team", "web")
    assert int(rows[-1]["cost_pusd"]) == told["total_pusd"] == sum(int(row["cost_pusd"] or 0) for row in rows[:-1])
    assert all(Decimal(row["cost_usd"]) == Decimal(row["cost_pusd"]).scaleb(-12) for row in rows if row["cost_pusd"])


class Page(html.parser.HTMLParser):
    """The cells of the page's rows, and what it would load from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.loads, self.cell, self.text, self.title = [], [], False, "", ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.loads += [value for name, value in attributes if name in ("src", "href")]
        self.cell = tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        if self.cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.cell = self.cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.text += data
        if self.cell:
            self.rows[-1][-1] += data


def test_an_invoice_as_a_page(server):
    page = Page(invoice(server, "--team", "web", form="--html"))
    told = invoice(server, "--team", "web")
    assert page.loads == []
    assert page.rows[0] == ["model", "provider", "requests", "input", "cached_input", "output", "request", "USD"]
    assert ["a/one", "one", "3", "21", "15", "9", "3", told["lines"][[line["model"] for line in told["lines"]].index("a/one")]["cost_usd"]] in page.rows
    assert page.rows[-3:] == [["Cost", told["cost_usd"]], ["Mark-up 12.5%", told["markup_usd"]], ["Total", told["total_usd"]]]
    assert "1 of the requests have no known cost" in page.text


def test_names_cannot_write_into_the_page(server):
    server.command("team", "create", '<b>"&', "--markup", "1%")
    page = invoice(server, "--team", '<b>"&', form="--html")
    assert '<b>"&' not in page and Page(page).text.count('<b>"&') == 2


def test_an_invoice_for_a_terminal(server):
    text = server.command("invoice", "--team", "web", "--month", MONTH).stdout
    told = invoice(server, "--team", "web")
    assert [line.split() for line in text.splitlines()[-4:-1]] == [
        ["cost", told["cost_usd"]], ["mark-up", "12.5%", told["markup_usd"]], ["total", "USD", told["total_usd"]]]
    assert "1 of the requests have no known cost" in text


def test_no_invoice(server):
    for words, status, why in [
        (["--team", "nobody", "--month", MONTH], 1, 'there is no team "nobody"'),
        (["--team", "web"], 2, "--month is wanted"),
        (["--month", MONTH], 2, "--team, --organisation, --user or --key is wanted"),
        (["--team", "web", "--user", "ann", "--month", MONTH], 2, "an invoice is for one of them"),
        (["--team", "web", "--month", "2026-13"], 2, "--month wants one like 2026-01"),
    ]:
        done = server.command("invoice", *words, check=False)
        assert (done.returncode, done.stdout) == (status, "") and why in done.stderr, done.stderr
    assert json.loads(server.command("invoice", "--team", "web", "--month", "2001-02", "--json").stdout)["lines"] == []


# --- FOCUS ---


def focus_validator():
    """The command of focus-validator, in a Python of its own, and the folder in which it must run."""
    folder = subprocess.run([ROOT / "tools/venv.sh", "test/focus.txt"], capture_output=True, text=True, check=True).stdout.strip()
    (packages,) = pathlib.Path(folder).glob("lib/*/site-packages")
    return f"{folder}/bin/focus-validator", packages


def validated(path, version="1.0"):
    command, folder = focus_validator()
    done = subprocess.run([command, "--data-file", path, "--validate-version", version], cwd=folder, capture_output=True, text=True)
    return done.stdout + done.stderr


def focus(server, *words):
    return list(csv.DictReader(io.StringIO(server.command("focus", "--month", MONTH, *words).stdout)))


def test_the_focus_export_is_valid(server, tmp_path):
    path = tmp_path / "focus.csv"
    path.write_text(server.command("focus", "--month", MONTH).stdout)
    assert "Validation succeeded." in validated(path)
    broken = tmp_path / "broken.csv"
    broken.write_text(path.read_text().replace("AI and Machine Learning", "Artificial"))
    assert "ServiceCategory_Enum failed" in validated(broken)


def test_the_focus_export_has_the_exact_costs(server):
    rows = focus(server)
    assert len(rows) == 4
    by_sku = {}
    for row in rows:
        by_sku[row["SubAccountId"], row["SkuId"]] = Decimal(row["BilledCost"])
        assert row["BilledCost"] == row["EffectiveCost"] == row["ListCost"] == row["ContractedCost"]
        assert (row["BillingAccountId"], row["BillingCurrency"], row["ChargeCategory"]) == ("acme", "USD", "Usage")
        assert row["BillingPeriodStart"] == f"{MONTH}-01T00:00:00Z" and row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
    usd = lambda pusd: Decimal(pusd).scaleb(-12)  # noqa: E731
    assert by_sku == {("web", "one/m-1"): usd(3 * ONE), ("web", "two/m-2"): usd(TWO), ("web", "one/m-3"): 0, ("ops", "two/m-2"): usd(2 * TWO)}
    one = next(row for row in rows if row["SkuId"] == "one/m-1")
    assert (one["ConsumedQuantity"], one["ConsumedUnit"], one["x_InputTokens"], one["x_CachedInputTokens"]) == ("45.0", "Tokens", "21", "15")
    assert (one["ResourceId"], one["x_Requests"], one["x_UnpricedRequests"]) == ("ci", "3", "0")
    ann = next(row for row in rows if row["SkuId"] == "one/m-3")
    assert (json.loads(ann["Tags"]), ann["x_UnpricedRequests"]) == ({"user": "ann"}, "1")
    assert [row["SkuId"] for row in focus(server, "--provider", "one")] == ["one/m-3", "one/m-1"]


# --- prices ---

PRICED = """
providers:
  one: {{dialect: openai, base_url: {url}, api_key: secret}}
models:
  a/one: [{{provider: one, model: m-1}}]
  a/fixed: [{{provider: one, model: m-2, price: {{input: 1, output: 1}}}}]
"""


def offers(model="a/one", upstream="m-1", provider="one", **rows):
    return {"format": 1, "models": {model: {"providers": [{"provider": provider, "model": upstream, "prices": rows["prices"]}]}}}


def price_file(server, *prices, **more):
    path = server.folder / "prices-new.json"
    path.write_text(json.dumps(offers(prices=list(prices), **more)))
    return str(path)


def day(days=0):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


@pytest.fixture
def priced(weir, host):
    provider = host()
    server = weir(PRICED.format(url=provider.url))
    server.host = provider
    return server


def reload(server):
    said = server.log.count("loaded anew")
    server.tell(signal.SIGHUP)
    until(lambda: server.log.count("loaded anew") > said)


def cost_of(server, model="a/one", name="m-1", usage=(1000, 0, 100)):
    server.host.play(reply(completion(model=name, usage=usage)))
    return server.row_of(server.chat(model))["cost_pusd"]


def diff(server, path):
    return json.loads(server.command("prices", "diff", path, "--json").stdout)


def test_imported_prices_are_taken_at_sighup_and_at_the_start(priced, weir):
    assert cost_of(priced) is None
    path = price_file(priced, {"input": 1, "output": 10})
    priced.command("prices", "import", path)
    assert cost_of(priced) is None  # not before it is told
    reload(priced)
    assert cost_of(priced) == pusd((1000, 1), (100, 10))
    assert priced.stop() == 0
    again = weir(PRICED.format(url=priced.host.url), WEIR_DATA=priced.folder / "data")
    again.host = priced.host
    done = again.chat("a/one")
    assert Decimal(done.field("x-weir-cost-usd")) == Decimal(pusd((1000, 1), (100, 10))).scaleb(-12)


def test_a_price_may_change_in_the_middle_of_a_day(priced):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    later = now + datetime.timedelta(seconds=2)
    form = "%Y-%m-%dT%H:%M:%SZ"
    priced.command("prices", "import", price_file(priced, {"input": 1}, {"from": later.strftime(form), "input": 5}))
    reload(priced)
    seen = []
    priced.host.play(reply(completion(model="m-1", usage=(1000, 0, 0))))
    until(lambda: seen.append(priced.row_of(priced.chat("a/one"))) or seen[-1]["start_ms"] > later.timestamp() * 1000 + 100, 10)
    for row in seen:
        assert row["cost_pusd"] == pusd((1000, 5 if row["start_ms"] >= later.timestamp() * 1000 else 1)), row


def test_what_the_configuration_says_goes_before(priced):
    path = price_file(priced, {"input": 7, "output": 7}, model="a/fixed", upstream="m-2")
    assert diff(priced, path) == []
    priced.command("prices", "import", path)
    reload(priced)
    assert cost_of(priced, "a/fixed", "m-2") == pusd((1100, 1))


def test_a_diff_tells_what_would_change(priced):
    first = price_file(priced, {"input": 1, "output": 10}, {"from": "2026-02-01", "input": 2, "output": 10})
    told = diff(priced, first)
    at = lambda row: (row["model"], row["provider"], row["from"], row["class"], row["before"], row["after"])  # noqa: E731
    assert {at(row) for row in told} == {
        ("a/one", "one", when, kind, "-", usd)
        for when, kind, usd in [("always", "input", "1"), ("always", "output", "10"), ("2026-02-01", "input", "2"), ("2026-02-01", "output", "10")]
    }
    priced.command("prices", "import", first)
    assert diff(priced, first) == []
    assert priced.command("prices", "diff", first).stdout == "no price would change\n"
    second = price_file(
        priced, {"input": 1, "output": 10}, {"from": "2026-02-01", "input": 3, "output": 10, "cached_input": 0.5,
                                            "tiers": [{"above_input_tokens": 1000, "input": 6}]},
        {"from": "2026-03-01T12:00:00Z", "input": 2, "output": 10, "request": {"usd": 5, "per": 1000}},
    )  # fmt: skip
    assert [(*at(row)[2:], row["above_input_tokens"]) for row in diff(priced, second)] == [
        ("2026-03-01T12:00:00Z", "request", "-", "5/1000", 0),
        ("2026-02-01", "input", "2", "6", 1000), ("2026-02-01", "cached_input", "2", "0.5", 1000),
        ("2026-02-01", "input", "2", "3", 0), ("2026-02-01", "cached_input", "2", "0.5", 0),
    ]  # fmt: skip
    assert "cached_input" in priced.command("prices", "diff", second).stdout


def test_a_file_of_prices_leaves_the_other_offers_alone(priced):
    model = "openai/gpt-oss-120b"
    known = json.loads(priced.command("models", model, "--json").stdout)
    path = price_file(priced, {"input": 123, "output": 456}, model=model, upstream="openai/gpt-oss-120b", provider="groq")
    told = diff(priced, path)
    assert {(row["provider"], row["class"]) for row in told} >= {("groq", "input"), ("groq", "output")}
    assert {row["provider"] for row in told} == {"groq"}
    priced.command("prices", "import", path)
    assert len(json.dumps(json.loads(priced.command("models", model, "--json").stdout))) >= len(json.dumps(known)) * 0.9


def test_a_file_that_is_wrong_is_refused(priced):
    good = price_file(priced, {"input": 1})
    priced.command("prices", "import", good)
    kept = (priced.folder / "data/prices.json").read_bytes()
    bad = price_file(priced, {"input": -1})
    for verb in ("import", "diff"):
        done = priced.command("prices", verb, bad, check=False)
        assert done.returncode == 1 and f"{bad}:1:" in done.stderr and "a price is a number" in done.stderr
    for words, status in [(("import", "/nowhere.json"), 1), (("import",), 2), (("show",), 2), (("remove", "x"), 2)]:
        assert priced.command("prices", *words, check=False).returncode == status
    assert (priced.folder / "data/prices.json").read_bytes() == kept
    priced.command("prices", "remove")
    assert not (priced.folder / "data/prices.json").exists()
    assert priced.command("prices", "remove", check=False).returncode == 1
    did = [(row["action"], row["kind"]) for row in json.loads(priced.command("audit", "--json").stdout)]
    assert did == [("remove", "prices"), ("import", "prices")]


# --- pricing again ---


def reprice(server, *words):
    return json.loads(server.command("reprice", "--since", day(), "--json", *words).stdout)


def test_corrections_stand_beside_the_rows(priced):
    priced.command("team", "create", "web", "--budget", "0.01/month")
    fields = keyed(priced, "ci", "--team", "web")
    priced.command("prices", "import", price_file(priced, {"input": 1, "output": 10}))
    reload(priced)
    priced.host.play(reply(completion(model="m-1", usage=(1000, 0, 100))))
    asked = [priced.chat("a/one", fields=fields, max_tokens=100) for _ in range(3)]
    assert [got.status for got in asked] == [200] * 3
    before = priced.wait_for_rows(3)
    was, due = 3 * pusd((1000, 1), (100, 10)), 3 * pusd((1000, "1.5"), (100, 20))
    assert sum(row["cost_pusd"] for row in before) == was
    priced.command("prices", "import", price_file(priced, {"input": 1.5, "output": 20}))
    told = [{"model": "a/one", "provider": "one", "requests": 3, "corrected_requests": 3, "unpriced_requests": 0, "before_pusd": was, "after_pusd": due}]
    assert reprice(priced, "--dry-run") == told
    assert priced.usage("--by", "team")[0]["cost_pusd"] == was
    assert reprice(priced) == told
    assert priced.rows() == before
    assert priced.usage("--by", "team")[0]["cost_pusd"] == due
    assert invoice(priced, "--team", "web")["cost_pusd"] == due
    assert sum(Decimal(row["BilledCost"]) for row in focus(priced)) == Decimal(due).scaleb(-12)
    (team,) = json.loads(priced.command("team", "list", "--json").stdout)
    assert team["spent_pusd"] == due
    again = reprice(priced)
    assert (again[0]["corrected_requests"], again[0]["before_pusd"], again[0]["after_pusd"]) == (0, due, due)
    assert reprice(priced, "--until", day())[0]["requests"] == 3
    assert json.loads(priced.command("reprice", "--since", day(1), "--json").stdout) == []


def test_a_running_budget_takes_corrections_up_and_down(priced):
    priced.command("prices", "import", price_file(priced, {"input": 1, "output": 10}))
    reload(priced)
    fields = keyed(priced, "ci", "--budget", "1/month")
    ask = lambda: priced.chat("a/one", fields=fields, max_tokens=100)  # noqa: E731
    priced.host.play(reply(completion(model="m-1", usage=(1000, 0, 100))))
    assert ask().status == 200 and priced.wait_for_rows(1)  # 0.002 USD, as of those that come before a correction is seen
    for usd, status in ((1000, 402), (1, 200), (1000, 402)):
        priced.command("prices", "import", price_file(priced, {"input": usd, "output": 10}))
        rows = sum(one["requests"] for one in reprice(priced))
        until(lambda: ask().status == status)
        if status == 200:
            priced.wait_for_rows(rows + 1)


def test_a_request_that_had_no_price_gets_one(priced):
    assert cost_of(priced) is None
    priced.command("prices", "import", price_file(priced, {"input": 1, "output": 10}))
    assert reprice(priced)[0]["corrected_requests"] == 1
    (row,) = priced.usage("--by", "key")
    assert (row["cost_pusd"], row["unpriced_requests"]) == (pusd((1000, 1), (100, 10)), 0)
    priced.command("prices", "remove")  # what the table says nothing of stays as it is
    assert reprice(priced)[0]["unpriced_requests"] == 1
    assert priced.usage("--by", "key")[0]["cost_pusd"] == pusd((1000, 1), (100, 10))


def test_reprice_for_a_terminal(priced):
    cost_of(priced)
    priced.command("prices", "import", price_file(priced, {"input": 1, "output": 10}))
    done = priced.command("reprice", "--since", day())
    assert "1 corrections written" in done.stderr and "0.002" in done.stdout.splitlines()[-1]
    assert priced.command("reprice", check=False).returncode == 2


# --- what providers say ---

RECONCILED = """
providers:
  openai: {{base_url: {url}, api_key: secret}}
  anthropic: {{base_url: {url}, api_key: secret}}
models:
  a/gpt: [{{provider: openai, model: gpt-x, price: {{input: 1, cached_input: 0.1, output: 2}}}}]
  a/claude: [{{provider: anthropic, model: claude-x, price: {{input: 3, cached_input: 0.3, cache_write: 3.75, cache_write_1h: 6, output: 15}}}}]
"""
# Of today: two requests of gpt-x-2026-01-01 and one of gpt-y, which its price is not known of; one of claude.
GPT = 2 * pusd((100, 1), (50, "0.1"), (20, 2))
CLAUDE = pusd((10, 3), (200, "0.3"), (30, "3.75"), (40, 6), (5, 15))


@pytest.fixture(scope="module")
def billed(module_weir):
    host = Host()
    server = module_weir(RECONCILED.format(url=host.url))
    for name in ("gpt-x-2026-01-01", "gpt-x-2026-01-01", "gpt-y"):
        host.play(reply(completion(model=name, usage=(100, 50, 20))))
        assert server.chat("a/gpt").status == 200
    usage = {"input_tokens": 10, "cache_read_input_tokens": 200, "output_tokens": 5, "cache_creation_input_tokens": 70,
             "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 40}}  # fmt: skip
    host.play(reply({"id": "m", "type": "message", "role": "assistant", "model": "claude-x-20260101", "content": [{"type": "text", "text": "hi"}],
                     "stop_reason": "end_turn", "usage": usage}))  # fmt: skip
    assert server.ask("/v1/messages", {"model": "a/claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}).status == 200
    server.wait_for_rows(4)
    yield server
    host.close()


def start_of(days=0):
    return int(datetime.datetime.strptime(day(days), "%Y-%m-%d").replace(tzinfo=datetime.timezone.utc).timestamp())


def openai_page(*results, days=0):
    bucket = {"object": "bucket", "start_time": start_of(days), "end_time": start_of(days + 1), "results": list(results)}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}


def openai_usage(model, into, cached, out):
    return {"object": "organization.usage.completions.result", "input_tokens": into, "input_cached_tokens": cached,
            "output_tokens": out, "num_model_requests": 1, "model": model}  # fmt: skip


def openai_cost(item, usd):
    return {"object": "organization.costs.result", "amount": {"value": usd, "currency": "usd"}, "line_item": item}


def anthropic_page(*results, days=0):
    bucket = {"starting_at": day(days) + "T00:00:00Z", "ending_at": day(days + 1) + "T00:00:00Z", "results": list(results)}
    return {"data": [bucket], "has_more": False, "next_page": None}


def anthropic_usage(**more):
    usage = {"uncached_input_tokens": 10, "cache_read_input_tokens": 200, "output_tokens": 5, "model": "claude-x-20260101",
             "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 40}}  # fmt: skip
    return {**usage, **more}


def reconcile(server, statement, *words):
    """(exit status, the lines that differ: (model, the ledger's figures, the provider's))"""
    path = server.folder / "statement"
    path.write_text(statement if isinstance(statement, str) else json.dumps(statement))
    done = server.command("reconcile", str(path), "--json", *words, check=False)
    assert done.returncode in (0, 1), done.stderr
    lines = json.loads(done.stdout)
    assert (done.returncode == 1) == any(line["differs"] for line in lines)
    return done.returncode, [(line["model"], line["ledger"], line["provider"]) for line in lines if line["differs"]]


SAME = [openai_usage("gpt-x-2026-01-01", 300, 100, 40), openai_usage("gpt-y", 150, 50, 20)]


def tokens(into, out):
    return {"input_tokens": into, "output_tokens": out}


def test_usage_of_openai(billed):
    assert reconcile(billed, openai_page(*SAME)) == (0, [])
    assert reconcile(billed, [openai_page(SAME[0]), openai_page(SAME[1])]) == (0, [])
    assert reconcile(billed, openai_page(SAME[0])) == (1, [("gpt-y", tokens(150, 20), tokens(0, 0))])
    assert reconcile(billed, openai_page(*SAME, openai_usage("gpt-z", 1, 0, 1))) == (1, [("gpt-z", tokens(0, 0), tokens(1, 1))])
    assert reconcile(billed, openai_page(SAME[1], openai_usage("gpt-x-2026-01-01", 300, 100, 41))) == (
        1, [("gpt-x-2026-01-01", tokens(300, 40), tokens(300, 41))])  # fmt: skip
    assert reconcile(billed, openai_page(SAME[1], openai_usage("gpt-x-2026-01-01", 300, 100, 41)), "--tolerance", "3%") == (0, [])
    assert reconcile(billed, openai_page(openai_usage(None, 450, 150, 60))) == (0, [])  # not by model
    assert reconcile(billed, openai_page(*SAME, days=-1))[0] == 1


def test_costs_of_openai(billed):
    usd = float(Decimal(GPT).scaleb(-12))
    whole = reconcile(billed, openai_page(openai_cost("gpt-x-2026-01-01, input", usd - 0.00008), openai_cost("gpt-x-2026-01-01, output", 0.00008)))
    own = 3 * GPT // 2  # gpt-y has no price of its own: that of what was asked
    assert whole == (1, [("gpt-y", {"cost_pusd": own - GPT}, {"cost_pusd": 0})])
    assert reconcile(billed, openai_page(openai_cost(None, str(Decimal(own).scaleb(-12)))))[0] == 0
    assert reconcile(billed, openai_page(openai_cost(None, float(Decimal(own).scaleb(-12)) + 0.01)), "--tolerance", "0.02")[0] == 0
    assert reconcile(billed, openai_page(openai_cost(None, float(Decimal(own).scaleb(-12)) + 0.03)), "--tolerance", "0.02")[0] == 1


def test_usage_and_costs_of_anthropic(billed):
    assert reconcile(billed, anthropic_page(anthropic_usage())) == (0, [])
    assert reconcile(billed, anthropic_page(anthropic_usage(cache_read_input_tokens=201))) == (
        1, [("claude-x-20260101", tokens(280, 5), tokens(281, 5))])  # fmt: skip
    cents = Decimal(CLAUDE).scaleb(-10)
    cost = {"currency": "USD", "model": "claude-x-20260101", "cost_type": "tokens", "description": "Claude X Usage"}
    assert reconcile(billed, anthropic_page({**cost, "amount": str(cents)})) == (0, [])
    assert reconcile(billed, anthropic_page({**cost, "amount": str(cents + 1)}))[0] == 1
    search = {"currency": "USD", "amount": "100", "model": None, "cost_type": "web_search", "description": "Web Search Usage"}
    assert reconcile(billed, anthropic_page({**cost, "amount": str(cents)}, search)) == (
        1, [("Web Search Usage", {"cost_pusd": 0}, {"cost_pusd": 10**12})])  # fmt: skip


def test_a_statement_in_csv(billed):
    usd = lambda pusd: Decimal(pusd).scaleb(-12)  # noqa: E731
    head = "Model,Date,cost_usd,input_tokens,output_tokens,other\n"
    same = f'"gpt-x-2026-01-01",{day()},{usd(GPT)},300,40,x\ngpt-y,{day()}T12:00:00Z,{usd(GPT // 2)},150,20\n'
    claude = f"claude-x-20260101,{day()},{usd(CLAUDE)},280,5\r\n"
    assert reconcile(billed, head + same, "--provider", "openai") == (0, [])
    assert reconcile(billed, "\ufeff" + head + same + claude) == (0, [])
    assert reconcile(billed, head + same)[1][0][0] == "claude-x-20260101"
    assert reconcile(billed, head + same.replace(",40,", ",41,"), "--provider", "openai")[0] == 1
    assert reconcile(billed, f"date,cost_usd\n{day()},{usd(3 * GPT // 2 + CLAUDE)}\n") == (0, [])


def test_a_comparison_for_a_terminal(billed):
    path = billed.folder / "statement"
    path.write_text(json.dumps(openai_page(SAME[0])))
    done = billed.command("reconcile", str(path), check=False)
    assert done.returncode == 1 and "gpt-y" in done.stdout and "gpt-x" not in done.stdout
    assert done.stderr == "1 of 2 days and models differ\n"


@pytest.mark.parametrize(
    "statement, words, why",
    [
        ("", (), "the first line names the columns"),
        ("date,model,input_tokens\n2026-1-1,a,1\n", (), "line 2: a date is like"),
        ("date,model,input_tokens\n2026-01-01,a,-1\n", (), "line 2: a date is like"),
        ("date,cost_usd\n", (), "there is no day in it"),
        ("{", (), "expected"),
        ("{}", (), 'a bucket has no "results"'),
        ('{"data": [{"results": []}]}', (), 'a bucket has no "start_time"'),
        ('{"data": [{"start_time": 1, "results": [{}]}]}', (), "a result has neither tokens nor an amount"),
        ('{"data": [{"start_time": 1, "results": [{"amount": {"value": 1, "currency": "eur"}}]}]}', (), "another currency"),
        ('{"data": [{"start_time": 1, "results": [{"amount": {"value": "x"}}]}]}', (), "that is a number"),
        ("[[[[[[]]]]]]", (), "expected pages of buckets"),
        ("x", ("--format", "xls"), "--format wants"),
        ("x", ("--tolerance", "101%"), "--tolerance wants"),
    ],
)
def test_a_statement_that_cannot_be_compared(billed, statement, words, why):
    path = billed.folder / "statement"
    path.write_text(statement)
    done = billed.command("reconcile", str(path), *words, check=False)
    assert (done.returncode, done.stdout) == (2, "") and why in done.stderr, done.stderr


# --- what a router that bills for us asks ---


def costs(server, namespace, ids, fields, status=200):
    got = server.ask(f"/api/{namespace}/usage", {"requestIds": ids}, fields=fields)
    assert got.status == status, got.body
    return {one["requestId"]: one["costNanoUsd"] for one in got.json["requests"]} if status == 200 else got.json["error"]


@pytest.fixture
def routed(priced):
    priced.command("prices", "import", price_file(priced, {"input": 1.000003, "output": 10}))
    reload(priced)
    priced.command("org", "create", "acme")
    priced.command("team", "create", "hub", "--org", "acme")
    priced.fields = keyed(priced, "router", "--team", "hub")
    return priced


def ids_of(server, count, model="a/one", usage=(7, 0, 3), fields=None):
    name = {"a/one": "m-1", "a/fixed": "m-2"}.get(model, "m-9")
    server.host.play(reply(completion(model=name, usage=usage)))
    found = [server.chat(model, fields=fields or server.fields).field("x-request-id") for _ in range(count)]
    assert None not in found
    return found


def test_costs_by_request_id_are_rounded_up_to_nano_usd(routed):
    odd, even = ids_of(routed, 2), ids_of(routed, 1, "a/fixed", usage=(5, 0, 0))
    unpriced = ids_of(routed, 1, "one/m-9")
    routed.wait_for_rows(4)
    due = pusd((7, "1.000003"), (3, 10))
    assert due % 1000 != 0
    ids = odd + even + unpriced + ["req_" + "0" * 32, "something-else", ""]
    want = {odd[0]: due // 1000 + 1, odd[1]: due // 1000 + 1, even[0]: 5000}
    for namespace in ("router", "hub", "acme"):
        assert costs(routed, namespace, ids, routed.fields) == want
    assert costs(routed, "hub", ids, routed.fields) == want  # the same each time
    assert costs(routed, "hub", [], routed.fields) == {}


def test_a_key_is_told_of_its_own_requests_alone(routed):
    other = keyed(routed, "other", "--team", "hub")
    (mine,), (theirs,) = ids_of(routed, 1), ids_of(routed, 1, fields=other)
    routed.wait_for_rows(2)
    assert set(costs(routed, "hub", [mine, theirs], routed.fields)) == {mine}
    assert set(costs(routed, "hub", [mine, theirs], other)) == {theirs}
    refused = costs(routed, "elsewhere", [mine], routed.fields, status=403)
    assert refused["code"] == "not_allowed" and "'router' may not ask for 'elsewhere'" in refused["message"]
    costs(routed, "hub", [mine], [], status=401)
    wrong = mine[:-1] + ("0" if mine[-1] != "0" else "1")  # the part that cannot be guessed
    assert costs(routed, "hub", [wrong], routed.fields) == {}
    new = routed.command("key", "rotate", "router").stdout.split()[0]
    fields = [("authorization", f"Bearer {new}")]
    until(lambda: routed.ask("/v1/models", fields=fields).status == 200)
    assert set(costs(routed, "hub", [mine, theirs], fields)) == {mine}


def test_a_corrected_cost_is_told(routed):
    (one,) = ids_of(routed, 1)
    routed.wait_for_rows(1)
    routed.command("prices", "import", price_file(routed, {"input": 2, "output": 10}))
    assert reprice(routed)[0]["corrected_requests"] == 1
    assert costs(routed, "hub", [one], routed.fields) == {one: 14000 + 30000}


def test_ten_thousand_ids_at_once_and_no_more(routed):
    (one,) = ids_of(routed, 1)
    routed.wait_for_rows(1)
    many = [f"req_{n:016x}{n:016x}" for n in range(9999)]
    assert set(costs(routed, "hub", many + [one], routed.fields)) == {one}
    error = costs(routed, "hub", many + [one, one], routed.fields, status=400)
    assert "No more than 10000" in error["message"]
    for body in ({}, [], {"requestIds": "x"}, b"{", {"requestIds": {}}):
        got = routed.ask("/api/hub/usage", body, fields=routed.fields)
        assert (got.status, "requestIds" in got.json["error"]["message"]) == (400, True), got.body
    assert routed.ask("/api/hub/usage", fields=routed.fields).status == 405
    assert costs(routed, "hub", [{"a": [1]}, None, 7, one], routed.fields) == {one: costs(routed, "hub", [one], routed.fields)[one]}
