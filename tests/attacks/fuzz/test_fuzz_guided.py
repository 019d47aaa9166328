"""Damage that is led by the code it reaches, for every target that takes bytes; needs atheris.

FUZZ_SECONDS sets how long a target is attacked (60), FUZZ_RESULTS names a file that gets a line of JSON for each.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from attacks.fuzz.guided import TARGETS

SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("target", TARGETS)
def test_damage_led_by_coverage_finds_nothing(target: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="pip install atheris")
    command = [sys.executable, "-m", "attacks.fuzz.guided", target, "--seconds", str(SECONDS), "--work", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-4000:]
    inputs = int(re.findall(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)[0])
    reached = [int(each) for each in re.findall(r"cov: (\d+)", done.stderr)]
    assert inputs > 100
    assert reached[-1] > reached[0] > 0, "nothing new was reached: the fuzzer sees no code"
    place = os.environ.get("FUZZ_RESULTS")
    if place is not None:
        line = {"target": target, "seconds": SECONDS, "inputs": inputs, "places": [reached[0], reached[-1]]}
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
