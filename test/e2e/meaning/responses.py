"""OpenAI Responses (API reference, 2026-08)."""
from meaning import forms
from meaning.forms import Answer, Part, Prompt, Said, Tool, Turn

KNOWN = {
    "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "include",
    "stream_options", "provider",
}  # fmt: skip
VALUES = {
    "max_output_tokens": "max_output", "temperature": "temperature", "top_p": "top_p", "top_logprobs": "top_logprobs",
    "user": "user", "safety_identifier": "user", "metadata": "metadata", "service_tier": "tier", "store": "store",
    "prompt_cache_key": "cache_key", "prompt_cache_options": "cache_options",
    "prompt_cache_retention": "cache_retention", "stream": "stream",
}  # fmt: skip
TEXTS = {"input_text", "output_text", "text"}


def part_of(one, prompt):
    kind = one["type"]
    if kind in TEXTS:
        return forms.text(one["text"])
    if kind == "refusal":
        return Part("refusal", (one["refusal"],))
    if kind == "input_image":
        if one.get("image_url"):
            return forms.media_of_url("image", one["image_url"])
        return forms.media("image", "id", one["file_id"])
    if kind == "input_file":
        name = one.get("filename") or ""
        if one.get("file_data"):
            return forms.media_of_url("file", one["file_data"], name)
        if one.get("file_url"):
            return forms.media("file", "url", one["file_url"], "", name)
        return forms.media("file", "id", one["file_id"], "", name)
    if kind == "input_audio":
        held = one["input_audio"]
        return forms.media("audio", "data", held["data"], "audio/" + held.get("format", ""))
    prompt.others.append(f"content.{kind}")
    return Part("other", (str(one),))


def parts_of(content, prompt):
    if content is None:
        return []
    return [forms.text(content)] if isinstance(content, str) else [part_of(one, prompt) for one in content]


def secret_of(item):
    """What is encrypted, without weir's mark (src/dialect/responses.h) that says whether it signs the text."""
    secret = item.get("encrypted_content") or ""
    return secret.removesuffix(".s") if secret.startswith("weir.") else secret


def thoughts_of(item):
    words = [one["text"] for one in item.get("content") or []] or [one["text"] for one in item.get("summary") or []]
    return [forms.thought("\n\n".join(words), "", secret_of(item))]


def signed(parts):
    """The signature of a call stands in an item before it, with a mark of weir's."""
    found, signature = [], ""
    for part in parts:
        sealed = part.data[2] if part.kind == "thought" else ""
        if sealed.startswith("weir.") and sealed.endswith(".c"):
            signature = sealed.removesuffix(".c")
            continue
        found.append(forms.call(*part.data[:3], signature) if signature and part.kind == "call" else part)
        signature = ""
    return found


def turn_of(item, prompt):
    kind = item.get("type") or "message"
    if kind == "message":
        side = {"user": "user", "assistant": "assistant"}.get(item["role"], "system")
        return Turn(side, parts_of(item.get("content"), prompt))
    if kind == "function_call":
        arguments = forms.json_or_text(item.get("arguments") or "")
        return Turn("assistant", [forms.call(item["call_id"], item["name"], arguments)])
    if kind == "function_call_output":
        return Turn("user", [forms.result(item["call_id"], parts_of(item.get("output"), prompt))])
    if kind == "reasoning":
        return Turn("assistant", thoughts_of(item))
    prompt.others.append(f"input.{kind}")
    return None


def choice_of(choice):
    if choice is None:
        return None
    if isinstance(choice, str):
        return (choice,)
    if choice.get("type") == "allowed_tools":
        names = [one["name"] for one in choice["tools"] if one.get("type") == "function"]
        return ("named", choice["mode"] == "required", *names)
    return ("named", True, choice["name"]) if choice.get("type") == "function" else ("hosted", choice.get("type"))


def read_text(p, body):
    held = body.get("text") or {}
    wanted = held.get("format") or {}
    if wanted.get("type") == "json_object":
        p.format = ("json",)
    elif wanted.get("type") == "json_schema":
        p.format = ("schema", wanted["schema"])
    if held.get("verbosity"):
        p.values["verbosity"], p.keys["verbosity"] = held["verbosity"], "text.verbosity"


def prompt(body):
    p = Prompt()
    if body.get("instructions"):
        p.system = parts_of(body["instructions"], p) if isinstance(body["instructions"], str) else []
    items = body.get("input") or []
    items = [{"role": "user", "content": items}] if isinstance(items, str) else items
    for item in items:
        turn = turn_of(item, p)
        if turn and turn.side == "system" and not p.turns:
            p.system += turn.parts
        elif turn:
            p.turns.append(turn)
    for one in body.get("tools") or []:
        if one["type"] == "function":
            p.tools.append(Tool(one["name"], one.get("description") or "", one.get("parameters"), one.get("strict")))
        else:
            p.hosted.append(one["type"])
    p.choice = choice_of(body.get("tool_choice"))
    p.parallel = body.get("parallel_tool_calls") is not False
    read_text(p, body)
    reasoning = body.get("reasoning") or {}
    p.effort, p.show = reasoning.get("effort"), True if reasoning.get("summary") else None
    p.others += [f"reasoning.{key}" for key in ("context", "mode") if reasoning.get(key)]
    forms.take(p, body, VALUES)
    if "message.output_text.logprobs" in (body.get("include") or []):
        p.values["logprobs"] = True
    p.others += [key for key, value in body.items() if key not in KNOWN and key not in VALUES and value is not None]
    return p


# --- answers ---


def usage_of(found):
    if not found:
        return None
    into, out = found.get("input_tokens_details") or {}, found.get("output_tokens_details") or {}
    cached, written = into.get("cached_tokens") or 0, into.get("cache_write_tokens") or 0
    reasoning = out.get("reasoning_tokens") or 0
    return forms.usage(found["input_tokens"] - cached - written, cached, written, found["output_tokens"] - reasoning,
                       reasoning)  # fmt: skip


def finish_of(body, parts):
    status = body.get("status")
    if status == "incomplete":
        reason = (body.get("incomplete_details") or {}).get("reason")
        return "filtered" if reason == "content_filter" else "length"
    if status in ("failed", "cancelled"):
        return "error"
    if any(part.kind == "call" for part in parts):
        return "calls"
    return "stop"


def answer(body):
    p, parts = Prompt(), []
    if isinstance(body.get("reasoning"), str):  # some hosts have it there
        parts.append(forms.thought(body["reasoning"]))
    for item in body["output"]:
        turn = turn_of(item, p)
        parts += turn.parts if turn else [Part("other", (item["type"],))]
    said = Said(forms.merged(signed(parts)), finish_of(body, parts))
    return Answer(body.get("id") or "", body.get("model") or "", [said], usage_of(body.get("usage")),
                  body.get("service_tier") or "")  # fmt: skip


ENDS = {"response.completed", "response.incomplete", "response.failed"}


class Items:
    """The items as the deltas tell them, to be compared with those that the end repeats."""

    def __init__(self):
        self.items, self.numbers = {}, []

    def take(self, one):
        kind = one["type"]
        if "sequence_number" in one:
            self.numbers.append(one["sequence_number"])
        at = one.get("output_index")
        if kind == "response.output_item.added":
            self.items[at] = {"item": one["item"], "text": {}, "arguments": "", "thought": {}, "refusal": {}}
        held = self.items.get(at)
        if held is None:
            return
        part = one.get("content_index", one.get("summary_index", 0))
        if kind == "response.output_text.delta":
            held["text"][part] = held["text"].get(part, "") + one["delta"]
        elif kind == "response.refusal.delta":
            held["refusal"][part] = held["refusal"].get(part, "") + one["delta"]
        elif kind == "response.function_call_arguments.delta":
            held["arguments"] += one["delta"]
        elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            held["thought"][part] = held["thought"].get(part, "") + one["delta"]
        elif kind == "response.output_item.done":
            held["done"] = one["item"]

    def parts(self):
        found = []
        for _, held in sorted(self.items.items()):
            item = held.get("done") or held["item"]
            kind = item["type"]
            if kind == "message":
                found += [forms.text(words) for _, words in sorted(held["text"].items())]
                found += [Part("refusal", (words,)) for _, words in sorted(held["refusal"].items())]
            elif kind == "function_call":
                arguments = forms.json_or_text(held["arguments"])
                found.append(forms.call(item["call_id"], item["name"], arguments))
            elif kind == "reasoning":
                words = "\n\n".join(words for _, words in sorted(held["thought"].items()))
                found.append(forms.thought(words, "", secret_of(item)))
            else:
                found.append(Part("other", (kind,)))
        return forms.merged(signed(found))


def stream(events):
    items, end, first = Items(), None, ""
    for name, one in events:
        items.take(one)
        first = first or (one.get("response") or {}).get("id") or ""
        if one["type"] in ENDS:
            end = one["response"]
    if end is None:
        end = {"output": [], "status": "cut"}
    a, told = answer(end), items.parts()
    a.id = first or a.id
    if items.numbers != list(range(len(items.numbers))):
        a.faults.append(f"sequence numbers {items.numbers}")
    if [part for part in a.said[0].parts if part.kind != "other"] != [part for part in told if part.kind != "other"]:
        a.faults.append(f"the end repeats {a.said[0].parts} of {told}")
    if any(name not in ("", one["type"]) for name, one in events):
        a.faults.append("an event's name is not its type")
    a.said[0] = Said(told, finish_of(end, told) if end["status"] != "cut" else "")
    return a
