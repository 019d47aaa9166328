"""What people read of a number, the same in the terminal and on every page."""


def duration(seconds: object) -> str:
    """Seconds as "12 min 5 s"; an unknown time is "not recorded"."""
    if not isinstance(seconds, int | float):
        return "not recorded"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours > 0:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes > 0 else f"{seconds:.1f} s"


def size(count: int) -> str:
    """Bytes as "83.1 MB"; units of a thousand, as disks are sold."""
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"
