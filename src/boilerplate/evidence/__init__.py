"""What speaks for a label: text, shape and language of a line alone; position, neighbours and likeness on its page."""
