"""A probe that could not have seen a fault proves nothing; a drawn one sees every mutant."""

from __future__ import annotations

import pytest

from compare.checks import climb, probe
from compare.document import findings
from compare.verdict import EXIT_STATUS, Verdict

NETS = {
    "lenet": ("torch_impl.models.lenet:LeNet", "tf_impl.models.lenet:LeNet"),
    "digits-cnn": (  # with batch norm
        "torch_impl.models.digits_cnn:DigitsCNN",
        "tf_impl.models.digits_cnn:DigitsCNN",
    ),
}
BLIND = {
    "ones": ({"spoilt": "ones"}, "one number everywhere"),
    "zeros": ({"spoilt": "zeros"}, "zero everywhere"),
    "symmetric": ({"spoilt": "symmetric"}, "symmetric in height and width"),
    "single": ({"batch": 1}, "a single sample"),
    "repeated": ({"spoilt": "repeated"}, "the same sample again and again"),
}


def gathered(evidence, name, **options):
    torch, keras = NETS[name]
    loss = "binary-cross-entropy" if name == "digits-cnn" else "cross-entropy"
    return evidence(torch, keras, name, loss=loss, **options)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("blind", BLIND)
def test_a_probe_that_could_not_have_seen_a_fault_proves_nothing(evidence, name, blind):
    options, words = BLIND[blind]
    found = gathered(evidence, name, **options)
    check = probe.judge(found)
    assert check.verdict is Verdict.NOT_PROVEN
    assert words in check.detail and "could not have seen" in check.detail
    assert check.coverage[0] < check.coverage[1]
    document = findings(found, climb(found))
    assert document["verdict"] == "not proven"
    assert EXIT_STATUS[Verdict(document["verdict"])] == 4


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", NETS)
def test_a_drawn_probe_sees_every_mutant_and_right_ports_agree_on_it(evidence, name, seed):
    *checks, check = climb(gathered(evidence, name, seed=seed))
    assert all(other.verdict.agrees for other in checks), [other.detail for other in checks]
    assert check.verdict is Verdict.SAME, check.detail
    killed, mutants = check.coverage
    assert killed == mutants > 50
    assert check.measured == 1.0


def test_images_too_small_to_reach_a_cut_off_do_not_show_it(evidence):
    """Two images of size 1 were the probe of large nets: a relu that is cut off at 6 passed."""
    found = gathered(evidence, "lenet", spoilt="small")
    check = probe.judge(found)
    assert check.verdict is Verdict.NOT_PROVEN
    assert "relu1 computes relu6" in check.detail
