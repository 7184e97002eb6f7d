"""Where the outside world comes in. A door translates, calls a service, and translates back."""
