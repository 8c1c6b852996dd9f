"""What recorded usages cost: the ledger's pico-USD against a calculation by hand, to the last digit."""
import json
from decimal import ROUND_HALF_UP, Decimal

import pytest

from conftest import servers
from corpus import exchanges
from host import Host, completion, reply, stream

pytestmark = pytest.mark.asan


def pusd(*products):
    """The sum of tokens times USD a million tokens, in pico-USD, rounded once and half up."""
    exact = sum(Decimal(tokens) * Decimal(usd) for tokens, usd in products) * 10**6
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


# The recorded exchange by its mark, its host, the price it is given, and what it costs.
CASES = [
    ("b9111e27", "groq", "input: 0.075, cached_input: 0.0375, output: 0.30", pusd((1795, "0.075"), (16, "0.30"))),
    ("c77c1ef5", "groq", "input: 0.075, cached_input: 0.0375, output: 0.30", pusd((3, "0.075"), (1792, "0.0375"), (16, "0.30"))),
    ("4deeaed8", "groq", "input: 0.075, output: 0.30", pusd((1795, "0.075"), (16, "0.30"))),
    ("61f48c77", "groq", "input: 0.05, output: 0.08", pusd((18, "0.05"), (73, "0.08"))),
    ("5bb5be3f", "together", "input: 0.6, output: 0.6", pusd((18, "0.6"), (35, "0.6"))),
    ("caf0cfb7", "together", "input: 0.88, output: 0.88", pusd((41, "0.88"), (15, "0.88"))),
    ("8b46a856", "deepseek", "input: 0.14, cached_input: 0.0028, output: 0.28", pusd((9, "0.14"), (5120, "0.0028"), (4, "0.28"))),
    (
        "94870cca", "deepseek", "input: 0.435, cached_input: 0.003625, output: 0.87, reasoning: 0.9",
        pusd((76, "0.435"), (384, "0.003625"), (45, "0.87"), (29, "0.9")),
    ),
    ("a9fb7259", "deepseek", "input: 0.14, cached_input: 0.0028, output: 0.28", pusd((67, "0.14"), (329 + 348, "0.28"))),
    ("4d56d87a", "mistral", "input: 0.15, cached_input: 0.015, output: 0.6", pusd((32, "0.15"), (96, "0.015"), (18, "0.6"))),
    (
        "b223e106", "mistral", "input: 0.1, output: 0.3, input_audio: 4",
        pusd((2 + 9, "0.1"), (375, "4"), (15, "0.3")),
    ),
    ("148c9926", "mistral", "input: 0.1, output: 0", pusd((21, "0.1"))),
    (
        "5bf5e837", "openai", "input: 2.5, cached_input: 1.25, output: 10, input_audio: 40, output_audio: 80",
        pusd((6, "2.5"), (1, "1.25"), (2, "40"), (3 + 3, "10"), (4, "80")),
    ),
    ("a97ae691", "openai", "input: 0.15, cached_input: 0.075, output: 0.6", pusd((117, "0.15"), (4480, "0.075"), (4, "0.6"))),
    ("d9b67540", "openai", "input: 0.05, cached_input: 0.005, output: 0.4", pusd((11, "0.05"), (36 + 192, "0.4"))),
    ("f7580941", "openai", "input: 0.1, output: 0", pusd((18, "0.1"))),
    ("0824009d", "openrouter", "input: 1.1, cached_input: 0.275, output: 4.4", pusd((57, "1.1"), (1984, "4.4"))),
    (
        "735b4a06", "openrouter", "input: 0.3, output: 2.5, input_audio: 1",
        pusd((25, "0.3"), (150, "1"), (14, "2.5")),
    ),
    (
        "54fb769f", "perplexity", "input: 1, output: 1, request: {usd: 5, per: 1000}",
        pusd((4365, "1"), (3, "1")) + 5_000_000_000,
    ),
    ("4022714c", "azure", "input: 0.05, output: 0.4", pusd((11, "0.05"), (11 + 192, "0.4"))),
    ("e0c6408a", "hyperbolic", "input: 0.4, output: 0.4", pusd((48, "0.4"), (3, "0.4"))),
    ("64085236", "cerebras", "input: 0.1, output: 0.1", pusd((46, "0.1"), (3, "0.1"))),
]  # fmt: skip


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """The ledger's row of each case."""
    by_mark = {x.mark: x for x in exchanges()}
    host, config, models = Host(), "providers:\n", "models:\n"
    for row in sorted({case[1] for case in CASES}):
        config += f"  {row}: {{base_url: {host.url}, api_key: k}}\n"
    for mark, row, price, _ in CASES:
        x = by_mark[mark]
        kind = {"/embeddings": "embedding", "/completions": "completion"}.get(x.path, "chat")
        models += f"  case/{mark}: {{kind: {kind}, providers: [{{provider: {row}, model: '{x.model}', price: {{{price}}}}}]}}\n"
    with servers(tmp_path_factory.mktemp("cost")) as start:
        server = start(config + models)
        for mark, row, _, _ in CASES:
            x = by_mark[mark]
            assert x.row == row
            host.play(reply(x.reply, type=x.type))
            got = server.ask(f"/v1{x.path}", {**x.asked, "model": f"case/{mark}", "provider": {"allow_fallbacks": False}})
            assert got.status == 200, got.body
    host.close()
    return {row["asked"].split("/")[1]: row for row in server.rows()}


@pytest.mark.parametrize("mark, row, price, due", CASES, ids=[f"{case[1]}-{case[0]}" for case in CASES])
def test_a_recorded_usage(ledger, mark, row, price, due):
    assert ledger[mark]["cost_pusd"] == due
    assert ledger[mark]["provider"] == row


# Of hosts that count in their own way and are not among the recorded ones: what they are documented to say.
OTHERS = [
    (
        "xai", "input: 3, cached_input: 0.75, output: 15",
        {"prompt_tokens": 100, "completion_tokens": 9, "total_tokens": 203,
         "prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens_details": {"reasoning_tokens": 94}},
        pusd((60, "3"), (40, "0.75"), (9 + 94, "15")),
    ),
    (
        "google", "input: 0.1, output: 0.4",
        {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 105},
        pusd((9, "0.1"), (3 + 93, "0.4")),
    ),
    (
        "deepinfra", "input: 0.3, output: 2.5",
        {"prompt_tokens": 5, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 94}, "estimated_cost": 0.000259},
        pusd((5, "0.3"), (9 + 94, "2.5")),
    ),
]  # fmt: skip


@pytest.mark.parametrize("row, price, usage, due", OTHERS, ids=[case[0] for case in OTHERS])
def test_a_documented_usage(weir, host, row, price, usage, due):
    provider = host(reply({**completion(), "usage": usage}))
    config = f"providers: {{{row}: {{base_url: {provider.url}, api_key: k}}}}\nmodels: {{a/b: [{{provider: {row}, price: {{{price}}}}}]}}"
    server = weir(config)
    assert server.row_of(server.chat("a/b"))["cost_pusd"] == due


def test_the_hosts_own_figure_stands_beside_ours(ledger):
    """Of these we know what the host bills, and give it the price it has."""
    assert {mark: ledger[mark]["stated_pusd"] for mark in ledger if ledger[mark]["stated_pusd"] is not None} == {
        "0824009d": 8_792_300_000, "735b4a06": 192_500_000, "54fb769f": 9_370_000_000,
    }  # fmt: skip
    assert ledger["0824009d"]["cost_pusd"] == 8_792_300_000
    assert ledger["735b4a06"]["cost_pusd"] == 192_500_000
    assert ledger["54fb769f"]["cost_pusd"] == 9_368_000_000  # they round each part up to 10 micro-USD


# --- how prices are chosen and rounded ---

CONFIG = """
catalog: {folder}/catalog.json
providers:
  mine: {{dialect: openai, base_url: {url}}}
models:
  acme/tiny: [{{provider: mine, model: tiny, price: {{input: 0.0000005, output: 0.0000005, cached_input: 0.0000003}}}}]
  acme/third: [{{provider: mine, model: third, price: {{input: 0, output: 0.000001, request: {{usd: 1, per: 3}}}}}}]
  acme/two: [{{provider: mine, model: two, price: {{input: 0, output: 0, request: {{usd: 2, per: 3}}}}}}]
  acme/free: [{{provider: mine, model: free, price: {{input: 0, output: 0}}}}]
"""
CATALOG = {
    "acme/tiers": [
        {"input": 1.25, "cached_input": 0.125, "output": 10,
         "tiers": [{"above_input_tokens": 200000, "input": 2.5, "cached_input": 0.25, "output": 15},
                   {"above_input_tokens": 1000000, "output": 20}]},
    ],
    "acme/dated": [
        {"input": 9, "output": 9}, {"from": "2020-01-01", "input": 8, "output": 8},
        {"from": "2024-06-30", "input": 2, "output": 3}, {"from": "2999-01-01", "input": 7, "output": 7},
    ],
    "acme/classes": [
        {"input": 1, "cached_input": 0.1, "cache_write": 1.25, "cache_write_1h": 2, "output": 4, "reasoning": 5,
         "input_audio": 6, "output_audio": 7, "input_image": 8, "output_image": 9},
    ],
    "acme/input": [{"input": 3}],
}  # fmt: skip
ALL = {
    "prompt_tokens": 2000, "completion_tokens": 1000, "total_tokens": 3000,
    "cache_creation": {"ephemeral_1h_input_tokens": 100},
    "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 250, "audio_tokens": 40, "image_tokens": 50},
    "completion_tokens_details": {"reasoning_tokens": 600, "audio_tokens": 70, "image_tokens": 80},
}  # fmt: skip
# The model that is asked for, the usage (uncached, cached, output tokens; or the object), and what it costs.
PRICES = [
    ("tiny", (1, 0, 0), 1),  # half a pico-USD is rounded up,
    ("tiny", (1, 0, 1), 1),  # but only once: two halves are one,
    ("tiny", (0, 1, 0), 0),  # and less than half is rounded down.
    ("tiny", (3, 3, 0), 2),  # 1.5 and 0.9
    ("third", (5, 0, 0), 333_333_333_333),
    ("third", (5, 0, 1), 333_333_333_334),  # 1/3 and 1
    ("two", (5, 0, 1), 666_666_666_667),
    ("free", (5, 5, 5), 0),
    ("tiers", (150_000, 50_000, 7), pusd((150_000, "1.25"), (50_000, "0.125"), (7, "10"))),
    ("tiers", (150_001, 50_000, 7), pusd((150_001, "2.5"), (50_000, "0.25"), (7, "15"))),
    ("tiers", (1, 200_000, 7), pusd((1, "2.5"), (200_000, "0.25"), (7, "15"))),
    ("tiers", (1_000_001, 0, 7), pusd((1_000_001, "1.25"), (7, "20"))),
    ("dated", (10, 0, 10), pusd((10, "2"), (10, "3"))),
    (
        "classes", ALL,
        pusd((1360, "1"), (300, "0.1"), (150, "1.25"), (100, "2"), (40, "6"), (50, "8"), (250, "4"), (600, "5"), (70, "7"), (80, "9")),
    ),
    ("input", (10, 5, 0), pusd((15, "3"))),
]  # fmt: skip


@pytest.fixture
def server(weir, host, tmp_path):
    provider = host()
    offer = lambda name, prices: {"provider": "mine", "model": name.split("/")[1], "prices": prices}  # noqa: E731
    models = {name: {"kind": "chat", "context": 9_000_000, "providers": [offer(name, prices)]} for name, prices in CATALOG.items()}
    (tmp_path / "catalog.json").write_text(json.dumps({"format": 1, "models": models}))
    server = weir(CONFIG.format(url=provider.url, folder=tmp_path))
    server.host = provider
    return server


def answered(usage, model):
    body = completion(model=model, usage=usage if isinstance(usage, tuple) else None)
    return reply(body if isinstance(usage, tuple) else {**body, "usage": usage})


def test_prices(server):
    for model, usage, due in PRICES:
        server.host.play(answered(usage, model))
        got = server.chat("acme/" + model)
        assert Decimal(got.field("x-weir-cost-usd")) == Decimal(due).scaleb(-12), (model, usage)
        assert server.row_of(got)["cost_pusd"] == due, (model, usage)
    assert sum(row["cost_pusd"] for row in server.usage()) == sum(due for *_, due in PRICES)


def test_the_model_that_answered_has_its_own_price(server):
    server.host.play(answered((100, 0, 10), "dated"))
    got = server.chat("acme/classes")
    assert (got.field("x-weir-cost-usd"), server.row_of(got)["said"]) == ("0.00023", "dated")
    server.host.play(answered((100, 0, 10), "classes-2026-01-01"))  # of which there is no price: of what was asked
    got = server.chat("acme/classes")
    assert (got.field("x-weir-cost-usd"), server.row_of(got)["said"]) == ("0.00014", "classes-2026-01-01")


def test_what_has_no_price_is_unknown_and_not_free(server):
    server.host.play(answered((10, 0, 10), "new-model"))
    got = server.chat("mine/new-model")
    assert got.field("x-weir-cost-usd") == "unknown"
    told = server.generation(got)
    assert (told["cost_pusd"], told["cost_usd"], told["input_tokens"]) == (None, None, 10)
    (row,) = server.wait_for_rows(1)
    assert row["cost_pusd"] is None
    (usage,) = server.usage()
    assert (usage["cost_pusd"], usage["cost_usd"], usage["requests"]) == (None, None, 1)
    server.host.play(answered(None, "free"))
    assert server.chat("acme/free").field("x-weir-cost-usd") == "unknown"  # nor is what has no usage


def test_a_class_without_a_price_makes_it_unknown(server):
    server.host.play(answered((10, 0, 1), "input"))
    assert server.chat("acme/input").field("x-weir-cost-usd") == "unknown"
