"""How a model is reached: the wire formats, their transport, the limits of a provider, and a scripted model."""
