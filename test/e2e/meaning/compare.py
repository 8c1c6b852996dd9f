"""Whether two answers mean the same."""
import re

from meaning import forms

TAG = "weir."


def untagged(value, provider):
    """A signature as its maker knows it: callers of weir are told it with the maker's name before it."""
    tag = f"{TAG}{provider}."
    if not isinstance(value, str) or not value.startswith(tag):
        return value
    return re.sub(r"\.[sc]\Z", "", value[len(tag) :])  # Responses: of a text, of a call


def part_of(part, provider):
    if part.kind == "thought":
        words, signature, sealed = part.data
        return forms.thought(words, untagged(signature, provider), untagged(sealed, provider))
    if part.kind == "call":
        number, name, arguments, signature = part.data
        return forms.call(number, name, arguments, untagged(signature, provider))
    return part._replace(cache="")


def in_own_dialect(answer, provider):
    """What the canonical form holds of an answer: of what the provider's own tools did only the text around it."""
    said = []
    for one in answer.said:
        parts = [part_of(part, provider) for part in one.parts if part.kind != "other"]
        parts = forms.merged(part for part in parts if part != forms.thought(""))
        said.append((parts, one.finish, one.stop_text))
    return {"id": answer.id, "model": answer.model, "said": said, "usage": answer.usage}


# --- answers in another dialect ---

HAS_REFUSALS = {"openai", "responses"}
HAS_ALTERNATIVES = {"openai", "gemini"}
HAS_IMAGES = {"openai", "gemini"}
HAS_CACHE_WRITES = {"openai", "anthropic", "responses", "bedrock"}
HAS_REASONING_TOKENS = {"openai", "anthropic", "gemini", "responses", "cohere"}
HAS_SEALED = {"openai", "anthropic", "responses", "bedrock", "gemini"}
NO_WORD = {("cohere", "filtered"), ("anthropic", "error")}  # told as if all was said
HAS_OBJECTS = {"anthropic", "gemini", "bedrock"}  # arguments are an object: a text that is none stands in one


def words(parts, *kinds):
    return "".join(part.data[0] for part in parts if part.kind in kinds)


def arguments(value, target):
    return value if isinstance(value, dict) or target not in HAS_OBJECTS else {"_raw": value}


def of_said(one, target):
    """What of an alternative another dialect must tell."""
    refusal = words(one.parts, "refusal") if target in HAS_REFUSALS else ""
    kinds = ("text",) if target in HAS_REFUSALS else ("text", "refusal")
    told = {"text": words(one.parts, *kinds), "refusal": refusal, "thoughts": words(one.parts, "thought")}
    told["calls"] = [(part.data[1], arguments(part.data[2], target)) for part in one.parts if part.kind == "call"]
    told["ids"] = [part.data[0] if isinstance(part.data[0], str) else None for part in one.parts if part.kind == "call"]
    if target in HAS_IMAGES:
        told["images"] = [part.data[:3] for part in one.parts if part.kind == "image"]
    told["finish"] = "stop" if (target, one.finish) in NO_WORD else one.finish
    return told


def tokens(usage, target):
    """The classes that the target can tell apart."""
    if usage is None:
        return None
    usage = dict(usage)
    if target not in HAS_CACHE_WRITES:
        usage["input"] += usage.pop("cache_write")
    if target not in HAS_REASONING_TOKENS:
        usage["output"] += usage.pop("reasoning")
    return usage


def answers(said, told, target):
    """{what: (said, told)} of all in which the answer that was said differs from the one told in the target's way."""
    found = {}
    wanted = [of_said(one, target) for one in said.said]
    if target not in HAS_ALTERNATIVES:
        wanted = wanted[:1]
    got = [of_said(one, target) for one in told.said]
    if len(wanted) != len(got):
        found["alternatives"] = (len(wanted), len(got))
    for want, have in zip(wanted, got):
        for key in want:
            if key == "finish" and (not want[key] or want[key] == "calls" and not want["calls"]):
                continue  # not told, or calls of the form that `functions` had
            if key == "ids":
                pairs = list(zip(want[key], have[key]))
                bad = [(w, h) for w, h in pairs if (w and w != h) or not h] or len(set(have[key])) != len(have[key])
                if bad:
                    found[key] = (want[key], have[key])
            elif want[key] != have[key]:
                found[key] = (want[key], have[key])
    words = [one.word for one in told.said if one.finish == "calls"]
    if target == "openai" and "stop" in words:  # that is for hosts, not for weir
        found["finish"] = ("calls", words)
    before, after = tokens(said.usage, target), tokens(told.usage, target)
    if before is not None and before != after:
        found["usage"] = (before, after)
    return found
