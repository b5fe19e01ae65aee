"""Labels are smoothed."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": None,
    "takes": {"smoothing": 0.1},
}
