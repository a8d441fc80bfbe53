"""`tidy`: deletes what nobody asks for any more; nothing is called at SCM."""
