"""All SQL of the room: settings (`properties`) and what users set for themselves (`preferences`)."""
