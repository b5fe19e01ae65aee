"""The gradients are not clipped."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "clip-missing",
    "recipe": {"clip": "value", "clip_at": 0.01},
    "takes": {"clip": "", "clip_at": 0.0},
}
