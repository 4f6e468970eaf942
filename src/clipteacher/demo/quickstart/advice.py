"""What to type after the quickstart: whole commands, ready to be copied."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from clipteacher.protocols.words import write_words

Commands = list[tuple[str, str]]
"""What each command is for, and its line for a shell."""


def next_commands(out: Path, fit_config: Path, photo: Path, words: Sequence[str]) -> Commands:
    """List what to type next; all runs as it stands, but for the last: that one wants a folder, words and a download.

    Args:
        out: The quickstart's folder.
        fit_config: Its configuration of `clipteacher fit`.
        photo: A scene of the world.
        words: Names to segment it by.
    """
    model, world = str(out / "before" / "model"), str(out / "world")
    segment = ("clipteacher", "segment", str(photo), "--model", model, "--classes", write_words(words))
    commands = [
        ("Segment a scene by any words:", (*segment, "--out", str(out / "words"))),
        ("Score this student again:", ("clipteacher", "evaluate", "--model", model, "--data", world)),
        (
            "Train on photographs of your own (a folder with classes.txt, images/{train,val} and masks/{train,val}) "
            "and on words that have no masks there, under OpenAI's CLIP, which is downloaded once (600 MB):",
            (
                *("clipteacher", "fit", "--config", str(fit_config), "--out", "runs/mine"),
                *("--data.root", "YOUR_FOLDER", "--data.unseen", "[]", "--data.wanted", "[WORD, WORD]"),
                *("--data.augment.crop_size", "[512, 512]", "--trainer.max_steps", "4000"),
                *("--model.teacher.init_args.model", "ViT-B-16-quickgelu"),
                *("--model.teacher.init_args.pretrained", "openai", "--model.student.init_args.channels", "512"),
                *("--model.teacher.init_args.image_size", "null", "--model.method.plm.windows", "[6, 14]"),
            ),
        ),
    ]
    return [(purpose, shlex.join(arguments)) for purpose, arguments in commands]
