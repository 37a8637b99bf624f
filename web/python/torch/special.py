"""`torch.special`: some functions under a second name."""

from torch.elementwise import entr, erf, erfc, exp2, expm1, log1p
from torch.elementwise import sigmoid as expit
from torch.names import lacking
from torch.reduction import log_softmax, logsumexp, softmax

__all__ = ["entr", "erf", "erfc", "exp2", "expit", "expm1", "log1p", "log_softmax", "logsumexp"]
__all__ += ["softmax"]
__getattr__ = lacking("torch.special")
