"""One fold a file. Nothing but entries goes in: replayed or followed live, the same log gives the same view."""
