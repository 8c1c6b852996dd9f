"""Hosts of any of the six dialects. What they say is given once, and written in each one's own words:

    host.play(says("gemini", text("It rains."), call("weather", city="Oslo")))

A behaviour answers as it was asked: whole, or as a stream cut anywhere. What came is read by meaning/, which knows
nothing of weir.
"""
import json
import re

from host import as_chunks, fault, head, reply
from meaning import anthropic, bedrock, cohere, gemini, openai, responses
from translating import compose

READERS = dict(openai=openai, anthropic=anthropic, gemini=gemini, responses=responses, cohere=cohere, bedrock=bedrock)
USAGE = (400, 600, 50)  # tokens that were put in anew, came out of a cache, were made
TYPES = {"bedrock": "application/vnd.amazon.eventstream"}


def text(words):
    return {"text": words}


def call(name, id="call_1", **arguments):
    return {"call": name, "id": id, "arguments": arguments}


def asked(dialect, request):
    """What the request that came means."""
    return READERS[dialect].prompt(request.json)


# --- openai ---


def openai_usage():
    fresh, cached, out = USAGE
    return {"prompt_tokens": fresh + cached, "completion_tokens": out, "total_tokens": fresh + cached + out,
            "prompt_tokens_details": {"cached_tokens": cached}}  # fmt: skip


def openai_call(part):
    return {"id": part["id"], "type": "function", "function": {"name": part["call"], "arguments": json.dumps(part["arguments"])}}


def openai_answer(parts):
    calls = [openai_call(part) for part in parts if "call" in part]
    message = {"role": "assistant", "content": words(parts) or None} | ({"tool_calls": calls} if calls else {})
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": openai_usage()}


def openai_events(parts):
    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    yield chunk({"role": "assistant", "content": ""})
    number = 0
    for part in parts:
        if "text" in part:
            yield from (chunk({"content": piece}) for piece in pieces(part["text"]))
            continue
        whole = openai_call(part)
        given = whole["function"].pop("arguments")
        yield chunk({"tool_calls": [{"index": number, **whole, "function": {**whole["function"], "arguments": ""}}]})
        for piece in pieces(given):
            yield chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
        number += 1
    yield chunk({}, "tool_calls" if number else "stop")
    yield {**chunk({}), "choices": [], "usage": openai_usage()}


# --- responses ---


def responses_item(part, number):
    if "text" in part:
        content = [{"type": "output_text", "text": part["text"], "annotations": []}]
        return {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": content}
    return {"type": "function_call", "id": f"fc_{number}", "call_id": part["id"], "name": part["call"],
            "arguments": json.dumps(part["arguments"]), "status": "completed"}  # fmt: skip


def responses_answer(parts, status="completed"):
    fresh, cached, out = USAGE
    usage = {"input_tokens": fresh + cached, "input_tokens_details": {"cached_tokens": cached}, "output_tokens": out,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": fresh + cached + out}  # fmt: skip
    output = [responses_item(part, n) for n, part in enumerate(parts)]
    return {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": status, "output": output, "usage": usage}


def responses_events(parts):
    started = {**responses_answer([], "in_progress"), "usage": None}
    events = [{"type": "response.created", "response": started}, {"type": "response.in_progress", "response": started}]
    for n, part in enumerate(parts):
        events += responses_item_events(part, n)
    events.append({"type": "response.completed", "response": responses_answer(parts)})
    return [{**one, "sequence_number": n} for n, one in enumerate(events)]


def responses_item_events(part, n):
    item = responses_item(part, n)
    place = {"item_id": item["id"], "output_index": n}
    opened = {**item, "status": "in_progress"} | ({"content": []} if "text" in part else {"arguments": ""})
    yield {"type": "response.output_item.added", "output_index": n, "item": opened}
    if "text" in part:
        place["content_index"], held = 0, item["content"][0]
        yield {"type": "response.content_part.added", **place, "part": {**held, "text": ""}}
        for piece in pieces(part["text"]):
            yield {"type": "response.output_text.delta", **place, "delta": piece}
        yield {"type": "response.output_text.done", **place, "text": part["text"]}
        yield {"type": "response.content_part.done", **place, "part": held}
    else:
        for piece in pieces(item["arguments"]):
            yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
        yield {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]}
    yield {"type": "response.output_item.done", "output_index": n, "item": item}


# --- anthropic ---


def anthropic_block(part):
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    return {"type": "tool_use", "id": part["id"], "name": part["call"], "input": part["arguments"]}


def anthropic_answer(parts):
    fresh, cached, out = USAGE
    usage = {"input_tokens": fresh, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0, "output_tokens": out}
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [anthropic_block(part) for part in parts],
            "stop_reason": "tool_use" if has_calls(parts) else "end_turn", "stop_sequence": None, "usage": usage}  # fmt: skip


def anthropic_events(parts):
    whole = anthropic_answer(parts)
    started = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": started}
    yield {"type": "ping"}
    for n, part in enumerate(parts):
        kind, key, given, empty = ("text_delta", "text", part["text"], {"text": ""}) if "text" in part else (
            "input_json_delta", "partial_json", json.dumps(part["arguments"]), {"input": {}})  # fmt: skip
        yield {"type": "content_block_start", "index": n, "content_block": {**anthropic_block(part), **empty}}
        for piece in pieces(given):
            yield {"type": "content_block_delta", "index": n, "delta": {"type": kind, key: piece}}
        yield {"type": "content_block_stop", "index": n}
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": USAGE[2]}}
    yield {"type": "message_stop"}


# --- gemini ---


def gemini_part(part):
    return part if "text" in part else {"functionCall": {"name": part["call"], "args": part["arguments"]}}


def gemini_answer(parts, finish="STOP"):
    fresh, cached, out = USAGE
    usage = {"promptTokenCount": fresh + cached, "cachedContentTokenCount": cached, "candidatesTokenCount": out,
             "totalTokenCount": fresh + cached + out}  # fmt: skip
    candidate = {"content": {"role": "model", "parts": [gemini_part(part) for part in parts]}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r-1"}


def gemini_events(parts):
    small = [text(piece) for part in parts if "text" in part for piece in pieces(part["text"])]
    small += [part for part in parts if "call" in part]
    for n, part in enumerate(small):
        yield gemini_answer([part], "STOP" if n == len(small) - 1 else None)


# --- cohere ---


def cohere_usage():
    fresh, cached, out = USAGE
    tokens = {"input_tokens": fresh + cached, "output_tokens": out}
    return {"billed_units": tokens, "tokens": tokens, "cached_tokens": cached}


def cohere_answer(parts):
    message = {"role": "assistant", "content": [{"type": "text", "text": words(parts)}] if words(parts) else []}
    calls = [openai_call(part) for part in parts if "call" in part]
    if calls:
        message["tool_calls"] = calls
    return {"id": "c-1", "finish_reason": "TOOL_CALL" if calls else "COMPLETE", "message": message, "usage": cohere_usage()}


def cohere_events(parts):
    def event(kind, n=None, **message):
        return {"type": kind, **({} if n is None else {"index": n}), "delta": {"message": message}}

    yield {"type": "message-start", "id": "c-1", "delta": {"message": {"role": "assistant"}}}
    number = 0
    for part in parts:
        if "text" in part:
            yield event("content-start", 0, content={"type": "text", "text": ""})
            yield from (event("content-delta", 0, content={"text": piece}) for piece in pieces(part["text"]))
            yield {"type": "content-end", "index": 0}
            continue
        whole = openai_call(part)
        given = whole["function"].pop("arguments")
        yield event("tool-call-start", number, tool_calls={**whole, "function": {**whole["function"], "arguments": ""}})
        for piece in pieces(given):
            yield event("tool-call-delta", number, tool_calls={"function": {"arguments": piece}})
        yield {"type": "tool-call-end", "index": number}
        number += 1
    finish = "TOOL_CALL" if number else "COMPLETE"
    yield {"type": "message-end", "id": "c-1", "delta": {"finish_reason": finish, "usage": cohere_usage()}}


# --- bedrock ---


def bedrock_usage():
    fresh, cached, out = USAGE
    return {"inputTokens": fresh, "cacheReadInputTokens": cached, "outputTokens": out, "totalTokens": fresh + cached + out}


def bedrock_block(part):
    return part if "text" in part else {"toolUse": {"toolUseId": part["id"], "name": part["call"], "input": part["arguments"]}}


def bedrock_answer(parts):
    return {"output": {"message": {"role": "assistant", "content": [bedrock_block(part) for part in parts]}},
            "stopReason": "tool_use" if has_calls(parts) else "end_turn", "usage": bedrock_usage(), "metrics": {"latencyMs": 7}}  # fmt: skip


def bedrock_events(parts):
    yield {"messageStart": {"role": "assistant"}}
    for n, part in enumerate(parts):
        if "call" in part:
            yield {"contentBlockStart": {"contentBlockIndex": n, "start": {"toolUse": {"toolUseId": part["id"], "name": part["call"]}}}}
            deltas = [{"toolUse": {"input": piece}} for piece in pieces(json.dumps(part["arguments"]))]
        else:
            deltas = [{"text": piece} for piece in pieces(part["text"])]
        for delta in deltas:
            yield {"contentBlockDelta": {"contentBlockIndex": n, "delta": delta}}
        yield {"contentBlockStop": {"contentBlockIndex": n}}
    yield {"messageStop": {"stopReason": "tool_use" if has_calls(parts) else "end_turn"}}
    yield {"metadata": {"usage": bedrock_usage(), "metrics": {"latencyMs": 7}}}


# --- all ---


def words(parts):
    return "".join(part.get("text", "") for part in parts)


def has_calls(parts):
    return any("call" in part for part in parts)


def pieces(whole):
    """In threes: arguments are cut within words and escapes."""
    return re.findall(r"(?s).{1,3}", whole)


def wants_stream(request):
    if "generateContent" in request.target or request.target.endswith("/converse"):
        return False
    return ":streamGenerateContent" in request.target or request.target.endswith("/converse-stream") or bool(request.json.get("stream"))


def says(dialect, *parts, seed=7):
    answer, events = globals()[f"{dialect}_answer"], globals()[f"{dialect}_events"]
    return plays(dialect, json.dumps(answer(parts)).encode(), compose(dialect, list(events(parts))), seed)


def plays(dialect, whole, stream, seed=7):
    """These bytes of an answer and of a stream."""

    def behave(connection, request):
        if not wants_stream(request):
            return reply(whole)(connection, request)
        connection.send(head(200, chunked=True, type=TYPES.get(dialect, "text/event-stream")))
        connection.send_in_pieces(as_chunks(stream), seed)
        connection.send(b"0\r\n\r\n")

    return behave


def breaks(dialect, *parts):
    """Half a stream, in its events' framing or not, and no end."""
    whole = compose(dialect, list(globals()[f"{dialect}_events"](parts)))

    def behave(connection, request):
        connection.send(head(200, chunked=True, type=TYPES.get(dialect, "text/event-stream")) + as_chunks(whole[: len(whole) // 2]))
        return False

    return behave


WORDS_OF = {400: ("invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
            429: ("rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException"),
            500: ("api_error", "INTERNAL", "InternalServerException")}  # fmt: skip


def refuses(dialect, status, message, fields=()):
    """An error as the dialect's provider words it."""
    kind, google, amazon = WORDS_OF[status]
    if dialect in ("openai", "responses"):
        return fault(status, message, fields, type=kind)
    if dialect == "anthropic":
        return reply({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}, status, fields)
    if dialect == "gemini":
        return reply({"error": {"code": status, "message": message, "status": google}}, status, fields)
    return reply({"message": message}, status, [*fields, ("x-amzn-errortype", amazon)] if dialect == "bedrock" else fields)
