"""`clipteacher prepare`: lists which parts of a data set are present, which are missing and where they come from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from clipteacher.cli.errors import user_errors
from clipteacher.cli.parser import CommandParser
from clipteacher.data.opened import RELEASES
from clipteacher.data.release import inspect_release
from clipteacher.protocols.named import PROTOCOLS


def prepare(arguments: Sequence[str]) -> None:
    """Check a data set's folder: parts, numbers of photos, checksums. Nothing is downloaded, nothing is written."""
    parser = CommandParser("prepare", description=prepare.__doc__, example="prepare voc12 --root VOC2012")
    parser.add_argument("name", type=str, metavar="NAME", help=f"{', '.join(RELEASES)}; or a protocol, as voc12-15-5")
    parser.add_argument("--root", type=Path, required=True, help="the data set's folder")
    given = parser.parse_args(list(arguments))
    with user_errors():
        dataset = {protocol.name: protocol.dataset for protocol in PROTOCOLS}.get(given.name, given.name)
        if dataset not in RELEASES:
            raise ValueError(f"name: got {given.name!r}, expected one of {', '.join(RELEASES)}. Write one of them.")
        protocol, missing = next(protocol for protocol in PROTOCOLS if protocol.dataset == dataset), 0
        report = partial(print, "…", file=sys.stderr)
        for fine, text in inspect_release(RELEASES[dataset], protocol, given.root, report):
            print(f"{'[ok]     ' if fine else '[missing]'} {text}")
            missing += not fine
    if missing:
        raise SystemExit(1)
    print(f"All is there. Next: clipteacher audit --data {given.root} --protocol {protocol.name}")
