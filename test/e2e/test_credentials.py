"""Several keys for one provider: used in turn, benched one by one, and the other one tried at once."""
import json

import pytest

from front import attempts_of, config_for
from host import completion, fault, reply

pytestmark = pytest.mark.asan


@pytest.fixture
def two_keys(weir, host):
    """A server whose first provider has two keys, that provider, and another one behind it."""
    first, second = host(), host()
    return weir(config_for(first, second, providers={"a": {"api_key": ["key-0", "key-1"]}})), first, second


def keys_of(host):
    return [request.field("authorization").removeprefix("Bearer ") for request in host.requests]


def refuses(bad, behaviour):
    """What refuses that key and answers every other."""

    def behave(connection, request):
        good = request.field("authorization") != f"Bearer {bad}"
        return (reply(completion()) if good else behaviour)(connection, request)

    return behave


def test_keys_are_used_in_turn(two_keys):
    server, first, _ = two_keys
    for _ in range(6):
        assert server.chat("acme/large").status == 200
    assert keys_of(first) == ["key-0", "key-1"] * 3


@pytest.mark.parametrize("status, outcome", ((401, "UP_CREDENTIAL"), (402, "UP_QUOTA"), (403, "UP_CREDENTIAL"), (429, "RATE_LIMITED")))
def test_the_other_key_is_tried_at_once(two_keys, status, outcome):
    server, first, second = two_keys
    first.play(refuses("key-0", fault(status, fields=[("retry-after", "1000")])))
    answers = [server.chat("acme/large") for _ in range(4)]
    assert [answer.status for answer in answers] == [200] * 4
    # The first request found out; then that key is benched.
    assert keys_of(first) == ["key-0", "key-1", "key-1", "key-1", "key-1"]
    assert second.requests == []
    row = server.row_of(answers[0])
    assert attempts_of(row) == f"a:{outcome} a:OK"
    assert [attempt["key"] for attempt in json.loads(row["attempts"])] == [0, 1]


def test_without_fallbacks_another_key_may_still_answer(two_keys):
    server, first, second = two_keys
    first.play(refuses("key-0", fault(401)))
    assert server.chat("acme/large", provider={"allow_fallbacks": False}).status == 200
    assert keys_of(first) == ["key-0", "key-1"] and second.requests == []


def test_when_all_keys_are_refused_another_provider_answers(two_keys):
    server, first, second = two_keys
    first.play(fault(401))
    answer = server.chat("acme/large")
    assert answer.status == 200 and answer.field("x-inference-provider") == "b"
    assert keys_of(first) == ["key-0", "key-1"]
    assert server.chat("acme/large").status == 200
    assert len(first.requests) == 2  # both are benched


def test_when_all_keys_are_limited_the_caller_is_told_the_earliest_time(weir, host):
    first = host()
    server = weir(config_for(first, providers={"a": {"api_key": ["key-0", "key-1"]}}))
    first.play_next(fault(429, fields=[("retry-after", "900")]), fault(429, fields=[("retry-after", "300")]))
    answer = server.chat("acme/large")
    assert answer.status == 429 and 295 <= int(answer.field("retry-after")) <= 300
    answer = server.chat("acme/large")
    assert answer.status == 429 and 295 <= int(answer.field("retry-after")) <= 300
    assert len(first.requests) == 2
