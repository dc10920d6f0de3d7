"""Sheets as HTML: parsed, and sorted by clicks in a headless browser."""

from base64 import b64encode
from hashlib import sha256

from edge_llm_gym.sheets import Cell, make_sheet
from edge_llm_gym.sheets.html import page, picture, to_html
from tests.browser import Page, require_self_contained, shown

EVIL = "\"><script>document.title = 'x'</script><img src=x onerror=alert(1)>&amp;"
ROWS = [("b", Cell("9 s", 9.0)), ("a", Cell("-")), ("c", Cell("10 s", 10.0, "bad")), (EVIL, Cell("2 s", 2.0))]
SHEET = make_sheet("title " + EVIL, ("name", "time"), ROWS, ["a note " + EVIL])


def test_cells_keep_text_alignment_tone_and_number():
    parsed = Page(to_html(SHEET))
    assert parsed.texts("td") == ["9 s", "-", "10 s", "2 s"]
    assert [cell.get("data-value") for cell in parsed.all("td")] == ["9.0", None, "10.0", "2.0"]
    assert [cell["class"] for cell in parsed.all("td")] == ["right", "right", "right bad", "right"]
    assert parsed.texts("button") == ["name", "time"]
    assert [head["scope"] for head in parsed.all("th")] == ["col"] * 2 + ["row"] * 4


def test_texts_of_users_stay_texts():
    parsed = Page(page("page " + EVIL, to_html(SHEET)))
    assert len(parsed.all("script")) == 1  # that of the page
    assert not parsed.all("img")
    assert parsed.texts("h1") == ["page " + EVIL]
    assert parsed.texts("h3") == [SHEET.title]
    assert parsed.texts("p") == list(SHEET.notes)
    assert EVIL in parsed.texts("th")


def test_a_page_is_self_contained_and_names_the_hashes_of_its_scripts():
    text = page("t", to_html(SHEET) + picture(b"png", "alt"), ["let mine = 1;"])
    require_self_contained(text)
    parsed = Page(text)
    hashes = [f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'" for code in parsed.texts("script")]
    policy = next(meta["content"] for meta in parsed.all("meta") if "http-equiv" in meta and "content" in meta)
    assert len(hashes) == 2
    assert policy.endswith(f"script-src {' '.join(hashes)}")


CLICKS = """
const heads = document.querySelectorAll("th button");
const names = () => [...document.querySelectorAll("tbody th")].map((cell) => cell.textContent[0]).join("");
const found = [];
for (const column of [1, 1, 0, 0]) { heads[column].click(); found.push(names()); }
document.body.dataset.found = found.join(" ");
document.body.dataset.order = [...document.querySelectorAll("thead th")].map((head) => head.ariaSort).join(" ");
"""


def test_clicks_on_headings_sort_by_number_with_undefined_ones_last_and_by_text(tmp_path):
    (body,) = shown(page("t", to_html(SHEET)), tmp_path, CLICKS).all("body")
    assert body["data-found"] == '"bca cb"a "abc cba"'
    assert body["data-order"].split()[0] == "descending"


def test_the_policy_of_the_page_lets_its_own_scripts_run_and_no_other(tmp_path):
    own, foreign = "document.body.dataset.own = 1;", "<script>document.body.dataset.foreign = 1;</script>"
    (body,) = shown(page("t", foreign, [own]), tmp_path).all("body")
    assert body == {"data-own": "1"}
