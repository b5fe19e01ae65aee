"""The rungs of the ladder on two ports of anybody's, one file each."""
