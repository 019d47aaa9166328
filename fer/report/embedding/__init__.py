"""Where the net puts the faces: its last features in two dimensions."""
