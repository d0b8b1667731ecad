"""Tools for those who work on the repository; the installed package does not contain them."""
