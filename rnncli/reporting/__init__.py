"""Tables, progress and plots: data in, Rich renderables or files out."""
