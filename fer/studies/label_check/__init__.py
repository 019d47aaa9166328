"""Which training labels look wrong, by the predictions of models that did not train on them."""
