"""The loss is the sum over the batch instead of the mean."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "loss-reduction",
    "takes": {"shares": (16.0,)},
}
