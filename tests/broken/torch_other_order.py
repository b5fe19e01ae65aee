"""The images come in another order."""

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": None,
    "feeds": "other order",
}
