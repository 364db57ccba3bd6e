"""What this machine's accelerator computes and how fast: ``python -m benchmarks accelerator``, at most a few minutes.

command     arguments, parts in order, exit status
sitting     what all parts share: configuration, text, time left, rows
checks      laws that hold on every device: initial state, losses, determinism, equal gradients
kill        a recording process killed, resumed and compared
times       steps timed in turns, beside the original procedure
many        many runs in one pass
kernels     share of a step's time per kind of kernel
report      the machine in words, JSON and the Markdown table
"""
