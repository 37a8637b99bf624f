"""The trusted grader: a learner's code runs in a sandbox, the tests run outside it.

By what a mistake would cost, which is what a reader must know first:

host/   this machine. What keeps a learner's code in: reading opens what was handed in, and has a
           text read by a fork with limits; sandbox starts bubblewrap (its command line: bubblewrap)
           and has it fork; remote is one submission's process as seen from here; testing runs test
           cells, whose calls remote makes; limits is what all of that may take. Of the grader it
           needs wire alone, and the words of remedies: import contracts in pyproject.toml hold that
wire       this machine, too: what may cross, plain values, validated, bounded, never unpickled
guest/    next to strangers' code. This machine: zygote loads torch once and forks for each
           submission, jail takes the fork's rights away, seccomp the kernel's calls that reach
           beyond a namespace and that no answer needs. Nothing that is relied on: process runs the
           cells and answers calls, absence goes on where one wants what is not there, off makes
           ready-made functions of torch refuse; all three are the learner's to change
marking/   points. runner says which tests run when, on whose functions, and what an exercise comes
           to; kit cuts llmlib down to what a learner's process may have, lending gives the rest
           where it is asked for; patience tells a slow answer from a busy machine; proxy stands
           for a learner's function in a test cell; analysis says what a text shows before any of
           it runs, ways which of its names lead round a refusal; wording says what went wrong, of
           a hidden test in our own words

Around them: tasks finds and reads submissions, pool runs workers, or cluster has other machines run
them, by a clerk on each; results is what grading comes to, batch keeps it, gradebook writes it,
report makes pages and tables, plugin is the same grader for `nbgrader autograde`, cli the command,
remedies says why a machine has no sandbox. Beside them: collecting takes a learning management
system's download apart, grades goes back there, formgrader mends what nbgrader's pages show,
answers and alike compare what was written, defence asks about it by way of mutations.

A mistake in marking/ gives or takes points, leaves an answer in a learner's process, or lets a
hidden input be told. It reaches nothing on the machine: what it has of a stranger are texts, which
it reads in a fork that reading limits, and plain values; and whatever it hands to testing, what is
executed there is the text of a course's own `Exercise`.

Threat model. A submission is hostile, the course's source and this machine's owner are not.

covered     harm: no network, no home, no course, nothing writable but its own scratch (sandbox),
            no rights and no other process in sight (jail), nothing kept from one fork to the next:
            no key, no priority, no port, no program started (seccomp)
            stalls: limits on time, memory, files and processes, paid by the one who exceeds them
            (limits, remote, jail), reading what was handed in included (reading, wire); a worker
            that dies or goes deaf costs one submission (pool)
            points without the answer: no test and no expected value enters the learner's process,
            what comes back is data of known types (wire), a stand-in equals nothing (proxy)
            answers to be found: of llmlib there is what given cells read and no answer of that
            notebook, neither in memory nor on disk (kit; the rest is not mounted: bubblewrap); an
            answer that given code needs is asked for, and computed in another process (lending).
            The quiz's key is not there
            hidden inputs told: what the learner's code says of a visible test is written down
            before the first hidden one runs, and from then on our words alone (runner, wording)
            others' mistakes: a function that is right is not graded by an earlier one (runner)
not covered a cluster's own network: what reaches Dask's scheduler or workers is trusted (cluster)
            the kernel: an escape from its namespaces is an escape from here; one without filters,
            or of another machine than x86-64 and ARM 64, refuses no calls (seccomp)
            memory in total: each of 32 processes has a limit, their sum has none but that of the
            cgroup in which the grader itself was started (INSTRUCTORS.md says how); when memory
            runs out, there or on the machine, the kernel ends them first (zygote)
            torch itself: it has to be there, softmax and all. What an exercise forbids of it
            refuses, but that is enforced in the process that it binds. What the text shows of such
            a use, and of ways around, is a finding for the instructor, beside the score
            an exercise that is tested through a given function: that function runs in the learner's
            process, and what a cell puts in the place of Python's own is a finding, no more
            what one submission can time or count of another: how busy the machine is, which files
            are in memory, how many pipes were made (their inodes have numbers)
            who wrote an answer, and whether hidden inputs can be guessed from many hand-ins
"""
