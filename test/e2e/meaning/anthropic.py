"""Anthropic Messages (API reference and SDK types, 2026-08)."""
from meaning import forms
from meaning.forms import Answer, Part, Prompt, Said, Tool, Turn

KNOWN = {
    "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "output_format", "metadata",
    "cache_control", "provider", "anthropic_version",
}  # fmt: skip
VALUES = {
    "max_tokens": "max_output", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k",
    "stop_sequences": "stop", "service_tier": "tier", "stream": "stream",
}  # fmt: skip


def life(holder):
    mark = holder.get("cache_control")
    return (mark.get("ttl") or "5m") if isinstance(mark, dict) else ""


def source_of(kind, block, cache):
    source, name = block["source"], block.get("title") or ""
    if source["type"] == "base64":
        return forms.media(kind, "data", source["data"], source.get("media_type") or "", name, cache)
    if source["type"] == "url":
        return forms.media(kind, "url", source["url"], "", name, cache)
    if source["type"] == "file":
        return forms.media(kind, "id", source["file_id"], "", name, cache)
    if source["type"] == "text":
        return Part(kind, ("text", source["data"], source.get("media_type") or "", name), cache)
    return None


def part_of(block, prompt):
    kind, cache = block["type"], life(block)
    made = None
    if kind == "text":
        made = forms.text(block["text"], cache)
    elif kind in ("image", "document"):
        made = source_of("image" if kind == "image" else "file", block, cache)
    elif kind == "tool_use":
        made = forms.call(block["id"], block["name"], block.get("input") or {}, cache=cache)
    elif kind == "tool_result":
        inner = parts_of(block.get("content"), prompt)
        made = forms.result(block["tool_use_id"], inner, bool(block.get("is_error")), cache)
    elif kind == "thinking":
        made = forms.thought(block["thinking"], block.get("signature"))
    elif kind == "redacted_thinking":
        made = forms.thought("", "", block["data"])
    if made is None:
        prompt.others.append(f"content.{kind}")
        return Part("other", (str(block),))
    return made


def parts_of(content, prompt):
    if content is None:
        return []
    return [forms.text(content)] if isinstance(content, str) else [part_of(one, prompt) for one in content]


def choice_of(choice):
    if choice is None:
        return None
    if choice["type"] == "tool":
        return ("named", True, choice["name"])
    return ("required",) if choice["type"] == "any" else (choice["type"],)


def read_reasoning(body, prompt):
    thinking, config = body.get("thinking") or {}, body.get("output_config") or {}
    prompt.effort = config.get("effort")
    if thinking.get("type") == "disabled":
        prompt.effort = "none"
    if thinking.get("type") == "adaptive":
        prompt.budget = -1
    prompt.budget = thinking.get("budget_tokens", prompt.budget)
    if thinking.get("display"):
        prompt.show = thinking["display"] == "summarized"


def prompt(body):
    p = Prompt()
    p.system = parts_of(body.get("system"), p)
    for message in body.get("messages") or []:
        side = message["role"]
        p.turns.append(Turn(side, parts_of(message.get("content"), p)))
    for one in body.get("tools") or []:
        if one.get("type") in (None, "custom"):
            p.tools.append(Tool(one["name"], one.get("description") or "", one.get("input_schema"), one.get("strict"),
                                life(one)))  # fmt: skip
            p.others += [f"tools.{key}" for key in one if key in ("defer_loading", "allowed_callers", "input_examples")]
        else:
            p.hosted.append(one["type"])
    p.choice = choice_of(body.get("tool_choice"))
    p.parallel = not (body.get("tool_choice") or {}).get("disable_parallel_tool_use")
    config = body.get("output_config") or {}
    wanted = config.get("format") or body.get("output_format")
    if wanted:
        p.format = ("schema", wanted["schema"])
    read_reasoning(body, p)
    forms.take(p, body, VALUES)
    metadata = body.get("metadata") or {}
    if metadata.get("user_id") is not None:
        p.values["user"], p.keys["user"] = metadata["user_id"], "metadata"
    p.others += [key for key, value in body.items() if key not in KNOWN and key not in VALUES and value is not None]
    return p


# --- answers ---

FINISHES = {
    "end_turn": "stop", "stop_sequence": "stop", "pause_turn": "stop", "max_tokens": "length",
    "model_context_window_exceeded": "length", "tool_use": "calls", "refusal": "filtered",
}  # fmt: skip


def usage_of(found):
    if not found:
        return None
    reasoning = (found.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    return forms.usage(found.get("input_tokens") or 0, found.get("cache_read_input_tokens") or 0,
                       found.get("cache_creation_input_tokens") or 0, (found.get("output_tokens") or 0) - reasoning,
                       reasoning)  # fmt: skip


def answer(body):
    parts = parts_of(body["content"], Prompt())
    finish = FINISHES.get(body.get("stop_reason"), "stop") if body.get("stop_reason") else ""
    said = Said(forms.merged(parts), finish, body.get("stop_sequence"))
    usage = body.get("usage") or {}
    return Answer(body.get("id") or "", body.get("model") or "", [said], usage_of(usage), usage.get("service_tier") or "")


def delta_into(block, delta):
    kind = delta["type"]
    if kind == "text_delta":
        block["text"] += delta["text"]
    elif kind == "thinking_delta":
        block["thinking"] += delta["thinking"]
    elif kind == "signature_delta":
        block["signature"] = (block.get("signature") or "") + delta["signature"]
    elif kind == "input_json_delta":
        block["json"] = block.get("json", "") + delta["partial_json"]


def stream(events):
    body, open_block, blocks, usage = {}, None, [], {}
    for _, one in events:
        kind = one["type"]
        if kind == "message_start":
            body = dict(one["message"])
            usage.update({k: v for k, v in (body.get("usage") or {}).items() if v is not None})
        elif kind == "content_block_start":
            assert open_block is None, "a block opens within another"
            assert one["index"] == len(blocks), "blocks are not counted up"
            open_block = dict(one["content_block"])
        elif kind == "content_block_delta":
            assert open_block is not None and one["index"] == len(blocks), "a delta outside of its block"
            delta_into(open_block, one["delta"])
        elif kind == "content_block_stop":
            if "json" in open_block:
                open_block["input"] = forms.json_or_text(open_block.pop("json"))
            blocks.append(open_block)
            open_block = None
        elif kind == "message_delta":
            body.update({k: v for k, v in one["delta"].items() if v is not None})
            usage.update({k: v for k, v in (one.get("usage") or {}).items() if v is not None})
        elif kind == "message_stop":
            break
    return answer({**body, "content": blocks, "usage": usage})
