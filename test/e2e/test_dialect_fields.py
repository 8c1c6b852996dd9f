"""What the specifications know of a request is carried, named as lost, or left out by a rule of docs/dialects.md.

All members of a request are in the document, and what it says of them is so. Further inside, for each member that a
specification knows two small requests are translated, one with it and one without it.
"""
import collections
import functools
import gzip
import json
import re

import pytest

from conftest import ROOT, fixture_file
from shapes import Shapes
from translating import DIALECTS

DOCUMENT = ROOT / "docs/dialects.md"
WALKED = ("openai", "responses", "anthropic")
HI = {"openai": {"messages": [{"role": "user", "content": "Hi"}]}, "responses": {"input": "Hi"}}
HI["anthropic"] = HI["cohere"] = HI["openai"]
HI["gemini"] = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
HI["bedrock"] = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
# What a member says something about.
TOOLS = {
    "openai": {"tools": [{"type": "function", "function": {"name": "x", "parameters": {"type": "object"}}}]},
    "responses": {"tools": [{"type": "function", "name": "x", "parameters": {"type": "object"}}]},
    "anthropic": {"tools": [{"name": "x", "input_schema": {"type": "object"}}]},
    "gemini": {"tools": [{"functionDeclarations": [{"name": "x"}]}]},
    "bedrock": {"toolConfig": {"tools": [{"toolSpec": {"name": "x", "inputSchema": {"json": {"type": "object"}}}}]}},
}
TOOLS["cohere"] = TOOLS["openai"]
OF_TOOLS = ("tool_choice", "parallel_tool_calls", "strict_tools", "toolConfig.toolChoice", "toolConfig")


# --- the document, and the table behind it ---


@functools.cache
def models():
    """{dialect: the model that the document is about}"""
    text = DOCUMENT.read_text().split("what these get:")[1].split("##")[0]
    return dict(re.findall(r"(\w+) `([^`]+)`", text))


@functools.cache
def documented():
    """{dialect: {member: {target: what becomes of it}}}"""
    found, targets = {}, []
    for line in DOCUMENT.read_text().split("## Members of requests")[1].split("### Values")[0].splitlines():
        if line.startswith("### "):
            dialect = line.removeprefix("### ")
            found[dialect] = {}
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| member"):
            targets = cells[2:]
        elif line.startswith("| `"):
            found[dialect][cells[0].strip("`")] = dict(zip(targets, cells[2:], strict=True))
    return found


@functools.cache
def left_out(dialect):
    text = DOCUMENT.read_text().split("## Left out")[1].split("\n## ")[0]
    return [path for name, path in re.findall(r"^\| (\w+) \| `([^`]+)` \|", text, re.M) if name == dialect]


@functools.cache
def examples(dialect):
    """{member: its value} of fields.def."""
    text = (ROOT / "src/dialect/fields.def").read_text()
    rows = re.findall(rf'^FIELD\({dialect.upper()}, +"([^"]+)", +\w+, +"(.*)"\)$', text, re.M)
    return {path: json.loads(value.replace("'", '"')) for path, value in rows if value}


# --- the specifications ---


@functools.cache
def spec(dialect):
    """(the document, the schema of a request)"""
    if dialect == "anthropic":
        pydantic = pytest.importorskip("pydantic")
        from anthropic.types.message_create_params import MessageCreateParamsNonStreaming as Params

        whole = pydantic.TypeAdapter(Params).json_schema()
        return whole, whole
    with gzip.open(fixture_file("specs/openai.openapi.json.gz")) as file:
        whole = json.load(file)
    name = {"openai": "CreateChatCompletionRequest", "responses": "CreateResponse"}[dialect]
    return whole, {"$ref": f"#/components/schemas/{name}"}


def beta_members():
    pydantic = pytest.importorskip("pydantic")
    from anthropic.types.beta.message_create_params import MessageCreateParamsNonStreaming as Params

    return set(pydantic.TypeAdapter(Params).json_schema()["properties"])


@pytest.mark.parametrize("dialect", WALKED)
def test_every_member_is_in_the_document(dialect):
    whole, schema = spec(dialect)
    known = set(Shapes(whole).flat(schema)["properties"]) | (beta_members() if dialect == "anthropic" else set())
    assert len(known) > 18
    assert known <= set(documented()[dialect]), known - set(documented()[dialect])


def covers(loss, path):
    """Is the member, or what it stands in, or something in it, that loss?"""
    loss = re.sub(r"\[\d+\]", "[]", loss)
    return loss == path or loss.startswith((path + ".", path + "[")) or path.startswith((loss + ".", loss + "["))


def placed(path, value):
    """{"a": {"b": value}} for "a.b" """
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def joined(one, other):
    both = dict(one)
    for key, value in other.items():
        both[key] = joined(one[key], value) if isinstance(value, dict) and isinstance(one.get(key), dict) else value
    return both


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_document_says_what_is_done(translate, dialect):
    checked = 0
    for path, fates in documented()[dialect].items():
        if path not in examples(dialect):
            assert set(fates.values()) == {"its members"}
            continue
        request = joined(HI[dialect], placed(path, examples(dialect)[path]))
        if path in OF_TOOLS:
            request = joined(TOOLS[dialect], request)
        if path == "top_logprobs" and dialect == "openai":
            request["logprobs"] = True
        if path == "generationConfig.logprobs":
            request["generationConfig"]["responseLogprobs"] = True
        for target, said in fates.items():
            answer = translate.ask("prompt", dialect, target, json.dumps(request).encode(), model=models()[target])
            lost, body = answer["lost"], json.loads(answer["body"])
            named = any(covers(loss, path) for loss in lost)
            assert named == ("**named**" in said), (path, target, said, lost)
            for place in re.findall(r"`([^`]+)`", said):
                at = body
                for key in place.split("."):
                    assert key in at, (path, target, said, body)
                    at = at[key]
            checked += 1
    assert checked > 80


@pytest.mark.parametrize("dialect", WALKED)
def test_nothing_inside_is_silently_lost(translate, tell, dialect):
    whole, schema = spec(dialect)
    outcomes, counted = collections.defaultdict(set), collections.Counter()
    asked = {}

    def ask(target, request):
        key = (target, request)
        if key not in asked:
            asked[key] = translate.ask("prompt", dialect, target, request.encode(), model=models()[target])
        return asked[key]

    for path, without, with_it in Shapes(whole).pairs(schema):
        path = path.removeprefix(".")
        more = HI[dialect] | (TOOLS[dialect] if path.partition(".")[0] in OF_TOOLS else {})
        before, after = (json.dumps(more | request) for request in (without, with_it))
        for target in DIALECTS:
            if target == dialect:
                continue
            old, new = ask(target, before), ask(target, after)
            if "error" in new:
                assert path.partition(".")[0].partition("[")[0] in (new["param"] or new["note"]), (path, new, after)
                outcome = "refused"
            elif any(covers(loss, path) for loss in new["lost"]):
                outcome = "named"
            else:
                outcome = "carried" if "error" in old or old["body"] != new["body"] else "left out"
            outcomes[path, before, target].add(outcome)
            counted[outcome] += 1
    tell(f"members inside of {dialect}: {len({path for path, _, _ in outcomes})} paths, {dict(counted)}")
    silent = {path for (path, _, _), found in outcomes.items() if found == {"left out"}}
    # An object without members says nothing, the model is the route's, and a schema is cut by rules of its own.
    silent -= {path for path in silent if any(other.startswith(path + ".") for other in documented()[dialect])}
    silent -= {"model", "text", "reasoning", "metadata", "output_config", "response_format.json_schema.schema"}
    rules = left_out(dialect)
    unlisted = {path for path in silent if not any(path == rule or path.startswith((rule + ".", rule + "[")) for rule in rules)}
    assert not unlisted, sorted(unlisted)
    assert not {rule for rule in rules if not any(covers(path, rule) for path in silent)}
    assert counted["carried"] > 100 and counted["named"] > 200
