"""Every recorded usage costs, to the last pico-USD, what an independent calculation makes of it from the same prices.

What weir counts comes out of its own readers (translate.c), what that costs out of its own catalog (probe.c). Here the
usage is read again from the recorded objects, and priced with `decimal`.
"""
import itertools
import json
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal

import pytest

from conftest import ROOT
from corpus import classes_of
from material import all_recorded
from translating import DIALECTS, objects

# A row in which every class has a price of its own, none of them round, and above 500 tokens others.
ODD = [
    {
        "input": 0.150001, "cached_input": 0.0150003, "cache_write": 0.1875007, "cache_write_1h": 0.300000000001, "output": 0.600007,
        "reasoning": 0.7000091, "input_audio": 1.1000011, "output_audio": 2.3000013, "input_image": 0.9000017,
        "output_image": 3.7000019, "request": {"usd": 1, "per": 3003},
        "tiers": [{"above_input_tokens": 500, "input": 0.31, "output": 1.2000003, "cached_input": 0.0333333}],
        "service_tiers": {
            "flex": 0.4321,
            "priority": {"input": 0.7000001, "output": 3.1, "tiers": [{"above_input_tokens": 700, "cache_write": 0.91}]},
        },
        "batch_discount": 0.5,
    },
    {"from": "2026-06-01", "input": 0.25, "output": 1.000000000001, "service_tiers": {"priority": 1.75, "batch": {"output": 0.3}}},
]  # fmt: skip
INSTEAD = {
    "cached_input": "input", "cache_write": "input", "cache_write_1h": "cache_write", "reasoning": "output",
    "input_audio": "input", "input_image": "input", "output_audio": "output", "output_image": "output",
}  # fmt: skip
INTO = ["input", "cached_input", "cache_write", "cache_write_1h", "input_audio", "input_image"]
CLASSES = INTO + ["output", "reasoning", "output_audio", "output_image"]
# What replies call it, the price's name of it, and hundredths of a percent off.
SERVED = [("", "standard", 0), ("flex", "flex", 1250), ("priority", "priority", 0), ("BATCH", "batch", 333), ("default", "standard", 9999)]
TIMES = [datetime(year, month, 15, tzinfo=timezone.utc) for year, month in ((2025, 1), (2026, 7))]


# --- the price ---


def rates_of(row):
    return {key: value for key, value in row.items() if key in CLASSES or key == "request"}


def at_length(row, tokens):
    """The rates of its highest tier below the input."""
    rates = rates_of(row)
    for tier in sorted(row.get("tiers", []), key=lambda tier: tier["above_input_tokens"]):
        if tokens > tier["above_input_tokens"]:
            rates = {**rates_of(row), **rates_of(tier)}
    return rates


def row_at(rows, when, tokens, service="standard"):
    """The rates that hold, and their factor: of the newest row that has begun, else of the first; of its service tier, if it
    has that one."""
    day = when.strftime("%Y-%m-%d")
    row = ([row for row in rows if row.get("from", "") <= day] or rows[:1])[-1]
    services = {"batch": row["batch_discount"]} if "batch_discount" in row else {}
    special = {**services, **row.get("service_tiers", {})}.get(service, Decimal(1))
    if isinstance(special, dict):
        return at_length({**rates_of(row), **special}, tokens), Decimal(1)
    return at_length(row, tokens), Decimal(special)


def rate(rates, kind):
    """USD for one."""
    found = rates.get(kind)
    if found is None:
        return rate(rates, INSTEAD[kind]) if kind in INSTEAD else None
    if isinstance(found, dict):
        return found["usd"] / Decimal(found["per"])
    return found / Decimal(10**6)


def cost(rows, usage, when, service="standard", off_bp=0):
    """In pico-USD, summed exactly and rounded once; None: a class has no price."""
    rates, factor = row_at(rows, when, sum(usage.get(kind, 0) for kind in INTO), service)
    due = Decimal(0)
    for kind in CLASSES:
        if usage.get(kind, 0) > 0:
            if rate(rates, kind) is None:
                return None
            due += usage[kind] * rate(rates, kind)
    if rates.get("request"):
        due += rate(rates, "request")
    due *= factor * (10000 - off_bp) / 10000
    return int((due * 10**12).quantize(Decimal(1), ROUND_HALF_UP))


# --- the usage ---


def counts(**more):
    return {kind: n for kind, n in more.items() if n}


def openai(usage):
    """Parts of a count are no more than the count: reasoning first, then audio, then images."""
    out = usage.get("completion_tokens_details") or {}
    told = classes_of({**usage, "completion_tokens_details": None}, "")
    said = usage.get("completion_tokens") or 0
    thought = min(out.get("reasoning_tokens") or 0, said)
    spoken = min(out.get("audio_tokens") or 0, said - thought)
    drawn = min(out.get("image_tokens") or 0, said - thought - spoken)
    return counts(input=told["input_tokens"], cached_input=told["cached_input_tokens"], cache_write=told["cache_write_tokens"],
                  input_audio=told["audio_input_tokens"], input_image=told["image_input_tokens"],
                  output=said - thought - spoken - drawn, reasoning=thought, output_audio=spoken, output_image=drawn)  # fmt: skip


def responses(usage):
    into, out = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
    cached, written, thought = into.get("cached_tokens") or 0, into.get("cache_write_tokens") or 0, out.get("reasoning_tokens") or 0
    return counts(input=usage["input_tokens"] - cached - written, cached_input=cached, cache_write=written,
                  output=usage["output_tokens"] - thought, reasoning=thought)  # fmt: skip


def anthropic(usage):
    written, split = usage.get("cache_creation_input_tokens") or 0, usage.get("cache_creation") or {}
    hour = split.get("ephemeral_1h_input_tokens") or 0
    thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    return counts(input=usage.get("input_tokens") or 0, cached_input=usage.get("cache_read_input_tokens") or 0,
                  cache_write=written - hour, cache_write_1h=hour, output=(usage.get("output_tokens") or 0) - thought,
                  reasoning=thought)  # fmt: skip


def modality(details, kind):
    number = {"IMAGE": 2, "AUDIO": 4}[kind]  # some write the enumeration's value
    return sum(one.get("tokenCount") or 0 for one in details or [] if one.get("modality") in (kind, number))


def gemini(usage):
    cached = usage.get("cachedContentTokenCount") or 0
    prompt = (usage.get("promptTokenCount") or 0) + (usage.get("toolUsePromptTokenCount") or 0) - cached
    into = usage.get("promptTokensDetails") or []
    gone = usage.get("cacheTokensDetails") or []
    audio, image = (min(modality(into, kind) - modality(gone, kind), prompt) for kind in ("AUDIO", "IMAGE"))
    said = usage.get("candidatesTokenCount") or 0
    spoken, drawn = (modality(usage.get("candidatesTokensDetails"), kind) for kind in ("AUDIO", "IMAGE"))
    return counts(input=prompt - audio - image, cached_input=cached, input_audio=audio, input_image=image,
                  output=said - spoken - drawn, output_audio=spoken, output_image=drawn,
                  reasoning=usage.get("thoughtsTokenCount") or 0)  # fmt: skip


def bedrock(usage):
    hour = sum(one.get("inputTokens") or 0 for one in usage.get("cacheDetails") or [] if one.get("ttl") == "1h")
    return counts(input=usage.get("inputTokens") or 0, cached_input=usage.get("cacheReadInputTokens") or 0,
                  cache_write=(usage.get("cacheWriteInputTokens") or 0) - hour, cache_write_1h=hour,
                  output=usage.get("outputTokens") or 0)  # fmt: skip


def cohere(usage):
    """Money is in the billed units; the cached tokens begin with those that the provider puts ahead of the prompt."""
    tokens = usage.get("tokens") or {}
    billed = usage.get("billed_units") or tokens
    into, out = int(billed.get("input_tokens") or 0), int(billed.get("output_tokens") or 0)
    ahead = max(0, int(tokens.get("input_tokens") or into) - into)
    cached = min(max(0, int(usage.get("cached_tokens") or 0) - ahead), into)
    thought = min(int(tokens.get("reasoning_tokens") or 0), out)
    return counts(input=into - cached, cached_input=cached, output=out - thought, reasoning=thought)


READ = dict(openai=openai, responses=responses, anthropic=anthropic, gemini=gemini, bedrock=bedrock, cohere=cohere)


def usage_in(dialect, said):
    """The usage that counts of the objects of an answer, in the provider's words, or None."""
    found = None
    for one in said:
        if dialect == "openai":
            found = one.get("usage") or (one.get("x_groq") or {}).get("usage") or found
        elif dialect == "responses":
            found = one.get("usage") or (one.get("response") or {}).get("usage") or found
        elif dialect == "gemini":
            meta = one.get("usageMetadata") or {}
            found = meta if "promptTokenCount" in meta or "totalTokenCount" in meta else found
        elif dialect == "anthropic":
            told = one.get("usage") or (one.get("message") or {}).get("usage") or {}
            found = {**(found or {}), **{key: value for key, value in told.items() if value is not None}} or None
        elif dialect == "cohere":
            found = one.get("usage") or (one.get("delta") or {}).get("usage") or found
        else:
            found = one.get("usage") or (one.get("metadata") or {}).get("usage") or found
    return found


# --- all of them ---


def catalog():
    """{the provider's name of a model: its rows at each provider}"""
    found = {}
    for model in json.loads((ROOT / "etc/catalog.json").read_text(), parse_float=Decimal)["models"].values():
        for offer in model["providers"]:
            if offer.get("prices"):
                found.setdefault(offer["model"], []).append(offer["prices"])
    return found


def asked(probe, rows, usage, when, tier="", off_bp=0):
    more = {"at_ms": int(when.timestamp() * 1000), "tier": tier, "discount_bp": off_bp}
    text = json.dumps({"prices": rows, "usage": usage, **more}, default=float)
    return probe.ask("cost", text.encode())["pusd"]


def exact(rows):
    """The rows with their numbers as they are written."""
    return json.loads(json.dumps(rows, default=float), parse_float=Decimal)


def differences(probe, counted, usage, model, prices):
    tried, unequal = 0, []
    for rows in [ODD] + prices.get(model, []):
        for when, (tier, service, off_bp) in itertools.product(TIMES, SERVED if rows is ODD else SERVED[0:4:3]):
            got, due = asked(probe, rows, counted, when, tier, off_bp), cost(exact(rows), usage, when, service, off_bp)
            tried += 1
            if got != due:
                unequal.append((model, when.year, tier, got, due, counted, usage))
    return tried, unequal


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_recorded_usage_costs_what_it_ought_to(translate, probe, tell, dialect):
    prices, usages, tried, unequal = catalog(), 0, 0, []
    for one in all_recorded():
        if one.dialect != dialect:
            continue
        for what, data in (("answer", one.reply), ("stream", one.stream)):
            if data is None:
                continue
            try:
                said = [json.loads(data)] if what == "answer" else [one for _, one in objects(dialect, data) if isinstance(one, dict)]
            except ValueError:
                continue
            found = usage_in(dialect, said)
            if not found:
                continue
            answer = translate.ask(what, dialect, dialect, data, model=one.model, quirks=one.quirks)
            if "usage" not in answer:
                continue  # a broken reply, which is answered by nobody
            usages += 1
            n, wrong = differences(probe, answer["usage"], READ[dialect](found), one.model, prices)
            tried += n
            unequal += [(one, *what) for what in wrong]
    tell(f"costs, {dialect}: {usages} usages, {tried - len(unequal)} of {tried} prices equal")
    assert usages > 20 and not unequal, "\n".join(map(str, unequal[:20]))


def test_the_calculation_itself():
    """By hand: 1000 and 10 tokens above the tier, 100 below it."""
    rows = exact(ODD)
    assert cost(rows, {"input": 1000, "output": 10}, TIMES[0]) == 310_000_000 + 12_000_003 + 333_000_333
    assert cost(rows, {"input": 100}, TIMES[0]) == 15_000_100 + 333_000_333
    assert cost(rows, {"cached_input": 100, "reasoning": 1}, TIMES[1]) == 25_000_000 + 1_000_000
    assert cost([{"input": 1}], {"output": 1}, TIMES[0]) is None
    assert cost(rows, {"input": 100}, TIMES[0], "flex") == 150_370_987  # (15,000,100 + 333,000,333) * 0.4321
    assert cost(rows, {"input": 100}, TIMES[0], "batch", 1000) == 156_600_195  # * 0.45
    assert cost(rows, {"input": 100, "output": 1}, TIMES[1], "priority") == 43_750_000 + 1_750_000
