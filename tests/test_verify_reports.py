"""What `compare verify` leaves: Markdown, JUnit, annotations, a folder that can be judged again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from xml.etree import ElementTree

import pytest

from compare.cli import main
from compare.ports import formats

PORTS = Path(__file__).parent / "ports"
INPUT = ("--input", "1x6x6", "--quiet")


@pytest.fixture(scope="module")
def home(tmp_path_factory, workers):
    """A folder with a user's two files, run1 (different) and what was asked for with it."""
    home = tmp_path_factory.mktemp("home")
    for side in ("torch", "keras"):
        shutil.copy(PORTS / f"bad_{side}.py", home)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr("compare.ports.verify.start", lambda side, *_: nullcontext(workers[side]))
        status = main(["verify", "bad_torch.py:Net", "bad_keras.py:tanh", *INPUT, "--out", "run",
                       "--json", "a.json", "--md", "a.md", "--junit", "a.xml",
                       "--save-map", "map.json"])  # fmt: skip
    assert status == 1
    return home


@pytest.fixture
def place(home, monkeypatch, workers) -> Path:
    monkeypatch.chdir(home)
    monkeypatch.setattr("compare.ports.verify.start", lambda side, *_: nullcontext(workers[side]))
    return home


@pytest.fixture
def result(home) -> dict:
    return json.loads((home / "a.json").read_text())


def test_a_culprit_says_in_which_line_it_was_called(result):
    (culprit,) = result["culprits"]
    lines = (PORTS / "bad_torch.py").read_text().splitlines()
    name, _, number = culprit["place"]["torch"].partition(":")
    assert name == "bad_torch.py" and "relu" in lines[int(number) - 1]


# ---- JUnit, Markdown


def test_junit_has_a_case_for_every_check_and_every_culprit(place, result):
    (suite,) = ElementTree.parse(place / "a.xml").getroot()
    cases = {case.get("name"): case for case in suite}
    assert len(cases) == len(result["checks"]) + len(result["culprits"])
    assert suite.get("tests") == str(len(cases))
    assert suite.get("failures") == "2" and suite.get("errors") == "0"
    failure = cases["rung 3 culprit relu (torch) / conv/tanh (keras)"].find("failure")
    assert "other-activation" in failure.get("message") and "fix in keras" in failure.text


def test_junit_stays_xml_whatever_a_port_is_called(result):
    odd = result | {"torch": 'a"<&>\x00\x1b]]>\ud800:é'}
    (suite,) = ElementTree.fromstring(formats.junit(odd).encode("utf-8"))
    assert 'a"<&>??]]>?:é' in suite.get("name")


def test_what_is_not_proven_is_an_error_of_junit(result):
    check = {"id": "coverage", "rung": None, "verdict": "not proven", "detail": "blind",
             "decides": True}  # fmt: skip
    blind = result | {"checks": [check], "culprits": []}
    (suite,) = ElementTree.fromstring(formats.junit(blind).encode())
    assert suite.get("errors") == "1" and suite.find("testcase/error").text == "blind"


def test_markdown_names_cause_proof_and_fix(place):
    text = (place / "a.md").read_text()
    assert text.startswith("# bad\\_torch.py:Net and bad\\_keras.py:tanh: different\n")
    assert "other-activation" in text and "fix in keras: `" in text and "bad_torch.py:" in text
    assert "| forward | 3 | ✗ different |" in text


# ---- GitHub


def test_github_is_told_file_and_line(result, place):
    (line,) = formats.github(result).splitlines()
    number = result["culprits"][0]["place"]["torch"].partition(":")[2]
    assert line.startswith(f"::error file=bad_torch.py,line={number},title=ports differ%3A other")
    assert "%0Afix in keras" in line and "\n" not in line


@pytest.mark.parametrize(("value", "told"), [("true", 1), ("false", 0)])
def test_annotations_are_printed_where_github_runs(value, told, place, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", value)
    assert main(["report", "run"]) == 1
    assert capsys.readouterr().out.count("::error") == told


def test_a_line_of_a_file_that_is_not_the_ports_is_not_guessed(place):
    assert formats.located("bad_torch.py:Net", "elsewhere.py:3") == ""
    assert formats.located("no.such.module:Net", "net.py:3") == ""


# ---- again


def test_a_saved_verification_is_judged_to_the_same_document(place, result, tmp_path):
    out = tmp_path / "b.json"
    code = (
        "import sys; from compare.cli import main; status = main(sys.argv[1:]); "
        "assert not {'torch', 'keras', 'tensorflow'} & set(sys.modules); sys.exit(status)"
    )
    path = {**os.environ, "PYTHONPATH": str(PORTS.parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code, "judge", "run", "--json", str(out)],
        cwd=place, env=path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stdout == (place / "run" / "report.txt").read_text()
    again = json.loads(out.read_text())
    assert again.pop("command") == ["compare", "judge", "run", "--json", str(out)]
    assert again == {key: value for key, value in result.items() if key != "command"}


def test_its_report_is_printed_again(place, capsys):
    assert main(["report", "run"]) == 1
    assert capsys.readouterr().out == (place / "run" / "report.txt").read_text()


INCOMPLETE = {
    "torch/survey.safetensors": "verify the ports again",
    "keras/replay-float64-0.safetensors": "verify the ports again",
    "probe.safetensors": "incomplete",
    "environments.json": "incomplete",
}


@pytest.mark.parametrize("missing", INCOMPLETE)
def test_an_incomplete_folder_is_refused_in_one_line(missing, place, tmp_path, capsys):
    shutil.copytree(place / "run", tmp_path / "run")
    (tmp_path / "run" / missing).unlink()
    before = sorted((tmp_path / "run").rglob("*"))
    assert main(["judge", str(tmp_path / "run")]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1) and INCOMPLETE[missing] in err, err
    assert sorted((tmp_path / "run").rglob("*")) == before


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"torch": 3}'])
def test_a_damaged_folder_is_refused_in_one_line(text, place, tmp_path, capsys):
    shutil.copytree(place / "run", tmp_path / "run")
    (tmp_path / "run" / "verify.json").write_text(text)
    assert main(["judge", str(tmp_path / "run")]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1), err


def test_a_folder_that_is_no_run_is_refused(place, tmp_path, capsys):
    assert main(["judge", str(tmp_path)]) == 2
    assert "expected a run folder" in capsys.readouterr().err


# ---- rungs


def test_only_the_rungs_that_were_asked_for_decide(place, capsys, tmp_path):
    given = ("verify", "bad_torch.py:Net", "bad_keras.py:tanh", *INPUT, "--json", "-")
    assert main([*given, "--rungs", "0,4-5", "--junit", str(tmp_path / "c.xml")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["rungs"]) == ("same within rounding", [0, 4, 5])
    assert [c["id"] for c in told["checks"] if not c["decides"]] == ["forward", "step"]
    (suite,) = ElementTree.parse(tmp_path / "c.xml").getroot()
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "2")


def test_the_map_that_was_saved_is_one_that_is_read(place, capsys):
    given = ("verify", "bad_torch.py:Net", "bad_keras.py:tanh", *INPUT, "--map", "map.json")
    assert main(given) == 1
    assert "other-activation" in capsys.readouterr().out
