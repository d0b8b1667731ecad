"""Neural networks from scratch: the verified functions behind the course's notebooks.

What is imported here is public, and `functional` and `losses` make public all that has a contract.
"""

import inspect

from . import diagnostics, drawing, inspection, schedules
from .augmentation import distort
from .callbacks import Checkpoint, EarlyStopping
from .contracts import check_shape, shapes
from .data import load_mnist, minibatches, one_hot, train_validation_split
from .errors import ShapeError, short_errors
from .functional import *
from .gradient_check import GradientReport, check_gradients, numerical_gradient, relative_error
from .history import History, TrainingDiverged
from .initializers import he_normal, normal, orthogonal, xavier_normal
from .layers import BatchNorm, Dropout, Layer, LeakyReLU, Linear, ReLU, Sigmoid, Softmax, Tanh
from .losses import *
from .model import Sequential, mlp
from .optimizers import SGD, Adam, AdamW, Optimizer, RMSProp
from .parallel import WorkersLost
from .plots import (
    plot_history,
    plot_layers,
    show_digits,
    show_figure,
    show_table,
    use_course_style,
)
from .readers import load_digits_csv, load_idx
from .results import stored
from .sources import show_source
from .tracing import trace_shapes
from .training import evaluate, fit

__version__ = "0.1.0"
_MODULES = (diagnostics, drawing, inspection, schedules)
__all__ = [
    name
    for name, value in globals().items()
    if not name.startswith("_") and (value in _MODULES or not inspect.ismodule(value))
]
