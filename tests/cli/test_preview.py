"""apply --preview: the result in the terminal."""


def test_preview_without_colour_uses_shades(convfilter, photo):
    """Where there is no colour, five shades stand for the brightness, black where the result is black."""
    out = convfilter("apply", "sobel", photo, "out.png", "--preview").out
    assert set(out) - set("\n") == set(" ░▒▓█")
    assert len(out.splitlines()) == 40


def test_preview_shows_half_blocks(convfilter, photo, monkeypatch):
    """--preview prints rows of half blocks on stdout, two pixel rows a line."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    done = convfilter("apply", "sobel", photo, "out.png", "--preview")
    lines = [line for line in done.out.splitlines() if "▀" in line]
    assert len(lines) == 40  # 100 columns of a 160×200 picture are 80 rows
    assert "48;" in done.out  # a background colour: the lower pixel
