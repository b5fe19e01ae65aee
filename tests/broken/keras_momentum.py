"""The momentum is 0.99 instead of 0.9."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "momentum",
    "takes": {"momentum": 0.99},
}
