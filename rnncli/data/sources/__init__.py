"""Where a dataset comes from: the sample, IMDB, a table or a folder."""
