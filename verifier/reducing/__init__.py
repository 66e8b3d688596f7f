"""The smallest tape of a violation, and the smallest mend of it."""
