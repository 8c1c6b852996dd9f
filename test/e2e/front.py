"""weir in front of some hosts: each is a provider (a, b, c, ...), asked in this order."""
import json
import string

from host import Host

QUICK = {"connect": "500ms", "tls": "1s", "first_token": "10s", "idle": "10s", "total": "15s"}
CALM = {"policy": "preferred", "explore": "0%", "breaker_failures": 1000}
PRICE = {"input": 0.15, "cached_input": 0.075, "output": 0.60}
# 400 at 0.15, 600 at 0.075 and 50 at 0.60 USD a million, in pico-USD: what host.completion() costs.
COST = 400 * 150_000 + 600 * 75_000 + 50 * 600_000


def config_for(*hosts, upstream=(), route=(), offers=(), providers=(), lines=""):
    """A configuration with the model acme/large at each of the hosts (a Host or a URL).

    `offers` and `providers` hold more for each of them, by its name: {"a": {"context": 8192}}."""
    urls = {name: h.url if isinstance(h, Host) else h for name, h in zip(string.ascii_lowercase, hosts)}
    offers, providers = dict(offers), dict(providers)
    made = {
        "threads": 1,  # and so one pool of connections
        "providers": {
            name: {"dialect": "openai", "base_url": url, "api_key": f"{name}-secret", **providers.get(name, {})}
            for name, url in urls.items()
        },
        "models": {
            "acme/large": [
                {"provider": name, "model": "large-v1", "context": 131072, "price": PRICE, **offers.get(name, {})} for name in urls
            ]
        },
        "upstream": {**QUICK, **dict(upstream)},
        "route": {**CALM, **dict(route)},
    }
    return lines + "\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in made.items())


def attempts_of(row):
    """"a:CONNECT b:OK": how the attempts of a row of the ledger ended."""
    return " ".join(f"{one['provider']}:{one['outcome']}" for one in json.loads(row["attempts"]))


def billed_of(row):
    return [one["billed"] for one in json.loads(row["attempts"])]
