"""The course around the engine: its notebooks, what learners make of them, what notebooks import.

source        the format of solutions/NN_name.py; cells: the course, each source read once
build         source -> executed notebook -> the learner's (stub); questions: the quiz's source

handed_in     a learner's notebook: read, and planned: what runs of it, in which order
              (made_anew: what there is to say of names that a cell makes anew)
scopes        which names code reads and binds; definitions: what a function needs
forbidden     the ready-made answers that code uses; refusing: those that only a run shows
run_cells     runs a cell as a notebook does; run_tests: a process runs cells, then tests
plain         which values a test may exchange with a learner's function
judge         has such a process run a job, and remembers the outcome
progress      `llmlib check` and `llmlib progress` (progress_cli)
my_llm        `llmlib my-llm`: definitions (my_llm_alone) into my_llm_template (my_llm_file), proved

check, predict, quiz_page, engine_check, reference_bpe   what notebooks import; feedback, quiz and
              course_map stand behind them
setup, setting_up, lab   from a fresh clone to JupyterLab
work          the learner's folder, made of notebooks/; editions: theirs laid into a newer edition
              (checksum: nbgrader's, of a cell)
start_page    the page that it opens; lab_server: what that page and the buttons ask for
environment   of every process that is started here
complete      `llmlib complete`; pages: `make pages`
"""
