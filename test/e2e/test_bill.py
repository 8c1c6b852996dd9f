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

from host import completion, reply
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
pytestmark = pytest.mark.asan


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
