"""How fast it is: the parts measured as they are run, beside the same handler under other frameworks."""
