"""The ways a run may stop on purpose. Messages name files, lines and ids, never record text."""


class InputError(Exception):
    """The recipe or the data is wrong: one clear line (or several), exit code 2."""


class Crashed(Exception):
    """A launched process died for a reason that it has printed itself: exit code 1."""


class GateRefusal(Exception):
    """The gate said no, or its evidence is incomplete: exit code 3."""
