"""Neural networks from scratch: the verified functions behind the course's notebooks."""

from . import diagnostics, schedules
from .augmentation import distort
from .callbacks import Checkpoint, EarlyStopping
from .contracts import ShapeError, check_shape, shapes, short_errors
from .data import (
    load_digits_csv,
    load_idx,
    load_mnist,
    minibatches,
    one_hot,
    train_validation_split,
)
from .functional import (
    batch_norm,
    batch_norm_backward,
    leaky_relu,
    leaky_relu_backward,
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
from .initializers import he_normal, normal, orthogonal, xavier_normal
from .layers import (
    BatchNorm,
    Dropout,
    Layer,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from .losses import mean_squared_error, softmax_cross_entropy
from .model import Sequential, mlp
from .optimizers import SGD, Adam, AdamW, Optimizer, RMSProp
from .plots import (
    plot_history,
    plot_layers,
    show_digits,
    show_figure,
    show_table,
    use_course_style,
)
from .sources import show_source
from .tracing import trace_shapes
from .training import History, TrainingDiverged, evaluate, fit

__version__ = "0.1.0"
__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "BatchNorm",
    "Checkpoint",
    "Dropout",
    "EarlyStopping",
    "GradientReport",
    "History",
    "Layer",
    "LeakyReLU",
    "Linear",
    "Optimizer",
    "RMSProp",
    "ReLU",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "TrainingDiverged",
    "batch_norm",
    "batch_norm_backward",
    "check_gradients",
    "check_shape",
    "diagnostics",
    "distort",
    "evaluate",
    "fit",
    "he_normal",
    "leaky_relu",
    "leaky_relu_backward",
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
    "orthogonal",
    "plot_history",
    "plot_layers",
    "relative_error",
    "relu",
    "relu_backward",
    "schedules",
    "shapes",
    "short_errors",
    "show_digits",
    "show_figure",
    "show_source",
    "show_table",
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
