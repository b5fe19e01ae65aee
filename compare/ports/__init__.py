"""A verdict on two ports that nobody here has written: `compare verify` and `compare transfer`."""
