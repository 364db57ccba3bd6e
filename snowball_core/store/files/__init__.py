"""File formats below a run: safetensors, regular files, zip.

tensor_header  the header of a safetensors file, checked
tensor_file    one tensor in a safetensors file, written in place
file_array     an array read from its file part by part
file_kinds     what a file is that is no safetensors file
regular_files  open, read, replace and identify regular files
zip_file       a zip file of a run, read
"""

from ... import submodules

__getattr__, __dir__ = submodules(__name__)
