"""The site: it builds without a warning and a dead link, fetches nothing from elsewhere, and names files that exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, PAGES, ROOT, page

# Folders that are in the repository and in no wheel.
IN_A_CLONE = ("benchmarks", "configs", "notebooks", "tests", "tools")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("site")
    result = subprocess.run(  # noqa: S603 (our own pages)
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_every_page_is_built_and_fetches_nothing(site: Path) -> None:
    built = sorted(path.relative_to(site).with_suffix("") for path in site.rglob("*.html") if path.name != "404.html")
    assert built == [path.relative_to(DOCS).with_suffix("") for path in PAGES]
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        fetched = re.findall(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"?(?:https?:)?//[^\s\">]+", text)
        assert not fetched, path


def test_the_reference_documents_what_the_package_offers(site: Path) -> None:
    import clipteacher

    text = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
    documented = set(re.findall(r'id="(clipteacher[\w.]+)"', text))
    for name in clipteacher.__all__:
        if name != "__version__":
            where = getattr(clipteacher, name)
            assert f"{where.__module__}.{where.__qualname__}" in documented, name


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda path: path.stem)
def test_the_files_it_names_exist(path: Path) -> None:
    text = re.sub(r"\]\([^)]*\)", "]", path.read_text(encoding="utf-8"))  # mkdocs checks links
    named = set(re.findall(rf"(?<![\w./-])(?:{'|'.join(IN_A_CLONE)}|docs)/[\w/.-]*\w\.\w+", text))
    named |= {f"src/{name}" for name in re.findall(r"`(clipteacher/[\w/]+\.\w+)`", text)}
    for name in named:
        assert (ROOT / name).exists(), name
    if path.parent == DOCS and path.stem == "architecture":
        inside = re.findall(r"(?<![\w./])((?:[a-z_]+/)+[a-z_0-9]+\.py)", text)
        assert len(inside) > 40
        for name in inside:
            # In its diagram the box stands for method/.
            assert any((ROOT / place / name).exists() for place in ("src/clipteacher", "src/clipteacher/method", "")), (
                name
            )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_who_is_sent_to_a_script_is_told_that_it_needs_a_clone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if re.search(r"(?<![\w/])(?:benchmarks|tools)/\w+\.py", text):
        assert re.search(r"\bclone\b", text), "its scripts are in no wheel"
    if re.search(r"(?<![\w/])configs/", text):
        assert re.search(r"\b(clone|repository)\b", text), "the configurations are in no wheel"


def test_nobody_is_sent_to_old_names() -> None:
    """Words that the field has others for, and options that are gone."""
    gone = (
        *("seen_offset", "foreign_latents", "--against", "--model.glm", "--model.plm", "--model.losses", "to be had"),
        *("load_segmenter", "save_segmenter", "with_calibration", ".compile(", "segmenter.names", "docs/own_data"),
    )
    for path in (ROOT / "README.md", *PAGES):
        text = path.read_text(encoding="utf-8")
        for words in gone:
            named = text.replace("world_seen_offset.jsonl", "")  # a file of results keeps its name
            assert words not in named, (path.name, words)


def test_the_lab_book_opens_with_its_conclusions() -> None:
    head = page("docs/research/lab_book.md").split("## The quickstart")[0]
    for words in ("**What is known**", "**What is set because of it**", "**What is open**"):
        assert words in head
    assert len(head.splitlines()) < 60, "one screen"
