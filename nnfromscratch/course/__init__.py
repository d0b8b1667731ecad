"""For instructors: the student edition of the exercises."""
