"""Hand-written PyTorch ports, each the twin of the file of the same name in tf_impl/models."""
