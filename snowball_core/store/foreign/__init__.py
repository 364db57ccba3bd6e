"""Foreign histories: files that were not recorded here.

tensor  the tensor of a file, and its dead tokens
links   files that were opened, listed with the runs
"""

from ... import submodules

__getattr__, __dir__ = submodules(__name__)
