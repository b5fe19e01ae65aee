"""Pixels are not divided by 255."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": None,
    "feeds": "unscaled",
}
