"""Sky maps as PNG: Mollweide projection, drawn without a display."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from almanac.gaia import frames, healpix
from almanac.gaia.errors import GaiaError
from almanac.gaia.sample import CREDIT
from almanac.gaia.skymap import SkyMap

Floats = NDArray[np.float64]

NIGHT, INK, FAINT, EMPTY = "#0d1017", "#e8e6e3", "#8b93a1", "#1b202b"
HALF_WIDTH, HALF_HEIGHT = 2.0 * np.sqrt(2.0), np.sqrt(2.0)
RASTER = (900, 1800)
DOTS_PER_INCH = 150
FRAMES = {
    "galactic": "Galactic coordinates, centre of the Galaxy in the middle",
    "icrs": "ICRS, right ascension 0 in the middle",
}


STARS_FOR_A_COUNT, STARS_FOR_A_MEAN = 4, 128
"""Stars a pixel on average that make a legible map: below this, noise hides the sky."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One map of a picture: a value for each pixel (NaN is drawn empty), its colours and the words beside it."""

    values: Floats
    norm: Normalize
    colours: str
    heading: str
    unit: str


def draw_counts(sky: SkyMap, path: Path, *, title: str, frame: str = "galactic") -> Path:
    """Stars per square degree on a logarithmic scale.

    Args:
        sky: any level; drawn at the deepest legible one.
        path: the PNG to write.
        title: the picture's heading.
        frame: ``galactic`` or ``icrs``.

    Raises:
        GaiaError: an empty map, or an unknown frame.
    """
    shown = _legible(sky, STARS_FOR_A_COUNT)
    density = np.where(shown.counts > 0, shown.counts / healpix.pixel_area(shown.level), np.nan)
    low, high = np.nanpercentile(density, [1, 99.8])
    norm = LogNorm(low, max(high, low * 10))
    panel = Panel(density, norm, "magma", "", "stars per square degree")
    return _draw([panel], shown.level, path, _words(title, sky, shown, frame), frame)


def draw_proper_motions(sky: SkyMap, path: Path, *, title: str, frame: str = "galactic") -> Path:
    """Mean proper motions in right ascension and declination: two maps on one scale. Arguments as for ``draw_counts``."""
    shown = _legible(sky, STARS_FOR_A_MEAN)
    maps = [shown.means["pmra"], shown.means["pmdec"]]
    known = np.abs(np.concatenate(maps))
    reach = float(np.nanpercentile(known, 95)) if np.isfinite(known).any() else 1.0
    norm = Normalize(-reach, reach)
    headings = (
        r"in right ascension, $\mu_{\alpha *}$",
        r"in declination, $\mu_\delta$",
    )
    panels = [
        Panel(values, norm, "berlin", heading, "mean proper motion, mas/yr")
        for values, heading in zip(maps, headings, strict=True)
    ]
    return _draw(panels, shown.level, path, _words(title, sky, shown, frame), frame)


def _legible(sky: SkyMap, stars_per_pixel: float) -> SkyMap:
    if not sky.stars:
        raise GaiaError("A map without stars can't be drawn: check which data it was made from.")
    return sky.legible(stars_per_pixel)


def _words(title: str, sky: SkyMap, shown: SkyMap, frame: str) -> tuple[str, str]:
    """The title and the line below it."""
    if frame not in FRAMES:
        raise GaiaError(f"There is no frame '{frame}': choose {' or '.join(FRAMES)}.")
    size = f"HEALPix level {shown.level} ({healpix.pixel_area(shown.level):.3g} square degrees a pixel)"
    return title, f"{sky.stars:,} stars  \N{MIDDLE DOT}  {size}  \N{MIDDLE DOT}  {FRAMES[frame]}"


def _draw(panels: list[Panel], level: int, path: Path, words: tuple[str, str], frame: str) -> Path:
    wide = 11.0 if len(panels) == 1 else 17.0
    figure = Figure(figsize=(wide, 7.0 if len(panels) == 1 else 6.0), facecolor=NIGHT)
    FigureCanvasAgg(figure)
    for number, panel in enumerate(panels):
        width = 1.0 / len(panels)
        axes = figure.add_axes((number * width + 0.03 * width, 0.17, 0.94 * width, 0.65))
        _draw_map(axes, panel, level, frame)
    bar_width = 0.42 / len(panels) ** 0.5
    _colour_bar(figure, panels[0], (0.5 - bar_width / 2, 0.115, bar_width, 0.018))
    figure.text(0.03, 0.94, words[0], color=INK, fontsize=19, fontweight="bold", va="center")
    figure.text(0.03, 0.885, words[1], color=FAINT, fontsize=10.5, va="center")
    figure.text(0.97, 0.015, CREDIT, color=FAINT, fontsize=5.6, ha="right", va="bottom")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH, facecolor=NIGHT)
    return path


def _draw_map(axes: Axes, panel: Panel, level: int, frame: str) -> None:
    lon, lat = _raster_directions()
    inside = np.isfinite(lon)
    ra, dec = frames.icrs(lon[inside], lat[inside]) if frame == "galactic" else (lon[inside], lat[inside])
    image = np.full(RASTER, np.nan)
    image[inside] = panel.values[healpix.pixels_at(level, ra, dec)]
    outline = Ellipse((0, 0), 2 * HALF_WIDTH, 2 * HALF_HEIGHT, facecolor=EMPTY, zorder=0)
    axes.add_patch(outline)
    extent = (-HALF_WIDTH, HALF_WIDTH, -HALF_HEIGHT, HALF_HEIGHT)
    drawn = axes.imshow(
        image, extent=extent, origin="lower", norm=panel.norm, cmap=panel.colours, interpolation="antialiased", zorder=1
    )
    drawn.set_clip_path(outline)
    _graticule(axes)
    axes.set(
        xlim=(-HALF_WIDTH - 0.12, HALF_WIDTH + 0.12), ylim=(-HALF_HEIGHT - 0.06, HALF_HEIGHT + 0.06), aspect="equal"
    )
    axes.axis("off")
    axes.text(-HALF_WIDTH, HALF_HEIGHT, panel.heading, color=INK, fontsize=12, va="top")


def _raster_directions() -> tuple[Floats, Floats]:
    """Longitude (growing to the left) and latitude in degrees of each raster cell; NaN outside the ellipse.

    The inverse Mollweide projection: Snyder 1987, Map projections: a working manual, p. 251.
    """
    rows, columns = RASTER
    y = (np.arange(rows)[:, None] + 0.5) / rows * 2.0 * HALF_HEIGHT - HALF_HEIGHT
    x = (np.arange(columns)[None, :] + 0.5) / columns * 2.0 * HALF_WIDTH - HALF_WIDTH
    theta = np.arcsin(y / np.sqrt(2.0))
    lat = np.arcsin((2.0 * theta + np.sin(2.0 * theta)) / np.pi)
    lon = -np.pi * x / (HALF_WIDTH * np.cos(theta))
    inside = np.abs(lon) <= np.pi
    lon, lat = np.broadcast_arrays(lon, lat)
    return np.where(inside, np.degrees(lon) % 360.0, np.nan), np.where(inside, np.degrees(lat), np.nan)


def project(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Mollweide ``(x, y)`` of directions in degrees, longitude in [-180, 180] growing to the left."""
    phi = np.radians(lat)
    theta = phi.copy()
    for _ in range(50):
        slope = 2.0 + 2.0 * np.cos(2.0 * theta)
        step = np.divide(
            2.0 * theta + np.sin(2.0 * theta) - np.pi * np.sin(phi),
            slope,
            out=np.zeros_like(theta),
            where=slope > 1e-12,
        )
        theta -= step
    return -HALF_WIDTH / np.pi * np.radians(lon) * np.cos(theta), HALF_HEIGHT * np.sin(theta)


def _graticule(axes: Axes) -> None:
    """Lines each 60 degrees of longitude and 30 of latitude, labelled."""
    arc = np.linspace(-89.999, 89.999, 181)
    for lon in range(-120, 180, 60):
        axes.plot(*project(np.full_like(arc, lon), arc), color=INK, linewidth=0.4, alpha=0.22)
        _label(axes, f"{lon % 360}°", lon, -3.5)
    across = np.linspace(-180, 180, 3)
    for lat in range(-60, 90, 30):
        axes.plot(*project(across, np.full_like(across, lat)), color=INK, linewidth=0.4, alpha=0.22)
        if lat:
            _label(axes, f"{lat:+d}°", 172, lat)


def _label(axes: Axes, text: str, lon: float, lat: float) -> None:
    x, y = project(np.array([float(lon)]), np.array([float(lat)]))
    halo = [patheffects.withStroke(linewidth=1.6, foreground=NIGHT, alpha=0.7)]
    axes.text(x[0], y[0], text, color=INK, fontsize=6.5, alpha=0.85, ha="center", va="center", path_effects=halo)


def _colour_bar(figure: Figure, panel: Panel, place: tuple[float, float, float, float]) -> None:
    axes = figure.add_axes(place)
    bar = figure.colorbar(ScalarMappable(panel.norm, panel.colours), cax=axes, orientation="horizontal", extend="both")
    bar.outline.set_visible(False)
    bar.set_label(panel.unit, color=INK, fontsize=10)
    axes.tick_params(colors=INK, labelsize=9, which="both")
