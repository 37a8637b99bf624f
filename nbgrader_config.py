"""What an instructor edits. Run `llmlib grade` and nbgrader from this folder.

What belongs to a course lies in `grading/`: submissions, grades, feedback. In a clone, git ignores
it, and `make build` puts the source of every assignment there, one assignment a notebook.
"""

import os
import sys
from pathlib import Path

from grader import lms_file_names, nbgrader_plugin

c = get_config()  # noqa: F821 (nbgrader provides it)
here = Path(__file__).parent
root = Path(os.environ.get("LLM_COURSE_FOLDER", here / "grading")).resolve()
# Others on this machine do not read submissions and grades. A group that grades together does, once
# it may write there (INSTRUCTORS.md, "Settings").
nbgrader_plugin.make_private(root)
# nbgrader makes neither folder where it needs it: SQLite opens no gradebook in a folder that is not
# there, and Formgrader offers "release" and "collect" only if the exchange is there as it starts.
(root / "exchange").mkdir(exist_ok=True)

c.CourseDirectory.course_id = "from-tokens-to-tokens"

# Where grades are kept: SQLite, or any SQLAlchemy URL, such as
# postgresql+psycopg://grader@server/grades (INSTRUCTORS.md, "Many machines").
c.CourseDirectory.db_url = os.environ.get("LLM_COURSE_DB", f"sqlite:///{root / 'gradebook.db'}")

# Where students hand in on a shared machine (`llmlib release-assignment`, `grade --exchange`): a
# folder of yours that all can enter. They need its name, too: LLM_COURSE_EXCHANGE.
c.Exchange.root = os.environ.get("LLM_COURSE_EXCHANGE", str(root / "exchange"))

# How a learning management system names the files of a download (`nbgrader zip_collect`, see
# INSTRUCTORS.md): "canvas" or "moodle". Archives of learners stay closed: one may fill the disk.
c.ZipCollectApp.collector_plugin = lms_file_names.Collector
c.Collector.named_regexp = lms_file_names.NAMES["canvas"]
c.ExtractorPlugin.zip_ext = []

# Seconds that one cell may run. The limits of a call, a test and a whole notebook follow in the
# proportions of INSTRUCTORS.md's table.
c.Execute.timeout = 30

# What share of an exercise's points a function gets that passes its visible tests and fails a
# hidden one, from 0 to 1. The visible ones can be read: a share can be had by writing them down.
c.TrustedExporter.partial_credit = 0.0

# What lateness costs: "none", or "zero" points. Due dates are set in Formgrader.
c.LateSubmissionPlugin.penalty_method = "none"

c.CourseDirectory.root = str(root)
if (here / "authoring").is_dir():  # a clone: `nbgrader generate_assignment` releases with its steps
    sys.path.insert(0, str(here))
    from authoring import release

    release.configure(c)

# Learners' code runs in a sandbox and the tests outside of it; without these lines nbgrader runs
# both in one kernel.
nbgrader_plugin.configure(c)
