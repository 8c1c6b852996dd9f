"""The short form of `make soak`: hosts that fail, callers who leave, and a row for each request that was tried."""
import sys

import pytest

from conftest import BINARY, ROOT

sys.path.insert(0, str(ROOT / "bench"))
from soak import TOOLS, faults_of, soak  # noqa: E402

RELEASED = "asan" not in str(BINARY)


@pytest.mark.asan
def test_no_row_is_lost_and_no_memory(capsys):
    assert (TOOLS / "load").is_file() and (TOOLS / "upstream").is_file(), "make build/release/bench/load build/release/bench/upstream first"
    found = soak(BINARY, 20_000 if RELEASED else 4_000)
    print(found)
    assert faults_of(found) == []
