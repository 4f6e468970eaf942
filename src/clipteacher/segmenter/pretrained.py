"""Loading, saving and sharing a segmenter, under the names that users of the hub know.

Deviation: not `huggingface_hub.ModelHubMixin`, which writes the constructor's arguments into a config.json of its own.
A model's is another, and its folder appears whole or not at all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Self

import huggingface_hub
from torch import nn

from clipteacher.segmenter.model_place import HUB_ID, local_model, meant_models
from clipteacher.storage.saved_model import MODEL_FILES, SavedModel, read_model, write_model


class Pretrained(nn.Module):
    """A model whose constructor takes the entries of a `SavedModel`, and whose attributes they are."""

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
    ) -> Self:
        """Load a segmenter from a folder or from the hub.

        Of the hub's repository the files of a model are fetched and no others: no pickle, no code.

        Args:
            model: A folder that `save_pretrained` wrote, a run's folder, for its `model/`, or a hub id, `owner/name`. A
                folder goes first, and where there is a folder `owner`, it is no hub id.
            revision: Branch, tag or commit on the hub.
            cache_dir: Folder for downloads; None is huggingface_hub's own.
            local_files_only: Take what was downloaded before, and no network.
            student: The network to fill, where it is your own. None builds the one that the folder describes.
            text_cache: As `Segmenter`.

        Returns:
            The segmenter in eval mode on the CPU.

        Raises:
            ConnectionError: The hub has no such model, or cannot be reached.
            FileNotFoundError: There is no model of that path and it is no hub id, or a file of the folder is missing.
            ValueError: It is a file; or as `clipteacher.storage.saved_model.read_model`.
        """
        options = {"revision": revision, "cache_dir": cache_dir, "local_files_only": local_files_only}
        folder = local_model(model) or _download(str(model), options)
        return cls(**vars(read_model(folder, student)), text_cache=text_cache).eval()

    def save_pretrained(self, folder: str | Path, record: Mapping[str, Any] | None = None) -> None:
        """Write the model and its card, whole or not at all, as `clipteacher.storage.saved_model.write_model` does.

        Args:
            folder: The folder; an older model there is replaced.
            record: Further JSON-ready entries, such as the protocol's name, beside the segmenter's own record.

        Raises:
            FileExistsError, TypeError, ValueError: As `write_model`.
        """
        saved = self._saved()
        write_model(replace(saved, record=dict(saved.record) | dict(record or {})), folder)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
        commit_message: str = "A segmenter of CLIPTeacher",
    ) -> str:
        """Upload the model and its card to the hub; the repository is created where there is none.

        Paths of this machine stay here: a text tower from a local file is left out, and the model answers to its own
        names elsewhere. A card that the repository has stays: the licence there is for its owner to state.

        Args:
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
        if not HUB_ID.fullmatch(repo_id):
            raise ValueError(f"repo_id: got {repo_id!r}, expected a hub id such as owner/name")
        saved = self._saved()
        if any(Path(value).is_absolute() for value in (saved.text_spec or {}).values() if isinstance(value, str)):
            saved = replace(saved, text_spec=None)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "model"
            write_model(saved, folder)
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
                    f"model: the hub did not take {repo_id} ({_first_line(error)}). Check the id and the network, and "
                    "log in with `hf auth login`."
                ) from error
        return str(sent)

    def _saved(self) -> SavedModel:
        return SavedModel(**{field.name: getattr(self, field.name) for field in fields(SavedModel)})


def _download(model: str, options: dict[str, Any]) -> Path:
    """Fetch the files of a model from the hub; returns their folder."""
    try:
        return Path(huggingface_hub.snapshot_download(model, allow_patterns=list(MODEL_FILES), **options))
    except Exception as error:  # of the hub's, the network's and the disk's there are dozens
        if meant := meant_models(Path(model)):
            raise FileNotFoundError(f"model: no folder {model} here. Did you mean {meant[0]}?") from error
        raise ConnectionError(
            f"model: no folder {model} here, and the hub gave no model of that id ({_first_line(error)}). Check the "
            "name, the revision and the network; for a private model log in with `hf auth login`."
        ) from error


def _first_line(error: Exception) -> str:
    """An error's class and the first line of its message, for the hub's are long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
