"""The built pages as a reader has them: from the disk, without a network, on a wide screen and a narrow one.

They are read in headless Chromium where there is one and where the book has been built.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sphinx.util.inventory import InventoryFile

import mme
from tests.browser import CHROMIUM, Browser

HTML = Path(__file__).parents[1] / "_build" / "html"
INDEXES = ("genindex.html", "py-modindex.html", "search.html")
PAGES = [*sorted(HTML.glob("book/**/*.html")), *(HTML / name for name in INDEXES)]
FOUND = pkgutil.iter_modules(mme.__path__)
SUBPACKAGES = [module.name for module in FOUND if module.ispkg and module.name != "cli"]
LEAST_CONTRAST = 4.5


def is_built() -> bool:
    """Whether there are pages, and none of what they are made of has changed since."""
    index = HTML / "searchindex.js"
    made_of = [path for part in ("book", "mme") for path in (HTML.parents[1] / part).rglob("*.[mp][dy]")]
    return index.exists() and all(path.stat().st_mtime <= index.stat().st_mtime for path in made_of)


STALE = "the pages are older than their sources: python run.py book"
needs_book = pytest.mark.skipif(not is_built(), reason=STALE)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")

# Formulas that stick out of the page's column and do not scroll: on a wide screen nothing should need to.
WIDE = """[...document.querySelectorAll('article mjx-container')].flatMap(found => {
  if (!found.offsetParent) return [];
  const inner = (found.querySelector('mjx-math') ?? found).getBoundingClientRect();
  const column = found.closest('article').getBoundingClientRect();
  if (inner.right <= column.right + 1) return [];
  for (let above = found; above && innerWidth < 1000; above = above.parentElement)
    if (['auto', 'scroll'].includes(getComputedStyle(above).overflowX)) return [];
  return [inner.width + ' pixels: ' + found.textContent];
})"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PLAIN = """(() => {
  const said = [];
  if (!document.documentElement.lang) said.push('no language');
  for (const image of document.querySelectorAll('article img:not([alt])')) said.push('no alt: ' + image.src);
  for (const link of document.querySelectorAll('article a[href]'))
    if (!link.textContent.trim() && !link.getAttribute('aria-label') && !link.querySelector('[alt]'))
      said.push('a link without a name: ' + link.href);
  const ids = [...document.querySelectorAll('[id]')].map(named => named.id);
  said.push(...new Set(ids.filter((id, i) => ids.indexOf(id) < i).map(id => 'an id twice: ' + id)));
  let level = 0;
  for (const heading of document.querySelectorAll('article :is(h1, h2, h3, h4, h5, h6)')) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) said.push('a heading leaves out a level: ' + heading.textContent);
    level = own;
  }
  return said;
})()"""
CONTRAST = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((part, i) => part * top[3] + below[i] * (1 - top[3]));
  const light = colour => colour.map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    if (!element) return [255, 255, 255];
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, ground(element.parentElement));
  };
  const said = new Set(), article = document.querySelector('article, .bd-content:not(:has(article))');
  const walk = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility({opacityProperty: true})) continue;
    if (element.closest('svg, script, style, button, mjx-assistive-mml, .headerlink, [class*=kbd]')) continue;
    const below = ground(element), style = getComputedStyle(element);
    const [one, two] = [light(over(rgba(style.color), below)), light(below)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    if (ratio < LEAST) said.add(ratio.toFixed(2) + ' ' + element.tagName + '.' + element.className + ': ' +
                                walk.currentNode.data.trim().slice(0, 40));
  }
  return [...said];
})()""".replace("LEAST", str(LEAST_CONTRAST))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


EQUATION = re.compile(r'<div class="[^"]*math[^"]*" id="(equation-[^"]+)">\s*<span class="eqno">([^<]*)')
REFERENCE = re.compile(r'<a class="reference internal" href="([^"#]*)#(equation-[^"]+)">(.*?)</a>', re.S)


@needs_book
def test_references_show_what_equations_show() -> None:
    texts = {page.resolve(): page.read_text("utf-8") for page in PAGES}
    equations = {page: EQUATION.findall(text) for page, text in texts.items()}
    shown = {(page, label): number for page, found in equations.items() for label, number in found}
    references = [
        (shown.get(((page.parent / target).resolve() if target else page, label)), re.sub("<.*?>", "", seen))
        for page, text in texts.items()
        for target, label, seen in REFERENCE.findall(text)
    ]
    assert len(references) > 20
    assert [pair for pair in references if pair[0] != pair[1]] == []


@needs_book
@needs_browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(HTML).as_posix())
def test_pages_read_well(page: Path, browser: Browser) -> None:
    """No error, nothing cut off, text that can be read in both themes, and what a screen reader needs."""
    browser.size(400)
    browser.open(page)
    found: dict[str, Any] = {"errors": list(browser.errors)}
    for width in (400, 1400):
        browser.size(width)
        found[f"cut off at {width}"] = browser.run(WIDE)
        found[f"the page scrolls sideways at {width}"] = max(browser.run(SIDEWAYS), 0)
    for theme in ("light", "dark"):
        browser.run(f"document.documentElement.dataset.theme = '{theme}'")
        found[f"too pale, {theme}"] = browser.run(CONTRAST)
    found["plain"] = browser.run(PLAIN)
    assert not {what: said for what, said in found.items() if said}


def _public() -> dict[object, set[str]]:
    """Full names of every public function, class, method and constant of our own."""
    found: dict[object, set[str]] = {}
    for package in SUBPACKAGES:
        module = importlib.import_module(f"mme.{package}")
        for name in module.__all__:
            thing, full = getattr(module, name), f"mme.{package}.{name}"
            found.setdefault(id(thing) if callable(thing) else full, set()).add(full)
            owners = thing.__mro__ if inspect.isclass(thing) else ()
            for owner in (base for base in owners if base.__module__.startswith("mme.")):
                for member, value in vars(owner).items():
                    written = callable(value) or isinstance(value, (property, classmethod, staticmethod))
                    if written and not member.startswith("_"):
                        found.setdefault((id(thing), member), set()).add(f"{full}.{member}")
    return found


@needs_book
def test_the_pages_of_the_package_show_all_of_it() -> None:
    """What the code has, inherited methods among it, has an entry; a thing of two packages has it in one."""
    with (HTML / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, uri: uri)
    entries = {name for kind, found in inventory.items() if kind.startswith("py:") for name in found}
    assert [sorted(names) for names in _public().values() if not names & entries] == []
