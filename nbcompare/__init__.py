"""Compare notebooks as their readers would: numbers as numbers, figures as data.

    pytest --nbval --nbcompare notebooks

nbval runs the notebooks and explains what differs; this plugin decides what counts as different.
Importing this package imports neither pytest nor matplotlib, so a notebook can use `bundle` and
`describe` where only its readers' tools are installed.
"""

from .figures import MIME, describe, is_empty, to_text
from .show import bundle, load_ipython_extension

__all__ = ["MIME", "bundle", "describe", "is_empty", "load_ipython_extension", "to_text"]
