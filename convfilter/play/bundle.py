"""The page's modules and style sheets as one HTML text that asks for nothing else."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

STATIC = Path(__file__).with_name("static")
_IMPORT = re.compile(r'^import \{ ([^}]+) \} from "\./([\w.]+)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let) ([\w$]+))", re.M)
_SHEET = re.compile(r'^ *<link rel="stylesheet" href="([\w.]+)">\n', re.M)
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def page(entry: str, data: str) -> str:
    """index.html with the module `entry` and all that it imports in it, every style sheet, and `data`, JSON,
    as the text of #page-data."""
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    styles = "".join(_text(name) for name in _SHEET.findall(html))
    html = _SHEET.sub("", html)
    head = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n    '
    html = html.replace("<title>", f"{head}<title>", 1)
    html = html.replace("</head>", f"  <style>\n{styles}</style>\n  </head>", 1)
    html = re.sub(r' *<script type="module" src="[\w.]+"></script>\n', "", html)
    check = '    <p id="check" class="soft" role="status"></p>\n'
    body = (
        f'{check}    <script type="application/json" id="page-data">{_inside_script(data)}</script>\n'
        f'    <script type="module">\n{_inside_script(script(entry))}</script>\n  </body>'
    )
    return html.replace("  </body>", body, 1)


def script(entry: str) -> str:
    """A module and all that it imports, as one text: each in a function of its own, in their order."""
    texts = _reachable(entry)
    needs = {name: {found for _, found in _IMPORT.findall(text)} for name, text in texts.items()}
    return "".join(_wrapped(name, texts[name]) for name in TopologicalSorter(needs).static_order())


def _reachable(entry: str) -> dict[str, str]:
    """The texts of a module and of all that it imports."""
    texts: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in texts:
            texts[name] = _text(name)
            waiting += [found for _, found in _IMPORT.findall(texts[name])]
    return texts


def _wrapped(name: str, text: str) -> str:
    """A module as a constant of its exports; what it imports are constants inside it."""
    imports = "".join(
        f"const {{ {names.replace(' as ', ': ')} }} = {_constant(found)};\n" for names, found in _IMPORT.findall(text)
    )
    exports = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub("", text))
    return f"const {_constant(name)} = (() => {{\n{imports}{body}return {{ {exports} }};\n}})();\n"


def _constant(name: str) -> str:
    return f"module_{name.removesuffix('.js')}"


def _text(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _inside_script(text: str) -> str:
    """Text that can't end the script element it stands in: JSON and our modules have < in strings only where
    a backslash form means the same."""
    return re.sub(r"<(?=/script|!--|script)", r"\\u003c", text, flags=re.I)
