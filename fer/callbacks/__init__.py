"""Thin Lightning callbacks; each can be switched off (`~callbacks.ema`) or replaced by its `_target_`."""
