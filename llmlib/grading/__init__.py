"""The trusted grader: a learner's code runs in a sandbox, the tests run outside it.

By side, which is what a reader must know first:

outside/   trusted. submission opens what was handed in; sandbox starts bubblewrap; remote is one
           submission's process as seen from here (told: its exceptions, gradients: its autograd);
           runner runs the test cells, which call the learner's functions by name
wire       what may cross: plain values, validated, bounded, never unpickled
inside/    next to strangers' code. zygote loads torch once and forks for each submission, jail
           takes the fork's rights away; process runs the cells and answers calls; off makes
           ready-made answers refuse

Around them: tasks finds submissions, pool runs workers, batch keeps results, gradebook writes them,
report makes pages and tables, plugin is the same grader for `nbgrader autograde`, cli the command.

Threat model. A submission is hostile, the course's source and this machine's owner are not.

covered     points without the answer: tests and hidden inputs never enter the learner's process,
            what comes back is data of known types, a stand-in equals nothing (runner, wire)
            harm: no network, no home, no course, nothing writable but its own scratch (sandbox),
            no rights and no other process in sight (jail), nothing kept from one fork to the next
            stalls: limits on time, memory, files and processes, paid by the one who exceeds them
            (remote, jail); a worker that dies or goes deaf costs one submission (pool)
not covered the kernel: an escape from its namespaces is an escape from here
            memory in total where there are no cgroups: each fork has a limit, their sum has none
            llmlib itself: it lies inside, without the answers' source, but `off` is enforced in the
            process that it binds, so a submission may call the course's own functions
            who wrote an answer, and whether hidden inputs can be guessed from many hand-ins
"""
