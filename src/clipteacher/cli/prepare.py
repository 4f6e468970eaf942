"""`clipteacher prepare`: says what of a data set is there, what is missing and where it is from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser

from clipteacher.cli.errors import user_errors
from clipteacher.data.archives import PARTS
from clipteacher.data.preparation import inspect_data
from clipteacher.protocols.named import PROTOCOLS


def prepare(arguments: Sequence[str]) -> None:
    """Look at a data set's folder: parts, numbers of photos, checksums. Nothing is downloaded, nothing is written."""
    parser = ArgumentParser(prog="clipteacher prepare", description=prepare.__doc__)
    parser.add_argument("name", type=str, metavar="NAME", help=f"{', '.join(PARTS)}; or a protocol, such as voc12-15-5")
    parser.add_argument("--root", type=Path, required=True, help="the data set's folder")
    given = parser.parse_args(list(arguments))
    with user_errors():
        dataset = {protocol.name: protocol.dataset for protocol in PROTOCOLS}.get(given.name, given.name)
        if dataset not in PARTS:
            raise ValueError(f"name: got {given.name!r}, expected one of {', '.join(PARTS)}. Write one of them.")
        missing = 0
        for finding in inspect_data(dataset, given.root, lambda what: print(f"… {what}", file=sys.stderr)):
            print(f"{'[ok]     ' if finding.fine else '[missing]'} {finding.text}")
            missing += not finding.fine
    if missing:
        raise SystemExit(1)
    names = [protocol.name for protocol in PROTOCOLS if protocol.dataset == dataset]
    print(f"All is there. Next: clipteacher audit --data {given.root} --protocol {names[0]}")
