"""Recurrent classifiers as Flax modules, and the same forward pass in NumPy.

`tests/models/textbook.py` states the whole model most plainly: one text, one time step at a time.
Here it works on batches of texts. First what makes it recurrent, then the rest from the top down:

1. `cells`: one time step of each cell, as its equations. Begin with ``LSTMCell.step``.
2. `recurrence`: a cell scanned over time. This is the definition; JAX differentiates it.
3. `classifier`: embedding, encoder, pooling, head: the whole model on one page.
4. `encoder`: the recurrence in one direction or two, in layers.
5. `pooling`: from the states of a text to one vector.
6. `language_model`: the same encoder, asked for the next word instead of a class.
7. `parameters`: what is learned, with its shapes and first values; `layers` hands it to the modules.

And what makes it fast, or do without JAX, each tested to be equal to the above:

8. `word_lookup`: the forward pass of the recurrence, with each distinct word projected once.
9. `in_place`: its backward pass, with less memory and more speed.
10. `numpy_cells` and `numpy_forward`: the model in NumPy, for a few texts at once.

Cells and poolings are registered in `rnncli.settings.model`.
"""
