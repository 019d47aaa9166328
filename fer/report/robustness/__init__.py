"""How much of the score survives corruption and changes of light."""
