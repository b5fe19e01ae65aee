"""A cosine instead of steps."""

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "schedule",
    "takes": {"schedule": "cosine"},
}
