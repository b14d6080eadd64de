"""The page's modules and style sheets as one HTML text that asks for nothing else."""

import base64
import gzip
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
# The page's own words, its data, and its modules, which a few lines unpack.
_CHECK = '    <p id="check" class="check soft" role="status">Starting …</p>\n'
_BODY = """    <script type="application/json" id="page-data">{data}</script>
    <script type="text/plain" id="page-modules">{packed}</script>
    <script type="module">
      const packed = atob(document.getElementById("page-modules").textContent);
      const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const modules = document.createElement("script");
      modules.type = "module";
      modules.textContent = await new Response(stream).text();
      document.head.append(modules);
    </script>
  </body>"""


def page(entry: str, data: str) -> str:
    """index.html with every style sheet, the module `entry` and all that it imports, and `data`, JSON, as the
    text of #page-data. The modules are compressed, which takes a third of the page's size away."""
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    styles = "".join(_text(name) for name in _SHEET.findall(html))
    html = re.sub(r' *<script type="module" src="[\w.]+"></script>\n', "", _SHEET.sub("", html))
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    html = html.replace("<title>", f"{policy}\n    <title>", 1)
    html = html.replace("</head>", f"  <style>\n{styles}</style>\n  </head>", 1)
    packed = base64.b64encode(gzip.compress(script(entry).encode(), 9, mtime=0)).decode()
    body = _BODY.format(data=data.replace("<", "\\u003c"), packed=packed)
    html = html.replace("    <main", f"{_CHECK}    <main", 1)
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
        f"const {{ {names.replace(' as ', ': ')} }} = {_constant(found)};\n"
        for names, found in _IMPORT.findall(text)
    )
    exports = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub("", text))
    return f"const {_constant(name)} = (() => {{\n{imports}{body}return {{ {exports} }};\n}})();\n"


def _constant(name: str) -> str:
    return f"module_{name.removesuffix('.js')}"


def _text(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
