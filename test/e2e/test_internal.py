"""Internal prices: what a team is charged for a model, whatever it costs; the ledger keeps the cost."""
import csv
import io
import json
from decimal import ROUND_HALF_UP, Decimal

import pytest

from test_bill import ONE, TWO, diff, invoice, pusd, server  # noqa: F401

pytestmark = pytest.mark.asan


def prices(server, *internal):  # noqa: F811
    path = server.folder / "internal.json"
    path.write_text(json.dumps({"format": 1, "models": {}, "internal": list(internal)}))
    return str(path)


def lines_of(told):
    return {line["model"]: line for line in told["lines"]}


def share(amount, percent):
    return int((Decimal(amount) * Decimal(percent) / 100).quantize(Decimal(1), ROUND_HALF_UP))


ROWS = [{"input": 3.000001, "cached_input": 1, "output": 7}]
INSIDE = pusd((7, "3.000001"), (5, "1"), (3, "7"))  # of a request of a/one


def test_a_teams_price_stands_on_its_invoice(server):  # noqa: F811
    before = server.usage("--by", "team,served")
    server.command("prices", "import", prices(server, {"team": "web", "models": "a/one, a/f*", "prices": ROWS}))
    told = invoice(server, "--team", "web")
    one, two, free = (lines_of(told)[name] for name in ("a/one", "a/two", "a/free"))
    assert (one["cost_pusd"], one["price_pusd"], one["internal_requests"]) == (3 * ONE, 3 * INSIDE, 3)
    assert (two["cost_pusd"], two["price_pusd"], two["internal_requests"]) == (TWO, TWO, 0)
    # What had no price has one now.
    assert (free["cost_pusd"], free["price_pusd"], told["unpriced_requests"]) == (None, pusd((1, "3.000001"), (1, 7)), 0)
    inside = 3 * INSIDE + free["price_pusd"]
    assert (told["cost_pusd"], told["internal_pusd"]) == (3 * ONE + TWO, inside - 3 * ONE)
    # The mark-up is of what has no internal price.
    assert told["markup_pusd"] == share(TWO, "12.5")
    assert told["total_pusd"] == inside + TWO + share(TWO, "12.5")
    assert server.usage("--by", "team,served") == before
    rows = list(csv.DictReader(io.StringIO(invoice(server, "--team", "web", form="--csv"))))
    assert sum(int(row["cost_pusd"] or 0) for row in rows if row["line"] != "total") == told["total_pusd"]
    text = server.command("invoice", "--team", "web", "--month", told["month"]).stdout
    assert "internal" in text and f"{Decimal(told['total_pusd']).scaleb(-12).normalize():f}" in text
    assert "Internal prices instead of it" in invoice(server, "--team", "web", form="--html")
    # Another team's price is none of this one's.
    assert invoice(server, "--team", "ops")["internal_requests"] == 0


@pytest.mark.parametrize("internal, charged", [
    ([{"organisation": "acme", "models": "a/*", "prices": ROWS}], pusd((11, "3.000001"), (13, 7))),
    ([{"models": "*", "prices": [{"input": 1, "output": 1}]}], pusd((24, 1))),
    ([{"team": "web", "models": "*", "prices": ROWS}, {"models": "*", "prices": [{"input": 1, "output": 2}]}], pusd((11, 1), (13, 2))),
    ([{"organisation": "other", "models": "*", "prices": ROWS}], TWO),
    ([{"models": "b/*", "prices": ROWS}], TWO),
    ([{"models": "*", "prices": [{"from": "2126-01-01", "input": 1, "output": 1}]}], TWO),  # not yet, and not before
    ([{"models": "*", "prices": [{"from": "2020-01-01", "input": 1, "output": 1}, {"from": "2126-01-01", "input": 9, "output": 9}]}], pusd((24, 1))),
    ([{"models": "*", "prices": [{"input": 1, "output": 1, "tiers": [{"above_input_tokens": 10, "input": 5}]}]}], pusd((11, 5), (13, 1))),
    ([{"models": "*", "prices": [{"input": 1}]}], TWO),  # of the answer it says nothing
    ([{"models": "*", "prices": [{"input": 0, "output": 0, "request": {"usd": 1, "per": 3}}]}], 333_333_333_333),
])  # fmt: skip
def test_which_price_holds(server, internal, charged):  # noqa: F811
    """Of team ops, which asked a/two twice."""
    server.command("prices", "import", prices(server, *internal))
    assert lines_of(invoice(server, "--team", "ops"))["a/two"]["price_pusd"] == 2 * charged


def test_a_diff_tells_whom_it_is_for(server):  # noqa: F811
    path = prices(server, {"team": "web", "models": "a/one", "prices": ROWS}, {"models": "*", "prices": [{"input": 1, "output": 1}]})
    at = lambda row: (row["model"], row["provider"], row["class"], row["before"], row["after"])  # noqa: E731
    first = {at(row) for row in diff(server, path)}
    assert first == {
        ("a/one", "team web", "input", "-", "3.000001"), ("a/one", "team web", "cached_input", "-", "1"),
        ("a/one", "team web", "output", "-", "7"), ("*", "everyone", "input", "-", "1"), ("*", "everyone", "output", "-", "1"),
    }  # fmt: skip
    server.command("prices", "import", path)
    assert diff(server, path) == []
    assert {at(row)[1:] for row in diff(server, prices(server, {"models": "*", "prices": [{"input": 2, "output": 1}]}))} == {
        ("everyone", "input", "1", "2"), ("team web", "input", "3.000001", "-"), ("team web", "cached_input", "1", "-"), ("team web", "output", "7", "-"),
    }  # fmt: skip
