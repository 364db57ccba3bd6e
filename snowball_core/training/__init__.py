"""Training: the only package that imports torch and transformers.

model            the GPT-2 at step 0 and the windows of each step
precision        formats, device and threads
gradients        loss and gradients in float32 or bfloat16, without a graph
gradient_checks  distance from the two laws of the softmax's gradient
trainer          training as a generator of snapshots, also again from where a run began
recorder         the files of one run, open for writing, and what else decides its bits
step_times       seconds of a step with each arithmetic
loop             train into a run folder, with checkpoints
verification     check a run by hashes, or by replay
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
