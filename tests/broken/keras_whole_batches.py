"""The last, smaller batch of an epoch is left out."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "feeds": "whole batches",
}
