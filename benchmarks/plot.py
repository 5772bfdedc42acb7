"""A line through a few points, as SVG."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.figures import number

WIDTH, HEIGHT, MARGIN = 560, 320, 60


def svg(title: str, points: Mapping[int, float]) -> str:
    """Draw a value over the number of endpoints; both axes begin at 0."""
    most_x, most_y = max(points), max(points.values()) or 1.0
    places = {
        x: (
            MARGIN + x / most_x * (WIDTH - 2 * MARGIN),
            HEIGHT - MARGIN - y / most_y * (HEIGHT - 2 * MARGIN),
        )
        for x, y in points.items()
    }
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places.values())
    marks = "\n".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        f'<text x="{x:.1f}" y="{y - 10:.1f}">{number(points[n])}</text>'
        f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 20}">{n:,}</text>'
        for n, (x, y) in places.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif"'
        f' font-size="12" text-anchor="middle" fill="#1f4e79">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n'
        f'<text x="{WIDTH / 2}" y="24" font-size="15">{title}</text>\n'
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}">endpoints</text>\n'
        f'<path d="M{MARGIN},{MARGIN} V{HEIGHT - MARGIN} H{WIDTH - MARGIN}" fill="none" stroke="#999"/>\n'
        f'<polyline points="{line}" fill="none" stroke="#1f4e79" stroke-width="2"/>\n'
        f"{marks}\n</svg>\n"
    )
