"""AWS signatures against AWS's own test suite: what is signed, the signature, and that it is accepted."""
import json

import pytest

from conftest import fixture_file

pytestmark = pytest.mark.asan  # quick: run with the sanitizers too


def read_request(text):
    """(method, path, query, fields, body) of a request as the suite writes it; lines that begin with a blank go on."""
    head, _, body = text.partition("\n\n")
    lines = []
    for line in head.rstrip("\n").split("\n"):
        if line[:1] == " ":
            lines[-1] += "\n" + line
        else:
            lines.append(line)
    method, _, target = lines[0].removesuffix(" HTTP/1.1").partition(" ")
    path, _, query = target.partition("?")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value)
    return method, path, query, fields, body


def question(case):
    context = json.loads(case["context.json"])
    method, path, query, fields, body = read_request(case["request.txt"])
    # The suite signs what its signer added: the time, the token, the hash of the body.
    fields["X-Amz-Date"] = ["20150830T123600Z"]
    token = context["credentials"].get("token")
    if token and not context.get("omit_session_token"):
        fields["X-Amz-Security-Token"] = [token]
    if context["sign_body"]:
        fields["x-amz-content-sha256"] = [case["header-canonical-request.txt"].rsplit("\n", 1)[1]]
    return {"id": context["credentials"]["access_key_id"], "secret": context["credentials"]["secret_access_key"],
            "region": context["region"], "service": context["service"], "time_s": 1440938160, "method": method,
            "path": path, "query": query, "body": body, "keep_path": not context["normalize"], "fields": fields}


def test_signatures(probe):
    cases, wrong = json.loads(fixture_file("vectors/aws-sigv4.json").read_text()), []
    for name, case in cases.items():
        answer = probe.ask("sigv4", json.dumps(question(case)).encode())
        signed = case["header-signed-request.txt"].partition("\n\n")[0]
        if answer["canonical"] != case["header-canonical-request.txt"]:
            wrong.append(f"{name}: signs {answer['canonical']!r}")
        if f"Authorization:{answer['authorization']}" not in signed.split("\n"):
            wrong.append(f"{name}: {answer['authorization']}")
        if answer["verified"] != "OK":
            wrong.append(f"{name}: refused with {answer['verified']}")
    assert not wrong, "\n".join(wrong)
    assert len(cases) == 38
