"""Where the class hands in: what nbgrader's Assignment List, `nbgrader fetch_assignment` and
`nbgrader submit` read for every learner of a hub. It belongs in env/etc/jupyter (docs/hub.md)."""

import os

c = get_config()  # noqa: F821 (nbgrader provides it)
c.CourseDirectory.course_id = "from-tokens-to-tokens"
c.Exchange.root = os.environ.get("LLM_COURSE_EXCHANGE", "/srv/course/exchange")
