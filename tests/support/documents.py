"""Checks of Markdown pages, as pure functions: text in, what is wrong with it out."""

import re
import shlex
import tokenize
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import PurePosixPath
from typing import Final

from respot_cli.main import COMMANDS, parser

MAX_WORDS: Final = 40
MAX_MEAN: Final = 20.0

WORDS: Final[Mapping[str, str]] = {
    r"stays?": "transition, or status period",
    r"told|tells?": "reported, shows",
    r"look(?:s|ed|ing)?(?! up)": "describe, check",
    r"whoever": "anyone who",
    r"whatever": "any",
    r"mend(?:s|ed|ing)?": "fix",
    r"anew": "again",
    r"dear(?:er)?": "expensive",
    r"reckon(?:s|ed|ing)?": "calculate",
    r"hears? of|heard of": "is notified of",
    r"in hand": "leased",
    r"laps(?:e|es|ed|ing)": "expire",
    r"speaks?": "fires (an alarm)",
    r"given up": "moved to the dead-letter queue, or timed out",
    r"patience|patient": "wait limit",
    r"storms?": "burst",
    r"heed(?:s|ed|ing)?": "respect",
    r"befalls?|befell|befallen": "happen to",
    r"besides": "also",
    r"meanwhile": "drop it",
    r"bearable": "acceptable",
    r"by itself|by themselves": "automatically",
    r"so(?= (?:a|an|the|it|they|you|we|that's|each|no|nothing|nobody|Respot|SageMaker)\b)": "therefore",
}
"""Words that the pages and the code do not use, as patterns, and what they use instead."""

SOURCE_WORDS: Final[Mapping[str, str]] = {
    **WORDS,
    r"hints?": "suggestion, or observation",
    r"witness(?:es|ed)?": "test, or proof",
    r"doings": "records",
    r"(?<=[,;] )so(?! that\b)": "therefore",
}
"""The same for strings, docstrings and comments, where also these are not used."""

EXCEPTIONS: Final[Mapping[str, str]] = {
    "What was given up": "the name of a section of every decision",
    "impatient.yaml": "the name of a policy file",
}
"""Phrases in which a word of the list is right, with the reason."""

_FENCE: Final = re.compile(r"^ *(```+|~~~+)(\w*)[^\n]*\n(.*?)^ *\1 *$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"!?\[((?:[^\[\]]|!?\[[^\]]*\]\([^)]*\))*)\]\(([^()\s]*(?:\([^()]*\)[^()\s]*)*)\)")
_CODE: Final = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_ITEM: Final = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")
_ENDS: Final = re.compile(r"(?<=[.!?])[\"”')*_]*\s+(?=[\"“'(*_]*[A-Z0-9`])")
_TEXTS: Final = frozenset({tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)})
"""Kinds of tokens that have words. Python 3.12 and later divide an f-string into parts."""
_FIELD: Final = re.compile(r"\{[a-z_][\w.]*[^{}\n]*\}")
"""A field of an f-string, which has names and not words."""
_RUNS: Final = frozenset({"|", "||", "&&", ";", "&", ">", ">>", "<"})


def without_code_blocks(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def code_blocks(text: str, language: str) -> list[str]:
    """The fenced blocks in a language."""
    return [match[3] for match in _FENCE.finditer(text) if match[2] == language]


def headings(text: str) -> list[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    seen: dict[str, int] = {}
    anchors = []
    for title in re.findall(r"^#{1,6} +(.+?)(?: +#+)? *$", without_code_blocks(text), re.MULTILINE):
        plain = _LINK.sub(r"\1", title)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = seen[anchor] = seen.get(anchor, -1) + 1
        anchors.append(f"{anchor}-{count}" if count else anchor)
    return anchors


def links(text: str) -> list[str]:
    """The targets of a page's links and pictures."""
    plain = _CODE.sub("code", without_code_blocks(text))
    return [target for label, target in _LINK.findall(plain) for target in (*links(label), target)]


def broken_links(path: str, text: str, exists: Callable[[str], bool], read: Callable[[str], str]) -> list[str]:
    """Links of a page to files that do not exist, or to headings that another page does not have."""
    broken = []
    for target in links(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = _resolve(path, name) if name else path
        missing = file is None or not exists(file)
        if missing or (anchor and file and file.endswith(".md") and anchor not in headings(read(file))):
            broken.append(target)
    return broken


def _resolve(page: str, target: str) -> str | None:
    """A path from the repository's root; `None` if it leads out of the repository."""
    parts = list(PurePosixPath(page).parent.parts)
    for part in PurePosixPath(target).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return None if target.startswith("/") else "/".join(parts) or "."


def units(text: str) -> Iterator[tuple[str, bool]]:
    """Paragraphs, list items and table cells of a page, without code; and whether each is a cell."""
    paragraph: list[str] = []
    for line in [*without_code_blocks(text).splitlines(), ""]:
        bare = line.strip()
        is_row = bare.startswith("|")
        ends = not bare or is_row or bare.startswith("#") or _ITEM.match(line)
        if ends and paragraph:
            yield " ".join(paragraph), False
            paragraph = []
        if is_row:
            yield from ((cell, True) for each in re.split(r"(?<!\\)\|", bare.strip("|")) if (cell := each.strip(" -:")))
        elif bare and not bare.startswith("#"):
            paragraph.append(_ITEM.sub("", line).strip())


def sentences(paragraph: str) -> list[str]:
    """A paragraph's sentences. Inline code is one word, a link is its text, a picture is nothing."""
    plain = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", paragraph)
    plain = _LINK.sub(r"\1", _CODE.sub("`code`", plain))
    return [sentence for each in _ENDS.split(plain) if (sentence := each.strip()) and re.search(r"\w", sentence)]


def long_sentences(text: str) -> list[str]:
    """Sentences of more than 40 words, table cells included."""
    return [each for unit, _ in units(text) for each in sentences(unit) if len(each.split()) > MAX_WORDS]


def mean_length(text: str) -> float:
    """The mean number of words in the sentences of a page, table cells excluded; 0 for a page without any."""
    lengths = [len(each.split()) for unit, is_cell in units(text) if not is_cell for each in sentences(unit)]
    return sum(lengths) / len(lengths) if lengths else 0.0


def count_words(text: str) -> int:
    """What a reader of the page reads: words outside of code blocks, without link targets and the lines of tables."""
    plain = _LINK.sub(r"\1", without_code_blocks(text))
    return sum(1 for word in plain.split() if re.search(r"\w", word))


def words_to_avoid(text: str) -> list[str]:
    """Words of the list in a page's headings and prose, each with its line. Code and quotations may have them."""
    prose = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    prose = _CODE.sub(lambda match: "\n" * match[0].count("\n"), prose)
    prose = re.sub(r"\]\([^)\n]*\)", "]", re.sub(r'"[^"\n]*"|“[^”\n]*”', "", prose))
    return list(_found(_without(prose, EXCEPTIONS), WORDS))


def words_to_avoid_in_source(source: str, exceptions: Collection[str] = ()) -> list[str]:
    """Words of the list in the strings, docstrings and comments of a module, each with its line."""
    found = [
        each
        for part in tokenize.generate_tokens(StringIO(source).readline)
        if part.type in _TEXTS
        for each in _found(_without(_FIELD.sub("", part.string), exceptions), SOURCE_WORDS, first_line=part.start[0])
    ]
    return list(dict.fromkeys(found))


def _without(text: str, phrases: Collection[str]) -> str:
    for phrase in phrases:
        text = text.replace(phrase, "")
    return text


def _found(text: str, words: Mapping[str, str], *, first_line: int = 1) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=first_line):
        for pattern, better in words.items():
            for match in re.finditer(rf"(?<![\w-])(?:{pattern})(?![\w-])", line, re.IGNORECASE):
                yield f"line {number}: {match[0]!r} (better: {better})"


def commands(text: str) -> list[list[str]]:
    """The commands of a page's console blocks, and those in backquotes that begin with `respot` or `make`."""
    typed = [
        line
        for block in code_blocks(text, "console")
        for line in re.findall(r"^ *\$ (.+)$", block.replace("\\\n", " "), re.MULTILINE)
    ]
    prose = [code for _, code in _CODE.findall(without_code_blocks(text)) if re.match(r"(respot|make) ", code)]
    quoted = [code for code in prose if code.removeprefix("respot ") not in COMMANDS]  # a command's name, without more
    return [part for line in (*typed, *quoted) for part in _parts(line)]


def _parts(line: str) -> Iterator[list[str]]:
    """The commands of one line: what lies between pipes, without redirections and variables before the command."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    part: list[str] = []
    for token in [*lexer, ";"]:
        if token in _RUNS:
            while part and re.match(r"[A-Za-z_]\w*=", part[0]):
                part.pop(0)
            if part:
                yield part
            part = []
        else:
            part.append(token)


def unknown_commands(text: str, targets: Collection[str], exists: Callable[[str], bool] = lambda _: True) -> list[str]:
    """Commands of a page that cannot be run: targets, arguments, modules or scripts that are not there."""
    return [shlex.join(each) for each in commands(text) if not _is_known(each, targets, exists)]


def _is_known(command: Sequence[str], targets: Collection[str], exists: Callable[[str], bool]) -> bool:
    program, *arguments = command
    match program.removeprefix(".venv/bin/"), arguments:
        case "respot", _:
            return _parses(arguments)
        case "make", _:
            return all(each in targets for each in arguments if "=" not in each)
        case "python", ["-m", module, *_]:
            path = module.replace(".", "/")
            return exists(f"{path}.py") or exists(f"{path}/__main__.py") or not exists(module.partition(".")[0])
        case "python", [script, *_] if script.endswith(".py"):
            return exists(script)
        case _:
            return True


def _parses(arguments: Sequence[str]) -> bool:
    with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
        try:
            parser().parse_args(arguments)
        except SystemExit as end:
            return not end.code
    return True


def make_targets(makefile: str) -> set[str]:
    """The targets of a Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, re.MULTILINE))


def missing_tests(text: str, read: Callable[[str], str]) -> list[str]:
    """Tests that a page names with their file, and that the file does not have."""
    named = [
        (name, path)
        for names, path in re.findall(r"((?:`test_\w+`(?:, )?)+) \((tests/[\w/]+\.py)\)", text)
        for name in re.findall(r"test_\w+", names)
    ]
    named += re.findall(r"\[`(test_\w+)`\]\((?:\.\./)*(tests/[\w/]+\.py)\)", text)
    return [f"{path}: {name}" for name, path in named if f"def {name}(" not in read(path)]


def missing_paths(text: str, exists: Callable[[str], bool]) -> list[str]:
    """Paths of the repository in backquotes that are not there."""
    code = [each for _, each in _CODE.findall(without_code_blocks(text))]
    tree = re.compile(r"(?:functions|infra|local|respot_cli|tests|docs|examples)/[\w./-]*")
    return [each for each in code if tree.fullmatch(each) and not exists(each.rstrip("/"))]


def table_rows(text: str) -> list[list[str]]:
    """The cells of each row of a page's tables, headers left out."""
    lines = without_code_blocks(text).splitlines()
    return [
        [cell.strip() for cell in line[1:].rstrip().removesuffix("|").split("|")]
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("|") and not _is_rule(line) and not _is_rule(following)
    ]


def _is_rule(line: str) -> bool:
    return bool(re.fullmatch(r"\|[-:| ]+\|?", line))


def private_addresses(text: str) -> list[str]:
    """Package registries and paths of one machine: neither belongs on a page."""
    return re.findall(r"pypi\.org|pythonhosted\.org|npmjs\.\w+|(?<![\w/.])/(?:home|root|work|tmp|Users)/\S+", text)
