#!/usr/bin/env python3
"""Makes etc/catalog.json, and the lists in docs/catalog.md, from a price list.

    catalog.py [--check | --report] [PRICES]

PRICES is prices/prices.json under $WEIR_FIXTURES, else under ../shared/fixtures. The judgement
(what is left out, corrected, joined, and why) stands in catalog.toml; this file only applies it,
always with the same result. --check writes nothing and exits 1 when a file is stale; --report
prints what a person should look at.
"""
import collections
import json
import os
import re
import sys
import tomllib
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from catalog_text import bare, catalog_text, doc_text, dump, judge, report, title

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "tools/catalog.toml"
CATALOG = ROOT / "etc/catalog.json"
DOC = ROOT / "docs/catalog.md"

TOKENS = ("input", "cached_input", "cache_write", "cache_write_1h", "output", "reasoning",
          "citation", "input_audio", "cached_input_audio", "output_audio", "input_image",
          "cached_input_image", "output_image")
RENAMED = {
    "cache_read": "cached_input",
    "reasoning_output": "reasoning", "output_reasoning": "reasoning",
    "output_citation": "citation",
    "input_mtok": "input", "cache_read_mtok": "cached_input", "output_mtok": "output",
}
UNITS = {
    "audio_minute": ("second", 60), "audio_hour": ("second", 3600),
    "million_characters": ("character", 1000000),
    "image": ("image", 1), "megapixel": ("megapixel", 1), "page": ("page", 1),
    "search_unit": ("search_unit", 1),
}
PER_THOUSAND = {"per_1000_requests": "request", "per_1000_web_searches": "web_search"}
MODALITIES = ("text", "image", "audio", "video", "pdf")
# Speeds, precisions and regions of the same weights: cut off when what remains is a known model.
VARIANT = re.compile(r"-(fast|turbo|highspeed|tput|fp8|bf16|lite|us|instant|versatile)$")
REGION = {"bedrock": re.compile(r"^(us|eu|jp|au|global)\."), "fireworks": re.compile(r"-(us)$")}
PLACES = Decimal("1e-9")


def known(items):
    return {k: v for k, v in items.items() if v is not None and v != []}


# --- the rows, corrected as the rules say ---

class Rules:
    """catalog.toml, with its lists by row, and notes of what became of the rows."""

    LISTS = ("left_out", "change", "mark", "outlier")

    def __init__(self, path):
        self.toml = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        self.makers = self.toml["providers"]["makers"]
        self.rows = {name: collections.defaultdict(list) for name in self.LISTS}
        for name in self.LISTS:
            for entry in self.toml[name]:
                for row in entry["rows"]:
                    self.rows[name][row].append(entry)
        self.used = set()
        self.notes = collections.defaultdict(list)

    def take(self, name, row):
        """The entries of the list NAME for ROW."""
        self.used.add((name, title(row)))
        return self.rows[name].get(title(row), [])

    def unused(self):
        return [f"{name}: {row}" for name in self.LISTS for row in self.rows[name]
                if (name, row) not in self.used]

    def note(self, section, why, row, detail=""):
        self.notes[section].append((why, title(row), detail))


def read_rows(path, rules):
    rows = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    for row in rows:
        extra = row.pop("extra")
        rename = rules.toml["providers"]["rename"]
        row["provider"] = rename.get(row["provider"], row["provider"])
        row["inferred"] = set(extra.pop("inferred", ()))
        row["price"] = token_prices({k: row.pop(k) for k in TOKENS if k in row} | extra)
        row.update(extra)
    return rows


def token_prices(source):
    """The token prices among the fields of SOURCE, under the catalog's names."""
    # "reasoning" beside the prices is a capability; the price of reasoning has another name.
    named = {RENAMED.get(k, k): v for k, v in source.items() if k != "reasoning"}
    return {k: named[k] for k in TOKENS if named.get(k) is not None}


def correct(row, rules):
    for entry in rules.take("change", row):
        change(row, entry, rules)
    limit, context = row["max_output"] or 0, row["context"]
    if context and limit > context and kind_of(row["model"], rules) == "chat":
        rules.note("changed", "more output than context", row, f"max_output {limit} dropped")
        row["max_output"] = None
    for entry in rules.toml["mark_names"]:
        if re.search(entry["names"], row["model"]):
            mark(row, entry, rules)
    for entry in rules.take("mark", row):
        mark(row, entry, rules)
    for entry in rules.toml["derive"]:
        if row["provider"] in entry["providers"] and re.search(entry["names"], row["model"]):
            derive(row, entry, rules)
    for entry in rules.toml["complete"]:
        if row["provider"] == entry["provider"] and re.search(entry["names"], row["model"]):
            row["model"] = entry["prefix"] + row["model"]


def change(row, entry, rules):
    for field in entry.get("drop", []):
        place = row["price"] if field in row["price"] else row
        rules.note("changed", entry["why"], row, f"{field} {dump(place[field])} dropped")
        place[field] = None
    for field, value in entry.get("set", {}).items():
        rules.note("changed", entry["why"], row, f"{field} now {dump(value)}")
        row[field] = value


def mark(row, entry, rules):
    rules.note("marked", f"`{entry['mark']}`: {entry['why']}", row)
    row[entry["mark"]] = True


def derive(row, entry, rules):
    rules.note("changed", entry["why"], row)
    for prices in [row["price"], *(row.get("tiers") or [])]:
        prices.setdefault(entry["field"], prices[entry["of"]] * entry["times"])


# --- naming: one id for a model, whoever serves it ---

def name_key(row):
    """The upstream name without what the host put around it: path, region, counter, case."""
    name, host = row["model"], row["provider"]
    if host == "bedrock":
        name = REGION[host].sub("", name).split(".", 1)[1]
        name = re.sub(r"-v\d+(:\d+)?$|-\d+:0$", "", name)
    elif host == "vertex":
        name = name.removesuffix("@default").replace("@", "-").removesuffix("-maas")
    name = bare(name)
    return re.sub(r"(\d)p(\d)", r"\1.\2", name) if host == "fireworks" else name


class Names:
    def __init__(self, rows, rules):
        self.same, self.makers = rules.toml["same"], rules.toml["makers"]
        given = [row["canonical_model"] for row in rows if row["canonical_model"]]
        self.hub = {bare(name): name for name in given + rules.toml["hub"]["ids"]}

    def maker(self, key):
        return next((m["id"] for m in self.makers if re.match(m["names"], key)), None)

    def base(self, key):
        """The model of which KEY names a variant."""
        while VARIANT.search(key):
            key = VARIANT.sub("", key)
            if key in self.same or key in self.hub:
                return self.same.get(key) or self.hub[key]
        return None

    def id_of(self, row):
        key = name_key(row)
        found = self.same.get(title(row)) or self.same.get(key) or self.base(key)
        found = found or self.hub.get(key)
        if not found and self.maker(key):
            return f"{self.maker(key)}/{key}"
        if not found and "/" not in row["model"]:
            sys.exit(f"catalog: no id for {title(row)}; add one to {RULES.name}")
        return found or row["model"]

    def aliases(self, model_id, rows, rules):
        """Ids made of the maker's own names for the model, where they are not the id already."""
        own = {bare(row["model"]) for row in rows if row["provider"] in rules.makers}
        own = [f"{self.maker(name) or model_id.split('/')[0]}/{name}"
               for name in own - {bare(model_id)}]
        return sorted(own + rules.toml["aliases"].get(model_id, []))


# --- prices ---

def money(row, field, value, rules):
    """A price of at most nine decimals, rounded half up; never negative."""
    rounded = Decimal(value).quantize(PLACES, ROUND_HALF_UP)
    if rounded != value:
        change = f"{field} {value} → {dump(rounded)}"
        rules.note("changed", "rounded to nine decimals", row, change)
    if rounded < 0:
        sys.exit(f"catalog: {title(row)}: {field} is negative")
    return rounded


def token_part(row, prices, kind, rules):
    same = prices.get("reasoning") == prices.get("output")
    skip = "output" if kind in ("embedding", "rerank") else "reasoning" if same else None
    return {k: money(row, k, prices[k], rules) for k in TOKENS
            if prices.get(k) is not None and k != skip}


def unit_part(row, rules):
    found = {}
    if row.get("unit") in UNITS:
        name, per = UNITS[row["unit"]]
        usd = money(row, name, row["unit_price_usd"], rules)
        found[name] = known({"usd": usd, "per": per, "min": row.get("min_billed_seconds")})
    for field, name in PER_THOUSAND.items():
        if row.get(field) is not None:
            found[name] = {"usd": money(row, name, row[field], rules), "per": 1000}
    return found


def tier_part(row, kind, rules):
    found = []
    for tier in row.get("tiers") or []:
        above = tier["above_input_tokens"]
        prices = token_part(row, token_prices(tier), kind, rules)
        if all(row["price"].get(k) == v for k, v in prices.items()):
            rules.note("changed", "same prices as without it", row, f"tier above {above} dropped")
        else:
            found.append({"above_input_tokens": above, **prices})
    return found


def price_rows(row, kind, rules):
    """One row for each date from which a price holds, oldest first."""
    first = token_part(row, row["price"], kind, rules) | unit_part(row, rules)
    if not first:
        sys.exit(f"catalog: {title(row)} has no price; leave it out in {RULES.name}")
    first |= known({"tiers": tier_part(row, kind, rules),
                    "batch_discount": row.get("batch_discount")})
    note = row.get("price_note") or ""
    since = re.match(r"effective since (\S+)$", note)
    later = re.match(r"changes on (\S+) to (.*)$", note)
    if since:
        return [{"from": since[1], **first}]
    if later:
        then = token_prices(json.loads(later[2], parse_float=Decimal))
        return [first, {"from": later[1], **first, **token_part(row, then, kind, rules)}]
    return [first]


# --- offers and models ---

def kind_of(name, rules):
    kinds = rules.toml["kinds"]
    return next((k["id"] for k in kinds if re.search(k["names"], name, re.I)), "chat")


def stated(row, field):
    """What the list knows of this host, not what it copied from the model; a limit of 0 is none."""
    value = row[field]
    return None if field in row["inferred"] or (value == 0 and value is not False) else value


def dialect_of(row, rules):
    for entry in rules.toml["dialects"]:
        if row["provider"] in entry["providers"] and re.search(entry["names"], row["model"]):
            rules.note("marked", f"`dialect`: {entry['why']}", row)
            return entry["dialect"]
    return None


def offer_of(row, kind, rules):
    region = row["provider"] in REGION and REGION[row["provider"]].search(row["model"])
    offer = {"provider": row["provider"], "model": row["model"],
             "region": region[1] if region else None, "dialect": dialect_of(row, rules), "context": stated(row, "context")}
    if kind in ("chat", "completion"):
        for field in ("max_output", "tools", "vision", "structured_output"):
            offer[field] = stated(row, field)
    if row.get("deprecated") or row.get("status") == "deprecated":
        offer["deprecated"] = True
    offer["alias"] = row.get("alias")
    return known(offer | {"prices": price_rows(row, kind, rules)})


def vote(rows, field, makers):
    """What the maker says, else what most hosts say; what is only copied if there is no other."""
    said = [row for row in rows if row.get(field) is not None]
    first_hand = [row for row in said if field not in row["inferred"]]
    voters = [row for row in first_hand if row["provider"] in makers] or first_hand or said
    count = collections.Counter(json.dumps(row[field]) for row in voters)
    best = max(count, key=lambda v: (count[v], v == "true", len(v)), default="null")
    return json.loads(best)


def largest(rows, field):
    first_hand = max(stated(row, field) or 0 for row in rows)
    return first_hand or max(row[field] or 0 for row in rows) or None


def model_of(model_id, rows, names, rules):
    kind = kind_of(model_id, rules)
    model = {"context": largest(rows, "context"), "max_output": None, "kind": kind}
    for side in ("input", "output"):
        seen = rules.toml["modalities"].get(kind, {}).get(side)
        seen = seen or vote(rows, f"{side}_modalities", rules.makers) or []
        model[side] = sorted(seen, key=MODALITIES.index)
    if kind in ("embedding", "rerank"):
        model["output"] = None
    if kind in ("chat", "completion"):
        model["max_output"] = largest(rows, "max_output")
        for field in ("tools", "structured_output", "reasoning"):
            model[field] = vote(rows, field, rules.makers)
    model["aliases"] = names.aliases(model_id, rows, rules)
    offers = [offer_of(row, kind, rules) for row in rows]
    model["providers"] = sorted(offers, key=lambda o: (
        o["provider"], o.get("alias", False), o.get("deprecated", False), o["model"]))
    return known(model)


def conflict_text(conflict):
    return "; ".join(f"{field} " + " or ".join(f"{dump(v)} ({who})" for who, v in said.items())
                     for field, said in conflict.items())


def build(rows, rules):
    names, groups, seen = Names(rows, rules), collections.defaultdict(list), set()
    for row in rows:
        out = rules.take("left_out", row)
        if out:
            rules.note("left out", out[0]["why"], row)
            continue
        correct(row, rules)
        model_id = names.id_of(row)
        if row["canonical_model"] not in (None, model_id):
            rules.note("joined", f"`{model_id}`, not `{row['canonical_model']}`", row)
        if row.get("conflict"):
            rules.note("conflicts", conflict_text(row["conflict"]), row)
        if row.get("per_image"):
            rules.note("beyond", "Images by quality and size", row, dump(row["per_image"]))
        if title(row) in seen:
            sys.exit(f"catalog: {title(row)} twice")
        seen.add(title(row))
        groups[model_id].append(row)
    return {model_id: model_of(model_id, groups[model_id], names, rules)
            for model_id in sorted(groups)}


def main():
    flags = [arg for arg in sys.argv[1:] if arg.startswith("-")]
    paths = [arg for arg in sys.argv[1:] if not arg.startswith("-")]
    if set(flags) - {"--check", "--report"} or len(paths) > 1:
        sys.exit(__doc__)
    fixtures = Path(os.environ.get("WEIR_FIXTURES") or ROOT.parent / "shared/fixtures")
    rules = Rules(RULES)
    try:
        rows = read_rows(Path(paths[0]) if paths else fixtures / "prices/prices.json", rules)
    except OSError as error:
        sys.exit(f"catalog: {error}")
    models = build(rows, rules)
    undecided = judge(models, rules)
    if "--report" in flags:
        return print(report(models, undecided, rules))
    made = {CATALOG: catalog_text(models), DOC: doc_text(DOC.read_text("utf-8"), models, rules)}
    stale = [path for path, text in made.items()
             if not path.exists() or path.read_text("utf-8") != text]
    if stale and "--check" in flags:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.exit(f"catalog: stale: {names}; run tools/catalog.py")
    for path in stale:
        path.write_text(made[path], "utf-8")


if __name__ == "__main__":
    main()
