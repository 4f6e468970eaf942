"""Training from a configuration: YAML files and dotted options become a session, for `clipteacher fit` and others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Final, cast

import yaml
from jsonargparse import ArgumentError, Namespace, get_loader, set_loader
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

from clipteacher.method.config import Preset, preset_defaults
from clipteacher.protocols.named import known_protocol
from clipteacher.protocols.protocol import Protocol
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.prompts import SINGLE
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.module import TrainingModule
from clipteacher.training.run_folder import RunFolder
from clipteacher.training.session import CHECKPOINT_DEFAULTS, TRAINER_DEFAULTS, Session, check_run, run_loggers
from clipteacher.training.train import default_out
from clipteacher.training.trainer_checks import check_checkpointing, trainer_errors
from clipteacher.utils.usage import PlainHelp, UsageError, one_line, option_names
from clipteacher.utils.yaml_words import quoted_words

_WORDS: Final = "yaml_words"  # jsonargparse's name for the way in which it reads a configuration


class ConfiguredTraining(LightningCLI):
    """Lightning's command line with a run folder and presets: `--out`, `--resume`, `--preset`, `--baseline`."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add our arguments and tie those that must agree."""
        parser.add_argument(
            "--preset",
            type=Preset,
            default="recommended",
            help="defaults of model.method: the best known setting, or the paper's modules and losses",
        )
        parser.add_argument("--out", type=str, default=str(default_out()), help="run folder to write")
        parser.add_argument(
            "--resume", action="store_true", help="go on from the run folder's last checkpoint, if it has one"
        )
        parser.add_argument(
            "--baseline", type=str | None, default=None, help="model/ of another run, for the report's third column"
        )
        parser.add_argument("--report_rows", type=int, default=8, help="photos in report.png")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.set_defaults({f"checkpoint.{name}": value for name, value in CHECKPOINT_DEFAULTS.items()})
        parser.link_arguments("out", "checkpoint.dirpath", compute_fn=lambda out: str(RunFolder(Path(out)).checkpoints))
        parser.link_arguments("out", "trainer.default_root_dir")
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)
        parser.link_arguments("seed_everything", "model.seed", compute_fn=int)
        parser.link_arguments("data.class_split", "model.class_split", apply_on="instantiate")
        parser.link_arguments("data.wanted", "model.wanted", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse the arguments; a preset and a known protocol give the defaults."""
        given = [str(word) for word in cast(Sequence[object], args)]
        if any(word.split("=")[0] == "--model.method" for word in given):
            # It would take the place of the preset's values, the ones that it does not name included.
            raise ValueError(
                "model.method: got a value for the whole, expected its parts. Write --model.method.plm.windows '[6]' "
                "and the like, or a file."
            )
        preset, protocol = _names(parser, given)
        parser.set_defaults(preset_defaults(preset, "model.method"))
        if (known := known_protocol(protocol)) is not None:
            parser.set_defaults(protocol_defaults(known))
        self.config = _parsed(parser, given)  # Lightning's own way would warn that the process has arguments too

    def before_instantiate_classes(self) -> None:
        """Refuse what cannot be trained before anything is built."""
        if (known := known_protocol(self.config.data.protocol)) is not None:
            self._follow(known)
        check_checkpointing(self.config.trainer.enable_checkpointing)
        if self.config.report_rows < 1:
            raise ValueError(f"report_rows: got {self.config.report_rows}, expected 1 or more")
        check_run(self.run_folder, self.settings(), resume=self.config.resume)

    def instantiate_classes(self) -> None:
        """Build data, student and teacher from the seed: nothing that was built before affects the weights."""
        seed_everything(int(self.config.seed_everything), workers=True, verbose=False)
        super().instantiate_classes()

    @property
    def run_folder(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(Path(self.config.out))

    def settings(self) -> str:
        """Return every option with its value, as `config.yaml` has them."""
        return cast(str, self.parser.dump(self.config, skip_unset=False))

    def _follow(self, known: Protocol) -> None:
        """Refuse other sizes and windows than a known protocol's, for a score under its name is measured in its way.

        Its prompts are taken where the teacher, or one inside it, takes prompts.
        """
        windows, test = dict(self.config.model.test.pipeline), asdict(known.test)
        if windows != test:
            raise ValueError(
                f"model.test.pipeline: got {windows} together with protocol {known.name}, which has {test}. Leave one "
                "of the two out."
            )
        arguments = self.config.model.teacher.get("init_args") or {}
        while "templates" not in arguments and isinstance(inner := arguments.get("teacher"), Namespace):
            arguments = inner.get("init_args") or {}  # WindowedTeacher, or another around the one that takes prompts
        if "templates" not in arguments:
            return
        if tuple(arguments["templates"]) not in (known.templates, SINGLE):  # SINGLE is a teacher's default
            raise ValueError(
                f"model.teacher.templates: got {list(arguments['templates'])} together with protocol {known.name}, "
                f"which has {list(known.templates)}. Leave out one of the two."
            )
        arguments["templates"] = list(known.templates)

    def instantiate_trainer(self, **kwargs: object) -> Trainer:
        """Log to CSV and TensorBoard in the run folder, unless a logger is configured."""
        if self.config.trainer.logger is None:
            kwargs["logger"] = run_loggers(self.run_folder)
        with trainer_errors():
            return super().instantiate_trainer(**kwargs)


def _parsed(parser: LightningArgumentParser, given: Sequence[str]) -> Namespace:
    """Parse arguments; what is wrong with them is said in one line."""
    try:
        return parser.parse_args(given)
    except ArgumentError as error:
        raise UsageError(one_line(str(error), option_names(parser))) from error


def _names(parser: LightningArgumentParser, given: Sequence[str]) -> tuple[str, str | None]:
    """Learn preset and protocol from arguments and files, which need not be whole where they are only to be printed."""
    options = [word.split("=")[0] for word in given]
    if any(option in ("-h", "--help") or option.endswith(".help") for option in options):
        return "recommended", None  # a page of help is printed, no configuration
    words, printed = [word for word in given if not word.startswith("--print_config")], StringIO()
    try:
        with redirect_stdout(printed):
            _parsed(parser, [*words, "--print_config"])
    except SystemExit as stop:
        if stop.code:
            raise
    config = yaml.safe_load(printed.getvalue())
    return config["preset"], config["data"]["protocol"]


def protocol_defaults(protocol: Protocol) -> dict[str, object]:
    """Return a protocol's values as defaults of the command line; options given there or in a file replace them.

    Args:
        protocol: The protocol; one without a schedule only sets how a photo is tested.

    Returns:
        Values by dotted name, such as "data.augment.crop_size".

    Example:
        >>> from clipteacher.protocols.voc import VOC12_15_5
        >>> defaults = protocol_defaults(VOC12_15_5)
        >>> defaults["trainer.max_steps"], defaults["data.augment.base_size"], defaults["model.test.pipeline.stride"]
        (20000, 512, 426)
    """
    groups = {"model.test.pipeline": asdict(protocol.test)}
    defaults: dict[str, object] = {}
    if (schedule := protocol.schedule) is not None:
        defaults = {"data.batch_size": schedule.batch_size, "trainer.max_steps": schedule.steps}
        groups |= {"data.augment": asdict(schedule.augment), "model.optimizer": asdict(schedule.optimizer)}
    return defaults | {f"{group}.{name}": value for group, each in groups.items() for name, value in each.items()}


def configured_session(
    arguments: Sequence[str], callbacks: Sequence[Callback] = (), *, description: str | None = None
) -> Session:
    """Build a run from a configuration, check it, and begin its folder.

    Args:
        arguments: Those of `clipteacher fit`: `--config FILE`, and dotted options with their values.
        callbacks: Callbacks for the trainer in addition to the configured ones.
        description: What a page of help begins with.

    Returns:
        The run, ready to `start()`.

    Raises:
        UsageError: Arguments cannot be parsed.
        SystemExit: A page was asked for, of help or of the configuration (status 0).
        OSError, TypeError, ValueError: As `Session.prepare`, or what is named cannot be built.
    """
    set_loader(_WORDS, lambda text: get_loader("yaml")(quoted_words(text)), (yaml.YAMLError,))
    cli = ConfiguredTraining(
        TrainingModule,
        FolderDataModule,
        args=list(arguments),
        run=False,
        seed_everything_default=0,
        auto_configure_optimizers=False,  # its --optimizer would take the place of ours
        save_config_callback=None,
        trainer_defaults={**TRAINER_DEFAULTS, "callbacks": list(callbacks)},
        parser_kwargs={
            "prog": "clipteacher fit",
            "description": description,
            "exit_on_error": False,
            "formatter_class": PlainHelp,
            "parser_mode": _WORDS,
        },
    )
    config = cli.config
    # A wrong model fails now rather than after training; reading it draws no random number.
    baseline = Segmenter.from_pretrained(Path(config.baseline)) if config.baseline is not None else None
    parts = cli.trainer, cli.model, cli.datamodule, cli.run_folder, cli.settings()
    session = Session(*parts, config.resume, baseline, config.report_rows)
    session.prepare()
    return session
