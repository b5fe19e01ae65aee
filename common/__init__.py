"""What both frameworks share: the spec, its rules and reference, data, weights. NumPy only."""
