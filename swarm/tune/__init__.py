"""Settings under which recorded work had cost less and been accepted as often: searched offline, proposed, never set."""
