"""Put a learner's functions together into one file that runs a real model: `llmlib my-llm`.

The file, my_llm.py, is `template` with the learner's code in its middle. It needs torch,
safetensors and regex, and nothing of this course.

cli                the command; `make`, which notebooks call, too
learner_functions  takes them from the notebooks, and runs their checks on the finished file
assemble           definitions as the text of a file of its own
template           the part of the file that is the same for everyone
"""

from classroom.my_llm.cli import make as make
from classroom.my_llm.learner_functions import collect as collect
