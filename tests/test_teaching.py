"""What the teacher's page counts, and where notebooks open online."""

from __future__ import annotations

import notebook_download
import teaching

CHAPTER = """---
title: front matter
---

# Two words

Three words more.

```{code-cell} ipython3
not = counted
```

````{prf:proof}
Nor this.
````

## Exercises

Nor what comes here.
"""


def test_words_are_those_that_all_read() -> None:
    assert teaching.words(CHAPTER) == len(["#", "Two", "words", "Three", "words", "more."])


def test_notebooks_open_online_only_where_a_repository_is_named() -> None:
    colab, binder = notebook_download.launch_links("owner/name", "book/dln/gram").values()
    assert colab.endswith("/github/owner/name/blob/notebooks/book/dln/gram.ipynb")
    assert binder.endswith("/gh/owner/name/notebooks?labpath=book/dln/gram.ipynb")
    assert "github.com" not in notebook_download.first_cell()
    online = notebook_download.first_cell("owner/name")
    wheel = f"# %pip install mme[chapters]@https://github.com/owner/name/raw/notebooks/{notebook_download.WHEEL}"
    assert wheel in online.splitlines()
    compile(online, "first cell", "exec")
