"""A line chart as SVG: time a row over the number of rows, both axes logarithmic where it helps reading."""
import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 70, 200, 40, 50
COLOURS = ("#1b6ca8", "#d1495b", "#2e8b57", "#e09f3e", "#6c4ab6", "#555555")


def human(rows):
    return "%g M" % (rows / 1e6) if rows >= 1e6 else "%g k" % (rows / 1e3)


def growth(title, unit, series):
    """`series`: {name: [(rows, value)]}. Rows go along a logarithmic axis, values along a linear one from 0."""
    rows = sorted({r for points in series.values() for r, _ in points})
    top = max(v for points in series.values() for _, v in points) * 1.1
    low, high = math.log(rows[0]), math.log(rows[-1]) if len(rows) > 1 else math.log(rows[0]) + 1

    def x(r):
        return LEFT + (math.log(r) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(v):
        return HEIGHT - BOTTOM - v / top * (HEIGHT - TOP - BOTTOM)

    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">'
           % (WIDTH, HEIGHT), '<rect width="100%" height="100%" fill="white"/>',
           '<text x="%d" y="22" font-size="15">%s</text>' % (LEFT, title),
           '<text x="16" y="%d" transform="rotate(-90 16 %d)" text-anchor="middle">%s</text>'
           % (HEIGHT // 2, HEIGHT // 2, unit)]
    step = 10 ** math.floor(math.log10(top / 2)) if top > 0 else 1
    step = next(step * k for k in (1, 2, 5, 10) if top / (step * k) <= 8)
    for i in range(int(top / step) + 1):
        out.append('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>'
                   % (LEFT, y(i * step), WIDTH - RIGHT, y(i * step)))
        out.append('<text x="%d" y="%.1f" text-anchor="end">%g</text>' % (LEFT - 6, y(i * step) + 4, i * step))
    for r in rows:
        out.append('<text x="%.1f" y="%d" text-anchor="middle">%s</text>' % (x(r), HEIGHT - BOTTOM + 20, human(r)))
    out.append('<text x="%d" y="%d" text-anchor="middle">rows</text>' % ((LEFT + WIDTH - RIGHT) // 2, HEIGHT - 10))
    for i, (name, points) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        line = " ".join("%.1f,%.1f" % (x(r), y(v)) for r, v in sorted(points))
        out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (line, colour))
        out += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (x(r), y(v), colour) for r, v in points]
        out.append('<rect x="%d" y="%d" width="12" height="12" fill="%s"/>' % (WIDTH - RIGHT + 15, TOP + 20 * i, colour))
        out.append('<text x="%d" y="%d">%s</text>' % (WIDTH - RIGHT + 32, TOP + 20 * i + 10, name))
    return "\n".join(out + ["</svg>"]) + "\n"
