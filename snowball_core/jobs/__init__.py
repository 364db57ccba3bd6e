"""Jobs: from a configuration to a worker.

prepare        checks before a run exists
fork_points    where a run can be forked
fork           a new run out of an old one
compute_choice the faster arithmetic here
pace           time that training takes, as a range
workers        training in separate processes
queue          one run at a time on an accelerator
stop_requests  requests to end a training between two steps
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
