"""What the site needs beside the pages as they are: hooks of mkdocs, named in ``mkdocs.yml``.

The pages are written for readers of the repository. They link to files outside of ``docs/``, and say in the head of a
block what a test does with it. On the site such files become pages of their own below ``repository/``, and a head says
only the language and the name of a file.
"""

import json
import os
import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parent.parent
DOCS: Final = "docs/"
ELSEWHERE: Final = "repository/"
"""Where the site has the files that are not below ``docs/``."""
MERMAID: Final = "assets/mermaid.js"
"""What draws diagrams, on the site itself: the theme would load it from another host."""
LANGUAGES: Final = {".js": "javascript", ".py": "python", ".yaml": "yaml", ".yml": "yaml"}

_FENCE = re.compile(r"^```([^\n]*\n)(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEAD = re.compile(r"(\w+)(?: (\S+\.\w+))?(?: \w+)?")
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")
_ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
_HAN = re.compile(r"([\u4e00-\u9fff])")
_CODE = re.compile(r"`[^`]+`")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Anchors are as browsers of repositories make them, and pages that match replace patterns of the navigation."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = _slug
    pages = sorted(path.relative_to(config.docs_dir).as_posix() for path in Path(config.docs_dir).rglob("*.md"))
    named = {entry for entry in _entries(config.nav) if "*" not in entry}
    config.nav = _expanded(config.nav, [page for page in pages if page not in named], set())
    if _mermaid().exists():
        config.extra_javascript.append(MERMAID)
    return config


def _mermaid() -> Path:
    """Where ``.ci/run`` installs it. Without it, the site shows diagrams as their text."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    installed = Path(os.environ.get("FCEMU_TESTS") or Path(cache, "fcemu-tests"))
    return installed / "node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js"


def _slug(heading: str, separator: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", separator)


def _entries(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for inside in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _entries(inside)


def _expanded(nav: Any, pages: list[str], used: set[str]) -> Any:
    """``nav`` with each pattern replaced by those unused ``pages`` of its own directory that it matches."""
    if isinstance(nav, dict):
        return {title: _expanded(inside, pages, used) for title, inside in nav.items()}
    if not isinstance(nav, list):
        return nav
    found: list[Any] = []
    for entry in nav:
        if isinstance(entry, str) and "*" in entry:
            fitting = [page for page in pages if fnmatch(page, entry) and page.count("/") == entry.count("/")]
            found += [page for page in fitting if page not in used]
            used.update(fitting)
        else:
            found.append(_expanded(entry, pages, used))
    return found


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what draws diagrams, and a page for each file outside of ``docs/`` to which a page links, or one of these."""
    if _mermaid().exists():
        files.append(File.generated(config, MERMAID, abs_src_path=str(_mermaid())))
    waiting = [ROOT / DOCS / file.src_uri for file in files.documentation_pages()]
    known = set(waiting)
    while waiting:
        source = waiting.pop()
        for target, _ in _LINK.findall(_without_blocks(_text_of(source))):
            page = _page_of((source.parent / target).resolve())
            if page in known or page.is_relative_to(ROOT / DOCS) or not page.is_relative_to(ROOT):
                continue
            known.add(page)
            waiting.append(page)
            files.append(
                File.generated(config, _on_site(page), content=_text_of(page), inclusion=InclusionLevel.NOT_IN_NAV)
            )
    return files


def _page_of(path: Path) -> Path:
    """The file that a link means: of a directory its README."""
    return path / "README.md" if path.is_dir() else path


def _on_site(path: Path) -> str:
    """The place of a file of the repository among the sources of the site."""
    place = path.relative_to(ROOT).as_posix()
    if place.startswith(DOCS):
        return place.removeprefix(DOCS)
    return ELSEWHERE + (place if path.suffix == ".md" else f"{place}.md")


def _text_of(path: Path) -> str:
    """A page as it is; a file as a page. A README of ``fixtures/`` comes with the files beside it."""
    text = path.read_text(encoding="utf-8")
    place = path.relative_to(ROOT).as_posix()
    if place.startswith(DOCS):
        return text
    if path.suffix != ".md":
        return f"# {place}\n\n{_shown(path)}"
    if place.startswith("fixtures/"):
        beside = [each for each in sorted(path.parent.iterdir()) if each.suffix in LANGUAGES]
        text += "".join(f"\n## `{each.name}`\n\n{_shown(each)}" for each in beside)
    return text


def _shown(path: Path) -> str:
    return f"```{LANGUAGES.get(path.suffix, 'text')}\n{path.read_text(encoding='utf-8')}```\n"


def _without_blocks(text: str) -> str:
    return _FENCE.sub("", text)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text of a page with the links, the heads of blocks and the tables that the site understands."""
    place = page.file.src_uri
    source = ROOT / (place.removeprefix(ELSEWHERE) if place.startswith(ELSEWHERE) else DOCS + place)
    parts, end = [], 0
    for block in _FENCE.finditer(markdown):
        parts += [_prose(markdown[end : block.start()], source, place), _block(block[1], block[2])]
        end = block.end()
    return "".join([*parts, _prose(markdown[end:], source, place)])


def _block(head: str, text: str) -> str:
    found = _HEAD.fullmatch(head.strip())
    if head.strip() == "mermaid" and not _mermaid().exists():
        head = "text\n"
    elif found is not None:
        head = f'{found[1]} title="{found[2]}"\n' if found[2] else f"{found[1]}\n"
    return f"```{head}{text}```"


def _prose(text: str, source: Path, place: str) -> str:
    def led(link: re.Match[str]) -> str:
        target = _page_of((source.parent / link[1]).resolve())
        if not target.is_relative_to(ROOT):
            return link[0]  # mkdocs complains of it
        there = posixpath.relpath(_on_site(target), posixpath.dirname(place))
        return f"]({there}{link[2] or ''})"

    # In a row of a table, Markdown of repositories reads `a\|b` as the code a|b, and that of the site as it stands.
    text = _ROW.sub(lambda row: _CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]), text)
    return _LINK.sub(led, text)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Say of pages in Chinese that they are."""
    return output.replace('<html lang="en"', '<html lang="zh"', 1) if page.file.src_uri.startswith("zh/") else output


def on_post_build(config: MkDocsConfig) -> None:
    """Let the search find Chinese, which has no blanks: in its index, each character is a word."""
    path = Path(config.site_dir, "search/search_index.json")
    index = json.loads(path.read_text(encoding="utf-8"))
    for entry in index["docs"]:
        for name in ("title", "text"):
            entry[name] = _HAN.sub("\u200b\\1\u200b", entry[name])
    path.write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
