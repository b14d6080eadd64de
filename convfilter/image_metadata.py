"""What of a picture's metadata a file format can hold."""

from dataclasses import replace

from convfilter.picture import Format, Metadata


def storable(held: Metadata, format: Format) -> Metadata:
    """The metadata without values that are too large or too small for the format; its notes tell of each.

    What a format has no place for at all is left in: its writer passes over it, and nobody is told.
    """
    notes = []
    if held.dpi and format.dpi and not all(format.dpi[0] <= dots <= format.dpi[1] for dots in held.dpi):
        notes.append(
            f"its resolution of {held.dpi[0]:g} x {held.dpi[1]:g} dots per inch is left out: "
            f"{format.name} holds {format.dpi[0]:g} to {format.dpi[1]:g}"
        )
        held = replace(held, dpi=None)
    if held.icc and format.max_icc and len(held.icc) > format.max_icc:
        notes.append(_too_long("colour profile", held.icc, format.name, format.max_icc))
        held = replace(held, icc=None)
    if held.exif and format.max_exif and len(held.exif) > format.max_exif:
        notes.append(_too_long("EXIF data", held.exif, format.name, format.max_exif))
        held = replace(held, exif=None)
    return replace(held, notes=(*held.notes, *notes))


def _too_long(what: str, data: bytes, name: str, most: int) -> str:
    return f"its {what} of {len(data)} bytes is left out: {name} holds at most {most}"
