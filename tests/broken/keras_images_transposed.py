"""Height and width of the images are exchanged."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": None,
    "feeds": "transposed",
}
