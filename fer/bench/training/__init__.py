"""Images a second of a training: fer-train's, a bare loop's, and the usual stack's."""
