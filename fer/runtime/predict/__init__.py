"""The command `fer-predict`."""
