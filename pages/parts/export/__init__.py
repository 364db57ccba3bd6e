"""The Export page.

choice   what an export is about
files    its files and their command
prepare  a file that takes long
"""
