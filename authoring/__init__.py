"""Hold what only those who make the course need; `llmlib` imports nothing of it, and no wheel has
it.

build        solutions/NN_name.py -> executed notebook -> the learner's copy: `make build`
release      the learner's copy, by nbgrader's own steps and two of ours
quiz_source  the quiz's notebook and key from solutions/quiz.toml
drawings/    the pictures in the notebooks' text, a file for each notebook
kernel       the kernel that notebooks are executed in
code_digest  what code does, as a digest: when a notebook or a measured figure is out of date
site/        the course as web pages: `make site`

The format of a source is in exercises/format: learners' checks and the grader read it too.
"""
