"""The translations between every two dialects, judged by readers of each that know nothing of weir's code.

Cases recorded in both: the request of the one, translated, must mean what the one recorded in the other means, and
the answer recorded in the other must mean the same when it is told in the one. Where the recordings disagree,
cross_triage.toml says who is right and why; what is listed there and agrees must go.

Composed cases: every recorded request goes into every other dialect, and its meaning is compared with what must
become of it by the providers' documentation (meaning/targets.py); what has no place there must be named, nothing
else may be. Then it goes back. Every recorded answer is told in every other dialect. They stand in for the pairs
that were not both recorded (Cohere, most of Bedrock).
"""
import collections
import functools
import json
import tomllib

import pytest

from conftest import ROOT
from material import SPOKEN, all_recorded, cases
from meaning import anthropic, bedrock, cohere, compare, gemini, openai, prompts, responses, sound, targets
from translating import DIALECTS, objects

READERS = dict(openai=openai, anthropic=anthropic, gemini=gemini, responses=responses, cohere=cohere, bedrock=bedrock)
PAIRS = [(one, other) for one in DIALECTS for other in DIALECTS if one != other]
# Models whose rules the targets know; a model is what a request in another dialect cannot say.
MODELS = {
    "openai": "gpt-4.1", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash", "responses": "gpt-4.1",
    "cohere": "command-a-03-2025", "bedrock": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
}  # fmt: skip
# Paths that may be named as lost beside what the readers look at, and why they have no place elsewhere.
NO_PLACE = "|".join(
    [
        r"messages\[\d+\]\.prefix",  # Mistral: go on with this answer; others do or do not by a rule of their own
        r"messages\[\d+\]\.reasoning_signature",  # a gateway's own word
        r"messages\[\d+\]\.content\[\d+\]\.citations",  # Anthropic: citations are wanted of this document
        r"toolConfig\.functionCallingConfig\.mode",  # Gemini: calls must fit their schemas, if there are any
        r"anthropic_version",  # stands in the body where Anthropic's models are hosted by others
    ]
)


@functools.cache
def triage(kind):
    """{(name, field, target): why} of what is listed."""
    listed = tomllib.loads((ROOT / "test/e2e/cross_triage.toml").read_text()).get(kind, {})
    return {(name, field, target): entry["why"] for name, entries in listed.items() for entry in entries
            for field in entry["fields"] for target in entry.get("to", ["*"])}  # fmt: skip


def is_listed(kind, name, field, source, target):
    """Notes that it was used, too."""
    for key in ((name, field, target), (name, field, "*")):
        if key in triage(kind):
            USED[kind].add(key)
            TRIAGED[source, target].add((kind, name, field))
            return True
    return False


def pair(translate, one, other):
    if one not in translate.spoken or other not in translate.spoken:
        pytest.skip(f"{one} or {other} is not translated")


@functools.cache
def composed(dialect):
    """Recordings of a dialect, of both sources; not those whose conversation stands elsewhere."""
    return [one for one in all_recorded() if one.dialect == dialect and not is_continued(one)]


def is_continued(one):
    return "previous_response_id" in one.asked


def read(dialect, what, data):
    """The meaning of an answer; None when the recording has none."""
    try:
        if what == "answer":
            return READERS[dialect].answer(json.loads(data))
        return READERS[dialect].stream(objects(dialect, data))
    except (ValueError, KeyError):
        return None


# --- cases recorded in both ---


def both(source, target):
    """(case, turn, recorded in the source, recorded in the target) of each recorded pair."""
    for case, labels in cases().items():
        for mine, turns in labels.items():
            for theirs, others in labels.items():
                if SPOKEN[mine] == source and SPOKEN[theirs] == target:
                    yield from ((case, turn, turns[turn], others[turn]) for turn in turns if turn in others)


def request_disagreements(translate, source, target):
    """{(case, field): (translated, recorded)}, and how many were compared."""
    found, checked = {}, 0
    for case, turn, mine, theirs in both(source, target):
        checked += 1
        answer = translate.ask("prompt", source, target, mine.request, model=theirs.model)
        if "error" in answer:
            found[case, "refused"] = (answer["note"], theirs)
            continue
        told, wanted = (READERS[target].prompt(one) for one in (json.loads(answer["body"]), theirs.asked))
        for field, values in prompts.differences(told, wanted).items():
            if not (field == "turns" and turn == "followup" or field == "max_output" and unsaid_limit(source, mine, theirs)):
                found.setdefault((case, field), values)
    return found, checked


def unsaid_limit(source, mine, theirs):
    """Anthropic demands a limit; who says none elsewhere has none."""
    said, wanted = READERS[source].prompt(mine.asked), READERS[theirs.dialect].prompt(theirs.asked)
    limits = said.values.get("max_output"), wanted.values.get("max_output")
    return None in limits and "anthropic" in (source, theirs.dialect)


COUNTS = collections.defaultdict(dict)
USED = collections.defaultdict(set)
TRIAGED = collections.defaultdict(set)


@pytest.mark.parametrize("source, target", PAIRS)
def test_requests_recorded_in_both(translate, source, target):
    """A follow-up repeats what its own provider answered, so turns are compared of the first requests only."""
    pair(translate, source, target)
    found, COUNTS["requests"][source, target] = request_disagreements(translate, source, target)
    new = {key: values for key, values in found.items() if not is_listed("requests", *key, source, target)}
    assert not new, "\n".join(f"{key}: {values}"[:600] for key, values in new.items())


def answer_disagreements(translate, source, target, what, recorded):
    """{(name, what differs): (said, told)} of answers of the source, told to callers of the target."""
    found, checked = {}, 0
    for one, asked in recorded:
        data = one.reply if what == "answer" else one.stream
        said = read(source, what, data) if data else None
        if said is None:
            continue
        checked += 1
        answer = translate.ask(what, source, target, data, model=one.model, quirks=one.quirks, prompt=asked)
        if "error" in answer:
            found[one.name, "error"] = (one, answer)
            continue
        told = READERS[target].answer(json.loads(answer["body"])) if what == "answer" else READERS[target].stream(
            objects(target, answer["body"]))  # fmt: skip
        assert not told.faults, (one, told.faults)
        for field, values in compare.answers(said, told, target).items():
            found[one.name, field] = values
    return found, checked


def judge_answers(found, source, target):
    new = {key: values for key, values in found.items() if not is_listed("answers", *key, source, target)}
    assert not new, "\n".join(f"{key}: {values}"[:600] for key, values in list(new.items())[:20])


@pytest.mark.parametrize("what", ["answer", "stream"])
@pytest.mark.parametrize("source, target", PAIRS)
def test_answers_recorded_in_both(translate, source, target, what):
    pair(translate, source, target)
    recorded = [(mine, json.dumps(theirs.asked, indent=1)) for _, _, mine, theirs in both(source, target)]
    found, COUNTS[what][source, target] = answer_disagreements(translate, source, target, what, recorded)
    judge_answers(found, source, target)


# --- composed cases ---


def check_request(translate, one, target):
    """[(field, what is wrong with it)] of a request in another dialect."""
    said = READERS[one.dialect].prompt(one.asked)
    answer = translate.ask("prompt", one.dialect, target, one.request, model=MODELS[target])
    if "error" in answer:
        return [("refused", answer["note"])]
    body = json.loads(answer["body"])
    told, expected = READERS[target].prompt(body), targets.Expected(said, target, MODELS[target])
    wrong = list(targets.against(said, told, expected).items())
    missing, needless = targets.accounted(said, expected, answer["lost"], NO_PLACE)
    wrong += [("silent", field) for field in missing]
    wrong += [("needless", path) for path in needless]
    wrong += [("unsound", rule) for rule in sound.rules(target, body)]
    return wrong + there_and_back(translate, one, said, target, answer)


def there_and_back(translate, one, said, target, answer):
    """In its own dialect again it means what came out there, as the limits of both lie behind it."""
    back = translate.ask("prompt", target, one.dialect, answer["body"], model=one.model)
    if "error" in back:
        return [("back", back["note"])]
    told = READERS[target].prompt(json.loads(answer["body"]))
    if target == "cohere":
        forget_plans(told)
    expected = targets.Expected(told, one.dialect, one.model)
    returned = READERS[one.dialect].prompt(json.loads(back["body"]))
    found = targets.against(told, returned, expected)
    if target == "bedrock":
        found.pop("parallel", None)  # among the fields that only its models know
    return [("back", one) for one in found.items()]


def forget_plans(told):
    """Cohere: what is said before calls is their plan, which is its own model's reasoning."""
    for turn in told.turns:
        if any(part.kind == "call" for part in turn.parts):
            turn.parts = [part for part in turn.parts if part.kind != "text"]


@pytest.mark.parametrize("source, target", PAIRS)
def test_requests_composed(translate, source, target):
    pair(translate, source, target)
    wrong = []
    for one in composed(source):
        for field, what in check_request(translate, one, target):
            if not is_listed("composed", one.name, field, source, target):
                wrong.append(f"{one}: {field}: {what}"[:600])
    COUNTS["composed requests"][source, target] = len(composed(source))
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:20])


@pytest.mark.parametrize("target", [dialect for dialect in DIALECTS if dialect != "responses"])
def test_what_is_continued_is_named(translate, target):
    """What went before is known to the provider alone."""
    pair(translate, "responses", target)
    continued = [one for one in all_recorded() if is_continued(one)]
    answers = [translate.ask("prompt", "responses", target, one.request, model=MODELS[target]) for one in continued]
    assert len(answers) == 6 and all("previous_response_id" in answer["lost"] for answer in answers)


@pytest.mark.parametrize("what", ["answer", "stream"])
@pytest.mark.parametrize("source, target", PAIRS)
def test_answers_composed(translate, source, target, what):
    pair(translate, source, target)
    recorded = [(one, "") for one in composed(source)]
    found, COUNTS["composed " + what][source, target] = answer_disagreements(translate, source, target, what, recorded)
    judge_answers(found, source, target)


def test_triage_is_of_today(translate, tell):
    """What agrees is not listed. Prints how many cases each pair has."""
    tell_counts(tell)
    if len(translate.spoken) < len(DIALECTS) or len(COUNTS["composed stream"]) < len(PAIRS):
        pytest.skip("not all pairs were run")
    for kind in ("requests", "answers", "composed"):
        assert set(triage(kind)) == USED[kind], f"they agree: {set(triage(kind)) - USED[kind]}"


def tell_counts(tell):
    """A table of the pairs; those of one dialect are the round trips."""
    tell("requests/replies/streams of each pair: recorded in both and composed (triaged disagreements); * none recorded")
    tell(f"{'from, to':12}" + "".join(f"{target:28}" for target in DIALECTS))
    for source in DIALECTS:
        tell(f"{source:12}" + "".join(f"{cell(source, target):28}" for target in DIALECTS))
    tell(f"triaged disagreements: {sum(map(len, TRIAGED.values()))}, in {len(triaged_names())} recordings")


def cell(source, target):
    if source == target:
        return "-"
    recorded, made = ([COUNTS[kind].get((source, target), 0) for kind in kinds] for kinds in (
        ("requests", "answer", "stream"), ("composed requests", "composed answer", "composed stream")))  # fmt: skip
    told = "/".join(f"{one}+{other}" if one else str(other) for one, other in zip(recorded, made))
    return f"{told} ({len(TRIAGED[source, target])})" + ("" if recorded[0] else "*")


def triaged_names():
    return {name for listed in TRIAGED.values() for _, name, _ in listed}
