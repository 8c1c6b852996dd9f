"""Callers of Bedrock sign their requests with an access key of weir's."""
import urllib.error
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import pytest

from host import reply
from weir import until

CONFIG = """
providers:
  mine: {{dialect: openai, base_url: {url}, api_key: secret}}
models:
  acme/large: [{{provider: mine, model: large-v1}}]
"""
ASK = {"modelId": "acme/large", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
pytestmark = pytest.mark.asan


@pytest.fixture
def server(weir, host):
    provider = host()
    server = weir(CONFIG.format(url=provider.url))
    server.host = provider
    words = server.command("key", "create", "--name", "b", "--aws").stdout.split()
    server.key, server.access = words[0], dict(word.split("=") for word in words[1:])
    until(lambda: server.ask("/v1/models").status == 401)
    return server


def client(server, access=None, secret=None):
    return boto3.client(
        "bedrock-runtime", endpoint_url=server.url, region_name="eu-west-1",
        aws_access_key_id=access or server.access["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret or server.access["AWS_SECRET_ACCESS_KEY"],
        config=botocore.config.Config(retries={"max_attempts": 0}),
    )  # fmt: skip


def refused(caller):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        caller.converse(**ASK)
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_signed_request_is_answered_and_counted(server):
    assert client(server).converse(**ASK)["output"]["message"]["content"] == [{"text": "hello"}]
    server.wait_for_usage(1)
    assert server.rows()[0]["key"] == "b"


def test_a_wrong_secret_or_an_unknown_key_is_refused(server):
    assert refused(client(server, secret="x" * 40)) == 401
    assert refused(client(server, access="WEIR0123456789ABCDEF")) == 401
    assert server.host.requests == []


def test_a_revoked_key_is_refused(server):
    server.command("key", "revoke", "b")
    until(lambda: server.ask("/v1/models", fields=[("authorization", f"Bearer {server.key}")]).status == 401)
    assert refused(client(server)) == 401


def test_another_body_than_the_signed_one_is_refused(server):
    access = botocore.credentials.Credentials(*server.access.values())
    body = b'{"messages": [{"role": "user", "content": [{"text": "hi"}]}]}'
    url = server.url + "/model/acme%2Flarge/converse"
    request = botocore.awsrequest.AWSRequest("POST", url, data=body)
    botocore.auth.SigV4Auth(access, "bedrock", "eu-west-1").add_auth(request)

    def status(data):
        ask = urllib.request.Request(url, data, dict(request.headers.items()))
        try:
            return urllib.request.urlopen(ask).status
        except urllib.error.HTTPError as e:
            return e.code

    server.host.play(reply({"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}))
    assert status(body) == 200
    assert status(body.replace(b"hi", b"ho")) == 401


def test_the_key_itself_does_as_well(server):
    fields = [("authorization", f"Bearer {server.key}")]
    path = "/model/acme%2Flarge/converse"
    assert server.ask(path, {"messages": ASK["messages"]}, fields=fields).status == 200
    assert server.ask(path, {"messages": ASK["messages"]}).status == 401
