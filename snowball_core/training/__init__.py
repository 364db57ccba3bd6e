"""Training: the only package that imports torch and transformers.

model               the GPT-2 of the experiment
initial_states      where the rows of the embedding matrix start
precision           which number lives in which format
machine             device, threads and processor features
batches             which windows of the text each step sees
manual_gradients    loss and gradients in float32 without a graph
autocast_gradients  loss and gradients under bfloat16 autocast
gradient_checks     distance from the two laws of the softmax's gradient
trainer             training as a generator of snapshots
provenance          what else decides the bits of a run
recorder            the files of one run, open for writing
loop                train into a run folder, with checkpoints
replay              train a run again from where it began
verification        check a run by hashes, or by replay
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
