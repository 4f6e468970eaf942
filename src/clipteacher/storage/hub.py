"""Models on the Hugging Face hub: folders are fetched and sent by huggingface_hub.

Deviation: not `huggingface_hub.ModelHubMixin`, which writes the constructor's arguments into a config.json of its own.
A model's is another, and its folder appears whole or not at all.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import huggingface_hub

from clipteacher.storage.saved_model import MODEL_FILES

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def fetch_model(
    model: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """Return the folder of a model: the one that is named, or a download of the hub's.

    Of a repository the files of a model are fetched and no others: no pickle, no code.

    Args:
        model: A folder, or a hub id, `owner/name`. A folder goes first.
        revision: Branch, tag or commit on the hub.
        cache_dir: Folder for downloads; None is huggingface_hub's own.
        local_files_only: Take what was downloaded before, and no network.

    Raises:
        ConnectionError: The hub has no such model, or cannot be reached.
        FileNotFoundError: It is no folder and looks like no hub id.
    """
    folder, hub_id = Path(model), str(model)
    if folder.is_dir():
        return folder
    if isinstance(model, Path) or not _HUB_ID.fullmatch(hub_id):
        raise FileNotFoundError(f"model: no folder {model}; expected model/ of a run, or a hub id such as owner/name")
    try:
        fetched = huggingface_hub.snapshot_download(
            hub_id,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            allow_patterns=list(MODEL_FILES),
        )
    except Exception as error:  # of the hub's, the network's and the disk's there are dozens
        raise ConnectionError(
            f"model: no folder {hub_id} here, and the hub gave no model of that id "
            f"({type(error).__name__}: {_first_line(error)}). Check the name, the revision and the network; "
            "for a private model log in with `hf auth login`."
        ) from error
    return Path(fetched)


def push_folder(
    write: Callable[[Path], object],
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
    commit_message: str = "A segmenter of CLIPTeacher",
) -> str:
    """Upload a model folder to the hub; the repository is created where there is none.

    A card that the repository has stays: the licence there is for its owner to state.

    Args:
        write: Writes the model folder to a path; called once the id is checked.
        repo_id: Its id there, `owner/name`.
        private: Make a new repository private; None is the owner's default.
        revision: Branch; None is the main one.
        token: Access token; None is the one that `hf auth login` keeps.
        commit_message: Of the upload.

    Returns:
        The upload's address.

    Raises:
        ConnectionError: The hub cannot be reached or refuses.
        ValueError: The id is none.
    """
    if not _HUB_ID.fullmatch(repo_id):
        raise ValueError(f"repo_id: got {repo_id!r}, expected a hub id such as owner/name")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        write(folder)
        api: Any = huggingface_hub.HfApi(token=token)
        try:
            api.create_repo(repo_id, private=private, exist_ok=True)
            kept = api.file_exists(repo_id, "README.md", revision=revision)
            sent = api.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                revision=revision,
                commit_message=commit_message,
                allow_patterns=[name for name in MODEL_FILES if not (kept and name == "README.md")],
            )
        except Exception as error:
            raise ConnectionError(
                f"model: the hub did not take {repo_id} ({type(error).__name__}: {_first_line(error)}). Check the id "
                "and the network, and log in with `hf auth login`."
            ) from error
    return str(sent)


def names_local_file(spec: Mapping[str, Any] | None) -> bool:
    """Whether the description of a text tower holds a path of this machine."""
    return any(Path(value).is_absolute() for value in (spec or {}).values() if isinstance(value, str))


def _first_line(error: Exception) -> str:
    """The first line of a message, for the hub's are long."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else "no reason given"
