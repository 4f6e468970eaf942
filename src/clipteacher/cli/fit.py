"""`clipteacher fit`: trains a student under a teacher and leaves a run folder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO

from clipteacher.cli.errors import user_errors
from clipteacher.cli.faults import training_faults
from clipteacher.cli.table import print_scores
from clipteacher.files import write_atomically
from clipteacher.metrics import Scores
from clipteacher.protocols.named import known_protocol
from clipteacher.protocols.protocol import Protocol
from clipteacher.storage import load_segmenter
from clipteacher.teachers.prompts import SINGLE
from clipteacher.training.allocator import keep_freed_memory
from clipteacher.training.average import check_precision
from clipteacher.training.checkpoints import WholeCheckpoints, newest_whole, set_aside
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.finite_losses import FiniteLosses
from clipteacher.training.module import TrainingModule
from clipteacher.training.protocol_defaults import protocol_defaults
from clipteacher.training.resume import check_content, check_settings, read_settings
from clipteacher.training.run import KeepFirstModel, RunFolder, finish_run


class FitCLI(LightningCLI):
    """Lightning's command line with a run folder: `--out`, `--resume`, `--baseline`, `--report_rows`."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add our arguments and tie those that must agree."""
        default_out = Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}"
        parser.add_argument("--out", type=str, default=str(default_out), help="run folder to write")
        parser.add_argument(
            "--resume", action="store_true", help="go on from the run folder's last checkpoint, if it has one"
        )
        parser.add_argument(
            "--baseline", type=str | None, default=None, help="model/ of a student alone, for the report's third column"
        )
        parser.add_argument("--report_rows", type=int, default=8, help="photos in report.png")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.set_defaults(
            {
                "checkpoint.every_n_train_steps": 50,
                "checkpoint.save_last": True,
                "checkpoint.save_top_k": 0,
                # Else a run that was moved, or whose last.ckpt is damaged, would go on into last-v1.ckpt, which no
                # --resume looks for.
                "checkpoint.enable_version_counter": False,
            }
        )
        parser.link_arguments("out", "checkpoint.dirpath", compute_fn=lambda out: str(RunFolder(Path(out)).checkpoints))
        parser.link_arguments("out", "trainer.default_root_dir")
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)
        parser.link_arguments("seed_everything", "model.seed", compute_fn=int)
        parser.link_arguments("data.class_split", "model.class_split", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse what is handed over; a known protocol is the default of whatever is not given."""
        given = [str(word) for word in cast(Sequence[object], args)]
        known = known_protocol(_protocol(parser, given))
        if known is not None:
            parser.set_defaults(protocol_defaults(known))
        self.config = parser.parse_args(given)  # Lightning's own way would warn that the process has arguments too

    def before_instantiate_classes(self) -> None:
        """Refuse to write over a run."""
        run = RunFolder(Path(self.config.out))
        if not self.config.resume and run.begun():
            raise ValueError(
                f"out: {run.path} already holds a run; add --resume to go on with it, or name another --out"
            )
        if self.config.baseline is not None:
            load_segmenter(self.config.baseline)  # fails now rather than after training
        known = known_protocol(self.config.data.protocol)
        if known is not None:
            self._test_as(known)
            self._prompt_as(known)
        if self.config.model.ema is not None and self.config.trainer.precision is not None:
            check_precision(str(self.config.trainer.precision))
        if self.config.report_rows < 1:
            raise ValueError(f"report_rows: got {self.config.report_rows}, expected 1 or more")
        if self.config.resume and run.begun():
            self._settings_as(run)

    def _settings_as(self, run: RunFolder) -> None:
        """Refuse to go on with other settings than a run began with."""
        was = read_settings(run.config)
        if was is None:
            warnings.warn(f"resume: no {run.config} to compare today's settings with; it is written anew", stacklevel=2)
            return
        for warning in check_settings(was, yaml.safe_load(self.settings()), run.config):
            warnings.warn(warning, stacklevel=2)

    def settings(self) -> str:
        """Return every knob with its value, as `config.yaml` has them."""
        return cast(str, self.parser.dump(self.config, skip_none=False))

    def _test_as(self, known: Protocol) -> None:
        """Refuse other sizes and windows than a known protocol's: the scores beside its name are its own."""
        given, test = dict(self.config.model.test_pipeline), asdict(known.test)
        if given != test:
            raise ValueError(
                f"model.test_pipeline: got {given} beside protocol {known.name}, which has {test}. Leave out one of "
                "the two."
            )

    def _prompt_as(self, known: Protocol) -> None:
        """Take prompts from a known protocol, where the teacher is one that is asked in prompts."""
        arguments = self.config.model.teacher.get("init_args") or {}
        if "templates" not in arguments:
            return
        given = tuple(arguments["templates"])
        if given not in (known.templates, SINGLE):  # SINGLE is what teachers ask in where nothing is said
            raise ValueError(
                f"model.teacher.templates: got {list(given)} beside protocol {known.name}, which has "
                f"{list(known.templates)}. Leave out one of the two."
            )
        arguments["templates"] = list(known.templates)

    def instantiate_trainer(self, **kwargs: object) -> Trainer:
        """Log to CSV and TensorBoard in the run folder, unless a logger is configured."""
        run = RunFolder(Path(self.config.out))
        if self.config.trainer.logger is None:
            # A resumed run gets its own version_N: neither logger writes over what is there.
            kwargs["logger"] = [CSVLogger(run.path, "logs"), TensorBoardLogger(run.path, "tensorboard")]
        trainer: Any = super().instantiate_trainer(**kwargs)
        trainer.callbacks.append(KeepFirstModel(run.first_model))
        trainer.callbacks.insert(0, FiniteLosses(trainer.log_every_n_steps or 1))  # before a checkpoint is written
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # a strategy's own knows better
            trainer.strategy.checkpoint_io = WholeCheckpoints()
        return cast(Trainer, trainer)


def _protocol(parser: LightningArgumentParser, given: Sequence[str]) -> str | None:
    """Learn the protocol's name from arguments and files, which need not be whole where they are only to be printed."""
    options = [word.split("=")[0] for word in given]
    if any(option in ("-h", "--help") or option.endswith(".help") for option in options):
        return None  # a page of help is printed, no configuration
    words, printed = [word for word in given if not word.startswith("--print_config")], StringIO()
    try:
        with redirect_stdout(printed):
            parser.parse_args([*words, "--print_config"])
    except SystemExit as stop:
        if stop.code:
            raise
    name: str | None = yaml.safe_load(printed.getvalue())["data"]["protocol"]
    return name


class Fitted(NamedTuple):
    """A run that was trained to its end.

    Attributes:
        run: Its folder.
        scores: Scores of the trained student.
        module: The trained student beside its teacher.
        data: What it was trained and scored on.
    """

    run: RunFolder
    scores: Scores
    module: TrainingModule
    data: FolderDataModule


def fit(arguments: Sequence[str]) -> None:
    """Run `clipteacher fit` with command-line arguments."""
    fitted = run_fit(arguments, resumable=True)
    if fitted is not None:
        print_scores(fitted.scores, fitted.data.class_split, fitted.data.protocol, fitted.module.seen_offset)
        print(f"Written: {fitted.run.model}, {fitted.run.metrics}, {fitted.run.report}")


def run_fit(arguments: Sequence[str], callbacks: Sequence[Callback] = (), *, resumable: bool = False) -> Fitted | None:
    """Train, score and leave the run folder, without a word of its own.

    Args:
        arguments: Those of `clipteacher fit`.
        callbacks: Callbacks for the trainer beside the configured ones.
        resumable: Whether to speak of `--resume` where something stops the run.

    Returns:
        The finished run; None on all devices but the first, and where the trainer was stopped.

    Raises:
        SystemExit: After the message: status 2 for wrong arguments or input, 1 for what stops the training, such as a
            full disk, a photo that went, or a loss that is no number.
    """
    with user_errors():
        cli = FitCLI(
            TrainingModule,
            FolderDataModule,
            args=list(arguments),
            run=False,
            seed_everything_default=0,
            save_config_callback=None,
            trainer_defaults={
                "max_steps": 1000,
                "max_epochs": 1,
                "val_check_interval": 0.25,
                "num_sanity_val_steps": 0,
                "log_every_n_steps": 10,
                # The step sampler shares the batches out itself.
                "use_distributed_sampler": False,
                "callbacks": list(callbacks),
            },
            parser_kwargs={"prog": "clipteacher fit", "description": fit.__doc__},
        )
        run = RunFolder(Path(cli.config.out))
        checkpoint = _checkpoint(cli, run)
        cli.datamodule.setup("fit")  # reads every file, so that a bad one is an error of input
        if cli.trainer.is_global_zero:
            _begin(cli, run, checkpoint)
    keep_freed_memory()
    with training_faults(run, resumable=resumable):
        cli.trainer.fit(cli.model, cli.datamodule, ckpt_path=checkpoint, weights_only=True)
        if not cli.trainer.is_global_zero or cli.trainer.interrupted:
            return None
        data = cli.datamodule
        baseline = Path(cli.config.baseline) if cli.config.baseline else None
        # Lightning leaves the module on the CPU; the test photos are for the device that trained.
        segmenter = cli.model.segmenter().to(cli.trainer.strategy.root_device)
        result = finish_run(run, segmenter, data.val_set, data.protocol, baseline, cli.config.report_rows)
    return Fitted(run, result, cli.model, data)


def _checkpoint(cli: FitCLI, run: RunFolder) -> Path | None:
    """Find the checkpoint to go on from, and check that it is of this run."""
    found = newest_whole(run.checkpoints) if cli.config.resume else None
    if found is None:
        return None
    check_content(found.content, cli.model.state_dict(), len(cli.datamodule.train_set), found.path)
    return found.path


def _begin(cli: FitCLI, run: RunFolder, checkpoint: Path | None) -> None:
    """Make the run's folder ready: nothing of a killed process in it, and all settings."""
    run.path.mkdir(parents=True, exist_ok=True)
    if checkpoint is not None:
        set_aside(run.checkpoints, checkpoint)
    run.tidy(resumed=checkpoint is not None)
    text = cli.settings()
    write_atomically(run.config, lambda temporary: temporary.write_text(text, encoding="utf-8"), durable=True)
