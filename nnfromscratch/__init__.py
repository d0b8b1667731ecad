"""Neural networks from scratch: the verified functions behind the course's notebooks."""

from . import schedules
from .data import (
    load_digits_csv,
    load_idx,
    load_mnist,
    minibatches,
    one_hot,
    train_validation_split,
)
from .functional import (
    linear,
    linear_backward,
    log_softmax,
    log_softmax_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)
from .gradient_check import (
    GradientReport,
    check_gradients,
    numerical_gradient,
    relative_error,
)
from .initializers import he_normal, normal, xavier_normal
from .layers import Layer, Linear, ReLU, Sigmoid, Tanh
from .losses import mean_squared_error, softmax_cross_entropy
from .model import Sequential, mlp, trace_shapes
from .optimizers import SGD
from .plots import plot_history, show_digits, show_figure, use_course_style
from .shapes import ShapeError, check_shape
from .training import History, TrainingDiverged, evaluate, fit

__version__ = "0.1.0"
__all__ = [
    "SGD",
    "GradientReport",
    "History",
    "Layer",
    "Linear",
    "ReLU",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "Tanh",
    "TrainingDiverged",
    "check_gradients",
    "check_shape",
    "evaluate",
    "fit",
    "he_normal",
    "linear",
    "linear_backward",
    "load_digits_csv",
    "load_idx",
    "load_mnist",
    "log_softmax",
    "log_softmax_backward",
    "mean_squared_error",
    "minibatches",
    "mlp",
    "normal",
    "numerical_gradient",
    "one_hot",
    "plot_history",
    "relative_error",
    "relu",
    "relu_backward",
    "schedules",
    "show_digits",
    "show_figure",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "tanh",
    "tanh_backward",
    "trace_shapes",
    "train_validation_split",
    "use_course_style",
    "xavier_normal",
]
