"""PyTorch's recurrent layers on packed sequences, in double precision."""

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.parity.problems import HIDDEN_SIZE, INPUT_SIZE, TIME, Answer, Problem, two_biases

LAYERS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def solve(problem: Problem) -> Answer:
    """Outputs, last states and gradients; every length must be at least 1."""
    shape = problem.shape
    layer = LAYERS[shape.cell](
        INPUT_SIZE,
        HIDDEN_SIZE,
        num_layers=shape.num_layers,
        bidirectional=shape.bidirectional,
        batch_first=True,
        dtype=torch.float64,
    )
    _load(layer, problem)
    inputs = torch.tensor(problem.inputs, dtype=torch.float64, requires_grad=True)
    packed = pack_padded_sequence(
        inputs, torch.tensor(problem.lengths).long(), batch_first=True, enforce_sorted=False
    )
    states, last = layer(packed)
    outputs, _ = pad_packed_sequence(states, batch_first=True, total_length=TIME)
    last = last[0] if shape.cell == "lstm" else last  # [layers * directions, batch, hidden]
    last = torch.cat(list(last[-len(shape.directions) :]), dim=-1)
    factors = torch.tensor(problem.output_factors), torch.tensor(problem.last_factors)
    ((outputs * factors[0]).sum() + (last * factors[1]).sum()).backward()
    assert inputs.grad is not None
    return Answer(
        outputs.detach().numpy(), last.detach().numpy(), inputs.grad.numpy(), _gradients(layer, problem)
    )


def _names(problem: Problem) -> dict[str, str]:
    """The end of PyTorch's names, ``_l1_reverse``, for the start of ours, ``layer_1.backward.``."""
    reverse = {"forward": "", "backward": "_reverse"}
    return {
        f"layer_{layer}.{direction}.": f"_l{layer}{reverse[direction]}"
        for layer in range(problem.shape.num_layers)
        for direction in problem.shape.directions
    }


def _load(layer: torch.nn.Module, problem: Problem) -> None:
    """Set the parameters."""
    parameters, weights = dict(layer.named_parameters()), problem.weights
    with torch.no_grad():
        for prefix, suffix in _names(problem).items():
            first, second = two_biases(weights, prefix)
            parameters["weight_ih" + suffix].copy_(torch.tensor(weights[prefix + "input_kernel"].T))
            parameters["weight_hh" + suffix].copy_(torch.tensor(weights[prefix + "recurrent_kernel"].T))
            parameters["bias_ih" + suffix].copy_(torch.tensor(first))
            parameters["bias_hh" + suffix].copy_(torch.tensor(second))


def _gradients(layer: torch.nn.Module, problem: Problem) -> dict[str, np.ndarray]:
    """The parameters' gradients in our layout."""
    theirs = {name: value.grad.numpy() for name, value in layer.named_parameters()}
    ours = {}
    for prefix, suffix in _names(problem).items():
        ours[prefix + "input_kernel"] = theirs["weight_ih" + suffix].T
        ours[prefix + "recurrent_kernel"] = theirs["weight_hh" + suffix].T
        ours[prefix + "bias"] = theirs["bias_ih" + suffix]
        if problem.shape.cell == "gru":
            ours[prefix + "recurrent_bias"] = theirs["bias_hh" + suffix][-HIDDEN_SIZE:]
    return ours
