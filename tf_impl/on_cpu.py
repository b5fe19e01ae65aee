"""What stands in for Keras' own kernels where TensorFlow has none on a CPU, or only slow ones."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

ON_CPU: list[bool] = []  # not empty: convolutions go around what a CPU cannot do


def install() -> None:
    """Puts them in place; before a user's module is imported."""
    backend = keras.src.backend.nn
    backend.conv = in_groups(backend.conv, backend.depthwise_conv)
    backend.conv = around(backend.conv)
    backend.conv_transpose = around(backend.conv_transpose)
    backend.max_pool = of_volumes(backend.max_pool)


@contextmanager
def stood_in() -> Iterator[None]:
    """Inside, convolutions of groups and of channels first go around TensorFlow's own on a CPU."""
    ON_CPU.append(True)
    try:
        yield
    finally:
        ON_CPU.pop()


def given_to(function: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """What a function was called with, by name, with what nobody said."""
    found = inspect.signature(function).bind(*args, **kwargs)
    found.apply_defaults()
    return dict(found.arguments)


def format_of(given: dict[str, Any]) -> str:
    return given["data_format"] or keras.config.image_data_format()


def plain(value: Any) -> Any:
    """A tuple where it is a list, which Keras does not take everywhere."""
    return tuple(value) if isinstance(value, list) else value


def in_groups(conv: Callable[..., Any], depthwise: Callable[..., Any]) -> Callable[..., Any]:
    """Keras' convolution with each group of channels by itself.

    TensorFlow hands no gradient back through groups on a CPU, so Keras has XLA compile each call
    anew: 7x7 windows of 96 maps of 16x16 in float64 took 2 s and back 3 s, and 0.01 s this way.
    """

    @functools.wraps(conv)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = given_to(conv, args, kwargs)
        if not ON_CPU or format_of(given) != "channels_last" or not tf.executing_eagerly():
            return conv(*args, **kwargs)
        x, kernel = (tf.convert_to_tensor(given[name]) for name in ("inputs", "kernel"))
        *window, width, made = kernel.shape
        groups, left_over = divmod(x.shape[-1], width)
        if groups == 1 or left_over or made % groups:  # none, or Keras says what is wrong
            return conv(*args, **kwargs)
        square = len({*np.atleast_1d(given["strides"])}) == 1  # TensorFlow's bound
        if width == 1 and len(window) < 3 and square:
            kernel = tf.reshape(kernel, (*window, groups, made // groups))
            step, gap = (plain(given[name]) for name in ("strides", "dilation_rate"))
            y = depthwise(x, kernel, step, given["padding"], "channels_last", gap)
            return y if tf.size(y) else conv(*args, **kwargs)  # which says what is too small
        pieces = zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([conv(**{**given, "inputs": a, "kernel": b}) for a, b in pieces], -1)

    return call


def of_volumes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keras' maximum over windows, in float64 of volumes, too, where TensorFlow has none.

    The largest of a box is the largest of its planes' largest: planes first, then along the depth.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = given_to(function, args, kwargs)
        x, eager = given["inputs"], tf.executing_eagerly()
        if len(x.shape) != 5 or x.dtype not in (tf.float64, "float64") or not eager:
            return function(*args, **kwargs)
        last = format_of(given) == "channels_last"
        x = x if last else tf.transpose(x, (0, 2, 3, 4, 1))
        size, step = (
            (n,) * 3 if isinstance(n, int) else tuple(n)
            for n in (given["pool_size"], given["strides"] or given["pool_size"])
        )
        n, depth, *plane, channels = x.shape
        more = {"padding": given["padding"], "data_format": "channels_last"}
        x = tf.reshape(x, (n * depth, *plane, channels))
        x = function(x, size[1:], step[1:], **more)
        _, rows, columns, _ = x.shape
        x = tf.reshape(x, (n, depth, rows * columns, channels))
        x = function(x, (size[0], 1), (step[0], 1), **more)
        x = tf.reshape(x, (n, x.shape[1], rows, columns, channels))
        return x if last else tf.transpose(x, (0, 4, 1, 2, 3))

    return call


def around(function: Callable[..., Any]) -> Callable[..., Any]:
    """A convolution of Keras' TensorFlow side, transposed to channels last and back."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = given_to(function, args, kwargs)
        form = format_of(given)
        if not ON_CPU or form != "channels_first" or not tf.executing_eagerly():
            return function(*args, **kwargs)
        x = tf.convert_to_tensor(given["inputs"])
        rank = len(x.shape)
        x = tf.transpose(x, (0, *range(2, rank), 1))
        y = function(**{**given, "inputs": x, "data_format": "channels_last"})
        return tf.transpose(y, (0, rank - 1, *range(1, rank - 1)))

    return call
