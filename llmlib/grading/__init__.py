"""The trusted grader: a learner's code runs in a sandbox, the tests run outside it.

boundary   plain values across a socket: validated, bounded, never unpickled
sandbox    the bubblewrap command and the limits; refuses to start without them
zygote     inside the sandbox: torch is loaded once, each submission is a fork in namespaces of its own
student    inside such a fork: runs the learner's cells, then answers calls
off        inside such a fork: ready-made answers that an exercise forbids
runner     outside: test cells call the learner's functions by name; notebook in, result out
plugin     the nbgrader preprocessors
batch      many submissions, many workers, one writer to the gradebook
report     feedback, scores, the class report
"""
