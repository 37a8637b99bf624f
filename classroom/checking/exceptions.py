"""Explain an exception that a learner's function raised: which line of their cell it was, and in
plain words what torch means. One text in the kernel, in `llmlib check`, in the page and in the
feedback. It imports the standard library only: it runs beside somebody else's code, too."""

import linecache
import re
import traceback

LONGEST = 100  # characters of a line of code
PLAIN = {  # how a message of torch's begins, and what it means
    r"The size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\).* (\d+)": (
        "the two tensors do not fit together: {0} against {1} in dimension {2}"
    ),
    r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)": (
        "the inner sizes of a matrix product must be equal: {1} is not {2}"
    ),
    r"Expected size for first two dimensions of batch2 .*: \[(.*?)\] but got: \[(.*?)\]": (
        "the inner sizes of a batch of matrix products must be equal: [{0}] was needed, [{1}] came"
    ),
    r"inconsistent tensor size, expected tensor \[(\d+)\] and src \[(\d+)\]": (
        "a dot product needs two vectors of one length: {0} is not {1}"
    ),
    r".*`?\w*\.T`? .*dimension(s)? other than 2": (
        "`.T` is for matrices: use `.transpose(-2, -1)` where there are more dimensions"
    ),
    r"shape '\[(.*?)\]' is invalid for input of size (\d+)": (
        "{1} numbers cannot be arranged as [{0}]"
    ),
    r"view size is not compatible": "`view` cannot rearrange this tensor: use `reshape`",
    r"Boolean value of Tensor with more than one value is ambiguous": (
        "a condition needs one truth value, and a tensor has many: use `.all()` or `.any()`"
    ),
    r"Dimension out of range \(expected to be in range of \[(.*?)\], but got (-?\d+)\)": (
        "the tensor has no dimension {1}"
    ),
    r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)": (
        "there is no place {0}: dimension {1} has {2}, counted from 0"
    ),
    r"a Tensor with (\d+) elements cannot be converted to Scalar": (
        "one number was needed, and this tensor has {0}"
    ),
    r"tensors used as indices must be": "an index must be of whole numbers, and this one is not",
}
IN_A_CELL = re.compile(r"<(?!frozen|string|__array|test_).*>$|.*[\\/]ipykernel_\d+[\\/]\d+\.py$")


def plain(text: str) -> str:
    """Return a message of torch's with a sentence of ours in front; other messages as they are."""
    for beginning, meaning in PLAIN.items():
        if match := re.match(beginning, text):
            return f"{meaning.format(*match.groups())}. torch says: {text}"
    return text


def place(error: BaseException) -> str:
    """Return where in the learner's cells it was raised: "in line 3: `return q @ k`"; empty where
    it was not there."""
    number, source = 0, ""
    for frame in traceback.extract_tb(error.__traceback__, limit=200):
        if IN_A_CELL.match(frame.filename):
            number, source = frame.lineno or 0, frame.line or ""
    if isinstance(error, SyntaxError) and error.filename and IN_A_CELL.match(error.filename):
        number = error.lineno or 0
        source = linecache.getline(error.filename, number) or error.text or ""
    source = " ".join(source.split())
    source = source if len(source) <= LONGEST else f"{source[:LONGEST]}…"
    return f"in line {number}: `{source}`" if source else f"in line {number}" if number else ""
