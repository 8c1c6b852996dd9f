"""Bedrock Converse (API reference and SDK types, 2026-08)."""
import json

from meaning import forms
from meaning.forms import Answer, Part, Prompt, Said, Tool, Turn

KNOWN = {"messages", "system", "toolConfig", "inferenceConfig", "outputConfig", "modelId", "serviceTier",
         "additionalModelRequestFields", "requestMetadata", "provider"}  # fmt: skip
VALUES = {"maxTokens": "max_output", "temperature": "temperature", "topP": "top_p", "stopSequences": "stop"}
FIELDS = {"thinking", "output_config", "reasoning_effort", "reasoningConfig", "top_k", "inferenceConfig", "tool_choice"}
TOLD = {"/stop_sequence", "/delta/stop_sequence"}  # of the model's own answer: what ended it is told anyway
FORMATS = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html"}


def source_of(kind, held):
    source, form = held["source"], held.get("format") or ""
    mime = FORMATS.get(form, form) if kind == "file" else f"{kind}/{form}"
    if "bytes" in source:
        return forms.media(kind, "data", source["bytes"], mime, held.get("name") or "")
    if "s3Location" in source:
        return forms.media(kind, "url", source["s3Location"]["uri"], mime, held.get("name") or "")
    return Part(kind, ("text", str(source.get("text") or source), mime, held.get("name") or ""))


def reasoning_of(held):
    words = held.get("reasoningText") or {}
    return forms.thought(words.get("text"), words.get("signature"), held.get("redactedContent"))


def result_of(held, prompt):
    parts = []
    for one in held.get("content") or []:
        parts.append(Part("json", (one["json"],)) if "json" in one else part_of(one, prompt))
    return forms.result(held["toolUseId"], parts, held.get("status") == "error")


def part_of(block, prompt):
    if "text" in block:
        return forms.text(block["text"])
    for key, kind in (("image", "image"), ("document", "file"), ("video", "video"), ("audio", "audio")):
        if key in block:
            return source_of(kind, block[key])
    if "toolUse" in block:
        held = block["toolUse"]
        return forms.call(held["toolUseId"], held["name"], held.get("input") or {})
    if "toolResult" in block:
        return result_of(block["toolResult"], prompt)
    if "reasoningContent" in block:
        return reasoning_of(block["reasoningContent"])
    if "text" in block.get("guardContent", {}):  # a text that a guardrail is to look at
        prompt.others.append("content.guardContent")
        return forms.text(block["guardContent"]["text"]["text"])
    prompt.others.append(f"content.{next(iter(block), '')}")
    return Part("other", (str(block),))


def parts_of(blocks, prompt):
    """A cache point stands behind the block before it."""
    found = []
    for block in blocks or []:
        if "cachePoint" in block:
            if found:
                found[-1] = found[-1]._replace(cache=block["cachePoint"].get("ttl") or "5m")
            continue
        found.append(part_of(block, prompt))
    return found


def read_tools(p, config):
    for one in config.get("tools") or []:
        if "toolSpec" in one:
            held = one["toolSpec"]
            schema = (held.get("inputSchema") or {}).get("json")
            p.tools.append(Tool(held["name"], held.get("description") or "", schema, held.get("strict")))
        elif "cachePoint" in one and p.tools:
            p.tools[-1].cache = one["cachePoint"].get("ttl") or "5m"
        else:
            p.hosted.append(next(iter(one)))
    choice = config.get("toolChoice") or {}
    if "tool" in choice:
        p.choice = ("named", True, choice["tool"]["name"])
    elif choice:
        p.choice = ("required",) if "any" in choice else ("auto",)


def read_fields(p, fields):
    """What the models have beside what all have."""
    thinking = fields.get("thinking") or {}
    config = fields.get("output_config") or {}
    reasoning = fields.get("reasoningConfig") or fields.get("reasoning_config") or {}
    p.effort = fields.get("reasoning_effort") or config.get("effort") or reasoning.get("maxReasoningEffort")
    if thinking.get("type") == "disabled" or reasoning.get("type") == "disabled":
        p.effort = "none"
    p.budget = thinking.get("budget_tokens", -1 if thinking.get("type") == "adaptive" else None)
    top_k = fields.get("top_k", (fields.get("inferenceConfig") or {}).get("topK"))
    if top_k is not None:
        inside = "top_k" if "top_k" in fields else "inferenceConfig.topK"
        p.values["top_k"], p.keys["top_k"] = top_k, "additionalModelRequestFields." + inside
    p.parallel = not (fields.get("tool_choice") or {}).get("disable_parallel_tool_use")
    p.others += [f"additionalModelRequestFields.{key}" for key in fields if key not in FIELDS]


def prompt(body):
    p = Prompt()
    p.system = parts_of(body.get("system"), p)
    for message in body.get("messages") or []:
        p.turns.append(Turn(message["role"], parts_of(message.get("content"), p)))
    read_tools(p, body.get("toolConfig") or {})
    forms.take(p, body.get("inferenceConfig") or {}, VALUES, "inferenceConfig.")
    read_fields(p, body.get("additionalModelRequestFields") or {})
    wanted = ((body.get("outputConfig") or {}).get("textFormat") or {}).get("structure") or {}
    if wanted.get("jsonSchema"):
        schema = wanted["jsonSchema"]["schema"]
        p.format = ("schema", json.loads(schema) if isinstance(schema, str) else schema)
    if (body.get("serviceTier") or {}).get("type"):
        p.values["tier"], p.keys["tier"] = body["serviceTier"]["type"], "serviceTier"
    if body.get("requestMetadata"):
        p.values["metadata"] = body["requestMetadata"]
    if set(body.get("additionalModelResponseFieldPaths") or []) <= TOLD:
        body = {**body, "additionalModelResponseFieldPaths": None}
    p.others += [key for key, value in body.items() if key not in KNOWN and value is not None]
    return p


# --- answers ---

FINISHES = {
    "end_turn": "stop", "stop_sequence": "stop", "tool_use": "calls", "max_tokens": "length",
    "model_context_window_exceeded": "length", "guardrail_intervened": "filtered", "content_filtered": "filtered",
    "malformed_model_output": "error", "malformed_tool_use": "error",
}  # fmt: skip


def usage_of(found):
    if not found:
        return None
    return forms.usage(found.get("inputTokens") or 0, found.get("cacheReadInputTokens") or 0,
                       found.get("cacheWriteInputTokens") or 0, found.get("outputTokens") or 0, 0)  # fmt: skip


def answer(body):
    parts = parts_of(((body.get("output") or {}).get("message") or {}).get("content"), Prompt())
    finish = FINISHES.get(body.get("stopReason"), "stop") if body.get("stopReason") else ""
    return Answer("", "", [Said(forms.merged(parts), finish)], usage_of(body.get("usage")))


def delta_into(block, delta):
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["json"] = block.get("json", "") + delta["toolUse"]["input"]
    elif "reasoningContent" in delta:
        held, part = block.setdefault("reasoningContent", {}), delta["reasoningContent"]
        if "redactedContent" in part:
            held["redactedContent"] = part["redactedContent"]
            return
        words = held.setdefault("reasoningText", {})
        for key in ("text", "signature"):
            if key in part:
                words[key] = words.get(key, "") + part[key]


def stream(events):
    blocks, body = {}, {}
    for name, one in events:
        at = one.get("contentBlockIndex")
        if name == "contentBlockStart":
            held = one["start"].get("toolUse")
            blocks[at] = {"toolUse": dict(held), "json": ""} if held else {}
        elif name == "contentBlockDelta":
            delta_into(blocks.setdefault(at, {}), one["delta"])
        elif name == "messageStop":
            body["stopReason"] = one["stopReason"]
        elif name == "metadata":
            body["usage"] = one.get("usage")
    for held in blocks.values():
        if "toolUse" in held:
            held["toolUse"]["input"] = forms.json_or_text(held.pop("json"))
    body["output"] = {"message": {"content": [held for _, held in sorted(blocks.items()) if held]}}
    return answer(body)
