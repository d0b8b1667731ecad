"""Show a figure so that its alt text arrives, with its data beside it."""

import base64
import io
from html import escape

from .figures import MIME, describe, to_text


def bundle(figure, *, alt, caption=None, dpi=None):
    """Return what `IPython.display.display(..., raw=True)` shows of a figure.

    The picture is an <img> with its alt text, which JupyterLab, nbconvert and other viewers keep;
    they drop the alt text of an image/png. Its data lie beside it, for the comparison.

    Args:
        figure: a matplotlib figure; it is not closed.
        alt: a sentence for readers who do not see the picture.
        caption: a sentence that everybody sees below it, or None.
        dpi: pixels per inch; the figure's own if it is None.

    Returns:
        a dict of MIME types.
    """
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=dpi or "figure", metadata={"Software": None})
    description = describe(figure)
    picture = base64.b64encode(png.getvalue()).decode()
    lines = [
        "<figure>",
        f'<img alt="{escape(alt)}" src="data:image/png;base64,{picture}">',
        *([f"<figcaption>{escape(caption)}</figcaption>"] if caption else []),
        '<details class="nbcompare"><summary>The figure in words</summary>'
        f"{' '.join(escape(to_text(description)).split())}</details>",
        "</figure>",
    ]
    return {"text/html": "\n".join(lines), "text/plain": f"<Figure: {alt}>", MIME: description}


def load_ipython_extension(shell):
    """Store the data of every figure that a notebook shows, after `%load_ext nbcompare`."""
    from IPython.core.formatters import BaseFormatter
    from traitlets import ObjectName, Unicode

    class FigureFormatter(BaseFormatter):
        format_type = Unicode(MIME)
        print_method = ObjectName("_repr_nbcompare_")
        _return_type = dict

    formatter = FigureFormatter(parent=shell.display_formatter)
    formatter.for_type_by_name("matplotlib.figure", "Figure", describe)
    shell.display_formatter.formatters[MIME] = formatter
    shell.display_formatter.active_types = [*shell.display_formatter.active_types, MIME]
