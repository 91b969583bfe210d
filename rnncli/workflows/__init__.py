"""What each command does, as one plain function: no terminal, no exits."""
