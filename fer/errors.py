"""The errors a user can cause, and mend: every message names the value, the key and the fix."""


class FerError(Exception):
    """A user's mistake, told in one or two lines; commands exit with status 2 on it."""


class ConfigError(FerError, ValueError):
    """A configuration that cannot work: unknown key, wrong type, impossible combination."""


class DataError(FerError, ValueError):
    """A data set that is missing, broken, or not what it claims to be."""


class CheckpointError(FerError, ValueError):
    """A checkpoint that is missing, broken, or of another model."""


class MissingExtraError(FerError, ImportError):
    """A command needs packages of an extra that is not installed."""
