"""Cohere v2 chat (API reference and SDK types, 2026-08)."""
from meaning import forms
from meaning.forms import Answer, Part, Prompt, Said, Tool, Turn

KNOWN = {"model", "messages", "tools", "tool_choice", "response_format", "thinking", "strict_tools", "provider"}
VALUES = {
    "max_tokens": "max_output", "temperature": "temperature", "p": "top_p", "k": "top_k", "seed": "seed",
    "frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty", "stop_sequences": "stop",
    "logprobs": "logprobs", "stream": "stream",
}  # fmt: skip


def part_of(one, prompt):
    kind = one.get("type")
    if kind == "text":
        return forms.text(one["text"])
    if kind == "thinking":
        return forms.thought(one["thinking"])
    if kind == "image_url":
        return forms.media_of_url("image", one["image_url"]["url"])
    if kind == "document":
        data = one["document"]["data"]
        return forms.text(data) if isinstance(data, str) else Part("json", (data,))
    prompt.others.append(f"content.{kind}")
    return Part("other", (str(one),))


def parts_of(content, prompt):
    if content is None:
        return []
    return [forms.text(content)] if isinstance(content, str) else [part_of(one, prompt) for one in content]


def turn_of(message, prompt, plan=forms.text):
    role, parts = message["role"], parts_of(message.get("content"), prompt)
    if role == "tool":
        return Turn("user", [forms.result(message["tool_call_id"], parts)])
    if role != "assistant":
        return Turn("user" if role == "user" else "system", parts)
    if message.get("tool_plan"):  # what was said before the calls
        parts = [plan(message["tool_plan"])] + parts
    for one in message.get("tool_calls") or []:
        arguments = forms.json_or_text(one["function"].get("arguments") or "")
        parts.append(forms.call(one["id"], one["function"]["name"], arguments))
    return Turn("assistant", parts)


def prompt(body):
    p = Prompt()
    for message in body.get("messages") or []:
        turn = turn_of(message, p)
        if turn.side == "system" and not p.turns:
            p.system += turn.parts
        else:
            p.turns.append(turn)
    for one in body.get("tools") or []:
        held = one["function"]
        strict = True if body.get("strict_tools") else None
        p.tools.append(Tool(held["name"], held.get("description") or "", held.get("parameters"), strict))
    p.choice = {"REQUIRED": ("required",), "NONE": ("none",)}.get(body.get("tool_choice"))
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_object":
        schema = wanted.get("json_schema") or wanted.get("schema")
        p.format = ("schema", schema) if schema else ("json",)
    thinking = body.get("thinking") or {}
    p.effort = "none" if thinking.get("type") == "disabled" else None
    p.budget = thinking.get("token_budget", -1 if thinking.get("type") == "enabled" else None)
    forms.take(p, body, VALUES)
    p.others += [key for key, value in body.items() if key not in KNOWN and key not in VALUES and value not in (None, [])]
    return p


# --- answers ---

FINISHES = {
    "COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "calls", "ERROR": "error",
    "TIMEOUT": "error",
}  # fmt: skip


def usage_of(found):
    """Money is in the billed units. The tokens hold what the provider puts before a prompt, and so do the cached."""
    if not found:
        return None
    tokens = found.get("tokens") or {}
    billed = found.get("billed_units") or tokens
    into, out = int(billed.get("input_tokens") or 0), int(billed.get("output_tokens") or 0)
    ahead = max(0, int(tokens.get("input_tokens") or into) - into)
    cached = min(max(0, int(found.get("cached_tokens") or 0) - ahead), into)
    reasoning = min(int(tokens.get("reasoning_tokens") or 0), out)
    return forms.usage(into - cached, cached, 0, out - reasoning, reasoning)


def answer(body):
    parts = turn_of({"role": "assistant", **(body.get("message") or {})}, Prompt(), forms.thought).parts
    finish = FINISHES.get(body.get("finish_reason"), "stop") if body.get("finish_reason") else ""
    return Answer(body.get("id") or "", "", [Said(forms.merged(parts), finish)], usage_of(body.get("usage")))


def stream(events):
    body, blocks, calls, plan = {}, {}, {}, ""
    for _, one in events:
        kind, message = one["type"], (one.get("delta") or {}).get("message") or {}
        if kind == "message-start":
            body["id"] = one.get("id")
        elif kind == "content-start":
            blocks[one["index"]] = dict(message["content"])
        elif kind == "content-delta":
            held = blocks[one["index"]]
            for key, words in message["content"].items():
                held[key] = held.get(key, "") + words
        elif kind == "tool-plan-delta":
            plan += message["tool_plan"]
        elif kind == "tool-call-start":
            calls[one["index"]] = held = message["tool_calls"]
            held["function"].setdefault("arguments", "")
        elif kind == "tool-call-delta":
            calls[one["index"]]["function"]["arguments"] += message["tool_calls"]["function"]["arguments"]
        elif kind == "message-end":
            body.update(finish_reason=one["delta"].get("finish_reason"), usage=one["delta"].get("usage"))
    body["message"] = {
        "role": "assistant", "content": [held for _, held in sorted(blocks.items())], "tool_plan": plan,
        "tool_calls": [held for _, held in sorted(calls.items())],
    }  # fmt: skip
    return answer(body)
