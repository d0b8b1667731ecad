"""The record that training leaves."""

from dataclasses import dataclass, field


@dataclass
class History:
    """What `fit` measured, one entry per epoch. Errors are fractions of wrong answers."""

    loss: list[float] = field(default_factory=list)
    """Mean loss over the epoch's batches, each with the weights of its moment."""
    error: list[float] = field(default_factory=list)
    """Fraction of the training examples answered wrongly, counted in the same way."""
    validation_loss: list[float] = field(default_factory=list)
    validation_error: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    """The learning rate of the epoch's last step."""
    seconds: list[float] = field(default_factory=list)
    """Seconds of training, evaluation not counted."""
    batch_loss: list[float] = field(default_factory=list)
    """The loss of every single batch."""
    interrupted: bool = False
    """Whether Ctrl-C, the Stop button or an error broke the last epoch off."""

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.loss)


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a number. `history` holds what was measured until then."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history

    def __reduce__(self) -> tuple[type["TrainingDiverged"], tuple[str, History]]:
        """Travel between processes with the history, too."""
        return type(self), (str(self), self.history)
