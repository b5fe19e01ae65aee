"""The networks in PyTorch, by hand, and the worker that traces and trains them."""
