"""The specification: the model, what can be put on the bench, and the history of what was asked."""
