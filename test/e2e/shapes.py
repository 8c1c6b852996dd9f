"""Small values out of a JSON schema, and for each member that it knows a pair: one value without it and one with it."""

HANDLED = 40  # levels that are looked into


class Shapes:
    """The schemas of one document; `root` holds what $ref points to."""

    def __init__(self, root):
        self.root = root

    def resolved(self, schema):
        while "$ref" in schema:
            target = self.root
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            schema = target
        return schema

    def choices(self, schema):
        """The alternatives of a schema: schemas without a choice at their top."""
        schema = self.resolved(schema)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                rest = {key: value for key, value in schema.items() if key not in (word, "discriminator")}
                found = [one for choice in schema[word] for one in self.choices(choice)]
                return [merged([self.flat(one), rest]) if "properties" in rest else one for one in found]
        return [self.flat(schema)]

    def flat(self, schema):
        schema = self.resolved(schema)
        if "allOf" not in schema:
            return schema
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        return merged([*(self.flat(self.choices(part)[0]) for part in schema["allOf"]), rest])

    def first(self, schema):
        """The first alternative that is not null."""
        return next((one for one in self.choices(schema) if one.get("type") != "null"), {})

    def least(self, schema, depth=0):
        """The smallest value that says something."""
        one = self.first(schema)
        if "const" in one:
            return one["const"]
        if "enum" in one:
            return [value for value in one["enum"] if value is not None][-1]
        kind = one.get("type") or ("object" if "properties" in one else "string")
        if isinstance(kind, list):
            kind = next(name for name in kind if name != "null")
        if kind == "object":
            wanted = one.get("required", []) if depth < HANDLED else []
            if not one.get("properties"):
                return {"x": self.least(one["additionalProperties"]) if isinstance(one.get("additionalProperties"), dict) else "x"}
            return {key: self.least(one.get("properties", {}).get(key, {}), depth + 1) for key in wanted}
        if kind == "array":
            return [self.least(one.get("items", {}), depth + 1)]
        return {"boolean": lambda: not one.get("default", False), "integer": lambda: number(one), "number": lambda: number(one)}.get(
            kind, lambda: text(one))()

    def pairs(self, schema, path="", seen=()):
        """(path, without, with) for each member inside, once for each schema that has it."""
        for one in self.choices(schema):
            if id(one) in seen or len(seen) > HANDLED:
                continue
            inner = (*seen, id(one))
            if one.get("type") == "array" and "items" in one:
                for name, without, with_it in self.pairs(one["items"], path + "[]", inner):
                    yield name, [without], [with_it]
            for key, member in one.get("properties", {}).items():
                yield from self.of_member(one, key, member, path, inner)

    def of_member(self, one, key, member, path, seen):
        base, name = self.least(one), f"{path}.{key}"
        for choice in self.choices(member):
            if choice.get("type") == "null" or set(choice) == {"const"}:
                continue
            values = choice.get("enum") or ([False, True] if choice.get("type") == "boolean" else [self.least(choice)])
            for value in values if key not in one.get("required", []) else []:
                yield name, base, {**base, key: value}
        for label, without, with_it in self.pairs(member, name, seen):
            yield label, {**base, key: without}, {**base, key: with_it}


def merged(schemas):
    whole = {"properties": {}, "required": []}
    for one in schemas:
        whole["properties"] |= one.get("properties", {})
        whole["required"] += one.get("required", [])
        whole |= {key: value for key, value in one.items() if key not in ("properties", "required")}
    if not whole["properties"]:
        del whole["properties"], whole["required"]
    return whole


def number(schema):
    low, high = schema.get("minimum", schema.get("exclusiveMinimum", 0)), schema.get("maximum", 2000)
    value = (low + high) / 2 if schema.get("type") == "number" else int(low + high) // 2
    return value if value != schema.get("default") else high


def text(schema):
    return "https://a.example/x" if schema.get("format") == "uri" else "x"
