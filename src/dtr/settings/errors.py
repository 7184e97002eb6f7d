"""What goes wrong while settings are read."""


class SettingsError(Exception):
    """A setting cannot be used: `message` says which and why, `hint` what to do next. Both may be shown."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
