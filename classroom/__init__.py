"""Carry the course around the engine: its notebooks, what learners write, and what notebooks
import.

format/      the text that a notebook is made of, solutions/NN_name.py
    source, notebooks   its format; all notebooks of the course, each read once
    course_map          the map under a title
folder/      a learner's folder, work/
    work, merge         made from notebooks/; a learner's work merged into a newer edition
    checksum            nbgrader's, of a cell
checking/    reading and running what a learner wrote
    submission          a notebook: its cells, and the plan which of them run
    redefinitions, snapshots    which cell answers an exercise, and the names that it left
    scopes, definitions the names that code reads and binds; what a function needs
    kernel_checks               what a check refuses and judges in a kernel, as elsewhere
    exceptions                  which line raised one, and what torch means by it
    operators                   which functions of torch a disallowed name stands for
    run_cells, run_tests, plain_data   cells, tests, and the values that both exchange
    tokens ... kv_cache         the cases of each notebook's checks, named as its pictures are
    check_process, check_notebooks   a process for one notebook; several; cli, `llmlib check`
my_llm/      `llmlib my-llm`: a learner's functions as one file
lab/         JupyterLab: the start page and its model (live), the buttons, what they ask for
talk         `llmlib chat`, `llmlib serve`: without a MODEL, a learner's engine so far
bootstrap/   from a new clone to JupyterLab

check, predict, quiz_cells, engine_check, other_notebook, reference_bpe, toy_model
             what notebooks import, with
             feedback, prediction_cells (what a cell asks, and a guess as people type it) and quiz
             (the key, which never gets into the grader's sandbox) behind them
environment  of every process that the course starts; processors, how many it may use
"""
