"""A batch norm keeps the unbiased running variance, as PyTorch does."""

from common.locate import locate

Dropping = locate(
    __file__.replace("broken/keras_unbiased_variance", "ports/dropping_keras") + ":OtherVariance"
)

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 4,
    "layer": "bn1",
    "cause": "bn-running-var-biased",
    "not_a_port": "both ports then keep one and the same running variance",
}


class Port(Dropping):
    pass
