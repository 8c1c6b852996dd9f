"""How the catalog is written down, and what a person should look at: for catalog.py."""
import collections
import json
import re
from decimal import Decimal


def bare(name):
    return name.rsplit("/", 1)[-1].lower()


def title(row):
    return f"{row['provider']} {row['model']}"


def dump(value):
    """JSON in one line; decimals stay exact."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return json.dumps(value, ensure_ascii=False)


def catalog_text(models):
    """One line for each model, so that a change shows as the lines that it touches."""
    lines = [f"{json.dumps(model_id)}: {dump(model)}" for model_id, model in models.items()]
    return '{"format": 1,\n"models": {\n' + ",\n".join(lines) + "\n}}\n"


# --- what a person should look at ---

def ambiguous(models):
    """Bare names, in any case, to which more than one model answers."""
    owners = collections.defaultdict(set)
    for model_id, model in models.items():
        for name in [model_id, *model.get("aliases", [])]:
            owners[bare(name)].add(model_id)
    return [f"{name}: {', '.join(sorted(ids))}" for name, ids in sorted(owners.items())
            if len(ids) > 1]


def outliers(models, factor=5):
    """Offers dearer than FACTOR times the other hosts' median, or cheaper than that part of it."""
    for model in models.values():
        for offer in model["providers"]:
            others = [o for o in model["providers"] if o is not offer]
            for field in ("input", "output"):
                mine = offer["prices"][0].get(field)
                rest = sorted(o["prices"][0][field] for o in others if o["prices"][0].get(field))
                if not mine or not rest:
                    continue
                low, high = rest[(len(rest) - 1) // 2], rest[len(rest) // 2]
                if mine > factor * high or factor * mine < low:
                    yield offer, f"{field} {dump(mine)}, others {dump(max(low, high))}"


def judge(models, rules):
    """Notes each outlier with the reason why it stays; returns those that have none."""
    undecided = []
    for offer, detail in outliers(models):
        verdict = rules.take("outlier", offer)
        if verdict:
            rules.note("far", verdict[0]["why"], offer, detail)
        else:
            undecided.append(f"{title(offer)}: {detail}")
    return undecided


def counts(models, rules):
    offers = sum(len(model["providers"]) for model in models.values())
    return (f"{len(models)} models, {offers} offers; {len(rules.notes['left out'])} rows of the "
            f"price list left out, {len(rules.notes['changed'])} changes.")


def report(models, undecided, rules):
    lines = [f"no such row: {row}" for row in rules.unused()]
    lines += [f"ambiguous: {line}" for line in ambiguous(models)]
    lines += [f"far from the other hosts: {line}" for line in undecided]
    return "\n".join([*lines, counts(models, rules)])


# --- docs/catalog.md ---

def list_text(notes):
    """A line for each reason, with the rows that it holds for."""
    groups = collections.defaultdict(list)
    for why, row, detail in notes:
        provider, model = row.split(" ", 1)
        groups[why].append(f"{provider} `{model}`" + (f" ({detail})" if detail else ""))
    return "\n".join(f"- {why}: {', '.join(rows)}." for why, rows in groups.items()) or "None."


def doc_text(text, models, rules):
    """TEXT with what stands between `<!-- generated: NAME -->` and `<!-- end -->` made anew."""
    sections = {"counts": counts(models, rules),
                "ambiguous": "\n".join(f"- {line}" for line in ambiguous(models)) or "None."}
    for name in ("left out", "changed", "marked", "joined", "far", "conflicts", "beyond"):
        sections[name] = list_text(rules.notes[name])

    def fill(part):
        return f"{part[1]}\n{sections.pop(part[2])}\n{part[3]}"
    text = re.sub(r"(<!-- generated: (.*?) -->)\n.*?(<!-- end -->)", fill, text, flags=re.S)
    assert not sections, f"docs/catalog.md lacks <!-- generated: {', '.join(sections)} -->"
    return text
