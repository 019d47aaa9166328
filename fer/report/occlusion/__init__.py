"""What a model does when a part of the face is hidden, and what training on that part brings back."""
