"""What is made of events: the consolidated book over all exchanges, and alerts."""
