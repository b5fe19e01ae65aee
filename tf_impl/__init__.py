"""The networks in Keras, by hand, and the worker that traces and trains them."""
