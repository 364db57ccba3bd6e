"""Integrity of a run: its files against its configuration, and its bytes against their hashes.

digests       digests of recorded entries, and which entries differ
quick_check   headers, lengths, states: what is wrong without reading data
resume_check  everything up to the checkpoint, before anything goes on from it
full_check    every byte, number and tensor, to verify a run
"""

from ... import submodules

__getattr__, __dir__ = submodules(__name__)
