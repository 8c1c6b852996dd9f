"""Thresholds of budgets, told by signed posts: each once a period, again until they are taken, and never again after a restart."""
import hashlib
import hmac
import time

import pytest

from host import completion, fault, reply, reset
from weir import until

CONFIG = """
webhook: {{url: "{hook}/told?a=1", secret: "${{HOOK_SECRET}}"}}
providers:
  cheap: {{dialect: openai, base_url: {url}, api_key: secret}}
models:
  a/one: [{{provider: cheap, model: m-1, max_output: 1000, price: {{input: 1, output: 2}}}}]
"""
SECRET = "a secret of the hook"
COST = 200_000_000  # 100 and 50 tokens at 1 and 2 USD a million
pytestmark = [pytest.mark.asan, pytest.mark.store]


@pytest.fixture
def hook(host):
    made = host()
    made.play(reply(b"", 204))
    return made


@pytest.fixture
def server(weir, host, hook):
    provider = host()
    provider.play(reply(completion(usage=(100, 0, 50))))
    config = CONFIG.format(url=provider.url, hook=hook.url)
    server = weir(config, HOOK_SECRET=SECRET)
    server.again = lambda: weir(config, HOOK_SECRET=SECRET, WEIR_DATA=server.folder / "data")
    return server


def key(server, *limits):
    server.command("team", "create", "web", *limits)
    made = server.command("key", "create", "--name", "k", "--team", "web").stdout.split()[0]
    fields = [("authorization", f"Bearer {made}")]
    until(lambda: server.ask("/v1/models", fields=fields).status == 200 and server.ask("/v1/models").status == 401)
    return fields


def spend(server, fields, times):
    for _ in range(times):
        assert server.ask(body={"model": "a/one", "messages": [], "max_tokens": 10}, fields=fields).status == 200


def told(hook):
    return [(one.json["name"], one.json["percent"]) for one in hook.requests]


def test_each_threshold_is_told_once_and_signed(server, hook):
    fields = key(server, "--budget", "0.002/month")  # ten requests
    spend(server, fields, 4)
    spend(server, fields, 1)
    hook.wait_for_requests(1)
    one = hook.requests[0]
    assert (one.method, one.target.endswith("/told?a=1"), one.field("content-type")) == ("POST", True, "application/json")
    said = one.json
    assert (said["type"], said["level"], said["name"], said["percent"]) == ("budget.threshold", "team", "web", 50)
    assert (said["budget_pusd"], said["spent_pusd"], said["period"]) == (10 * COST, 5 * COST, "month")
    assert said["period_began_at"][8:] == "01T00:00:00.000Z" and said["renews_at"] > said["at"] >= said["period_began_at"]
    stamp, mac = (part.split("=")[1] for part in one.field("x-weir-signature").split(","))
    assert hmac.new(SECRET.encode(), stamp.encode() + b"." + one.body, hashlib.sha256).hexdigest() == mac
    assert abs(int(stamp) - time.time()) < 60
    spend(server, fields, 3)
    hook.wait_for_requests(2)
    spend(server, fields, 2)
    hook.wait_for_requests(3)
    assert told(hook) == [("web", 50), ("web", 80), ("web", 95)]
    assert len({one.json["id"] for one in hook.requests}) == 3
    assert SECRET not in server.log and SECRET not in server.command("check").stdout


def test_a_restart_tells_nothing_again(server, hook):
    fields = key(server, "--budget", "0.002/month")
    spend(server, fields, 5)
    hook.wait_for_requests(1)
    server.wait_for_rows(5)
    assert server.stop() == 0
    again = server.again()
    # The next one comes, and nothing that was told stands before it.
    spend(again, fields, 3)
    hook.wait_for_requests(2)
    assert told(hook) == [("web", 50), ("web", 80)]


def test_budgets_for_some_models_are_told_too(server, hook):
    fields = key(server, "--budget", "1/month", "--model-budget", "a/*=0.002/day,*=0.0001/day", "--dry")
    spend(server, fields, 5)
    hook.wait_for_requests(4)
    said = sorted((one.json["models"], one.json["percent"], one.json["budget_pusd"], one.json["period"]) for one in hook.requests)
    assert said == [("*", 50, 10**8, "day"), ("*", 80, 10**8, "day"), ("*", 95, 10**8, "day"), ("a/*", 50, 10 * COST, "day")]
    assert {one.json["name"] for one in hook.requests} == {"web"} and len({one.json["id"] for one in hook.requests}) == 4


def test_what_is_not_taken_is_sent_again(server, hook):
    hook.play_next(fault(500), reset())
    fields = key(server, "--budget", "0.002/month")
    spend(server, fields, 5)
    hook.wait_for_requests(3)
    assert told(hook) == [("web", 50)] * 3 and len({one.body for one in hook.requests}) == 1
    assert "webhook.url did not take a notice: it answered 500" in server.log


def test_what_was_not_taken_before_the_end_is_sent_after_it(server, hook):
    hook.play(fault(503))
    fields = key(server, "--budget", "0.002/month")
    spend(server, fields, 5)
    hook.wait_for_requests(1)
    assert server.stop() == 0
    before = len(hook.requests)
    hook.play(reply(b"", 200))
    server.again()
    hook.wait_for_requests(before + 1)
    assert set(told(hook)) == {("web", 50)}


def test_a_dry_budget_tells_all_that_it_passed(server, hook):
    fields = key(server, "--budget", "0.0001/day", "--dry")
    spend(server, fields, 1)
    hook.wait_for_requests(3)
    assert told(hook) == [("web", 50), ("web", 80), ("web", 95)]


@pytest.mark.parametrize("lines, why", [
    ("webhook: {url: 'https://example.org/x'}", "webhook.secret is wanted as well"),
    ("webhook: {url: 'ftp://example.org', secret: s}", "expected a URL"),
])  # fmt: skip
def test_a_webhook_that_cannot_be(weir, lines, why):
    server = weir(lines, wait=False)
    assert server.process.wait(20) != 0 and why in server.log
