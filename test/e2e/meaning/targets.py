"""What must become of a request in each dialect: what it has no place for, and what it says in another way.

From the providers' documentation. What has no place must be named as lost, by the caller's own name for it; nothing
else may be.
"""
import copy
import re

from meaning import forms, prompts

COMMON = {"max_output", "temperature", "top_p", "stop", "stream"}
HAS = {
    "openai": forms.VALUES,
    "anthropic": COMMON | {"top_k", "tier", "user"},
    "gemini": COMMON | {"top_k", "seed", "frequency_penalty", "presence_penalty", "answers", "logprobs", "top_logprobs",
                        "tier", "modalities", "store"},
    "responses": {"max_output", "temperature", "top_p", "top_logprobs", "logprobs", "user", "metadata", "tier", "store",
                  "verbosity", "cache_key", "stream", "cache_options", "cache_retention"},
    "cohere": COMMON | {"top_k", "seed", "frequency_penalty", "presence_penalty", "logprobs"},
    "bedrock": COMMON | {"top_k", "tier", "metadata"},
}  # fmt: skip
ONE_CALL = {"openai", "anthropic", "responses", "bedrock"}  # several calls at once can be forbidden
TIERS = {
    "openai": {"auto", "default", "flex", "priority"},
    "anthropic": {"auto", "default"},
    "gemini": {"default", "flex", "priority"},
    "responses": {"auto", "default", "flex", "priority"},
    "cohere": set(),
    "bedrock": {"default", "flex", "priority", "reserved"},
}
# What a tier is called elsewhere, as what it is called by OpenAI.
TIER_NAMES = {"standard_only": "default", "standard": "default", "fast": "priority", "scale": "priority"}
MEDIA = {"image", "audio", "video", "file"}


def can(target, part):
    """Is there a form for this part? Results are judged by what they hold."""
    if part.kind == "other":
        return False
    if part.kind not in MEDIA:
        return True
    source = part.data[0]
    if source == "url" and target != "gemini" and GOOGLES.match(part.data[1]):
        return False
    if target == "openai":
        return source == "data" or source == "url" and part.kind in ("image", "video")
    if target == "anthropic":
        return part.kind in ("image", "file") and source in ("data", "url")
    if target == "cohere":
        return part.kind == "image" and source in ("data", "url")
    if target == "responses":
        return part.kind in ("image", "file") and source in ("data", "url") or (part.kind, source) == ("audio", "data")
    if target == "gemini":
        return source in ("data", "url")
    return source == "data" and (part.kind != "audio" or part.data[2] != "")


def clamped(low, high):
    return lambda value: min(max(value, low), high) if isinstance(value, (int, float)) else value


SAID = {
    ("anthropic", "temperature"): clamped(float("-inf"), 1),
    ("bedrock", "temperature"): clamped(float("-inf"), 1),
    ("cohere", "top_p"): clamped(0.01, 0.99),
    ("cohere", "frequency_penalty"): clamped(0, 1),
    ("cohere", "presence_penalty"): clamped(0, 1),
}
# What says nothing there, as it is so anyway.
DEFAULTS = {("anthropic", "temperature"): 1, ("bedrock", "temperature"): 1}

ADAPTIVE = re.compile(r"(opus|sonnet)-4-[6-9]|(opus|sonnet|fable)-5")
BEFORE_GEMINI_3 = re.compile(r"gemini-[12]")
NO_SAMPLING = re.compile(r"opus-4-[78]|(opus|sonnet|fable)-5")
ONE_SAMPLING = re.compile(r"-4-[56]")
GOOGLES = re.compile(r"gs://|https://generativelanguage\.googleapis\.com/")  # what only Google can read
SHOWN = {"gemini", "bedrock"}  # where an assistant can have shown something
JSON_WISH = "Answer with one JSON object and nothing else."


class Expected:
    """The request as it must come out (`prompt`) and what must be named as lost."""

    def __init__(self, said, target, model, max_output=0):
        self.prompt, self.target, self.model, self.lost = copy.deepcopy(said), target, model, set()
        self.said = said
        for name in sorted(said.values):
            self.value(name, said.values[name])
        self.turns()
        self.tools()
        getattr(self, target)(max_output)

    def lose(self, field):
        self.lost.add(field)

    def value(self, name, value):
        values = self.prompt.values
        if prompts.neutral(name, value) and (self.target, name) not in SAID:
            return
        if name not in HAS[self.target] or name == "tier" and not self.has_tier(value):
            del values[name]
            self.lose(name)
        elif (self.target, name) in SAID:
            values[name] = SAID[self.target, name](value)

    def has_tier(self, value):
        name = TIER_NAMES.get(value.lower(), value.lower())
        self.prompt.values["tier"] = name
        if (value, self.target) == ("fast", "bedrock"):
            return False
        return name in TIERS[self.target]

    def turns(self):
        """Parts without a form are left out, also within results; what results may not hold comes after them."""
        turns = []
        for turn in [forms.Turn("ahead", self.prompt.system)] + self.prompt.turns:
            parts = []
            for part in turn.parts:
                if part.kind == "result":
                    parts += self.result(part)
                elif can(self.target, part) and not self.is_unsaid(turn, part):
                    parts.append(part)
                else:
                    self.lose("turns")
            turns.append(forms.Turn(turn.side, parts, turn.name))
            if turn.name and self.target != "openai":
                self.lose("name")
        self.prompt.system, self.prompt.turns = turns[0].parts, turns[1:]

    def is_unsaid(self, turn, part):
        """What assistants may not hold."""
        return turn.side == "assistant" and part.kind in MEDIA and self.target not in SHOWN

    def result(self, part):
        number, inner, failed = part.data
        kept = [one for one in inner if can(self.target, one)]
        if len(kept) < len(inner):
            self.lose("turns")
        behind = self.target in ("openai", "cohere") or self.target == "gemini" and BEFORE_GEMINI_3.search(self.model)
        media = [one for one in kept if one.kind in MEDIA] if behind else []
        kept = [one for one in kept if one not in media]
        if failed and self.target in ("openai", "cohere", "responses"):
            kept = failing(kept)
        return [part._replace(data=(number, tuple(kept), failed)), *media]

    def tools(self):
        p = self.prompt
        if p.hosted:
            self.lose("tools")
        if not p.tools:
            p.choice = None  # nothing is to be chosen from
            p.parallel = True
        if not p.parallel and self.target not in ONE_CALL:
            p.parallel = True
            self.lose("parallel")

    def only_allowed(self, names):
        self.prompt.tools = [tool for tool in self.prompt.tools if tool.name in names]

    def some_of_them(self):
        """One tool can be named; of several only those are told."""
        choice = self.prompt.choice
        if choice and choice[0] == "named" and choice != ("named", True, choice[-1]):
            self.only_allowed(choice[2:])
            self.prompt.choice = ("required",) if choice[1] else None

    # --- the targets ---

    def openai(self, max_output):
        pass

    def thinks(self):
        p = self.prompt
        return prompts.thinking(p) == "some" or p.budget == -1

    def anthropic(self, max_output):
        self.json_wish()
        self.some_of_them()
        self.claude()
        self.user_first()
        self.anthropic_limit(max_output)

    def json_wish(self):
        """Where there are schemas only, it is asked for in words."""
        if self.prompt.format == ("json",):
            self.prompt.format = None
            self.prompt.system.append(forms.text(JSON_WISH))

    def user_first(self):
        """Something must have been said to the assistant."""
        turns = prompts.grouped(self.prompt)
        empty = self.target == "bedrock" and not turns
        if empty or turns and turns[0][0] == "assistant":
            self.prompt.turns.insert(0, forms.Turn("user", [forms.text(".")]))

    def claude(self):
        """Who thinks is not to be forced, and samples as it likes; so do the newest."""
        p = self.prompt
        if self.thinks() and p.choice and p.choice[0] in ("required", "named"):
            p.choice = None
            self.lose("choice")
        for name in ("temperature", "top_p", "top_k"):
            if (self.thinks() or NO_SAMPLING.search(self.model)) and not self.says_default(name):
                p.values.pop(name)
                self.lose(name)
        if ONE_SAMPLING.search(self.model) and not self.says_default("temperature") and not self.says_default("top_p"):
            p.values.pop("top_p")
            self.lose("top_p")

    def anthropic_limit(self, max_output):
        """It must be said. Thinking is part of it there."""
        p = self.prompt
        limit = p.values.get("max_output") or max_output or 8192
        p.values["max_output"] = lambda got: got == limit or self.thinks() and got > limit

    def says_default(self, name):
        value = self.prompt.values.get(name)
        return prompts.neutral(name, value) or DEFAULTS.get((self.target, name)) == value

    def cohere(self, max_output):
        p = self.prompt
        if p.tools and not all(tool.strict for tool in p.tools):
            for tool in p.tools:
                if tool.strict:
                    tool.strict = None
                    self.lose("tools")
        if p.choice and p.choice[0] == "named":
            self.only_allowed(p.choice[2:])
            p.choice = ("required",) if p.choice[1] else None
        if p.format and p.tools and p.choice != ("none",):
            p.format = None
            self.lose("format")

    def gemini(self, max_output):
        p = self.prompt
        self.user_first()
        if p.format and p.tools and BEFORE_GEMINI_3.search(self.model):  # not both at once
            p.format = None
            self.lose("format")

    def responses(self, max_output):
        pass

    def bedrock(self, max_output):
        p = self.prompt
        self.json_wish()
        names = [part.data[1] for turn in p.turns for part in turn.parts if part.kind == "call"]
        used = names or any(part.kind == "result" for turn in p.turns for part in turn.parts)
        if p.choice == ("none",):
            p.choice = None
            if used:  # they must stay
                self.lose("choice")
            else:
                p.tools = []
        if used and not p.tools:  # who called tools must say which there are
            p.tools = [forms.Tool(name, "", None) for name in dict.fromkeys(names)]
        if not p.parallel and p.choice not in (None, ("auto",)):  # only where calls are free
            p.parallel = True
            self.lose("parallel")
        self.some_of_them()
        self.claude()
        self.user_first()
        limit = p.values.get("max_output")
        if self.thinks():
            p.values["max_output"] = lambda got: got and got >= (limit or 0)


def failing(parts):
    """Where a result cannot be marked as failed, its text says so."""
    words = "".join(part.data[0] for part in parts if part.kind == "text")
    if words.lower().startswith("error"):
        return parts
    return [forms.text("Error: " + words)] + [part for part in parts if part.kind != "text"]


def same_thinking(want, got):
    """As much, or free to choose, for which not all have a word."""
    if want.budget == -1 and not want.effort:
        return prompts.thinking(got) != "none"
    return prompts.thinking(want) == (prompts.thinking(got) or ("some" if got.budget == -1 else None))


FIELDS = {
    "choice": r"tool_choice|toolConfig", "parallel": r"parallel_tool_calls|tool_choice|disable_parallel",
    "format": r"response_format|output_config|output_format|text|generationConfig\.response|outputConfig",
    "tools": r"tools|toolConfig", "turns": r"(messages|contents|input|system|systemInstruction)\b",
    "name": r"messages\[\d+\]\.name", "system": r"system|instructions|messages",
}  # fmt: skip


def accounted(said, expected, lost, allowed):
    """(what must be named and is not, what is named and need not be); `allowed` is a pattern of paths."""
    missing, free = set(), list(lost)
    wanted = {field: FIELDS.get(field) or re.escape(said.keys.get(field, field)) for field in expected.lost}
    wanted |= {f"unknown {path}": unknown_path(path) for path in said.others}
    for field, pattern in sorted(wanted.items()):
        found = [path for path in lost if re.match(pattern, path)]
        if not found:
            missing.add(field)
        free = [path for path in free if path not in found]
    return missing, {path for path in free if not allowed or not re.fullmatch(allowed, path)}


def unknown_path(path):
    """Where a reader of this package says only "content.kind", any part of a message may be meant."""
    if path.startswith(("content.", "parts.", "input.", "tool_calls")):
        return FIELDS["turns"]
    if path.startswith("tools."):
        return FIELDS["tools"]
    return re.escape(path)


def against(said, told, expected):
    """{field: (expected, told)} in which the translated request is not what it must be."""
    want = expected.prompt
    found = prompts.differences(want, told)
    for field, (one, other) in list(found.items()):
        if callable(one) and one(other):
            del found[field]
        elif DEFAULTS.get((expected.target, field)) == one and other is None:
            del found[field]
        elif field == "tier" and TIER_NAMES.get(other, other) == one:
            del found[field]
    found.pop("thinking", None)
    if not same_thinking(want, told):
        found["thinking"] = ((want.effort, want.budget), (told.effort, told.budget))
    return found
