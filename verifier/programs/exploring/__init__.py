"""Every crash state of a recording judged by what a command reads in it, without a checker."""
