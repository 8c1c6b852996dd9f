"""OpenAI's Responses with its own client: from hosts that speak chat, Messages, and Responses itself."""
import json

import openai
import pydantic
import pytest

from host import chunk, completion, cut, event, fault, reply, stream, stream_events

KEY = "sk-weir-test-0123456789abcdef"
CONFIG = """
upstream: {{attempts: 1, retry_wait: 0s}}
route: {{breaker_failures: 1000}}
providers:
  chatty: {{dialect: openai, base_url: {url}, api_key: secret}}
  clever: {{dialect: anthropic, base_url: {url}, api_key: secret}}
  modern: {{dialect: responses, base_url: {url}, api_key: secret}}
models:
  a/chat: [{{provider: chatty, model: m-1, price: {{input: 1, output: 2}}}}]
  a/messages: [{{provider: clever, model: m-2, price: {{input: 1, output: 2}}}}]
  a/responses: [{{provider: modern, model: m-3, price: {{input: 1, output: 2}}}}]
"""
TOOL = {
    "type": "function", "name": "weather", "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}  # fmt: skip
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


pytestmark = pytest.mark.asan


@pytest.fixture
def server(weir, host):
    provider = host()
    server = weir(CONFIG.format(url=provider.url), WEIR_KEY=KEY)
    server.host = provider
    return server


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=server.url + "/v1", api_key=KEY, max_retries=0) as client:
        yield client


def asked(server):
    return server.host.requests[-1]


def ask(client, model="a/chat", **more):
    return client.responses.create(**{"model": model, "input": "hi", **more})


# --- from a host that speaks chat ---


def test_an_answer(client, server):
    response = ask(client, instructions="be", temperature=0.5, tools=[TOOL])
    assert (response.output_text, response.status, response.model) == ("hello", "completed", "large-v1")
    assert (response.usage.input_tokens, response.usage.input_tokens_details.cached_tokens) == (1000, 600)
    assert (response.usage.output_tokens, response.usage.total_tokens) == (50, 1050)
    assert (response.instructions, response.temperature, response.tools[0].name) == ("be", 0.5, "weather")
    assert asked(server).target == "/v1/chat/completions"
    assert asked(server).json["messages"] == [
        {"role": "system", "content": "be"},
        {"role": "user", "content": "hi"},
    ]


def test_a_stream(client, server):
    """The client's helper puts the events together itself, and fails where one does not fit."""
    server.host.play(stream(pieces=7))
    with client.responses.stream(model="a/chat", input="hi", instructions="be " * 20000) as events:
        seen = list(events)
        final = events.get_final_response()
    assert [one.sequence_number for one in seen] == list(range(len(seen)))
    assert "".join(one.delta for one in seen if one.type == "response.output_text.delta") == "hello"
    assert (seen[0].type, seen[-1].type) == ("response.created", "response.completed")
    assert (final.output_text, final.usage.input_tokens) == ("hello", 1000)
    assert final.instructions == seen[0].response.instructions == "be " * 20000


def test_a_stream_whose_first_event_has_text(client, server):
    """What was asked is told in the first event, though it goes out when the request's bytes could go."""
    server.host.play(stream([event(chunk({"content": "hello"})), event(chunk({}, "stop")), event(b"[DONE]")]))
    with client.responses.stream(model="a/chat", input="hi", instructions="be " * 20000) as events:
        assert events.get_final_response().instructions == "be " * 20000


def test_tools(client, server):
    message = {"role": "assistant", "content": "look", "tool_calls": [CALL]}
    server.host.play(reply({**completion(), "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}))
    response = ask(client, tools=[TOOL], tool_choice="required")
    said, call = response.output
    assert (said.content[0].text, call.name, call.call_id, call.arguments) == ("look", "weather", "call_1", '{"city": "Oslo"}')
    assert asked(server).json["tools"][0]["function"]["name"] == "weather"
    # The second turn: what was said, the call and its result.
    server.host.play(reply(completion("rain")))
    result = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    turns = [{"role": "user", "content": "hi"}, *response.output, result]
    assert ask(client, input=turns, tools=[TOOL]).output_text == "rain"
    assert asked(server).json["messages"][1:] == [
        {"role": "assistant", "content": "look", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]


def test_tools_in_a_stream(client, server):
    def piece(index, **function):
        number = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
        return event(chunk({"tool_calls": [{"index": index, **number, "function": function}]}))

    pieces = [
        event(chunk({"role": "assistant", "reasoning_content": "think"})),
        piece(0, name="weather", arguments=""), piece(0, arguments='{"city":'), piece(0, arguments=' "Oslo"}'),
        piece(1, name="weather", arguments="{}"), event(chunk({}, "tool_calls")), event(b"[DONE]"),
    ]  # fmt: skip
    server.host.play(stream(pieces))
    with client.responses.stream(model="a/chat", input="hi", tools=[TOOL]) as events:
        final = events.get_final_response()
    thought, *calls = final.output
    assert thought.summary[0].text == "think"
    assert [(call.call_id, call.arguments) for call in calls] == [("call_0", '{"city": "Oslo"}'), ("call_1", "{}")]


class City(pydantic.BaseModel):
    name: str
    people: int


def test_structured_output(client, server):
    server.host.play(reply(completion('{"name": "Oslo", "people": 700000}')))
    response = client.responses.parse(model="a/chat", input="hi", text_format=City)
    assert response.output_parsed == City(name="Oslo", people=700000)
    assert asked(server).json["response_format"]["json_schema"]["name"] == "City"


# --- from a host that speaks Messages ---


def anthropic_events(*events):
    return stream([b"event: %s\ndata: %s\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in events])


def test_thoughts_come_back_signed(client, server):
    """Thoughts and their signature survive a turn with a tool, though this dialect has no place for them."""
    thought = {"type": "thinking", "thinking": "think", "signature": "c2ln"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    server.host.play(
        anthropic_events(
            {"type": "message_start", "message": {"id": "msg_1", "model": "m-2", "usage": {"input_tokens": 7}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "think"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_start", "index": 1, "content_block": {**call, "input": {}}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"city":'}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ' "Oslo"}'}},
            {"type": "content_block_stop", "index": 1},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        )
    )
    with client.responses.stream(model="a/messages", input="hi", tools=[TOOL], max_output_tokens=5000, reasoning={"effort": "high"}) as events:
        final = events.get_final_response()
    assert (final.usage.input_tokens, final.usage.output_tokens) == (7, 5)
    assert final.output[0].summary[0].text == "think"
    turns = [{"role": "user", "content": "hi"}, *final.output]
    turns.append({"type": "function_call_output", "call_id": "toolu_1", "output": "rain"})
    said = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "rain"}], "stop_reason": "end_turn"}
    server.host.play(reply({**said, "id": "msg_2", "model": "m-2", "usage": {"input_tokens": 9, "output_tokens": 1}}))
    assert ask(client, "a/messages", input=turns, tools=[TOOL], max_output_tokens=5000).output_text == "rain"
    assert asked(server).json["messages"][1]["content"] == [thought, call]
    # To somebody else they do not go.
    server.host.play(reply(completion("rain")))
    assert ask(client, input=turns, tools=[TOOL]).output_text == "rain"
    assert "c2ln" not in asked(server).body.decode()


# --- from a host that speaks it as well ---


def test_the_same_dialect_passes(client, server):
    body = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m-3", "status": "completed", "new": [1.50, None]}
    body |= {"output": [], "usage": {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 1}, "output_tokens": 2}}
    text = json.dumps(body)
    server.host.play(reply(text.encode()))
    answer = client.responses.with_raw_response.create(model="a/responses", input="hi", store=False)
    assert answer.text == text
    assert (asked(server).target, asked(server).json) == ("/v1/responses", {"model": "m-3", "input": "hi", "store": False})
    assert float(answer.headers["x-weir-cost-usd"]) == 3e-6 + 4e-6


def test_a_chat_client_of_a_host_that_speaks_responses(client, server):
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    done = {"id": "resp_1", "model": "m-3", "status": "completed", "output": [], "usage": {"input_tokens": 3, "output_tokens": 2}}
    events = [
        {"type": "response.created", "response": {"id": "resp_1", "model": "m-3", "created_at": 5}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**message, "content": []}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "he"},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "llo"},
        {"type": "response.output_item.done", "output_index": 0, "item": {**message, "content": []}},
        {"type": "response.completed", "response": done},
    ]
    server.host.play(anthropic_events(*events))
    options = {"include_usage": True}
    parts = list(client.chat.completions.create(model="a/responses", messages=[{"role": "user", "content": "hi"}], stream=True, stream_options=options))
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == "hello"
    assert (parts[-2].choices[0].finish_reason, parts[-1].usage.prompt_tokens) == ("stop", 3)
    assert asked(server).json == {
        "model": "m-3", "stream": True, "store": False,
        "input": [{"type": "message", "role": "user", "content": "hi"}],
    }  # fmt: skip


# --- what does not work ---


def test_what_is_kept_nowhere_is_refused(client, server):
    with pytest.raises(openai.BadRequestError, match="previous_response_id") as refused:
        ask(client, previous_response_id="resp_1")
    assert not server.host.requests
    assert refused.value.type == "invalid_request_error"
    raw = client.responses.with_raw_response.create(model="a/chat", input="hi", background=True, extra_headers={"x-weir-drop": "allow"})
    assert raw.headers["x-weir-dropped"] == "background"


def test_errors_of_the_host(client, server):
    server.host.play(fault(429, "slow down"))
    with pytest.raises(openai.RateLimitError):
        ask(client)


def test_a_stream_that_breaks(client, server):
    """As OpenAI tells it: an error, and that the response failed."""
    server.host.play(stream(stream_events()[:2], then=cut))
    with pytest.raises(openai.APIError, match="the connection was cut"):
        list(ask(client, stream=True))
    server.host.play(stream(stream_events()[:2], then=cut))
    with client.responses.with_streaming_response.create(model="a/chat", input="hi", stream=True) as answer:
        events = [line for line in answer.iter_lines() if line]
    assert (events[-4], events[-2]) == ("event: error", "event: response.failed")
    assert json.loads(events[-1].removeprefix("data: "))["response"]["status"] == "failed"


@pytest.mark.parametrize("what", ({"input": [{"type": "item_reference", "id": "msg_1"}]}, {"input": [{"id": "msg_1"}]},
                                  {"previous_response_id": "resp_1"}))  # fmt: skip
def test_what_another_provider_keeps_is_asked_for(client, server, what):
    """It is not left out even where losses are allowed: the rest would mean something else."""
    with pytest.raises(openai.BadRequestError, match="the whole conversation") as failed:
        ask(client, extra_headers={"x-weir-drop": "allow"}, **what)
    assert server.host.requests == [] and failed.value.status_code == 400
