"""The guest's side of the sandbox: what runs next to a stranger's code. It trusts nobody, and
nobody trusts it."""
