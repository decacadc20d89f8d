"""The measured ratios as a picture for the README, in SVG: no program is needed to draw it, and it stays sharp."""
import html

WIDTH, LEFT, BAR, LINE, TOP = 860, 330, 360, 30, 64


def _bar(row, number):
    """A ratio of 1 is the floor; a bar beyond twice that is cut."""
    y = TOP + number * LINE
    ratio = row.judged
    width = min(ratio, 2) / 2 * BAR
    limit = LEFT + min(row.limit, 2) / 2 * BAR
    colour = "#2f9e6e" if row.is_met else "#d9534f"
    sense = "at most" if row.at_most else "at least"
    return f"""<text x="{LEFT - 12}" y="{y + 14}" text-anchor="end">{html.escape(row.name)}</text>
<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="18" rx="3" fill="{colour}"/>
<line x1="{limit:.1f}" y1="{y - 3}" x2="{limit:.1f}" y2="{y + 21}" stroke="currentColor" stroke-width="1.5"/>
<text x="{LEFT + BAR + 12}" y="{y + 14}">{ratio:.2f} <tspan opacity=".6">{sense} {row.limit:g}</tspan></text>"""


def draw(rows, machine):
    rows = [row for row in rows if row.floor]
    height = TOP + len(rows) * LINE + 30
    middle = LEFT + BAR / 2
    bars = "\n".join(_bar(row, number) for number, row in enumerate(rows))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13"
 role="img" aria-label="comfygate against floors measured in the same run">
<style>svg {{ color: #1f2430; fill: currentColor }} @media (prefers-color-scheme: dark) {{ svg {{ color: #e6e8ee }} }}</style>
<text x="20" y="24" font-size="15" font-weight="600">comfygate against a floor of the same run (1 = the floor)</text>
<text x="20" y="44" opacity=".65">{html.escape(machine)}</text>
<line x1="{middle}" y1="{TOP - 8}" x2="{middle}" y2="{height - 24}" stroke="currentColor" stroke-dasharray="3 4" opacity=".5"/>
{bars}
</svg>
"""
