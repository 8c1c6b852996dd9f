"""Whether two answers mean the same."""
from meaning import forms

TAG = "weir."


def untagged(value, provider):
    """A signature as its maker knows it: callers of weir are told it with the maker's name before it."""
    tag = f"{TAG}{provider}."
    return value[len(tag) :] if isinstance(value, str) and value.startswith(tag) else value


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
