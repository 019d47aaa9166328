"""What a model costs: size, arithmetic, time, energy."""
