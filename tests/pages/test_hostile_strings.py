"""Text of others stays text: 200 strings in titles, tags, messages of errors and addresses run nothing."""
import itertools
import urllib.parse

import graphs

CALLS = ["alert(1)", "window.witness.ran.push('x')", "top.alert`1`", "fetch('/v1/jobs')&&alert(1)"]
SHAPES = [
    "<script>{0}</script>", "<img src=x onerror={0}>", "<svg onload={0}>", "\"><script>{0}</script>", "'-{0}-'",
    "javascript:{0}", "<a href=javascript:{0}>x</a>", "</script><script>{0}</script>", "</title><script>{0}</script>",
    "<iframe srcdoc='<script>parent.{0}</script>'>", "<math><mtext></form><img src onerror={0}>", "${{{0}}}", "{{{{{0}}}}}",
    "`${{{0}}}`", "<body onload={0}>", "<details open ontoggle={0}>", "<input autofocus onfocus={0}>", "\"onmouseover={0} x=\"",
    "' onfocus={0} autofocus='", "<style>@import 'javascript:{0}'</style>", "<link rel=stylesheet href=javascript:{0}>",
    "<base href=javascript:{0}//>", "<meta http-equiv=refresh content=0;url=javascript:{0}>", "<object data=javascript:{0}>",
    "<embed src=javascript:{0}>", "<form action=javascript:{0}><input type=submit autofocus>", "data:text/html,<script>{0}</script>",
    "<ScRiPt >{0}</ScRiPt>", "<scr\u0000ipt>{0}</scr\u0000ipt>".replace("\u0000", "\u200b"), "&lt;script&gt;{0}&lt;/script&gt;",
    "&#60;img src=x onerror={0}&#62;", "\\u003cimg src=x onerror={0}\\u003e", "%3Cimg src=x onerror={0}%3E",
    "<video><source onerror={0}></video>", "<audio src=x onerror={0}>", "<marquee onstart={0}>", "<svg><animate onbegin={0} attributeName=x>",
    "<template><img src=x onerror={0}></template>", "<noscript><p title=\"</noscript><img src=x onerror={0}>\">", "<!--><img src=x onerror={0}>-->",
    "]]><script>{0}</script>", "<?xml version='1.0'?><script>{0}</script>", "\u202e<script>{0}</script>", "<x onclick={0}>click</x>",
    "<button popovertarget=x onclick={0}>", "__proto__[{0}]", "constructor.constructor('{0}')()", "<img srcset='x 1x' onerror={0}>",
    "<slot onslotchange={0}>", "<dialog open onclose={0}>",
]
STRINGS = [shape.format(call) for shape, call in itertools.product(SHAPES, CALLS)]


def test_hostile_strings(stages, pages):
    stage = stages()
    assert len(STRINGS) == 200
    jobs = []
    for number, text in enumerate(STRINGS):
        graph = graphs.failing(message=text, mark=text) if number % 10 == 0 else graphs.picture(mark=text)
        jobs.append(stage.submit(graph, title=text[:200], tags=[text[:64]]))
    for number, job in enumerate(jobs):
        stage.finish(job, "failed" if number % 10 == 0 else "succeeded")
    page = pages(stage.gateway)
    for view in ("now", "jobs", "gallery"):
        page.go(f"/#/{view}")
        page.reads(STRINGS[-1][:200])
    page.until(lambda: page.run("scrollTo(0, 1e9)") or len(page.all(".tile")) == 180, "the whole gallery")
    for number in (0, 10, 21, 90, 130):
        page.go(f"/#/jobs/{jobs[number]['id']}")
        page.reads("What happened")
        page.reads(STRINGS[number][:200])
        page.press("The graph")
        page.until(lambda: page.all(".graph-node"), "the graph")
    for text in STRINGS[::5]:
        page.go(f"/#/jobs/{urllib.parse.quote(text, safe='')}")
        page.go(f"/#/jobs?q={urllib.parse.quote(text)}&tag={urllib.parse.quote(text)}")
        page.go(f"/#/{urllib.parse.quote(text)}")
        page.until(lambda: page.all("main h1"), "a page")
    page.run("document.querySelectorAll('a').forEach((a) => { if (/^(javascript|data):/i.test(a.href)) witness.ran.push(a.href); })")
    assert page.breaches() == []
