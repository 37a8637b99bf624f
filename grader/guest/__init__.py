"""Run next to a stranger's code: the guest's side of the sandbox. It trusts nobody, and nobody
trusts it."""
