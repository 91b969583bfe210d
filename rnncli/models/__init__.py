"""Recurrent classifiers as Flax modules, and the same forward pass in NumPy.

To read from equations to the whole:

1. `cells`: one time step of each cell, as its equations. Begin with ``LSTMCell.step``.
2. `recurrence`: a cell scanned over time. This is the definition; JAX differentiates it.
3. `encoder`: the recurrence in one direction or two, in layers.
4. `pooling`: from the states of a text to one vector.
5. `classifier`: embedding, encoder, pooling, head: the whole model on one page.
6. `parameters`: what is learned, with its shapes and first values; `layers` hands it to the modules.

And what makes it fast, or do without JAX, each tested to be equal to the above:

7. `in_place`: the backward pass of the recurrence, with less memory and more speed.
8. `numpy_cells` and `numpy_forward`: the model in NumPy, for a few texts at once.

Cells and poolings are registered in `rnncli.settings.model`.
"""
