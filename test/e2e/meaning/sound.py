"""What the providers refuse, whatever a request means: rules() gives what is wrong with a body, as sentences.

From the API references and the recorded refusals (400) of the providers.
"""
import json
import re

WORD = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}\Z")


def rules(dialect, body):
    found = []
    globals()[dialect](body, lambda ok, what: ok or found.append(what))
    return found


def answered(check, turns):
    """Each result answers a call of the turn before it: [(calls, results)] of each."""
    for (calls, _), (_, results) in zip([((), ()), *turns], turns):
        check(set(results) <= set(calls), f"results {results} of the calls {calls}")


def is_object(text):
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False


def openai(body, check):
    calls, open_calls = (), []
    check(isinstance(body["messages"], list), "messages are no list")
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        check(role in ("system", "user", "assistant", "tool"), f"role {role}")
        check(content != [], "an empty content")
        if role == "assistant":
            made = message.get("tool_calls")
            check(made != [], "an empty list of calls")
            check(content is not None or made, "an assistant that says nothing")
            open_calls = [call["id"] for call in made or []]
            check(all(isinstance(call["function"]["arguments"], str) for call in made or []), "arguments are no text")
            check(all(WORD.match(one) for one in open_calls), f"ids {open_calls}")
        elif role == "tool":
            check(message["tool_call_id"] in open_calls, f"a result without its call: {message['tool_call_id']}")
            check(isinstance(content, str), "a result that is no text")
        else:
            open_calls = []
    check("tool_choice" not in body or body.get("tools"), "a choice among no tools")


def anthropic(body, check):
    turns = []
    check(body["messages"][:1] == [] or body["messages"][0]["role"] == "user", "it does not begin with the user")
    thinks = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    check(isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 0, "no limit")
    budget = (body.get("thinking") or {}).get("budget_tokens")
    check(budget is None or 1024 <= budget < body["max_tokens"], f"a budget of {budget} of {body['max_tokens']}")
    for message in body["messages"]:
        blocks = message["content"]
        blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
        check(blocks, "an empty content")
        kinds = [block["type"] for block in blocks]
        check(kinds == sorted(kinds, key=lambda kind: kind != "tool_result"), f"results are not first: {kinds}")
        check(all(block["text"].strip() for block in blocks if block["type"] == "text"), "an empty text")
        made = [block for block in blocks if block["type"] == "tool_use"]
        check(all(WORD.match(block["id"]) and isinstance(block["input"], dict) for block in made), f"calls {made}")
        turns.append(([block["id"] for block in made],
                      [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]))  # fmt: skip
    answered(check, turns)
    check(all(block["text"].strip() for block in body.get("system") or []), "an empty text in system")
    check(body.get("system") != [], "an empty system")
    for tool in body.get("tools") or []:
        schema = tool["input_schema"]
        check(isinstance(schema, dict) and schema.get("type") == "object", f"a schema of {schema}"[:100])
    choice = body.get("tool_choice")
    check(choice is None or body.get("tools"), "a choice among no tools")
    check(not thinks or (choice or {}).get("type") not in ("any", "tool"), "a call forced while thinking")
    check(not thinks or not {"temperature", "top_p", "top_k"} & set(body), "sampling while thinking")
    check(not re.search("-4-[56]", body["model"]) or not {"temperature", "top_p"} <= set(body), "two ways to sample")
    temperature = body.get("temperature", 0)
    check(not isinstance(temperature, (int, float)) or 0 <= temperature <= 1, f"temperature {temperature}")
    check(json.dumps(body).count('"cache_control"') <= 4, "more than four breakpoints")


def gemini(body, check):
    last, turns = "model", []
    for content in body["contents"]:
        check(content["role"] in ("user", "model"), f"role {content['role']}")
        check(content["role"] != last or last == "user", "two turns of the model")
        last, parts = content["role"], content["parts"]
        check(parts, "a content without parts")
        for part in parts:
            kinds = set(part) - {"thought", "thoughtSignature", "videoMetadata", "mediaResolution"}
            check(len(kinds) == 1, f"a part of {kinds}")
            check(part.get("text") != "" or "thoughtSignature" in part, "an empty text")
        made = [part["functionCall"] for part in parts if "functionCall" in part]
        got = [part["functionResponse"] for part in parts if "functionResponse" in part]
        check(all(NAME.match(call["name"]) for call in made + got), f"names {made + got}"[:200])
        check(all(isinstance(call.get("args", {}), dict) for call in made), "args are no object")
        check(all(isinstance(one["response"], dict) for one in got), "a response that is no object")
        turns.append((made, got))
    held = [tool for tool in body.get("tools") or [] if "functionDeclarations" in tool]
    check(len(held) < 2, "several lists of functions")
    for one in held:
        for function in one["functionDeclarations"]:
            check(not {"parameters", "parametersJsonSchema"} <= set(function), "two schemas")
    config = body.get("generationConfig") or {}
    check(not {"responseSchema", "responseJsonSchema"} <= set(config), "two schemas of the answer")
    thinking = config.get("thinkingConfig") or {}
    check(not {"thinkingBudget", "thinkingLevel"} <= set(thinking), "a budget and a level")
    check("toolConfig" not in body or held, "a choice among no tools")


def responses(body, check):
    calls = set()
    items = body["input"]
    for item in [] if isinstance(items, str) else items:
        kind = item.get("type", "message")
        if kind == "message":
            check(item["role"] in ("user", "assistant", "system", "developer"), f"role {item['role']}")
            check(item["content"] != [], "an empty content")
            wanted = ("output_text", "refusal") if item["role"] == "assistant" else (
                "input_text", "input_image", "input_file", "input_audio")  # fmt: skip
            parts = [] if isinstance(item["content"], str) else item["content"]
            check(all(part["type"] in wanted for part in parts), f"parts of {item['role']}: {parts}"[:200])
        elif kind == "function_call":
            calls.add(item["call_id"])
            check(isinstance(item["arguments"], str) and len(item["call_id"]) <= 64, "a call")
        elif kind == "function_call_output":
            check(item["call_id"] in calls, f"a result without its call: {item['call_id']}")
    check("tool_choice" not in body or body.get("tools"), "a choice among no tools")


def cohere(body, check):
    open_calls = []
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        check(role in ("system", "user", "assistant", "tool"), f"role {role}")
        check(content != [], "an empty content")
        if role == "assistant":
            open_calls = [call["id"] for call in message.get("tool_calls") or []]
            check(content or open_calls, "an assistant that says nothing")
        elif role == "tool":
            check(message["tool_call_id"] in open_calls, f"a result without its call: {message['tool_call_id']}")
        else:
            open_calls = []
    check(body.get("tool_choice") in (None, "REQUIRED", "NONE"), f"choice {body.get('tool_choice')}")
    check("tool_choice" not in body or body.get("tools"), "a choice among no tools")
    check("response_format" not in body or not body.get("tools") or body.get("tool_choice") == "NONE", "a format beside tools")
    for name in ("frequency_penalty", "presence_penalty"):
        check(0 <= body.get(name, 0) <= 1, f"{name} {body.get(name)}")
    check(0.01 <= body.get("p", 0.5) <= 0.99, f"p {body.get('p')}")


DOCUMENT = re.compile(r"[A-Za-z0-9()\[\]-]+( [A-Za-z0-9()\[\]-]+)*\Z")


def bedrock(body, check):
    turns, last, names = [], "assistant", []
    for message in body["messages"]:
        check(message["role"] != last, f"two turns of {last}")
        last, blocks = message["role"], message["content"]
        check(blocks, "an empty content")
        check(all(block["text"].strip() for block in blocks if "text" in block), "an empty text")
        made = [block["toolUse"] for block in blocks if "toolUse" in block]
        check(all(WORD.match(one["toolUseId"]) and isinstance(one["input"], dict) for one in made), f"calls {made}")
        turns.append(([one["toolUseId"] for one in made],
                      [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]))  # fmt: skip
        documents = [block["document"] for block in blocks if "document" in block]
        names += [one["name"] for one in documents]
        check(not documents or any("text" in block for block in blocks), "a document without a text beside it")
    answered(check, turns)
    check(len(set(names)) == len(names) and all(DOCUMENT.match(name) for name in names), f"documents {names}")
    used = any(calls or results for calls, results in turns)
    check(not used or "toolConfig" in body, "calls, but no toolConfig")
    check(all(one.get("text", "x").strip() for one in body.get("system") or []), "an empty text in system")
    for tool in (body.get("toolConfig") or {}).get("tools") or []:
        check((tool.get("toolSpec") or {}).get("description") != "", "an empty description")
    check(body.get("toolConfig") is None or body["toolConfig"]["tools"], "a toolConfig without tools")
