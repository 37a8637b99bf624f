"""The page has one device, the processor."""

from torch.names import refuse


class device:
    """`torch.device("cpu")`; any other is not in the page."""

    def __init__(self, type="cpu", index=None):
        self.type, _, number = str(type).partition(":")
        self.index = int(number) if number else index
        if self.type != "cpu":
            refuse(f"the device {self.type!r}")

    def __eq__(self, other):
        return isinstance(other, device)

    def __hash__(self):
        return hash(self.type)

    def __repr__(self):
        return "device(type='cpu')"

    def __str__(self):
        return "cpu"


CPU = device()


def check(wanted):
    """Refuse another device than the processor; None is the processor."""
    if wanted is not None and not isinstance(wanted, device):
        device(wanted)


class _Word:
    """A word of torch's that stands for itself, such as `torch.strided`."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"


strided = _Word("strided")
contiguous_format, preserve_format = _Word("contiguous_format"), _Word("preserve_format")
