"""infra/aws/until_done.sh, with an aws that answers as the test says, and notes what it was asked."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mesh import paths

SCRIPT = paths.ROOT / "infra" / "aws" / "until_done.sh"
AWS = f"""#!{sys.executable}
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
options = dict(zip(sys.argv[3:], sys.argv[4:]))
with (folder / "asked").open("a") as asked:
    asked.write(json.dumps([options["--function-name"], json.loads(options["--payload"])]) + "\\n")
number = len((folder / "asked").read_text().splitlines()) - 1
failure, answer = json.loads((folder / "answers").read_text())[number]
pathlib.Path(sys.argv[-1]).write_text(json.dumps(answer))
print(failure)
"""
Answers = list[tuple[str, dict[str, Any]]]


def run(folder: Path, answers: Answers, event: str) -> tuple[subprocess.CompletedProcess[str], list[Any]]:
    for name, text in (("aws", AWS), ("sleep", "#!/bin/sh\n"), ("answers", json.dumps(answers))):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    path = f"{folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
    done = subprocess.run(
        [SCRIPT, "the-function", event], env={"PATH": path}, capture_output=True, text=True, check=False
    )
    return done, [json.loads(line) for line in (folder / "asked").read_text().splitlines()]


def test_given_a_function_that_goes_on_when_invoked_then_with_what_it_answers_until_it_is_done(
    tmp_path: Path,
) -> None:
    following = {"after": {"tenant": "b'c", "cursor": "x y"}}
    answers: Answers = [
        ("None", {"published": 7, "next": following}),
        ("None", {"published": 1, "next": None}),
    ]
    done, asked = run(tmp_path, answers, "{}")
    assert done.returncode == 0, done.stderr
    assert asked == [["the-function", {}], ["the-function", following]]
    assert [json.loads(line)["published"] for line in done.stdout.splitlines()] == [7, 1]


@pytest.mark.parametrize("following", [{"tenant": "a"}])
def test_given_a_failure_on_the_way_when_invoked_then_it_says_how_to_go_on(
    tmp_path: Path, following: dict[str, Any]
) -> None:
    answers: Answers = [("None", {"next": following}), ("Unhandled", {"errorMessage": "Kafka is down"})]
    done, _ = run(tmp_path, answers, "{}")
    assert done.returncode == 1
    assert "Kafka is down" in done.stdout
    assert f"the-function '{json.dumps(following)}'" in done.stderr
