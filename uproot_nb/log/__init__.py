"""What happened: events, their codec, where they are kept, the state they fold to."""
