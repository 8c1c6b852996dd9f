"""The catalog: what the file holds whoever made it, and that it is what the price list makes."""
import collections
import json
import os
import re
import subprocess
import sys
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROVIDERS = set("""anthropic azure baseten bedrock cerebras cohere deepinfra deepseek fal featherless
    fireworks google groq huggingface hyperbolic mistral nebius novita nscale openai openrouter
    ovhcloud perplexity publicai sambanova scaleway together vertex xai zai""".split())
KINDS = set("""chat completion embedding rerank moderation image video speech transcription
    realtime ocr""".split())
MODEL = ["context", "max_output", "kind", "input", "output", "tools", "structured_output",
         "reasoning", "aliases", "providers"]
OFFER = ["provider", "model", "region", "dialect", "context", "max_output", "tools", "vision",
         "structured_output", "deprecated", "alias", "prices"]
TOKENS = ["input", "cached_input", "cache_write", "cache_write_1h", "output", "reasoning",
          "citation", "input_audio", "cached_input_audio", "output_audio", "input_image",
          "cached_input_image", "output_image"]
UNITS = ["second", "character", "image", "megapixel", "page", "search_unit", "request",
         "web_search"]


@pytest.fixture(scope="module")
def text():
    return (ROOT / "etc/catalog.json").read_text("utf-8")


@pytest.fixture(scope="module")
def models(text):
    def unique(pairs):
        assert len(dict(pairs)) == len(pairs), "a key twice"
        return dict(pairs)
    return json.loads(text, parse_float=Decimal, object_pairs_hook=unique)["models"]


@pytest.fixture(scope="module")
def offers(models):
    return [(model_id, offer) for model_id, m in models.items() for offer in m["providers"]]


@pytest.fixture(scope="module")
def price_list():
    """The path of the price list; a test that needs it is skipped where there are no fixtures."""
    place = os.environ.get("WEIR_FIXTURES")
    path = Path(place or ROOT.parent / "shared/fixtures") / "prices/prices.json"
    if not path.exists() and not place:
        pytest.skip(f"no fixtures: WEIR_FIXTURES is not set and there is no {path}")
    assert os.access(path, os.R_OK), f"WEIR_FIXTURES is set but {path} can't be read"
    return path


@pytest.fixture(scope="module")
def rows(price_list):
    rows = json.loads(price_list.read_text("utf-8"), parse_float=Decimal)
    for row in rows:
        row["provider"] = row["provider"].replace("hf-router", "huggingface")
    return rows


def in_order(fields, order):
    return [f for f in order if f in fields] == list(fields)


def run(*args):
    tool = [sys.executable, str(ROOT / "tools/catalog.py"), *map(str, args)]
    return subprocess.run(tool, capture_output=True, text=True, timeout=60, check=False)


def hosts(models, model_id):
    return {offer["provider"] for offer in models[model_id]["providers"]}


# --- the file by itself ---

def test_form(text, models):
    assert len(text) < 450_000
    assert json.loads(text)["format"] == 1
    assert list(models) == sorted(models)
    assert len(text.splitlines()) == len(models) + 3, "one line a model"


def test_models(models):
    for model_id, model in models.items():
        assert re.fullmatch(r"[\w.-]+/[\w.:-]+", model_id), model_id
        assert in_order(model, MODEL), model_id
        assert model["kind"] in KINDS, model_id
        assert model["providers"], model_id
        assert all(model.get(k, 1) > 0 for k in ("context", "max_output")), model_id


def test_offers(offers):
    for model_id, offer in offers:
        assert in_order(offer, OFFER), model_id
        assert offer["provider"] in PROVIDERS, model_id
        assert offer["prices"], model_id
        assert all(offer.get(k, 1) > 0 for k in ("context", "max_output")), model_id
        assert all(offer.get(k, True) is True for k in ("deprecated", "alias")), model_id
    pairs = collections.Counter((o["provider"], o["model"]) for _, o in offers)
    assert [pair for pair, n in pairs.items() if n > 1] == []


def is_price(value):
    value = Decimal(value)
    return value >= 0 and value == value.quantize(Decimal("1e-9"))


def test_prices(offers):
    for model_id, offer in offers:
        dates = [row.get("from", "") for row in offer["prices"]]
        assert dates == sorted(set(dates)), model_id
        for row in offer["prices"]:
            assert in_order(row, ["from", *TOKENS, *UNITS, "tiers", "batch_discount"]), model_id
            assert set(row) & {*TOKENS, *UNITS}, model_id
            assert all(is_price(row[k]) for k in TOKENS if k in row), model_id
            for unit in (row[k] for k in UNITS if k in row):
                assert is_price(unit["usd"]) and isinstance(unit["per"], int), model_id
                assert set(unit) <= {"usd", "per", "min"}, model_id
            for tier in row.get("tiers", []):
                assert in_order(tier, ["above_input_tokens", *TOKENS]), model_id
                assert all(is_price(tier[k]) for k in TOKENS if k in tier), model_id


def test_nothing_is_free_unawares(offers):
    free = {o["model"] for _, o in offers if 0 in (o["prices"][0].get("input"),
                                                   o["prices"][0].get("cached_input"))}
    assert free == {"glm-4.5-flash", "glm-4.7-flash", "north-mini-code-1-0"}


def test_bare_names_are_unambiguous(models):
    owners = collections.defaultdict(set)
    for model_id, model in models.items():
        for name in [model_id, *model.get("aliases", [])]:
            owners[name.rsplit("/", 1)[-1].lower()].add(model_id)
    assert [name for name, ids in owners.items() if len(ids) > 1] == []


def test_every_host_of_a_model_is_in_one_list(models):
    claude = {"anthropic", "azure", "bedrock", "vertex"}
    assert hosts(models, "openai/gpt-5-mini") == {"openai", "azure"}
    assert hosts(models, "google/gemini-2.5-flash-lite") == {"google", "vertex"}
    assert hosts(models, "anthropic/claude-sonnet-4-5") == claude
    assert hosts(models, "anthropic/claude-opus-4-8") == claude
    assert hosts(models, "xai/grok-4.3") == {"xai", "bedrock"}
    assert hosts(models, "CohereLabs/c4ai-command-a-03-2025") == {"cohere", "azure"}
    assert hosts(models, "mistralai/Mistral-Large-3-675B-Instruct-2512") == {"mistral", "bedrock"}
    assert {"zai", "cerebras", "bedrock", "vertex"} <= hosts(models, "zai-org/GLM-4.7")
    assert {"deepseek", "fireworks", "together"} <= hosts(models, "deepseek-ai/DeepSeek-V4-Pro")
    assert len(hosts(models, "meta-llama/Llama-3.3-70B-Instruct")) >= 13
    assert "anthropic/claude-sonnet-4-5-20250929" not in models


def test_dated_names_stay_reachable(models):
    claude = models["anthropic/claude-sonnet-4-5"]
    assert claude["aliases"] == ["anthropic/claude-sonnet-4-5-20250929"]
    sent = {(o["provider"], o["model"]): o for o in claude["providers"]}
    assert "alias" not in sent["anthropic", "claude-sonnet-4-5"]
    assert sent["anthropic", "claude-sonnet-4-5-20250929"]["alias"]
    assert sent["bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"]["region"] == "eu"
    assert "mistralai/mistral-large-2512" in models[
        "mistralai/Mistral-Large-3-675B-Instruct-2512"]["aliases"]


def test_moving_names_are_marked(offers):
    moving = [o for _, o in offers if o["model"].endswith("-latest")]
    assert len(moving) > 10
    assert all(o["alias"] for o in moving)


def test_makers_have_only_what_they_serve(offers):
    pairs = {(o["provider"], o["model"]) for _, o in offers}
    assert not pairs & {("openai", "gpt-oss-120b"), ("openai", "gpt-oss-20b"),
                        ("google", "gemma-4-31b-it"), ("perplexity", "sonar-pro-search")}


def test_prices_by_date_and_unit(models):
    flash = models["google/gemini-3.6-flash"]["providers"][0]["prices"]
    assert [(p.get("from"), p["input"]) for p in flash] == [
        (None, Decimal("0.75")), ("2027-01-01", Decimal("1.5"))]
    assert flash[1]["cached_input"] == Decimal("0.15")
    luna = models["openai/gpt-5.6-luna"]["providers"][0]["prices"]
    assert [p["from"] for p in luna] == ["2026-07-30"]
    whisper = models["openai/whisper-large-v3"]["providers"][0]["prices"][0]
    assert whisper == {"second": {"usd": Decimal("0.111"), "per": 3600, "min": 10}}
    assert models["openai/tts-1"]["providers"][0]["prices"][0]["character"]["per"] == 1_000_000


# --- the file and the price list ---

def test_gpt_oss_has_the_prices_of_the_list(models, rows):
    listed = {(r["provider"], r["model"]): r for r in rows
              if r["canonical_model"] == "openai/gpt-oss-120b" and r["provider"] != "openai"}
    found = {(o["provider"], o["model"]): o["prices"][0]
             for o in models["openai/gpt-oss-120b"]["providers"]}
    assert len({provider for provider, _ in listed}) >= 13
    for pair, row in listed.items():
        for field in ("input", "cached_input", "output"):
            assert found[pair].get(field) == row[field], pair


def section(name):
    doc = (ROOT / "docs/catalog.md").read_text("utf-8")
    return doc.split(f"<!-- generated: {name} -->")[1].split("<!-- end -->")[0]


def short(provider, model):
    return (provider, model.split("/")[-1] if provider == "fireworks" else model)


def test_every_row_is_there_or_named(offers, rows):
    left_out, changed = section("left out"), section("changed")
    found = {short(o["provider"], o["model"]): o["prices"][0] for _, o in offers}
    for row in rows:
        name = f"{row['provider']} `{row['model']}`"
        price = found.get(short(row["provider"], row["model"]))
        assert (price is None) == (name in left_out) or name in changed, name
        if price is None or name in changed:
            continue
        for field in ("input", "cached_input", "cache_write", "output"):
            exact = Decimal(row[field] or 0).quantize(Decimal("1e-9"), ROUND_HALF_UP)
            assert price.get(field, 0) == exact, (name, field)


def test_is_up_to_date(price_list):
    done = run("--check", price_list)
    assert done.returncode == 0, done.stderr


def test_check_notices_a_changed_price(price_list, tmp_path):
    changed = json.loads(price_list.read_text("utf-8"))
    changed[0]["input"] += 1
    (tmp_path / "prices.json").write_text(json.dumps(changed))
    done = run("--check", tmp_path / "prices.json")
    assert done.returncode == 1
    assert "stale: etc/catalog.json" in done.stderr


def test_no_judgement_is_left_over(price_list):
    report = run("--report", price_list).stdout.splitlines()
    assert len(report) == 1, report


def test_price_list_missing(tmp_path):
    done = run(tmp_path / "none.json")
    assert done.returncode == 1
    assert "none.json" in done.stderr
