"""The themes: every tone can be read on what it is written on, and good is another colour than bad for everybody."""

from __future__ import annotations

from itertools import combinations

import pytest
from textual.color import Color

from swarm.settings import screen
from tui.look import THEMES, Look, next_theme, tones_of
from tui.words import Tone

TONES: tuple[Tone, ...] = ("good", "bad", "busy", "warn", "faint")
OURS = ("dark", "light", "swarm-cb")  # the colours of the last one are the terminal's own

Matrix = tuple[tuple[float, float, float], ...]
SEEN_BY_ALL: Matrix = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
# of linear RGB, at severity 1.0: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A Physiologically-based Model for
# Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009, doi 10.1109/TVCG.2009.113
PROTANOPIA: Matrix = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)
DEUTERANOPIA: Matrix = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)
APART = 20.0  # in CIE76; from 2.3 on a difference is seen at all (M. Mahy and others, 1994)


def linear(color: Color) -> tuple[float, float, float]:
    """As WCAG 2.2 has it in its definition of relative luminance."""
    parts = (part / 255 for part in color.rgb)
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2.2."""
    lights = sorted(
        sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(each), strict=True))
        for each in (one, other)
    )
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def lab(color: Color, seen: Matrix) -> tuple[float, float, float]:
    """CIELAB (D65) of how a colour is seen."""
    rgb = linear(color)
    red, green, blue = (min(1.0, max(0.0, sum(a * b for a, b in zip(row, rgb, strict=True)))) for row in seen)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = (each ** (1 / 3) if each > 216 / 24389 else (24389 / 27 * each + 16) / 116 for each in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def difference(one: Color, other: Color, seen: Matrix) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(lab(one, seen), lab(other, seen), strict=True)) ** 0.5)


def color_of(theme: str, tone: Tone) -> Color:
    color = tones_of(theme)[tone].color
    assert color is not None
    return Color.from_rich_color(color)


def test_black_on_white_has_the_contrast_that_it_is_known_for() -> None:
    assert contrast(Color.parse("#000"), Color.parse("#fff")) == pytest.approx(21)
    assert contrast(Color.parse("#777"), Color.parse("#fff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", OURS)
def test_each_tone_can_be_read_on_every_ground(theme: str) -> None:
    colors = THEMES[theme].to_color_system().generate()
    for ground in ("background", "surface", "panel"):
        for tone in TONES:
            assert contrast(color_of(theme, tone), Color.parse(colors[ground])) >= 4.5, (tone, ground)


@pytest.mark.parametrize("theme", OURS)
@pytest.mark.parametrize("seen", [SEEN_BY_ALL, PROTANOPIA, DEUTERANOPIA])
def test_good_is_another_colour_than_bad_for_everybody(theme: str, seen: Matrix) -> None:
    assert difference(color_of(theme, "good"), color_of(theme, "bad"), seen) > APART


@pytest.mark.parametrize("seen", [SEEN_BY_ALL, PROTANOPIA, DEUTERANOPIA])
def test_in_the_theme_without_red_and_green_all_tones_differ_for_everybody(seen: Matrix) -> None:
    for one, other in combinations(TONES, 2):
        assert difference(color_of("swarm-cb", one), color_of("swarm-cb", other), seen) > APART, (one, other)


def test_the_theme_of_the_terminal_has_the_sixteen_colours_alone() -> None:
    for tone in TONES:
        color = tones_of("ansi")[tone].color
        assert color is None or color.is_system_defined, tone


def test_a_key_goes_through_all_themes_and_settings_know_each() -> None:
    seen = [Look().theme]
    while len(seen) < len(THEMES):
        seen.append(next_theme(seen[-1]))
    assert tuple(seen) == tuple(THEMES) == screen.THEMES
    assert next_theme(seen[-1]) == seen[0]
