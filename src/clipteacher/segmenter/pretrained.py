"""Loading, saving and sharing a segmenter, under the names that users of the hub know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from torch import nn

from clipteacher.storage.hub import fetch_model, names_local_file, push_folder
from clipteacher.storage.saved_model import SavedModel, read_model, write_model


class Pretrained:
    """A model that is made from, and turned into, a `SavedModel`."""

    def _saved(self) -> SavedModel:
        """What of this model is written."""
        raise NotImplementedError

    @classmethod
    def _from_saved(cls, saved: SavedModel, *, text_cache: bool) -> Self:
        """The model that was written, in eval mode."""
        raise NotImplementedError

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

        Args:
            model: A folder that `save_pretrained` wrote, such as `model/` of a run, or a hub id, `owner/name`.
            revision: Branch, tag or commit on the hub.
            cache_dir: Folder for downloads; None is huggingface_hub's own.
            local_files_only: Take what was downloaded before, and no network.
            student: The network to fill, where it is your own. None builds the one that the folder describes.
            text_cache: As `Segmenter`.

        Returns:
            The segmenter in eval mode on the CPU.

        Raises:
            ConnectionError: The hub has no such model, or cannot be reached.
            FileNotFoundError: There is no such folder, or a file of it is missing.
            ValueError: As `clipteacher.storage.saved_model.read_model`.
        """
        folder = fetch_model(model, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only)
        return cls._from_saved(read_model(folder, student), text_cache=text_cache)

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
        names elsewhere.

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
        saved = self._saved()
        if names_local_file(saved.text_spec):
            saved = replace(saved, text_spec=None)
        return push_folder(
            lambda folder: write_model(saved, folder),
            repo_id,
            private=private,
            revision=revision,
            token=token,
            commit_message=commit_message,
        )
