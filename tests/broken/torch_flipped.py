"""Half of the images are mirrored, as an augmentation would."""

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": None,
    "feeds": "flipped",
}
