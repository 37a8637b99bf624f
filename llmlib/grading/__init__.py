"""The trusted grader: a learner's code runs in a sandbox, the tests run outside it.

By side, which is what a reader must know first:

outside/   trusted. reading opens what was handed in, and has it read within limits; kit cuts
           llmlib down to what a learner's process may have; sandbox starts bubblewrap (its command
           line: bubblewrap); remote is one submission's process as seen from here; runner runs the
           test cells, which call the learner's functions by name (names), within a limit of their
           own (alarm), and told says what went wrong, of a hidden test in our own words
wire       what may cross: plain values, validated, bounded, never unpickled
inside/    next to strangers' code. Trusted: zygote loads torch once and forks for each submission,
           jail takes the fork's rights away, seccomp most of the kernel's calls. Not trusted:
           process runs the cells and answers calls, off makes ready-made functions of torch
           refuse; both are the learner's to change

Around them, what meets no learner's process: tasks finds submissions, pool runs workers, or cluster
has other machines run them, by a clerk on each; analysis says what a text shows before any of it
runs, wording what a visible test says, remedies why a machine has no sandbox; batch keeps results,
gradebook writes them, report makes pages and tables, plugin is the same grader for `nbgrader
autograde`, cli the command.
A stranger's text is read by analysis, and by what it calls in llmlib/course, in a fork that reading
limits. A mistake there can be about which cells run, what an exercise was seen to use, which
earlier function is lent: it decides points, but reaches nothing.
Beside them: grades is for learning management systems, answers and alike compare what was written,
defence asks about it by way of mutations.

Threat model. A submission is hostile, the course's source and this machine's owner are not.

covered     points without the answer: tests and hidden inputs never enter the learner's process,
            what comes back is data of known types, a stand-in equals nothing (names, wire)
            answers to be found: of llmlib there is what given cells read and no answer of that
            notebook, neither in memory nor on disk; an answer that given code needs is asked for,
            and computed in another process (kit, remote). The quiz's key is not there
            hidden inputs told: all visible tests run before the first hidden one, and from then
            on what is written down is in our words alone (runner, told)
            harm: no network, no home, no course, nothing writable but its own scratch (sandbox),
            no rights and no other process in sight (jail), nothing kept from one fork to the next:
            no key, no priority, no port, no program started (seccomp)
            stalls: limits on time, memory, files and processes, paid by the one who exceeds them
            (remote, jail), reading what was handed in included (reading, wire); a worker that
            dies or goes deaf costs one submission (pool)
            others' mistakes: a function that is right is not graded by an earlier one (runner)
not covered a cluster's own network: what reaches Dask's scheduler or workers is trusted (cluster)
            the kernel: an escape from its namespaces is an escape from here
            memory in total: each of 32 processes has a limit, their sum has none but that of the
            cgroup in which the grader itself was started (INSTRUCTORS.md says how); when memory
            runs out, there or on the machine, the kernel ends them first (zygote)
            torch itself: it has to be there, softmax and all. What an exercise forbids of it
            refuses, but that is enforced in the process that it binds. What the text shows of such
            a use, and of ways around, is a finding for the instructor, beside the score
            who wrote an answer, and whether hidden inputs can be guessed from many hand-ins
"""
