"""A folder that a recorded Python program finds first: its `sitecustomize` keeps the line that runs."""
