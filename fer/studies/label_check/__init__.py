"""Which training labels look wrong, by the answers of models that did not train on them."""
