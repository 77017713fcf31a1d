"""The slides that come from the built pages: each fits on the screen, with letters that can be read."""

from __future__ import annotations

from book import slides
from tests.browser import Browser
from tests.test_reading import HTML, needs_book, needs_browser

SMALLEST = 14  # pixels of 720
LOOK = """(async () => {
  await MathJax.startup.promise;
  const pause = () => new Promise(go => setTimeout(go, 50));
  for (let waited = 0; !Reveal.isReady() && waited < 200; waited++) await pause();
  const said = [], seen = Reveal.getSlides();
  for (const slide of seen) {
    const {h, v} = Reveal.getIndices(slide);
    Reveal.slide(h, v);
    const name = slide.textContent.trim().slice(0, 60);
    const letters = parseFloat(getComputedStyle(slide).fontSize);
    if (slide.scrollHeight > 665) said.push('too high: ' + name);
    if (slide.scrollWidth > slide.clientWidth + 1) said.push('too wide: ' + name);
    if (letters < SMALLEST) said.push('letters of ' + letters + ': ' + name);
    for (const image of slide.querySelectorAll('img'))
      if (!image.naturalWidth) said.push('no picture: ' + image.src);
    if (slide.querySelector('mjx-merror')) said.push('a formula that fails: ' + name);
  }
  return {said, count: seen.length};
})()""".replace("SMALLEST", str(SMALLEST))


@needs_book
@needs_browser
def test_every_slide_fits_and_shows_what_it_holds() -> None:
    assert slides.main(HTML) == 0
    said, counts = [], []
    with Browser() as browser:
        browser.size(1280, 720)
        for number, (caption, chapters) in enumerate(slides.parts(), 1):
            browser.open(HTML / "slides" / f"part-{number}.html")
            found = browser.run(LOOK)
            said += [f"{caption}: {each}" for each in [*found["said"], *browser.errors]]
            counts.append(found["count"] > 3 * len(chapters))
    assert not said
    assert counts
    assert all(counts)
