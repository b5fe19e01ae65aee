"""What two right ports still show, with the exact bound of each: no difference here is an alarm.

An entry says what is seen, why, how large it may be, which code allows for it and by which name of
this file, and which test shows both that it is allowed and that nothing larger is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import reference
from common.spec import Layer, Spec, tensors
from compare.thresholds import STEP_ADAPTIVE, STEP_FLOAT64

Array = NDArray[Any]
FOLDED = 1e-6  # of a tensor's largest number: a few roundings of float32, where they are added up
HALF_A_PLACE = {"float32": 2.0**-24, "bfloat16": 2.0**-9, "float16": 2.0**-11}  # relative
SOFTPLUS_STRAIGHT = 20.0  # above it PyTorch's softplus is the number itself (its `threshold`)
KEPT_IN_FLOAT32 = 1e-6  # what a constant held in float32 can make of a number in a float64 net


@dataclass(frozen=True)
class Known:
    """One difference. `uses`: module of the project -> the name of this file that it goes by."""

    id: str
    what: str
    why: str
    bound: str
    uses: Mapping[str, str]
    shown_by: tuple[str, ...]  # "tests/file.py::test"
    note: str = ""  # what a report says where it was allowed for


# -------------------------------------------------------------------------- what the checks ask


def variance_factor(side: str, values: int) -> float:
    """What a side's running variance takes in, as a multiple of the batch's biased variance."""
    return values / (values - 1) if side == "torch" and values > 1 else 1.0


def other_variance_factor(side: str, values: int) -> float:
    """What the other framework takes in: of this side, a fault."""
    return variance_factor("keras" if side == "torch" else "torch", values)


def dead_biases(spec: Spec) -> set[str]:
    """Biases that nothing but batch norm reads, which in training takes them away again."""
    readers = {
        layer.name: {reader.op for reader in spec.layers if layer.name in reader.reads}
        for layer in spec.layers
    }
    return {
        f"{name}.bias"
        for name, own in tensors(spec).items()
        if "bias" in own and readers[name] == {"batch_norm"} and name not in spec.outputs
    }


def led_by_dead_biases(spec: Spec) -> set[str]:
    """The running means that follow such a bias, wherever an optimizer takes it."""
    owners = {name.rpartition(".")[0] for name in dead_biases(spec)}
    return {f"{layer.name}.mean" for layer in spec.layers if owners & set(layer.reads)}


def untied(readers: Iterable[Layer], value: Array) -> Array:
    """Where the gradient of `value` has one right answer: at no kink, in no tie of a window."""
    tied = np.zeros(value.shape, dtype=bool)
    for reader in readers:
        tied |= reference.ties(reader, value)
    return ~tied


def equal_in_float32(a: float, b: float) -> bool:
    """Whether float32 holds two constants as one number."""
    return bool(np.float32(a) == np.float32(b))


def allowed_in_a_step(optimizer: str) -> float:
    """How far the steps of two right ports may be apart, relatively."""
    return STEP_FLOAT64 if optimizer == "sgd" else STEP_ADAPTIVE


def rounded(x: float) -> float:
    """A constant as float32 holds it."""
    return float(np.float32(x))


def flipped_in_float32(errors: Iterable[float]) -> float:
    """What is left of a float32 step's errors, a tensor each, once flipped relus are allowed for.

    No flip reaches every tensor, so the closest one decides.
    """
    return min(errors)


SIXTH = float(np.float32(1 / 6)) * 6  # of a hard sigmoid, as PyTorch's backward pass holds it


def tied_maxima(x: Array, axes: tuple[int, ...]) -> Array:
    """Where x shares the largest number along these axes with another place."""
    largest = x == x.max(axis=axes, keepdims=True)
    return np.asarray(largest & (largest.sum(axis=axes, keepdims=True) > 1))


def folded_alike(held: Array, meant: Array) -> bool:
    """Whether a kernel or a bias is what a layer and its norm make, but for its rounding."""
    if held.shape != meant.shape:
        return False
    return bool(np.abs(held - meant).max(initial=0.0) <= FOLDED * np.abs(meant).max(initial=0.0))


# ------------------------------------------------------------------------------------ the list

RUNNING_VARIANCE = Known(
    "running-variance",
    "PyTorch's running variance is n/(n-1) times what Keras' takes in of a batch, n its values",
    "PyTorch keeps the unbiased variance of the batch, Keras the biased one. Both normalise the "
    "batch by the biased one. The other way round is a fault of the side that does it",
    "n / (n - 1), exact; of ten steps whose batches differ, between the two ratios",
    {
        "compare/checks/training.py": "variance_factor",
        "compare/checks/step.py": "variance_factor",
        "compare/checks/trajectory.py": "variance_factor",
    },
    (
        "tests/test_known.py::test_each_framework_keeps_its_own_variance_and_no_other",
        "tests/test_training.py::test_right_ports_are_the_same_in_training_mode",
        "tests/test_steps.py::test_right_ports_take_the_same_steps",
        "tests/test_training.py::test_right_ports_take_the_same_hundred_steps",
    ),
    "running variances n/(n-1) apart, as known",
)
DEAD_BIAS = Known(
    "dead-bias",
    "the gradient of a bias in front of a batch norm is nothing but rounding",
    "the norm takes the mean away again, and the bias with it. SGD leaves the rounding at "
    "rounding; what divides by the gradient makes whole steps of it, and the running mean of the "
    "norm follows them",
    "no bound between the sides; under SGD its own change, in units of its layer's weight's, is "
    "held to the step's own bound",
    {
        "compare/isolate.py": "dead_biases",
        "compare/checks/training.py": "dead_biases",
        "compare/checks/step.py": "led_by_dead_biases",
        "compare/checks/trajectory.py": "dead_biases",
    },
    (
        "tests/test_steps.py::test_right_ports_take_the_same_steps",
        "tests/test_training.py::test_right_ports_take_the_same_hundred_steps",
    ),
    "biases without a gradient left out",
)
TIES = Known(
    "ties",
    "at a relu's kink, and where several places of a pooling window are the largest, gradients "
    "differ",
    "there a derivative has several right answers: PyTorch hands a window's gradient to the first "
    "of the largest, TensorFlow to all or to another of them",
    "only at such places, which are counted apart; none elsewhere",
    {
        "compare/isolate.py": "untied",
        "compare/backward_causes.py": "untied",
        "compare/checks/gradients.py": "untied",
    },
    (
        "tests/test_reference.py::test_places_that_share_a_windows_largest_value_are_ties",
        "tests/test_reference.py::test_zeros_are_the_ties_of_relu_and_other_ops_have_none",
        "tests/test_ladder.py::test_right_ports_pass_every_check",
    ),
    "places at ties counted apart",
)
ROUNDED_CONSTANTS = Known(
    "rounded-constants",
    "a setting or a constant of an optimizer is the float32 number next to the one that was given",
    "Keras keeps rate, momentum, betas and eps in float32, in a float64 net, too, and so does a "
    "tensor of either side that holds a mean or a standard deviation of pixels. A recipe rounds "
    "its constants to float32 once, for both sides (Recipe.float32), so that none is left over",
    "equal in float32: 6e-8 of the constant; a recipe's constants exactly",
    {
        "compare/checks/attributes.py": "equal_in_float32",
        "compare/ports/causes/spoilt.py": "rounded",  # the scale of an attention
    },
    (
        "tests/test_verify_users.py::test_a_right_port_matches",
        "tests/test_known.py::test_two_lines_are_one_where_their_constants_are_equal_in_float32",
        "tests/test_attributes.py::test_a_constant_may_be_rounded_to_float32_and_no_further",
        "tests/test_steps.py::test_adams_first_update_is_the_formula_written_out",
    ),
)
ACTIVATION_CONSTANTS = Known(
    "activation-constants",
    "a GELU in float64 differs by 1e-9 to 4e-8",
    "TensorFlow's root of a half and 0.044715 are float32 constants, cast to float64 afterwards",
    "the activation with its constants rounded to float32, down to rounding; 4e-8 of the "
    "largest output at most",
    {"compare/ports/causes/spoilt.py": "KEPT_IN_FLOAT32"},
    ("tests/test_known.py::test_gelus_with_constants_of_float32_are_within_the_bound",),
)
STRAIGHT_SOFTPLUS = Known(
    "straight-softplus",
    "a softplus of numbers above 20 differs by up to 2.1e-9, which is 1e-10 of them",
    "PyTorch hands them on as they are, where log(1 + exp(x)) is x + exp(-x); Keras computes it",
    "log(1 + exp(-20)); made straight above 20 Keras' is PyTorch's, down to rounding",
    {"compare/ports/causes/spoilt.py": "SOFTPLUS_STRAIGHT"},
    (
        "tests/test_verify_users.py::test_a_softplus_that_is_straight_above_20_is_a_known_difference",
    ),
)
ADAPTIVE_STEP = Known(
    "adaptive-step",
    "steps of Adam, RMSprop and Adagrad are further apart than those of SGD",
    "they divide by a root of the gradient's square, which multiplies the rounding of a gradient "
    "as small as eps. Where eps stands is no such difference: Keras' own Adam is a fault of 1e-3, "
    "and our Keras optimizers compute PyTorch's formulas",
    f"{STEP_ADAPTIVE:g} of the largest change of a tensor, against {STEP_FLOAT64:g} for SGD",
    {"compare/checks/step.py": "allowed_in_a_step"},
    (
        "tests/test_steps.py::test_right_ports_take_the_same_steps",
        "tests/test_steps.py::test_a_side_with_another_formula_or_late_rates_is_named",
    ),
)
FLIPPED_RELU = Known(
    "flipped-relu",
    "in float32 the step of one side is further off than rounding, in some tensors",
    "a rounding that carries a number over a relu's kink moves whole gradients: 0.4 of a tensor's "
    "largest update in vgg11-bn, on one side alone. The last biases and the running means keep to "
    "float32's rounding, whatever flips before them",
    "of the tensor that is closest, STEP_CLOSEST",
    {"compare/checks/step.py": "flipped_in_float32"},
    (
        "tests/test_steps.py::test_right_ports_take_the_same_steps",
        "tests/test_steps.py::test_a_float32_step_of_bfloat16_numbers_is_found_on_one_side_and_on_both",
    ),
)

FOLDED_NORM = Known(
    "folded-norm",
    "trained weights of one port hold a batch norm in the kernel and the bias of the layer before",
    "W γ/σ and β + (b - μ) γ/σ are kept in float32. In evaluation both compute the same; in "
    "training one of them has no norm at all, which the report says",
    f"{FOLDED:g} of a tensor's largest number; all else is judged with them unrounded",
    {"compare/ports/folded.py": "folded_alike"},
    ("tests/test_verify.py::test_a_norm_that_trained_weights_have_taken_in_is_no_alarm",),
)

FLOAT32_PARTS = Known(
    "float32-parts",
    "a port computes some layers, or all of them, in float32 when it is asked for float64",
    "x.float() in a forward, a layer with dtype=float32, a softmax in float32: what such a part "
    "makes is known to rounding alone, and in float32 it is the same network",
    "SHORT_UNITS times what the part itself moves by, which is measured and reported",
    {"compare/ports/short.py": "HALF_A_PLACE"},
    (
        "tests/test_verify_short.py::test_a_right_pair_is_the_same_within_its_rounding_and_says_so",
        "tests/test_verify_short.py::test_a_fault_is_found_in_a_port_of_float32",
    ),
)

KNOWN = (
    RUNNING_VARIANCE,
    DEAD_BIAS,
    TIES,
    ROUNDED_CONSTANTS,
    ACTIVATION_CONSTANTS,
    STRAIGHT_SOFTPLUS,
    ADAPTIVE_STEP,
    FLIPPED_RELU,
    FOLDED_NORM,
    FLOAT32_PARTS,
)
