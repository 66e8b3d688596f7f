"""The release of the package in a folder: `python tiny_of.py FOLDER`."""

import sys
from importlib import import_module

sys.path.insert(0, sys.argv[1])
print(import_module("tiny").VERSION)
