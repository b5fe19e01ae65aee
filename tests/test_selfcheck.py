"""`compare selfcheck`: every planted fault is found where it is, and no right port is blamed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from compare import kernels, selfcheck, suite

NAMES = [kernel.name for kernel in kernels.KERNELS]
FAULTS = suite.cases(["fault"])
PAIRS = [case.name for case in suite.cases(["correct"]) if case.twin]
OF_TRAINING = [
    case for case in FAULTS if case.spec == "dropping"
]  # the ladder's tests have no steps


def run(environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "compare", "selfcheck", "--quiet", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
    )


@pytest.mark.slow
def test_a_quarter_of_the_faults_of_training_are_found_where_they_are(environment):
    names = [case.name for case in OF_TRAINING[::4]]
    done = run(environment, *names, "--json", "-")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert [row["name"] for row in result["rows"]] == names
    assert result["faults"]["detected"] == result["faults"]["exact_layer"] == len(names) >= 8
    assert result["faults"]["wrong_cause"] == 0


@pytest.mark.slow
def test_every_planted_fault_is_found_and_nineteen_of_twenty_at_their_very_layer(environment):
    done = run(environment, "--json", "-")
    assert done.returncode == 0, done.stdout + done.stderr
    faults = json.loads(done.stdout)["faults"]
    assert faults["detected"] == faults["total"] == len(FAULTS) >= 60
    assert faults["exact_layer"] >= 0.95 * len(FAULTS)
    assert faults["right_cause"] >= 0.75 * len(FAULTS)
    assert faults["wrong_cause"] == 0


@pytest.mark.slow
def test_right_pairs_that_look_wrong_pass(environment):
    done = run(environment, *PAIRS, "--json", "-")
    result = json.loads(done.stdout)
    alarms = {r["name"]: (r["verdict"], r["layer"]) for r in result["rows"] if r["false_alarm"]}
    assert done.returncode == 0, alarms or done.stderr
    assert [row["name"] for row in result["rows"]] == PAIRS
    assert result["correct"] == {"total": len(PAIRS), "false_alarms": 0}


def test_there_are_pairs_enough_and_each_says_what_is_awkward_about_it():
    assert len(PAIRS) >= 24
    for name in PAIRS:
        text = (suite.TESTS / "correct" / f"{name}_torch.py").read_text()
        assert '"why": ' in text, name


def test_faults_in_anybodys_ports_are_found_by_verify(environment):
    names = ["keras_bn_eps", "keras_leaky_relu", "torch_kernel_flipped", "torch_relu_cut_at_6"]
    done = run(environment, *names, "--ports", "--json", "-")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    counts = {key: len(names) for key in ("total", "detected", "exact_layer", "right_cause")}
    assert result["faults"] == counts | {"wrong_cause": 0}


@pytest.mark.slow
def test_of_faults_in_anybodys_ports_all_are_found_and_most_are_named(environment):
    done = run(environment, "--ports", "--json", "-")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    faults, correct = result["faults"], result["correct"]
    assert faults["detected"] == faults["total"] >= 60
    assert faults["exact_layer"] >= 0.95 * faults["total"]
    assert faults["right_cause"] >= 0.85 * faults["total"]
    assert faults["wrong_cause"] == 0
    assert correct == {"total": len(suite.cases(["correct"])), "false_alarms": 0}
    assert faults["total"] + len(result["left_out"]) == sum(bool(case.port) for case in FAULTS)


def test_names_of_layers_are_read_out_of_a_culprit():
    assert selfcheck.parts("layer1.0.conv1, relu/max#2") == {"layer1.0.conv1", "relu"}


def test_both_sides_and_every_rung_from_0_to_6_have_faults():
    assert {case.side for case in FAULTS} == {"torch", "keras"}
    assert {case.rung for case in FAULTS} == set(range(7))


def test_a_name_that_is_no_file_is_refused(environment):
    done = run(environment, "keras_of_nothing")
    assert done.returncode == 2
    assert "keras_of_nothing" in done.stderr and "Traceback" not in done.stderr


def row(**changes):
    return {
        "kind": "fault", "detected": True, "exact_layer": True, "right_cause": True,
        "wrong_cause": False, "false_alarm": False, "verdict": "different",
        "shows": {"outputs": True, "layers": True},
        "kernels": {which: dict.fromkeys(NAMES, False) for which in ("outputs", "layers")},
        **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        {"detected": False},
        {"wrong_cause": True},
        {"kind": "correct", "false_alarm": True},
    ],
)
def test_one_miss_or_one_false_word_ends_in_exit_1(bad):
    assert selfcheck.summary([row()] * 30)["exit_status"] == 0
    assert selfcheck.summary([row()] * 30 + [row(**bad)])["exit_status"] == 1


def test_fewer_than_85_of_100_causes_end_in_exit_1_where_they_are_asked_for():
    unnamed = row(right_cause=False)
    assert selfcheck.summary([row()] * 17 + [unnamed] * 3, named=0.85)["exit_status"] == 0
    assert selfcheck.summary([row()] * 16 + [unnamed] * 4, named=0.85)["exit_status"] == 1
    assert selfcheck.summary([row()] * 16 + [unnamed] * 4)["exit_status"] == 0


def test_more_than_one_fault_of_twenty_at_another_layer_ends_in_exit_1():
    missed = row(exact_layer=False)
    assert selfcheck.summary([row()] * 19 + [missed])["exit_status"] == 0
    assert selfcheck.summary([row()] * 18 + [missed] * 2)["exit_status"] == 1
