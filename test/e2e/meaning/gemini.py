"""Gemini generateContent (API reference and discovery document, 2026-08). Keys may be written in snake_case."""
import base64
import re

from meaning import forms
from meaning.forms import Answer, Part, Prompt, Said, Tool, Turn

KNOWN = {
    "contents", "tools", "toolConfig", "systemInstruction", "generationConfig", "model", "serviceTier", "safetySettings",
    "store",
}  # fmt: skip
VALUES = {
    "maxOutputTokens": "max_output", "temperature": "temperature", "topP": "top_p", "topK": "top_k", "seed": "seed",
    "frequencyPenalty": "frequency_penalty", "presencePenalty": "presence_penalty", "stopSequences": "stop",
    "candidateCount": "answers", "responseLogprobs": "logprobs", "logprobs": "top_logprobs",
    "responseModalities": "modalities",
}  # fmt: skip
CONFIG = {
    "responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig",
}  # fmt: skip
# What holds names and values of the caller's own, whose keys are to be left alone.
OWN = {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"}
MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto", "MODE_UNSPECIFIED": "auto"}


def camel(value):
    """The same with camelCase keys."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, one in value.items():
        key = re.sub(r"_([a-z])", lambda found: found.group(1).upper(), key)
        made[key] = one if key in OWN else camel(one)
    return made


def kind_of(mime):
    kind = mime.partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "file"


def media_of(part):
    if "inlineData" in part:
        held = part["inlineData"]
        mime, data = held.get("mimeType") or "", held["data"]
        if re.fullmatch(r"[\w=-]+", data, re.A):  # the other alphabet
            data = data.replace("-", "+").replace("_", "/")
        return forms.media(kind_of(mime), "data", data, mime, held.get("displayName") or "")
    held = part["fileData"]
    mime = held.get("mimeType") or ""
    uri = held["fileUri"]
    own = uri.startswith(("gs://", "files/", "https://generativelanguage.googleapis.com/"))  # Google's alone
    return forms.media(kind_of(mime), "id" if own else "url", uri, mime, held.get("displayName") or "")


def response_of(held, prompt):
    """What a function gave: {"output": ...} by convention, {"error": ...} when it failed."""
    value, failed = held.get("response"), False
    if isinstance(value, dict) and len(value) == 1:
        (key, inner), *_ = value.items()
        failed = key == "error"
        value = inner if key in ("output", "result", "error", "content") else value
    parts = [forms.text(value) if isinstance(value, str) else Part("json", (value,))]
    parts += [media_of(one) for one in held.get("parts") or []]
    return forms.result(number_of(held), parts, failed)


def signature_of(part):
    """Clients take it for base64: so weir tells one of another provider as base64 of it and its tag."""
    said = part.get("thoughtSignature") or ""
    return base64.b64decode(said).decode() if said.startswith("d2Vpci") else said


def number_of(held):
    """Calls without an id get one from weir."""
    said = held.get("id") or "call_gm_"
    return ("name", held.get("name")) if said.startswith("call_gm_") else said


def part_of(part, prompt):
    signature = signature_of(part)
    if part.get("thought") is True and isinstance(part.get("text"), str):
        return forms.thought(part["text"], signature)
    if "functionCall" in part:
        held = part["functionCall"]
        return forms.call(number_of(held), held.get("name"), held.get("args") or {}, signature)
    if "functionResponse" in part:
        return response_of(part["functionResponse"], prompt)
    if "inlineData" in part or "fileData" in part:
        return media_of(part)
    if isinstance(part.get("text"), str):
        return forms.text(part["text"])
    prompt.others.append(f"parts.{next(iter(part), '')}")
    return Part("other", (str(part),))


def parts_of(content, prompt):
    if isinstance(content, str):
        return [forms.text(content)]
    if isinstance(content, list):
        return [part for one in content for part in parts_of(one, prompt)]
    if "parts" not in content:
        return [part_of(content, prompt)] if content and "role" not in content else []
    return [part_of(one, prompt) for one in content["parts"] or []]


def choice_of(config):
    held = (config or {}).get("functionCallingConfig")
    if not held or not held.get("mode"):
        return None
    names, mode = held.get("allowedFunctionNames") or [], MODES[held["mode"].upper()]
    return ("named", mode == "required", *names) if names else (mode,)


def read_config(p, config):
    forms.take(p, config, VALUES, "generationConfig.")
    if p.values.get("modalities"):
        p.values["modalities"] = [one.lower() for one in p.values["modalities"]]
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if schema is not None:
        p.format = ("schema", schema)
    elif config.get("responseMimeType") == "application/json":
        p.format = ("json",)
    elif config.get("responseMimeType") not in (None, "text/plain"):
        p.others.append("generationConfig.responseMimeType")
    thinking = config.get("thinkingConfig") or {}
    p.budget, p.show = thinking.get("thinkingBudget"), thinking.get("includeThoughts")
    level = thinking.get("thinkingLevel")
    p.effort = "none" if p.budget == 0 else level and level.lower()
    p.others += [f"generationConfig.{key}" for key in config if key not in CONFIG and key not in VALUES]


def read_tools(p, tools):
    for one in tools or []:
        for held in one.get("functionDeclarations") or []:
            schema = held.get("parametersJsonSchema") or held.get("parameters")
            p.tools.append(Tool(held["name"], held.get("description") or "", schema))
        p.hosted += [key for key, value in one.items() if key != "functionDeclarations" and value is not None]


def prompt(body):
    p, body = Prompt(), camel(body)
    p.system = parts_of(body["systemInstruction"], p) if body.get("systemInstruction") else []
    contents = body.get("contents") or []
    if isinstance(contents, (dict, str)):
        contents = [contents]
    if contents and all(isinstance(one, dict) and "parts" not in one for one in contents):
        contents = [{"parts": contents}]
    for one in contents:
        side = "assistant" if isinstance(one, dict) and one.get("role") == "model" else "user"
        p.turns.append(Turn(side, parts_of(one, p)))
    read_tools(p, body.get("tools"))
    p.choice = choice_of(body.get("toolConfig"))
    read_config(p, body.get("generationConfig") or {})
    forms.take(p, body, {"serviceTier": "tier", "store": "store"})
    p.others += [key for key, value in body.items() if key not in KNOWN and value is not None]
    if body.get("safetySettings"):
        p.others.append("safetySettings")
    return p


# --- answers ---

FINISHES = {"STOP": "stop", "MAX_TOKENS": "length"}
FILTERED = {
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
}  # fmt: skip
ERRORS = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
          "MALFORMED_RESPONSE", "OTHER", "NO_IMAGE", "IMAGE_OTHER"}  # fmt: skip
NUMBERS = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}


def finish_of(word, parts):
    word = NUMBERS.get(word, word)
    if not word or word == "FINISH_REASON_UNSPECIFIED":
        return ""
    finish = "filtered" if word in FILTERED else "error" if word in ERRORS else FINISHES.get(word, "stop")
    return "calls" if finish == "stop" and any(part.kind == "call" for part in parts) else finish


def usage_of(found):
    if not found or "promptTokenCount" not in found and "totalTokenCount" not in found:
        return None
    cached = found.get("cachedContentTokenCount") or 0
    tokens = (found.get("promptTokenCount") or 0) + (found.get("toolUsePromptTokenCount") or 0)
    return forms.usage(tokens - cached, cached, 0, found.get("candidatesTokenCount") or 0,
                       found.get("thoughtsTokenCount") or 0)  # fmt: skip


class Candidate:
    def __init__(self):
        self.parts, self.finish, self.signature = [], None, ""

    def said(self):
        return Said(forms.merged(self.parts), finish_of(self.finish, self.parts))


def take(candidates, body):
    for one in body.get("candidates") or []:
        held = candidates.setdefault(one.get("index") or 0, Candidate())
        held.parts += parts_of(one.get("content") or {}, Prompt())
        held.finish = one.get("finishReason") or held.finish
    if not body.get("candidates") and (body.get("promptFeedback") or {}).get("blockReason"):
        candidates.setdefault(0, Candidate()).finish = "SAFETY"


def stream(events):
    a, candidates = Answer(), {}
    for _, body in events:
        body = camel(body)
        a.id, a.model = body.get("responseId") or a.id, body.get("modelVersion") or a.model
        take(candidates, body)
        a.usage = usage_of(body.get("usageMetadata")) or a.usage
    a.said = [one.said() for _, one in sorted(candidates.items())]
    return a


def answer(body):
    return stream([("", body)])
