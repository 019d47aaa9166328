"""What mkdocs calls while it builds the site: adds the pages that are made from the code and from files at the root.

A hook, not mkdocs-gen-files: mkdocs itself takes generated files since 1.6, so that no plug-in is needed.
"""

from pathlib import Path

import notebook_pages
import reference_commands
import reference_configuration
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""

    def add(path: str, content: str | bytes) -> None:
        files.append(File.generated(config, path, content=content))

    add("reference/commands.md", reference_commands.page())
    for name, text in reference_configuration.pages().items():
        add(f"reference/configuration/{name}.md", text)
    for notebook in sorted(Path(config.docs_dir, "tutorials").glob("*.ipynb")):
        text, pictures = notebook_pages.converted(notebook)
        add(f"tutorials/{notebook.stem}.md", text)
        for name, content in pictures.items():
            add(f"tutorials/{name}", content)
    for page in ("CHANGELOG", "CONTRIBUTING"):
        add(f"about/{page.lower()}.md", _linked((ROOT / f"{page}.md").read_text(encoding="utf-8")))
    return files


def _linked(text: str) -> str:
    """A page of the root with its links as they lead from docs/about/."""
    for here, there in {"docs/": "../", "CHANGELOG.md": "changelog.md", "LICENSE": "licences.md"}.items():
        text = text.replace(f"]({here}", f"]({there}")
    return text
