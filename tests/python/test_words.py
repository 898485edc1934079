"""What the repository's pages promise a reader: links that lead somewhere, a short README, words that the glossary explains."""

import pathlib
import re
import subprocess

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
README_WORDS = 1200
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
PAGE_NAMED = re.compile(r"\bdocs/[a-z_-]+\.md\b")
# Words of the glossary that have no other meaning here; others are linked where they need it.
TERMS = {
    "pe": r"PEs?",
    "codebook": r"codebooks?",
    "the-stream": r"the stream",
    "prepacked": r"prepacked",
    "fc8": r"fc8",
    "nt-we": r"NT-We",
    "hot-llc-dram": r"`?(?:hot|llc|dram)`?",
    "suspect": r"`?suspect`?",
    "oracle": r"oracle",
}
USES_TERMS = ["README.md", *sorted(f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("*.md"))]
USES_TERMS.remove("docs/glossary.md")


def tracked(*patterns):
    """Files that git has or would add."""
    words = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", *patterns)
    listed = subprocess.run(words, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    return [REPOSITORY / name for name in listed.split("\0") if name and (REPOSITORY / name).is_file()]


def prose(text):
    """Without code: fenced, indented, and between backquotes."""
    lines = FENCED.sub("", text).split("\n")
    blank, kept, code = True, [], False
    for line in lines:
        code = line.startswith("    ") and (code or blank)
        blank = not line.strip()
        code = code or (blank and code)
        if not code:
            kept.append(line)
    return "\n".join(kept)


def anchors(text):
    """Those that GitHub makes of the headings: lower case, no punctuation, hyphens for spaces, -1 behind the second."""
    found, counts = set(), {}
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(text), re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = counts[slug] = counts.get(slug, -1) + 1
        found.add(slug if not count else f"{slug}-{count}")
    return found


def broken(path, text, root=REPOSITORY):
    """Links of a page that lead nowhere."""
    found = []
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", prose(text))):
        name, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (path.parent / name).resolve() if name else path
        if name and not (target.exists() and target.is_relative_to(root)):
            found.append(link)
        elif anchor and anchor not in anchors(text if not name else target.read_text(encoding="utf-8")):
            found.append(link)
    return found


def unexplained(text):
    """Terms whose first use on a page is no link to the glossary."""
    text = re.sub(r"^#.*$", "", prose(text), flags=re.MULTILINE)
    found = []
    for anchor, words in TERMS.items():
        first = re.search(rf"(?<![\w/*-]){words}(?![\w/-])", text)
        if first and not re.match(rf"[^\[\]]*\]\([^)\s]*glossary\.md#{anchor}\)", text[first.start() :]):
            found.append(first.group())
    return found


def test_every_link_leads_somewhere():
    pages = tracked("*.md")
    links = {str(page.relative_to(REPOSITORY)): broken(page, page.read_text(encoding="utf-8")) for page in pages}
    assert len(pages) > 25 and {page: found for page, found in links.items() if found} == {}


def test_pages_that_files_name_are_there():
    files = tracked("*.c", "*.h", "*.py", "*.cmake", "*.txt", "*.sh", "*.md", "run")
    named = {
        (name, str(path.relative_to(REPOSITORY)))
        for path in files
        if not path.name.startswith("NOTES") and path.name not in (pathlib.Path(__file__).name, "CHANGELOG.md")
        for name in PAGE_NAMED.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20 and [pair for pair in sorted(named) if not (REPOSITORY / pair[0]).is_file()] == []


def test_readme_is_short():
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").split()) < README_WORDS


def test_readme_leads_to_every_page():
    """In one step, or by a page that it links."""
    seen, ahead = set(), [REPOSITORY / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            links = LINK.findall(page.read_text(encoding="utf-8"))
            ahead += [
                (page.parent / link.partition("#")[0]).resolve() for link in links if ":" not in link and link[0] != "#"
            ]
    assert [page.name for page in (REPOSITORY / "docs").glob("*.md") if page not in seen] == []


@pytest.mark.parametrize("page", USES_TERMS)
def test_first_use_of_a_term_is_linked(page):
    assert unexplained((REPOSITORY / page).read_text(encoding="utf-8")) == []


def test_terms_are_in_the_glossary():
    assert TERMS.keys() <= anchors((REPOSITORY / "docs/glossary.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text, found",
    [
        ("[a](b.md)", ["b.md"]),
        ("[a](README.md#nowhere)", ["README.md#nowhere"]),
        ("# One\n[a](#two)", ["#two"]),
        ("![a](../outside.png)", ["../outside.png"]),
        ("# One two: `x`\n\n[a](#one-two-x) [b](README.md) [c](https://example.org/x)\n\n    [d](nowhere)\n", []),
        ("# A\n# A\n[a](#a-1)", []),
    ],
)
def test_broken_links_are_found(text, found):
    assert broken(REPOSITORY / "x.md", text) == found


@pytest.mark.parametrize(
    "text, found",
    [
        ("A codebook, a [codebook](docs/glossary.md#codebook)", ["codebook"]),
        ("A [codebook](docs/glossary.md#codebook), a codebook", []),
        ("A [codebook](docs/glossary.md#pe)", ["codebook"]),
        ("\n    a codebook\n", []),
        ("from [`hot`](glossary.md#hot-llc-dram) caches", []),
    ],
)
def test_unexplained_terms_are_found(text, found):
    assert unexplained(text) == found
