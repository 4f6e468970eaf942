"""`clipteacher quickstart`: the method at work on a drawn world, in minutes and with no download."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse.typing import NonNegativeInt
from rich.console import Console

from clipteacher.cli.errors import user_errors
from clipteacher.cli.parser import CommandParser
from clipteacher.demo.quickstart.config import QuickstartConfig, check_empty


def quickstart(arguments: Sequence[str]) -> None:
    """Train one network on a drawn world with labels only, under a tiny CLIP, and with all masks; compare them."""
    parser = CommandParser("quickstart", description=quickstart.__doc__, example="quickstart --out runs/quickstart")
    folder = Path("clipteacher-quickstart")
    parser.add_argument("--out", type=Path, default=folder, help="folder to write, new or empty")
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="of the world and of training")
    given = parser.parse_args(list(arguments))
    with user_errors():
        check_empty(given.out)
    console = Console()
    try:
        with console.status("Loading PyTorch and Lightning"):
            from clipteacher.cli.faults import training_faults
            from clipteacher.demo.quickstart import run
        with training_faults(None):
            results, commands = run.quickstart(given.out, seed=given.seed, config=QuickstartConfig(), console=console)
    except KeyboardInterrupt:
        print(
            f"clipteacher: stopped. What was made so far is in {given.out}; remove it, or name another --out, to begin "
            "again.",
            file=sys.stderr,
        )
        raise SystemExit(130) from None
    console.print(results.table())
    written = ("panel.png", "metrics.json", "before/model", "world")
    console.print("Written: " + ", ".join(str(given.out / name) for name in written), soft_wrap=True, highlight=False)
    console.print("\n[bold]What to type next[/bold]")
    for purpose, line in commands:
        console.print(f"\n{purpose}", highlight=False, markup=False)
        # Never broken, so that it can be copied.
        console.print(f"  {line}", style="cyan", soft_wrap=True, highlight=False, markup=False)
