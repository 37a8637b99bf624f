"""Grade learners' notebooks: their code runs in a sandbox, the tests run outside it.

Rooms, ordered by what a mistake in them would cost:

host/      this machine. Keeps a learner's code in. read_submission opens a file and reads it in a
           fork with limits; sandbox starts bubblewrap (bubblewrap: its command line) and asks for
           forks; rpc calls one submission's process; run_test_cell runs the tests; time_limits says
           how long anything may take, processor_time counts it, memory_kills tells a crash from a
           machine without memory. Of the grader it imports only wire and sandbox_diagnostics
           (import contracts in pyproject.toml)
wire       this machine, too: plain values between the two sides, validated, bounded, never
           unpickled
guest/     beside learners' code. This machine: zygote loads torch once and forks for every
           submission, jail drops the fork's rights, seccomp refuses system calls. Not relied on:
           process runs cells and answers calls, resume_cell continues after what the sandbox
           refuses; a learner's code can change both, and exercises/torch_blocker, which refuses
           disallowed functions of torch
marking/   points. runner decides the order of tests and what they earn; library_slice cuts llmlib
           down to what a learner's process may have, reference_calls computes the rest on request;
           proxy stands for a learner's function in a test; analysis reads the text before anything
           runs, text_notes says what an instructor may look at; messages says what failed

Around them: submissions finds notebooks; worker_pool runs workers here, dask_cluster elsewhere with
a dask_worker on each machine; results is the outcome, batch stores it, gradebook writes it, report
makes pages and tables, review those that an instructor edits; nbgrader_plugin is the same grader
for `nbgrader autograde`, formgrader repairs two things in nbgrader's pages, cli is the command,
sandbox_diagnostics explains a missing sandbox. course_config reads an instructor's settings.
downloads sorts what a teacher was sent, loose_files says whose a file is that no system named,
lms_file_names whose one of Canvas or Moodle is; lms_export writes grades for them. exchange
releases, collects and gives back through nbgrader's exchange, of which collect takes only what is a
learner's own. export_answers and similarity compare answers; oral_questions asks about them with
mutations.

How a point comes about:
1. Both halves of an exercise's test run, every visible half before the first hidden one, once each.
   What it disallows raises as it is called. Text decides nothing.
2. A half passes if the test, which runs here, raises nothing; both passing earn the points.
3. A half that failed runs again with the course's functions in place of earlier ones that failed.
   That counts only if it called one of them. The quiz has one try.
4. What this machine had no time or no memory for is not graded yet, rather than 0.

A mistake in marking/ gives or takes points, leaves an answer in a learner's process or reveals a
hidden input. It reaches nothing on the machine: marking/ sees texts, read in a fork with limits,
and plain values. The only code executed outside the sandbox is the course's own.

Threat model. Submissions are hostile; the course's source and the machine's owner are not.

covered     damage: no network, home or course folder, nothing writable but a scratch folder
            (sandbox); no rights, no other process in sight (jail); nothing left for the next fork:
            no key, priority, port or program (seccomp)
            stalling: limits on time, memory, files and processes, paid by the submission that
            exceeds them (time_limits, rpc, jail), also while a file is read (read_submission,
            wire). A worker that dies or hangs costs one submission (worker_pool)
            points without an answer: no test and no expected value enters a learner's process;
            what comes back is plain data (wire); a stand-in equals nothing (proxy); what passes a
            model had is written down here (reference_calls)
            finding answers: a learner's process has of llmlib what given cells read and no answer
            of that notebook, in memory or on disk (library_slice, bubblewrap). An answer that given
            code needs is computed in another process (reference_calls). The quiz's key is not there
            revealing hidden inputs: what the code says about a visible test is recorded before the
            first hidden one runs. A hidden half that fails always gets the same sentence (messages)
            another's name: the exchange's folders may be anybody's. Where every learner has an
            account, only its owner hands in as such; no link is followed (collect)
            others' mistakes: a right function is not graded by a wrong earlier one (runner)
not covered a cluster's network: Dask's scheduler and workers are trusted (dask_cluster)
            the kernel: an escape from its namespaces is an escape from here. A kernel without
            filters, or not on x86-64 or ARM 64, refuses no system calls (seccomp)
            total memory: each of 32 processes is limited, their sum only by the cgroup in which the
            grader was started (INSTRUCTORS.md). When memory runs out, the kernel ends them first,
            and the submission is not graded yet, also if it filled the memory on purpose
            torch itself: softmax is in there. What an exercise disallows raises, at torch's
            dispatcher, in every thread and process of a submission; but that is enforced inside
            the process it restricts. Other libraries and other roads to the same numbers are open
            exercises tested through a given function: it runs in the learner's process
            side channels: how busy the machine is, which files are cached, how many pipes were made
            authorship, and what can be learned about hidden inputs from many hand-ins
"""
