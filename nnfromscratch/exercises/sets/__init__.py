"""The sets: for each lesson its blanks, as data, with the mistakes that their checks know."""
