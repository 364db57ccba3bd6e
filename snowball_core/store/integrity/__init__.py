"""Integrity of a run: hashes and what they say of its files.

digests       digests of recorded entries
damage        files that do not fit the configuration, without reading data
evidence      what the bytes of a run say
soundness     what is recorded up to the checkpoint, by hashes
refusals      messages on a damaged run that cannot go on
completion    the lost status of a completed run, from its hashes
state_shapes  names and shapes of a checkpoint's tensors
"""

from ... import submodules

__getattr__, __dir__ = submodules(__name__)
