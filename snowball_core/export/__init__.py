"""Export: named tables and pictures, report, bundle.

view             a history, step, group, unit and range; what exports derive from it; the footer
tables           the named tables
pictures         the named pictures
report           one HTML page
methods          the methods paragraph
animation        a range of steps as a GIF
projector        vectors for TensorBoard's projector
files            every file of an export by name
bundle           a folder or zip of files with an index
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
