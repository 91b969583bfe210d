"""Keras' recurrent layers under a mask, in double precision, on TensorFlow."""

import keras
import numpy as np
import tensorflow as tf

from tests.parity.problems import HIDDEN_SIZE, Answer, Problem, two_biases

LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def solve(problem: Problem) -> Answer:
    """Outputs, last states and gradients, of one layer; lengths may be 0."""
    shape = problem.shape
    forward, backward = _layer(shape.cell), _layer(shape.cell, go_backwards=True)
    layer = forward
    if shape.bidirectional:
        layer = keras.layers.Bidirectional(forward, backward_layer=backward, dtype="float64")
    inputs, mask = tf.constant(problem.inputs, tf.float64), tf.constant(problem.valid)
    factors = tf.constant(problem.output_factors, tf.float64), tf.constant(problem.last_factors, tf.float64)
    layer(inputs, mask=mask)  # builds it
    directions = [layer.forward_layer, layer.backward_layer] if shape.bidirectional else [layer]
    for name, direction in zip(shape.directions, directions, strict=True):
        direction.set_weights(_to_keras(problem.weights, f"layer_0.{name}."))
    variables = [weight.value for direction in directions for weight in direction.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs, *states = layer(inputs, mask=mask)
        per_direction = len(states) // len(directions)  # for the LSTM the state and the memory
        last = tf.concat(states[::per_direction], axis=-1)
        functional = tf.reduce_sum(outputs * factors[0]) + tf.reduce_sum(last * factors[1])
    input_gradient, *gradients = tape.gradient(functional, [inputs, *variables])
    ours = {}
    for number, name in enumerate(shape.directions):
        theirs = [np.array(gradient) for gradient in gradients[3 * number : 3 * number + 3]]
        ours |= {f"layer_0.{name}.{key}": value for key, value in _from_keras(shape.cell, *theirs).items()}
    masked = np.array(outputs) * problem.valid[:, :, None]
    return Answer(masked, np.array(last), np.array(input_gradient), ours)


def _layer(cell: str, **options: bool) -> keras.Layer:
    reset_after = {"reset_after": True} if cell == "gru" else {}
    return LAYERS[cell](
        HIDDEN_SIZE, return_sequences=True, return_state=True, dtype="float64", **reset_after, **options
    )


def _swap(kernel: np.ndarray) -> np.ndarray:
    """Reset and update gates change places: Keras' GRU has the update gate first."""
    r, z, n = np.split(kernel, 3, axis=-1)
    return np.concatenate([z, r, n], axis=-1)


def _to_keras(weights: dict[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    kernel, recurrent = weights[prefix + "input_kernel"], weights[prefix + "recurrent_kernel"]
    if prefix + "recurrent_bias" not in weights:
        return [kernel, recurrent, weights[prefix + "bias"]]
    biases = [_swap(bias) for bias in two_biases(weights, prefix)]
    return [_swap(kernel), _swap(recurrent), np.stack(biases)]


def _from_keras(
    cell: str, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray
) -> dict[str, np.ndarray]:
    names = ("input_kernel", "recurrent_kernel", "bias")
    if cell != "gru":
        return dict(zip(names, (kernel, recurrent, bias), strict=True))
    swapped = map(_swap, (kernel, recurrent, bias[0]))
    return {**dict(zip(names, swapped, strict=True)), "recurrent_bias": bias[1, -HIDDEN_SIZE:]}
