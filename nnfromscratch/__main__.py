"""The command line: `nnfromscratch lab`, `train`, `predict` and others; or python -m."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import schedules
from ._files import check_writable, replacing
from .data import load_mnist, train_validation_split
from .history import History, TrainingDiverged
from .model import Sequential, mlp
from .optimizers import SGD
from .training import evaluate, fit

VALIDATION_SIZE = 5_000


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that it cannot show ends no report
            stream.reconfigure(errors="backslashreplace")
    return options.run(options)


def _parser() -> argparse.ArgumentParser:
    from . import audit, search
    from .course import cli, doctor, lab

    parser = argparse.ArgumentParser(
        prog="nnfromscratch", description="Neural networks from scratch, in NumPy."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands)
    _add_predict(commands)
    _add_verify(commands)
    _add_exercises(commands)
    search.add_to(commands)
    audit.add_to(commands)
    lab.add_to(commands)
    doctor.add_to(commands)
    cli.add_to(commands)
    return parser


def _add_train(commands: argparse._SubParsersAction) -> None:
    train = commands.add_parser(
        "train",
        help="train 784-300-10 on MNIST to about 1.8 %% test error, or on your own images",
        description="Train a fully connected network on MNIST, or on the images that --data names, "
        "with SGD and Nesterov momentum; the learning rate falls linearly to zero.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    train.add_argument("--hidden", type=_positive(int), nargs="*", default=[300], metavar="H",
                       help="hidden units of each layer")  # fmt: skip
    train.add_argument("--epochs", type=_positive(int), default=5, help="passes over the data")
    train.add_argument("--batch-size", type=_positive(int), default=128, help="examples in a step")
    train.add_argument("--learning-rate", type=_positive(float), default=0.2, help="at the start")
    train.add_argument("--seed", type=_natural, default=0, help="of weights, split and order")
    train.add_argument("--out", type=_folder, default=Path("trained"), metavar="FOLDER",
                       help="where model.npz and learning_curve.png go")  # fmt: skip
    train.add_argument("--json", type=Path, metavar="FILE", help="write the result to FILE")
    train.add_argument("--data", type=Path, nargs="+", metavar="PATH",
                       help="your own images: a folder with a folder of pictures for each class, a "
                       "CSV file, an .npz file, or two IDX files")  # fmt: skip
    train.add_argument("--test-data", type=Path, nargs="+", metavar="PATH",
                       help="images to test on; by default a seventh of --data")  # fmt: skip
    train.add_argument("--side", type=_positive(int), default=28,
                       help="rows and columns to which pictures of --data are brought")  # fmt: skip
    train.add_argument("--transposed", action="store_true",
                       help="swap rows and columns of the images of --data (EMNIST)")  # fmt: skip
    train.add_argument("--label-column", type=_column, metavar="COLUMN",
                       help="name or position of the labels' column in a CSV file; 0 is the first "
                       "and -1 the last")  # fmt: skip
    train.set_defaults(run=_train)


def _add_predict(commands: argparse._SubParsersAction) -> None:
    from .own_training import predict

    part = commands.add_parser("predict", help="say what a trained network sees in pictures")
    part.add_argument("model", type=Path, metavar="MODEL", help="model.npz of train --data")
    part.add_argument("pictures", nargs="+", metavar="PICTURE")
    part.add_argument("--invert", action="store_true", help="swap light and dark")
    part.set_defaults(run=predict)


def _add_verify(commands: argparse._SubParsersAction) -> None:
    verify = commands.add_parser(
        "verify",
        help="check every function against an independent reference, in seconds",
        description="Check every function against a reference that shares no code with it, and "
        "print a table. The exit status is 1 if one is wrong.",
    )
    verify.add_argument("--markdown", type=Path, metavar="FILE", nargs="?",
                        const=Path("docs", "verification.md"),
                        help="write the table to FILE (docs/verification.md)")  # fmt: skip
    verify.set_defaults(run=_verify)


def _add_exercises(commands: argparse._SubParsersAction) -> None:
    exercises = commands.add_parser(
        "exercises",
        help="derive the student edition of the exercises from the solutions",
        description="Write FOLDER/exercises from FOLDER/solutions: without solutions, hidden tests "
        "and outputs.",
    )
    exercises.add_argument("folder", type=Path, nargs="?", default=Path("notebooks"),
                           metavar="FOLDER", help="where they are (notebooks)")  # fmt: skip
    exercises.add_argument("--check", action="store_true",
                           help="write nothing; the exit status is 1 if one differs")  # fmt: skip
    exercises.set_defaults(run=_exercises)


def _positive(number: type):
    def parse(text: str):
        value = number(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"must be positive, got {text}")
        return value

    parse.__name__ = number.__name__  # argparse names it in its messages
    return parse


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {text}")
    return value


_natural.__name__ = "int"  # argparse names it in its messages


def _column(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _folder(text: str) -> Path:
    if os.path.exists(text) and not os.path.isdir(text):  # False too for names that cannot be
        raise argparse.ArgumentTypeError(f"must be a folder, but {text} is a file")
    return Path(text)


def _train(options: argparse.Namespace) -> int:
    if options.data:
        from . import own_training

        return own_training.train(options, _fit, _result)
    model_file, curve_file = (options.out / name for name in ("model.npz", "learning_curve.png"))
    if not _can_write("train", model_file, curve_file, options.json):
        return 1
    rng = np.random.default_rng(options.seed)
    x, y, x_test, y_test = load_mnist()
    x, y, *validation = train_validation_split(x, y, VALIDATION_SIZE, rng=rng)
    sizes = [x.shape[1], *options.hidden, 10]
    model = mlp(sizes, rng=rng)
    print(f"784 pixels to 10 digits, layers {'-'.join(map(str, sizes))}, seed {options.seed}")
    try:
        history = _fit(model, (x, y), tuple(validation), options, rng)
    except TrainingDiverged as error:
        print(error, file=sys.stderr)
        return 1

    saved = _save(model, model_file)  # before all else, whatever may interrupt the rest
    _, test_error = evaluate(model, x_test, y_test)
    result = _result(history, test_error, options.seed, sizes)
    whole = saved == model_file
    whole &= not history.epochs or _try("learning curve", _save_curve, history, curve_file)
    whole &= not options.json or _try("result", _save_json, result, options.json)
    if history.interrupted:
        print(f"interrupted after {history.epochs} of {options.epochs} epochs; saved as it is")
    print(f"test error {test_error:.2%} after {sum(history.seconds):.1f} s of training; ", end="")
    print(f"weights and learning curve in {options.out}" if whole else f"weights in {saved}")
    return 130 if history.interrupted else int(not whole)  # 130: Ctrl-C, as shells count


def _can_write(command: str, *files: Path | None) -> bool:
    """Whether the files that a command will write can be written, asked before its long work."""
    for file in filter(None, files):
        try:
            check_writable(file)
        except OSError as error:
            print(f"{command}: {file} cannot be written: {error.strerror}", file=sys.stderr)
            return False
    return True


def _fit(model: Sequential, data: tuple, validation: tuple, options, rng) -> History:
    from tqdm import tqdm

    def print_epoch(model: Sequential, history: History) -> None:
        # tqdm.write keeps the line and the bar apart.
        tqdm.write(
            f"epoch {history.epochs:2d} of {options.epochs}: loss {history.loss[-1]:.4f}, "
            f"error {history.error[-1]:6.2%} training, "
            f"{history.validation_error[-1]:6.2%} validation, {history.seconds[-1]:.2f} s",
            file=sys.stdout,
        )

    return fit(
        model,
        data,
        optimizer=SGD(options.learning_rate, momentum=0.9, nesterov=True),
        epochs=options.epochs,
        batch_size=options.batch_size,
        rng=rng,
        schedule=schedules.linear_decay(),
        validation=validation,
        callbacks=[print_epoch],
    )


def _save(model: Sequential, path: Path) -> Path:
    """Save the weights, in another folder if the disk refuses by now; return where they are."""
    try:
        model.save(path)
    except OSError as error:
        refused, path = path, Path(tempfile.mkdtemp(prefix="nnfromscratch-")) / path.name
        model.save(path)
        print(f"train: {refused} cannot be written: {error.strerror}", file=sys.stderr)
    return path


def _try(what: str, save: Callable, content: object, path: Path) -> bool:
    """Save something beside the weights; if that fails, say so, for they are saved already."""
    try:
        save(content, path)
    except Exception as error:  # drawing can fail in as many ways as Matplotlib can be broken
        kind = type(error).__name__
        print(f"train: the {what} could not be saved ({kind}: {error})", file=sys.stderr)
        return False
    return True


def _result(history: History, test_error: float, seed: int, sizes: list[int]) -> dict:
    return {
        "test_error": test_error,
        "seconds_training": sum(history.seconds),
        "seconds_per_epoch": history.seconds,
        "epochs": history.epochs,
        "seed": seed,
        "sizes": sizes,
        "interrupted": history.interrupted,
    }


def _save_json(result: dict, path: Path) -> None:
    with replacing(path) as file:
        file.write((json.dumps(result, indent=1) + "\n").encode())


def _save_curve(history: History, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from .plots import plot_history

    figure = Figure(figsize=(8, 3), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)  # needs no screen
    plot_history(history, figure.subplots(1, 2))
    with replacing(path) as file:
        figure.savefig(file, format="png")


def _verify(options: argparse.Namespace) -> int:
    if not _can_write("verify", options.markdown):
        return 1
    from . import verification

    rows = verification.verify(progress=True)
    print(verification.as_text(rows))
    wrong = sum(not row.passed for row in rows)
    if wrong:
        print(f"{wrong} of {len(rows)} checks found something wrong")
        return 1
    print(f"all {len(rows)} checks passed")
    if options.markdown:
        with replacing(options.markdown) as file:
            file.write(verification.as_markdown(rows).encode())
    return 0


def _exercises(options: argparse.Namespace) -> int:
    from .course.student import SourceError, derive

    try:
        changed = derive(options.folder, check=options.check)
    except (SourceError, OSError) as error:
        print(f"exercises: {error}", file=sys.stderr)
        return 1
    for name in changed:
        print(f"{name}: {'differs from its solution notebook' if options.check else 'written'}")
    if not changed:
        print("the student edition agrees with the solutions")
    return int(options.check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
