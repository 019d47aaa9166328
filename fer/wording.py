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
