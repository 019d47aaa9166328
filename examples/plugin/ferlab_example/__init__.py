"""Parts of one's own for ferlab; nothing here edits it."""
