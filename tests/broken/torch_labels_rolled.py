"""Each image has the next one's label."""

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": None,
    "feeds": "labels rolled",
}
