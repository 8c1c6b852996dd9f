"""Whether two JSON schemas accept the same, as far as every provider can be told.

Compared is the shape: types, properties with their order left aside, what is required, items, alternatives, enums.
What only narrows values (patterns, limits, formats) or explains them is left out, as not all providers take it.
"""

NUMBERS = {"integer", "number"}
BY_NUMBER = ["", "string", "number", "integer", "boolean", "array", "object", "null"]  # in protocol buffers


def resolved(schema, root, seen=()):
    """A reference followed, but no further than once into itself."""
    ref = schema.get("$ref")
    if not isinstance(ref, str) or not ref.startswith("#/") or ref in seen:
        return schema, seen
    found = root
    for step in ref[2:].split("/"):
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return resolved(found, root, (*seen, ref)) if isinstance(found, dict) else ({}, seen)


def types_of(schema):
    found = schema.get("type")
    found = BY_NUMBER[found] if isinstance(found, int) else found
    found = {found} if isinstance(found, str) else set(found or ())
    found = {one.lower() for one in found}
    if schema.get("nullable"):
        found.add("null")
    return found


def merged_all_of(schema, root, seen):
    """{"allOf": [one, two]} as one schema."""
    made = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema.get("allOf") or []:
        part, _ = resolved(part, root, seen)
        for key, value in part.items():
            if key == "properties":
                made[key] = {**made.get(key, {}), **value}
            elif key == "required":
                made[key] = [*made.get(key, []), *value]
            else:
                made.setdefault(key, value)
    return made


def shape(schema, root=None, seen=()):
    schema = {} if schema is True else schema
    if not isinstance(schema, dict):
        return None
    root = root or schema
    schema, seen = resolved(schema, root, seen)
    if "$ref" in schema:
        return "recursion"
    if "allOf" in schema:
        schema = merged_all_of(schema, root, seen)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return alternatives(schema, choices, root, seen)
    types = types_of(schema)
    made = {"type": sorted(types)}
    if len(types) > 1:
        return {"any": sorted(str(shape({**schema, "type": one, "nullable": False}, root, seen)) for one in types)}
    if schema.get("enum") or "const" in schema:
        values = schema.get("enum") or [schema["const"]]
        made["enum"] = sorted(str(value) for value in values if value is not None)
        made["type"] = []
    if "properties" in schema or types == {"object"}:
        properties = schema.get("properties") or {}
        made["properties"] = {key: shape(value, root, seen) for key, value in properties.items()}
        made["required"] = sorted(schema.get("required") or [])
        made["type"] = ["object"]
    if "items" in schema:
        made["items"] = shape(schema["items"], root, seen)
    return made


def alternatives(schema, choices, root, seen):
    """One way is no alternative; null beside it is one."""
    found = [str(shape(one, root, seen)) for one in choices]
    if schema.get("nullable"):
        found.append(str(shape({"type": "null"})))
    return {"any": sorted(found)} if len(found) > 1 else shape(choices[0], root, seen)


def is_empty(schema):
    return not isinstance(schema, dict) or not (schema.get("properties") or schema.get("anyOf") or schema.get("$ref")
                                  or schema.get("allOf") or schema.get("items"))  # fmt: skip


def same(one, other):
    if one == other or (is_empty(one) and is_empty(other)):
        return True
    return shape(one) == shape(other)
