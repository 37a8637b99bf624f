"""Tell the course's own modules from others by their names: the sandbox keeps them out of a
learner's process, a check refuses them, and a message about them differs."""

PACKAGES = ("llmlib", "exercises", "classroom", "grader")


def is_ours(name: str) -> bool:
    """Tell whether a dotted name is that of a package of the course, or of something in one."""
    return name.partition(".")[0] in PACKAGES


def is_inside(name: str) -> bool:
    """Tell whether a dotted name is that of something in a package of the course."""
    return is_ours(name) and "." in name
