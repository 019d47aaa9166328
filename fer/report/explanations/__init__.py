"""Where the model looks, face by face."""
