"""What takes hours: routines that assess the tests and the decoders, resumable, run by ``make assess``."""
