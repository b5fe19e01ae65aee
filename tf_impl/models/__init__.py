"""Hand-written Keras ports, each the twin of the file of the same name in torch_impl/models."""
