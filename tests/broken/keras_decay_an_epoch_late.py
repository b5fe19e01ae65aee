"""The learning rate falls an epoch late."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "schedule-late",
    "takes": {"decay_after": (2,)},
}
