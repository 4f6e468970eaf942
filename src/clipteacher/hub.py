"""Models on the Hugging Face hub: fetched and sent by huggingface_hub, as the folder that `storage` writes.

Deviation: not `huggingface_hub.ModelHubMixin`, which writes the constructor's arguments into a config.json of its own.
A segmenter's is another, and its folder appears whole or not at all.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import huggingface_hub
from torch import nn

if TYPE_CHECKING:
    from clipteacher.segmenter import Segmenter

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


class Pretrained:
    """What makes a segmenter one to be loaded, saved and shared under the names that the hub's users know."""

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        student: nn.Module | None = None,
        text_cache: bool = True,
    ) -> Segmenter:
        """Load a segmenter from a folder or from the hub.

        Args:
            model: A folder that `save_pretrained` wrote, such as `model/` of a run, or a hub id, `owner/name`.
            revision: Branch, tag or commit on the hub.
            cache_dir: Folder for downloads; None is huggingface_hub's own.
            local_files_only: Take what was downloaded before, and no network.
            student: The network to fill, where it is one's own.
            text_cache: Keep vectors of new names on disk, see `clipteacher.text_cache`.

        Returns:
            The segmenter in eval mode on the CPU.

        Raises:
            ConnectionError: The hub has no such model, or cannot be reached.
            FileNotFoundError: There is no such folder, or a file of it is missing.
            ValueError: As `clipteacher.storage.load_segmenter`.
        """
        from clipteacher.storage import load_segmenter

        folder = fetch_model(model, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only)
        segmenter = load_segmenter(folder, student)
        segmenter.text_cache = text_cache
        return segmenter

    def save_pretrained(self: Segmenter, folder: str | Path) -> None:  # type: ignore[misc]
        """Write the model and its card; as `clipteacher.storage.save_segmenter`, with its errors."""
        from clipteacher.storage import save_segmenter

        save_segmenter(self, folder)

    def push_to_hub(  # type: ignore[misc]
        self: Segmenter,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
        commit_message: str = "A segmenter of CLIPTeacher",
    ) -> str:
        """Upload the model and its card to the hub; as `push_model`, with its errors."""
        return push_model(self, repo_id, private=private, revision=revision, token=token, commit_message=commit_message)


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
    from clipteacher.storage import MODEL_FILES

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


def push_model(
    segmenter: Segmenter,
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
    commit_message: str = "A segmenter of CLIPTeacher",
) -> str:
    """Upload a segmenter to the hub; the repository is made where there is none.

    A card that the repository has stays: the licence there is the owner's word. Paths of this machine stay here: a
    text tower from a local file is left out, and the model answers to its own names elsewhere.

    Args:
        segmenter: What to upload.
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
    from clipteacher.storage import MODEL_FILES, save_segmenter

    if not _HUB_ID.fullmatch(repo_id):
        raise ValueError(f"repo_id: got {repo_id!r}, expected a hub id such as owner/name")
    shared = segmenter._like(segmenter.names, segmenter.vectors, segmenter.unseen, segmenter.pipeline)
    shared.record = segmenter.record
    shared.text_spec = None if names_local_file(segmenter.text_spec) else segmenter.text_spec
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save_segmenter(shared, folder)
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


def names_local_file(spec: dict[str, Any] | None) -> bool:
    """Whether the description of a text tower holds a path of this machine."""
    return any(Path(value).is_absolute() for value in (spec or {}).values() if isinstance(value, str))


def _first_line(error: Exception) -> str:
    """The first line of a message, for the hub's are long."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else "no reason given"
