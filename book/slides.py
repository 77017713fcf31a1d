"""Make slides of each part from the built pages: goals of a chapter, its statements, figures and traps.

One idea is one slide; its proof is in the speaker's notes (press S). The slides lie beside the pages, share
their pictures and their MathJax, and need no network; reveal.js comes with the package sphinx-revealjs.
"""

from __future__ import annotations

import html
import posixpath
import re
import shutil
import sys
from importlib.resources import as_file, files
from pathlib import Path

import yaml
from bs4 import BeautifulSoup, Tag

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
REVEAL = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js")
KEPT = ("What you will learn", "What can go wrong", "What you can use later")

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{styles}
<link rel="stylesheet" href="slides.css">
{mathjax}
<script src="../_static/mathjax/tex-chtml.js"></script>
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
{scripts}
<script>
// The letters of a slide are as large as its text allows.
function fit(slide) {{
  const large = () => slide.scrollHeight > 660 || slide.scrollWidth > slide.clientWidth;
  for (let size = 30; large() && size > 12; size--) slide.style.fontSize = size + "px";
}}
MathJax.startup.promise.then(() => {{
  Reveal.on("ready", event => fit(event.currentSlide));
  Reveal.on("slidechanged", event => fit(event.currentSlide));
  Reveal.on("pdf-ready", () => Reveal.getSlides().forEach(fit));
  Reveal.initialize({{
    hash: true, slideNumber: "c/t", width: 1280, height: 720, margin: 0.05, center: false, transition: "none",
    plugins: [RevealNotes],
  }});
}});
</script>
</body>
</html>
"""


def parts() -> list[tuple[str, list[str]]]:
    """Return each numbered part of the book: its caption, and its chapters in order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [
        (part["caption"], [chapter["file"] for chapter in part["chapters"]])
        for part in toc["parts"]
        if part.get("numbered")
    ]


def slides_of(page: Path, docname: str) -> list[str]:
    """Return the slides of one chapter."""
    article = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select_one("article")
    assert article is not None
    _point_elsewhere(article, posixpath.dirname(docname))
    for link in article.select("a.headerlink, p.mme-links"):
        link.decompose()
    for inner in article.select("div section"):
        inner.name = "div"  # a section within a slide would be one
    title = _inner(article.h1)
    home = f'<p class="source"><a href="../{docname}.html">{title}</a></p>'
    slides = [f'<section class="title"><h2>{title}</h2>{_box_text(article, KEPT[0])}</section>']
    for part in article.select("div.proof, figure, div.figure"):
        if part.find_parent(["figure", "div"], class_=["proof", "solution", "exercise"]):
            continue
        if part.name == "figure" or "figure" in part.get("class", ()):
            slides.append(_figure(part, home))
        elif (number := part.select_one(".caption-number")) and not number.get_text().startswith("Proof"):
            slides.append(_statement(part, home))
    for name in KEPT[1:]:
        for section in article.find_all("section", recursive=True):
            if section.h2 and name in section.h2.get_text():
                section.h2.extract()
                slides.append(_slide(name, section.decode_contents(), home))
    return slides


def _point_elsewhere(article: Tag, folder: str) -> None:
    """Let the links of a page hold in the folder of the slides."""
    for name in ("href", "src"):
        for tag in article.select(f"[{name}]"):
            target = str(tag[name])
            if not re.match(r"[a-z]+:", target):
                tag[name] = posixpath.normpath(posixpath.join("..", folder, target.partition("#")[0] or "."))
                if "#" in target:
                    tag[name] += "#" + target.partition("#")[2]


def _inner(tag: Tag | None) -> str:
    assert tag is not None
    for number in tag.select(".section-number"):
        number.decompose()
    return tag.decode_contents().strip()


def _box_text(article: Tag, title: str) -> str:
    """Return the list in the box of this title, or nothing."""
    for box in article.select("div.admonition"):
        heading = box.select_one("p.admonition-title")
        if heading and heading.get_text().strip() == title and (what := box.select_one("ul")):
            return str(what)
    return ""


def _statement(box: Tag, home: str) -> str:
    heading = box.select_one("p.admonition-title")
    assert heading is not None
    heading.extract()
    slide = _slide(heading.decode_contents(), "".join(map(str, box.find_all(recursive=False))), home)
    proof = box.find_next_sibling("div", class_="admonition")
    while proof is not None and "mme-machine" in proof.get("class", ()):
        proof = proof.find_next_sibling("div", class_="admonition")
    if proof is not None and proof.get_text().strip().startswith("Proof"):
        note = html.escape(" ".join(proof.get_text(" ").split()))
        slide = slide.replace("</section>", f'<aside class="notes tex2jax_ignore">{note}</aside></section>')
    return slide


def _figure(figure: Tag, home: str) -> str:
    image, caption = figure.select_one("img"), figure.select_one("figcaption p, .caption")
    if image is None:
        return ""
    words = _inner(caption) if caption else ""
    for size in ("width", "height", "style"):
        del image[size]
    return f'<section class="figure">{image}<div class="caption">{words}</div>{home}</section>'


def _slide(title: str, body: str, home: str) -> str:
    return f"<section><h3>{title}</h3>{body}{home}</section>"


def main(pages: Path = ROOT / "_build" / "html") -> int:
    """Write the slides of every part into the folder `slides` of the built pages."""
    folder = pages / "slides"
    folder.mkdir(exist_ok=True)
    with as_file(files("sphinx_revealjs") / "_static" / "revealjs") as reveal:
        for name in REVEAL:
            shutil.copy(reveal / name, folder / Path(name).name)
    shutil.copy(ROOT / "book" / "_static" / "slides.css", folder / "slides.css")
    page = (pages / "book" / "intro.html").read_text(encoding="utf-8")
    mathjax = re.search(r"<script>window\.MathJax.*?</script>", page)
    assert mathjax is not None
    sheets, programs = ([Path(name).name for name in REVEAL if name.endswith(end)] for end in (".css", ".js"))
    styles = "\n".join(f'<link rel="stylesheet" href="{name}">' for name in sheets)
    scripts = "\n".join(f'<script src="{name}"></script>' for name in programs)
    for number, (caption, chapters) in enumerate(parts(), 1):
        stacks = [slides_of(pages / f"{docname}.html", docname) for docname in chapters]
        first = f'<section class="title"><h1>{caption}</h1><p>Spectra of Deep Networks</p></section>'
        slides = "\n".join([first, *("<section>\n" + "\n".join(stack) + "\n</section>" for stack in stacks)])
        page = PAGE.format(
            title=caption, styles=styles, mathjax=mathjax.group(), slides=slides, scripts=scripts
        )
        path = folder / f"part-{number}.html"
        path.write_text(page, encoding="utf-8")
        print(f"{path}: {sum(map(len, stacks)) + 1} slides on {len(chapters)} chapters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
