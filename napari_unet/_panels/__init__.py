"""The panels of the dock: each shows a ``LoopState`` and says what the user wants."""
