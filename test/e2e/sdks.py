"""The official Python clients, each made to do the same few tasks in its own words.

A driver is a generator function: given what to do it asks, and returns what its client made of the answer:

    {"text": ..., "calls": [[name, arguments], ...], "usage": [in, out], "parsed": {...}}

A task is {"url", "key", "model", "what", "stream"}; what: chat, tools (two turns), image, schema, or any: a few tokens,
however they end. An error that the
client raises becomes {"error": its class, "status": ..., "message": ...}. clients.mjs does the same with those of npm.
"""
import base64
import functools
import json
import pathlib
import shutil
import subprocess
from typing import NamedTuple

import anthropic
import boto3
import botocore.config
import botocore.exceptions
import cohere
import openai
import pydantic
from cohere.core import ApiError
from google import genai
from google.genai import errors as genai_errors

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
IMAGE = base64.b64encode(PNG).decode()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = "weather"
ABOUT = "Tells the weather."
SYSTEM, ASK = "Be brief.", "How is the weather?"
RESULT = "rain"


class Weather(pydantic.BaseModel):
    city: str
    degrees: float


WEATHER = {"type": "object", "properties": {"city": {"type": "string"}, "degrees": {"type": "number"}},
           "required": ["city", "degrees"], "additionalProperties": False}  # fmt: skip


def told(text, calls=(), usage=None, parsed=None):
    parsed = parsed.model_dump() if isinstance(parsed, pydantic.BaseModel) else parsed
    return {"text": text or "", "calls": [list(call) for call in calls], "usage": list(usage or ()), "parsed": parsed}


def limit(task):
    return 8 if task["what"] == "any" else 200


def ended(task, how, wanted):
    assert how == wanted or task["what"] == "any", how


def again(first, second):
    """Of two turns: the calls of the first, the text of the second."""
    return {**second, "calls": first["calls"]}


# --- openai: chat completions ---


@functools.cache
def openai_client(url, key):
    return openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)


def openai_chat(task):
    client = openai_client(task["url"], task["key"])
    image = [{"type": "text", "text": ASK}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}]
    turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": image if task["what"] == "image" else ASK}]
    tool = {"type": "function", "function": {"name": TOOL, "description": ABOUT, "parameters": SCHEMA}}
    more = {"max_tokens": limit(task), "temperature": 0.5} | ({"tools": [tool]} if task["what"] == "tools" else {})

    def ask():
        options = {"model": task["model"], "messages": turns, **more}
        form = {"response_format": Weather} if task["what"] == "schema" else {}
        if task["stream"] and task["what"] == "any":
            return None, joined_chunks(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))
        if task["stream"]:
            with client.chat.completions.stream(**options, **form, stream_options={"include_usage": True}) as events:
                for _ in events:
                    pass
                answer = events.get_final_completion()
        else:
            answer = (client.chat.completions.parse if form else client.chat.completions.create)(**options, **form)
        said = answer.choices[0].message
        calls = [(one.function.name, json.loads(one.function.arguments)) for one in said.tool_calls or ()]
        ended(task, answer.choices[0].finish_reason, "tool_calls" if calls else "stop")
        usage = answer.usage and (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return said, told(said.content, calls, usage, getattr(said, "parsed", None))

    said, first = ask()
    if task["what"] != "tools":
        return first
    turns += [said, *({"role": "tool", "tool_call_id": one.id, "content": RESULT} for one in said.tool_calls)]
    return again(first, ask()[1])


def joined_chunks(chunks):
    """The chunks themselves, as the helper takes no answer that was cut short."""
    text, calls, usage = "", {}, None
    for one in chunks:
        usage = one.usage and (one.usage.prompt_tokens, one.usage.completion_tokens)
        for choice in one.choices:
            text += choice.delta.content or ""
            for piece in choice.delta.tool_calls or ():
                call = calls.setdefault(piece.index, ["", ""])
                call[0] += piece.function.name or ""
                call[1] += piece.function.arguments or ""
    return told(text, [(name, json.loads(given or "{}")) for name, given in calls.values()], usage)


# --- openai: responses ---


def openai_responses(task):
    client = openai_client(task["url"], task["key"])
    image = [{"type": "input_text", "text": ASK}, {"type": "input_image", "image_url": f"data:image/png;base64,{IMAGE}"}]
    turns = [{"role": "user", "content": image if task["what"] == "image" else ASK}]
    tool = {"type": "function", "name": TOOL, "description": ABOUT, "parameters": SCHEMA, "strict": False}
    more = {"max_output_tokens": limit(task), "temperature": 0.5} | ({"tools": [tool]} if task["what"] == "tools" else {})

    def ask():
        options = {"model": task["model"], "input": turns, "instructions": SYSTEM, "store": False, **more}
        form = {"text_format": Weather} if task["what"] == "schema" else {}
        if task["stream"] and task["what"] == "any":
            answer = list(client.responses.create(**options, stream=True))[-1].response
        elif task["stream"]:
            with client.responses.stream(**options, **form) as events:
                seen = list(events)
                answer = events.get_final_response()
            assert [one.sequence_number for one in seen] == list(range(len(seen)))
        else:
            answer = (client.responses.parse if form else client.responses.create)(**options, **form)
        ended(task, answer.status, "completed")
        calls = [(one.name, json.loads(one.arguments)) for one in answer.output if one.type == "function_call"]
        usage = answer.usage and (answer.usage.input_tokens, answer.usage.output_tokens)
        return answer, told(answer.output_text, calls, usage, getattr(answer, "output_parsed", None))

    said, first = ask()
    if task["what"] != "tools":
        return first
    turns += said.output
    turns += [{"type": "function_call_output", "call_id": one.call_id, "output": RESULT} for one in said.output if one.type == "function_call"]
    return again(first, ask()[1])


# --- anthropic ---


@functools.cache
def anthropic_client(url, key):
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)


def anthropic_messages(task):
    client = anthropic_client(task["url"], task["key"])
    image = [{"type": "text", "text": ASK}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}}]
    turns = [{"role": "user", "content": image if task["what"] == "image" else ASK}]
    tool = {"name": TOOL, "description": ABOUT, "input_schema": SCHEMA}
    more = {"max_tokens": limit(task), "extra_body": {"temperature": 0.5}} | ({"tools": [tool]} if task["what"] == "tools" else {})

    def ask():
        options = {"model": task["model"], "messages": turns, "system": SYSTEM, **more}
        form = {"output_format": Weather} if task["what"] == "schema" else {}
        if task["stream"]:
            with client.messages.stream(**options, **form) as events:
                for _ in events:
                    pass
                answer = events.get_final_message()
        else:
            answer = (client.messages.parse if form else client.messages.create)(**options, **form)
        calls = [(one.name, one.input) for one in answer.content if one.type == "tool_use"]
        ended(task, answer.stop_reason, "tool_use" if calls else "end_turn")
        usage = answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0), answer.usage.output_tokens
        text = "".join(one.text for one in answer.content if one.type == "text")
        return answer, told(text, calls, usage, getattr(answer, "parsed_output", None))

    said, first = ask()
    if task["what"] != "tools":
        return first
    results = [{"type": "tool_result", "tool_use_id": one.id, "content": RESULT} for one in said.content if one.type == "tool_use"]
    turns += [{"role": "assistant", "content": said.content}, {"role": "user", "content": results}]
    return again(first, ask()[1])


# --- google-genai ---


@functools.cache
def genai_client(url, key, version=None):
    return genai.Client(api_key=key, http_options=genai.types.HttpOptions(base_url=url, api_version=version))


def google_genai(task):
    client = genai_client(task["url"], task["key"], task.get("version"))
    types, parts = genai.types, [genai.types.Part.from_text(text=ASK)]
    if task["what"] == "image":
        parts.append(types.Part.from_bytes(data=PNG, mime_type="image/png"))
    turns = [types.Content(role="user", parts=parts)]
    config = {"max_output_tokens": limit(task), "temperature": 0.5, "system_instruction": SYSTEM}
    if task["what"] == "tools":
        config["tools"] = [{"function_declarations": [{"name": TOOL, "description": ABOUT, "parameters_json_schema": SCHEMA}]}]
    if task["what"] == "schema":
        config |= {"response_mime_type": "application/json", "response_schema": Weather}

    def ask():
        given = {"model": task["model"], "contents": turns, "config": config}
        if not task["stream"]:
            answer = client.models.generate_content(**given)
            return join([answer], answer.parsed)
        return join(list(client.models.generate_content_stream(**given)))

    def join(answers, parsed=None):
        parts = [part for one in answers for part in one.candidates[0].content.parts or ()]
        calls = [(part.function_call.name, part.function_call.args) for part in parts if part.function_call]
        text = "".join(part.text for part in parts if part.text and not part.thought)
        ended(task, answers[-1].candidates[0].finish_reason.name, "STOP")
        used = answers[-1].usage_metadata
        if task["what"] == "schema" and task["stream"]:
            parsed = Weather.model_validate_json(text)
        usage = used and (used.prompt_token_count, used.candidates_token_count)
        return parts, told(text, calls, usage, parsed)

    parts, first = ask()
    if task["what"] != "tools":
        return first
    results = [types.Part(function_response={"id": part.function_call.id, "name": part.function_call.name, "response": {"result": RESULT}})
               for part in parts if part.function_call]  # fmt: skip
    turns += [types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
    return again(first, ask()[1])


# --- cohere ---


@functools.cache
def cohere_client(url, key):
    return cohere.ClientV2(api_key=key, base_url=url)


def cohere_chat(task):
    client = cohere_client(task["url"], task["key"])
    image = [{"type": "text", "text": ASK}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}]
    turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": image if task["what"] == "image" else ASK}]
    tool = {"type": "function", "function": {"name": TOOL, "description": ABOUT, "parameters": SCHEMA}}
    more = {"max_tokens": limit(task), "temperature": 0.5} | ({"tools": [tool]} if task["what"] == "tools" else {})
    if task["what"] == "schema":
        more["response_format"] = {"type": "json_object", "json_schema": WEATHER}

    def ask():
        options = {"model": task["model"], "messages": turns, **more}
        if not task["stream"]:
            answer = client.chat(**options, request_options={"max_retries": 0})
            said, calls = answer.message, answer.message.tool_calls or []
            text = "".join(one.text for one in said.content or () if one.type == "text")
            return finish(text, [(one.id, one.function.name, one.function.arguments) for one in calls], answer)
        text, calls, end = "", [], None
        for one in client.chat_stream(**options, request_options={"max_retries": 0}):
            if one.type == "content-delta":
                text += one.delta.message.content.text or ""
            elif one.type == "tool-call-start":
                call = one.delta.message.tool_calls
                calls.append([call.id, call.function.name, call.function.arguments or ""])
            elif one.type == "tool-call-delta":
                calls[one.index][2] += one.delta.message.tool_calls.function.arguments
            elif one.type == "message-end":
                end = one.delta
        return finish(text, calls, end)

    def finish(text, calls, end):
        if end.finish_reason == "ERROR":
            raise ApiError(body=end.error)
        ended(task, end.finish_reason, "TOOL_CALL" if calls else "COMPLETE")
        used = end.usage and end.usage.tokens
        parsed = json.loads(text) if task["what"] == "schema" else None
        usage = used and (int(used.input_tokens), int(used.output_tokens))
        return calls, told(text, [(name, json.loads(given)) for _, name, given in calls], usage, parsed)

    calls, first = ask()
    if task["what"] != "tools":
        return first
    made = [{"id": id, "type": "function", "function": {"name": name, "arguments": given}} for id, name, given in calls]
    turns.append({"role": "assistant", "tool_calls": made, "tool_plan": first["text"]})
    turns += [{"role": "tool", "tool_call_id": id, "content": RESULT} for id, _, _ in calls]
    return again(first, ask()[1])


# --- boto3 ---


@functools.cache
def boto3_client(url, key, key_id):
    return boto3.client(
        "bedrock-runtime", endpoint_url=url, region_name="us-east-1", aws_access_key_id=key_id, aws_secret_access_key=key,
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


def boto3_converse(task):
    client = boto3_client(task["url"], task["key"], task["key_id"])
    turns = [{"role": "user", "content": [{"text": ASK}]}]
    if task["what"] == "image":
        turns[0]["content"].append({"image": {"format": "png", "source": {"bytes": PNG}}})
    more = {"inferenceConfig": {"maxTokens": limit(task), "temperature": 0.5}}
    if task["what"] == "tools":
        more["toolConfig"] = {"tools": [{"toolSpec": {"name": TOOL, "description": ABOUT, "inputSchema": {"json": SCHEMA}}}]}
    if task["what"] == "schema":
        schema = {"schema": json.dumps(WEATHER), "name": "Weather"}
        more["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}

    def ask():
        options = {"modelId": task["model"], "messages": turns, "system": [{"text": SYSTEM}], **more}
        if not task["stream"]:
            answer = client.converse(**options)
            return finish(answer["output"]["message"]["content"], answer["stopReason"], answer["usage"])
        blocks, given, stop, usage = {}, {}, None, None
        for event in client.converse_stream(**options)["stream"]:
            (kind, one), *_ = event.items()
            if kind == "contentBlockStart":
                blocks[one["contentBlockIndex"]] = {"toolUse": dict(one["start"]["toolUse"])}
            elif kind == "contentBlockDelta":
                at, delta = one["contentBlockIndex"], one["delta"]
                if "text" in delta:
                    blocks.setdefault(at, {"text": ""})["text"] += delta["text"]
                elif "toolUse" in delta:
                    given[at] = given.get(at, "") + delta["toolUse"]["input"]
            elif kind == "messageStop":
                stop = one["stopReason"]
            elif kind == "metadata":
                usage = one["usage"]
        for at, words in given.items():
            blocks[at]["toolUse"]["input"] = json.loads(words or "{}")
        return finish([block for _, block in sorted(blocks.items())], stop, usage)

    def finish(content, stop, usage):
        calls = [(one["toolUse"]["name"], one["toolUse"]["input"]) for one in content if "toolUse" in one]
        ended(task, stop, "tool_use" if calls else "end_turn")
        text = "".join(one.get("text", "") for one in content)
        used = usage["inputTokens"] + usage.get("cacheReadInputTokens", 0), usage["outputTokens"]
        return content, told(text, calls, used, json.loads(text) if task["what"] == "schema" else None)

    said, first = ask()
    if task["what"] != "tools":
        return first
    results = [{"toolResult": {"toolUseId": one["toolUse"]["toolUseId"], "content": [{"text": RESULT}]}} for one in said if "toolUse" in one]
    turns += [{"role": "assistant", "content": said}, {"role": "user", "content": results}]
    return again(first, ask()[1])


# --- all ---


# The clients of npm, by the names that node/clients.mjs gives them, and the dialect of each.
NPM = {
    "npm openai chat": "openai", "npm openai responses": "responses", "npm anthropic": "anthropic", "npm google": "gemini",
    "ai openai chat": "openai", "ai openai responses": "responses", "ai anthropic": "anthropic", "ai google": "gemini",
    "ai cohere": "cohere", "ai bedrock": "bedrock",
}  # fmt: skip


class Node:
    """node/clients.mjs at the end of a pipe; `installed` is what tools/node.sh printed."""

    def __init__(self, installed, folder):
        shutil.copy(pathlib.Path(__file__).parent / "node/clients.mjs", folder)
        (folder / "node_modules").symlink_to(pathlib.Path(installed) / "node_modules")
        said = {"image": IMAGE, "schema": SCHEMA, "weather": WEATHER, "tool": TOOL, "about": ABOUT, "system": SYSTEM, "ask": ASK}
        self.errors = open(folder / "stderr", "w+b")
        self.process = subprocess.Popen(
            [pathlib.Path(installed) / "bin/node", "clients.mjs", json.dumps({**said, "result": RESULT})],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
        )  # fmt: skip

    def ask(self, client, task):
        self.process.stdin.write(json.dumps({**task, "client": client}).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise AssertionError(f"node ended: {self.errors.read().decode()[-3000:]}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()
        self.errors.close()


class Sdk(NamedTuple):
    ask: object
    dialect: str


PYTHON = {
    "openai chat": Sdk(openai_chat, "openai"),
    "openai responses": Sdk(openai_responses, "responses"),
    "anthropic": Sdk(anthropic_messages, "anthropic"),
    "google-genai": Sdk(google_genai, "gemini"),
    "cohere": Sdk(cohere_chat, "cohere"),
    "boto3": Sdk(boto3_converse, "bedrock"),
}


def fault_of(error):
    """What a client says of an error, whichever it is."""
    if isinstance(error, openai.APIStatusError | anthropic.APIStatusError):
        return error.status_code, str(error)
    if isinstance(error, genai_errors.APIError):
        return error.code, str(error)
    if isinstance(error, botocore.exceptions.ClientError):
        return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 200), str(error)
    return getattr(error, "status_code", 0), str(error)


CLIENT_ERRORS = (openai.APIError, anthropic.APIError, genai_errors.APIError, botocore.exceptions.ClientError, ApiError)


def count(name, task):
    """How many tokens the client's own call says that the question has."""
    if name == "anthropic":
        turns = [{"role": "user", "content": ASK}]
        return anthropic_client(task["url"], task["key"]).messages.count_tokens(model=task["model"], messages=turns).input_tokens
    return genai_client(task["url"], task["key"]).models.count_tokens(model=task["model"], contents=ASK).total_tokens


def run(name, task):
    try:
        return PYTHON[name].ask(task)
    except CLIENT_ERRORS as error:
        kind = error.response["Error"]["Code"] if isinstance(error, botocore.exceptions.ClientError) else type(error).__name__
        status, message = fault_of(error)
        return {"error": kind, "status": status, "message": message}
