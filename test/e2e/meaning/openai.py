"""OpenAI chat completions (API reference, 2026-08), with what other hosts added to it and is in wide use."""
from meaning import forms
from meaning.forms import Answer, Part, Prompt, Said, Tool, Turn

KNOWN = {
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort",
    "reasoning", "thinking", "stream_options", "cache_control", "provider",
}  # fmt: skip
VALUES = {
    "max_tokens": "max_output", "max_completion_tokens": "max_output", "temperature": "temperature", "top_p": "top_p",
    "top_k": "top_k", "seed": "seed", "frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty",
    "stop": "stop", "n": "answers", "logprobs": "logprobs", "top_logprobs": "top_logprobs", "logit_bias": "logit_bias",
    "user": "user", "safety_identifier": "user", "metadata": "metadata", "service_tier": "tier", "store": "store",
    "verbosity": "verbosity", "prompt_cache_key": "cache_key", "prompt_cache_options": "cache_options",
    "prompt_cache_retention": "cache_retention", "stream": "stream", "modalities": "modalities",
}  # fmt: skip


def life(holder):
    mark = holder.get("cache_control") if isinstance(holder, dict) else None
    return (mark.get("ttl") or "5m") if isinstance(mark, dict) else ""


def part_of(one, prompt):
    kind, cache = one.get("type"), life(one)
    if kind == "text":
        return forms.text(one["text"], cache)
    if kind in ("image_url", "video_url"):
        held = one[kind]
        url = held if isinstance(held, str) else held["url"]
        return forms.media_of_url(kind[:5], url, cache=cache)
    if kind == "input_audio":
        held = one["input_audio"]
        if isinstance(held, str):
            return forms.media("audio", "data", held, cache=cache)
        return forms.media("audio", "data", held["data"], "audio/" + held.get("format", ""), cache=cache)
    if kind == "file":
        held = one["file"]
        if "file_data" in held:
            return forms.media_of_url("file", held["file_data"], held.get("filename") or "", cache)
        return forms.media("file", "id", held.get("file_id"), "", held.get("filename") or "", cache)
    if kind == "refusal":
        return Part("refusal", (one["refusal"],), cache)
    prompt.others.append(f"content.{kind}")
    return Part("other", (str(one),))


def content_of(message, prompt):
    content = message.get("content")
    if content is None:
        return []
    parts = [forms.text(content)] if isinstance(content, str) else [part_of(one, prompt) for one in content]
    if parts and life(message):
        parts[-1] = parts[-1]._replace(cache=life(message))
    return parts


def thoughts_of(message):
    found = []
    for one in message.get("thinking_blocks") or []:
        found.append(forms.thought(one.get("thinking"), one.get("signature"), one.get("data")))
    if found:
        return found
    for one in message.get("reasoning_details") or []:
        words = one.get("summary") if one.get("summary") is not None else one.get("text")
        found.append(forms.thought(words, one.get("signature"), one.get("data")))
    if found:
        return found
    words = message.get("reasoning_content") or message.get("reasoning")
    return [forms.thought(words)] if isinstance(words, str) and words else []


def call_of(one):
    function = one["function"]
    signature = ((one.get("extra_content") or {}).get("google") or {}).get("thought_signature", "")
    arguments = forms.json_or_text(function.get("arguments") or "")
    return forms.call(one.get("id") or "", function["name"], arguments, signature)


def turn_of(message, prompt):
    role, name = message["role"], message.get("name") or ""
    if role == "tool":
        return Turn("user", [forms.result(message.get("tool_call_id"), content_of(message, prompt))])
    if role != "assistant":
        return Turn("user" if role == "user" else "system", content_of(message, prompt), name)
    parts = thoughts_of(message) + content_of(message, prompt)
    if message.get("refusal"):
        parts.append(Part("refusal", (message["refusal"],)))
    for one in message.get("tool_calls") or []:
        if one.get("type") in (None, "function"):
            parts.append(call_of(one))
        else:
            prompt.others.append("tool_calls")
    return Turn("assistant", parts, name)


def choice_of(choice):
    if choice is None:
        return None
    if isinstance(choice, str):
        return ("required",) if choice == "any" else (choice,)
    if choice.get("type") == "allowed_tools":
        allowed = choice["allowed_tools"]
        names = [one["function"]["name"] for one in allowed["tools"]]
        return ("named", allowed["mode"] == "required", *names)
    return ("named", True, choice["function"]["name"])


def format_of(wanted):
    if not wanted or wanted["type"] == "text":
        return None
    if wanted["type"] == "json_object":
        return ("json",)
    return ("schema", wanted["json_schema"].get("schema"))


def read_reasoning(body, prompt):
    if body.get("reasoning_effort"):
        prompt.effort = body["reasoning_effort"]
    for held in (body.get("reasoning"), body.get("thinking")):
        if not isinstance(held, dict):
            continue
        prompt.effort = held.get("effort") or prompt.effort
        prompt.budget = held.get("max_tokens") or held.get("budget_tokens") or prompt.budget
        if held.get("type") == "enabled" or held.get("enabled") is True:
            prompt.budget = prompt.budget or -1
        if held.get("type") == "disabled" or held.get("enabled") is False:
            prompt.effort = "none"
        if held.get("exclude"):
            prompt.show = False


def prompt(body):
    p = Prompt()
    for message in body.get("messages") or []:
        turn = turn_of(message, p)
        if turn.side == "system" and not p.turns:
            p.system += turn.parts
        else:
            p.turns.append(turn)
    for one in body.get("tools") or []:
        function = one.get("function")
        if one.get("type") != "function":
            p.hosted.append(one.get("type"))
            continue
        cache = life(one)
        p.tools.append(Tool(function["name"], function.get("description") or "", function.get("parameters"),
                            function.get("strict"), cache))  # fmt: skip
    p.choice = choice_of(body.get("tool_choice"))
    p.parallel = body.get("parallel_tool_calls") is not False
    p.format = format_of(body.get("response_format"))
    read_reasoning(body, p)
    forms.take(p, body, VALUES)
    p.others += [key for key, value in body.items() if key not in KNOWN and key not in VALUES and value is not None]
    return p


# --- answers ---

FINISHES = {
    "stop": "stop", "length": "length", "tool_calls": "calls", "function_call": "calls", "content_filter": "filtered",
    "error": "error",
}  # fmt: skip


def finish_of(word, parts):
    """Some say "stop" though they call."""
    finish = FINISHES.get(word, "stop") if word else ""
    return "calls" if finish == "stop" and any(part.kind == "call" for part in parts) else finish


def usage_of(found):
    if not found:
        return None
    into, out = found.get("prompt_tokens_details") or {}, found.get("completion_tokens_details") or {}
    cached, written = into.get("cached_tokens") or 0, into.get("cache_write_tokens") or 0
    completion, prompt_tokens = found.get("completion_tokens") or 0, found.get("prompt_tokens") or 0
    reasoning = min(out.get("reasoning_tokens") or 0, completion)  # some count the text again, and differently
    audio = into.get("audio_tokens") or 0
    if audio and prompt_tokens + audio + completion == found.get("total_tokens"):
        prompt_tokens += audio
    return forms.usage(prompt_tokens - cached - written, cached, written, completion - reasoning, reasoning)


def images_of(message):
    return [forms.media_of_url("image", one["image_url"]["url"]) for one in message.get("images") or []]


def answer(body):
    a = Answer(body.get("id") or "", body.get("model") or "", tier=body.get("service_tier") or "")
    for choice in body["choices"]:
        message = choice.get("message") or {}
        parts = turn_of({**message, "role": "assistant"}, Prompt()).parts + images_of(message)
        a.said.append(Said(forms.merged(parts), finish_of(choice.get("finish_reason"), parts), word=choice.get("finish_reason")))
    a.usage = usage_of(body.get("usage"))
    return a


class Collected:
    """What the deltas of a choice come to."""

    def __init__(self):
        self.thoughts, self.content, self.refusal, self.calls, self.finish = [], "", "", {}, None
        self.details, self.order, self.images = [], [], []

    def take(self, choice):
        delta = choice.get("delta") or {}
        self.content += delta.get("content") or ""
        self.refusal += delta.get("refusal") or ""
        words = delta.get("reasoning_content") or delta.get("reasoning")
        if words:
            self.thoughts.append(words)
        self.details += delta.get("reasoning_details") or []
        self.images += images_of(delta)
        for one in delta.get("tool_calls") or []:
            self.take_call(one)
        self.finish = self.finish or choice.get("finish_reason")

    def take_call(self, one):
        """A new id is a new call, whatever index it has."""
        function = one.get("function") or {}
        held = next((c for c in reversed(self.order) if c["index"] == one.get("index", 0)), None)
        if held is None or (one.get("id") and held["id"] and one["id"] != held["id"]):
            held = {"index": one.get("index", 0), "id": one.get("id") or "", "name": "", "arguments": "", "extra": None}
            self.order.append(held)
        held["name"] = held["name"] or function.get("name") or ""
        held["arguments"] += function.get("arguments") or ""
        held["extra"] = held["extra"] or one.get("extra_content")

    def said(self):
        message = {"role": "assistant", "content": self.content or None, "refusal": self.refusal or None}
        message["tool_calls"] = [
            {"id": c["id"], "function": {"name": c["name"], "arguments": c["arguments"]}, "extra_content": c["extra"]}
            for c in self.order
        ]
        parts = turn_of(message, Prompt()).parts
        words = [forms.thought("".join(self.thoughts))] if self.thoughts else []
        for one in self.details:
            if one.get("signature") or one.get("data"):
                words.append(forms.thought("", one.get("signature"), one.get("data")))
        return Said(forms.merged(words + parts + self.images), finish_of(self.finish, parts), word=self.finish)


def stream(events):
    """The events as (name, object)."""
    a, choices = Answer(), {}
    for _, one in events:
        if not isinstance(one, dict):
            continue
        a.id, a.model = a.id or one.get("id") or "", a.model or one.get("model") or ""
        a.tier = one.get("service_tier") or a.tier
        for choice in one.get("choices") or []:
            choices.setdefault(choice.get("index", 0), Collected()).take(choice)
        found = one.get("usage") or (one.get("x_groq") or {}).get("usage")
        a.usage = usage_of(found) if found else a.usage
    a.said = [one.said() for _, one in sorted(choices.items())]
    return a
