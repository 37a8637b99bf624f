"""Where the class hands in: what nbgrader's Assignment List, `nbgrader fetch_assignment` and
`nbgrader submit` read for every learner of a hub. It belongs in env/etc/jupyter (docs/hub.md)."""

import os

from classroom import exchange_steps

c = get_config()  # noqa: F821 (nbgrader provides it)
c.CourseDirectory.course_id = "from-tokens-to-tokens"
c.Exchange.root = os.environ.get("LLM_COURSE_EXCHANGE", "/srv/course/exchange")
# A notebook that is larger is not handed in: Submit says so, and so does collecting.
c.CourseDirectory.max_file_size = c.CourseDirectory.max_dir_size = 20_000  # kilobytes
# Learners can write to the exchange's `inbound` only; nbgrader's own steps ask for its root, too.
exchange_steps.configure(c)
