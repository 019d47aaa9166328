"""The folders the commands leave, and what they say of themselves."""
