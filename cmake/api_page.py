"""Write the page of GET /docs out of the API's contract.

    api_page.py OUT_FOLDER OPENAPI SAMPLES ERRORS GUIDE FILE...

OUT_FOLDER gets index.html and the files, for cmake/bundle.py. All text of the contract is escaped or goes through
Markdown with HTML switched off. An operation without a summary, a description or an example is an error.
"""
import html
import json
import pathlib
import re
import shutil
import sys

import markdown
import pygments
import pygments.formatters
import pygments.lexers
import yaml

import api_samples

METHODS = ("get", "post", "put", "patch", "delete")
LEXERS = {"sh": "bash", "py": "python", "js": "javascript", "json": "json"}
escape = html.escape


def fail(what):
    sys.exit(f"api_page.py: {what}")


# ---- texts -----------------------------------------------------------------------------------------


def prose(text):
    """Markdown of the contract. Its descriptions are ours, and hold no HTML: what looks like some is shown."""
    escaped = (text or "").replace("&", "&amp;").replace("<", "&lt;")
    made = markdown.markdown(escaped, extensions=["tables", "sane_lists", "fenced_code"])
    # Code is escaped by Markdown once more.
    return re.sub(r"<code[^>]*>.*?</code>", lambda code: code.group().replace("&amp;", "&"), made, flags=re.S)


def phrase(text):
    """Of one paragraph, without its tags."""
    made = prose(text)
    return made[3:-4] if made.startswith("<p>") and made.count("<p>") == 1 and made.endswith("</p>") else made


def code(text, language):
    lexer = pygments.lexers.get_lexer_by_name(LEXERS[language])
    shown = pygments.highlight(text, lexer, pygments.formatters.HtmlFormatter(nowrap=True))
    return f'<pre tabindex="0"><code>{shown.rstrip()}</code></pre>'


# ---- schemas ---------------------------------------------------------------------------------------


class Contract:
    def __init__(self, document):
        self.document = document
        self.schemas = document["components"]["schemas"]

    def follow(self, node):
        """What a $ref stands for, with what is said beside it."""
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
        return node

    def operations(self):
        for path, item in self.document["paths"].items():
            for method in item:
                if method in METHODS:
                    yield Operation(self, method, path, item[method], item.get("parameters", []))


class Operation:
    def __init__(self, contract, method, path, node, shared):
        self.id = node["operationId"]
        self.method = method.upper()
        self.path = path
        self.tag = node["tags"][0]
        self.summary = node.get("summary")
        self.description = node.get("description")
        self.parameters = [contract.follow(each) for each in [*shared, *node.get("parameters", [])]]
        self.body = contract.follow(node.get("requestBody"))
        self.responses = {status: contract.follow(each) for status, each in node["responses"].items()}
        self.node = node


def name_of(schema):
    return schema["$ref"].rsplit("/", 1)[1] if isinstance(schema, dict) and "$ref" in schema else None


def type_of(contract, schema):
    """In a few words, with a link to what has a name of its own."""
    name = name_of(schema)
    if name and "properties" in contract.schemas[name]:
        return f'<a href="#{name}">{name}</a>'
    schema = contract.follow(schema)
    if not isinstance(schema, dict):
        return "anything"
    for combined, word in (("oneOf", " or "), ("anyOf", " or ")):
        if combined in schema and "type" not in schema:
            return word.join(dict.fromkeys(type_of(contract, each) for each in schema[combined]))
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    kinds = schema.get("type", "anything")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    words = [f"list of {type_of(contract, schema.get('items', {}))}" if kind == "array" else kind for kind in kinds]
    return " or ".join(words)


def limits_of(schema):
    """What a value must be, in words."""
    said = []
    if "enum" in schema:
        said.append(", ".join(f"<code>{escape(json.dumps(each) if not isinstance(each, str) else each)}</code>"
                              for each in schema["enum"] if each is not None))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None or high is not None:
        said.append(f"{low} to {high}" if None not in (low, high) else f"at least {low}" if low is not None else f"at most {high}")
    if "maxLength" in schema:
        said.append(f"up to {schema['maxLength']} characters")
    if "maxItems" in schema:
        said.append(f"up to {schema['maxItems']} of them")
    if "default" in schema:
        said.append(f"default <code>{escape(json.dumps(schema['default']))}</code>")
    return "; ".join(said)


def member(contract, name, schema, is_required, description=None):
    followed = contract.follow(schema)
    followed = followed if isinstance(followed, dict) else {}
    need = '<span class="need">required</span>' if is_required else ""
    limits = limits_of(followed)
    limits = f'<div class="limits">{limits}</div>' if limits else ""
    text = prose(description or followed.get("description", ""))
    return (f'<div class="member"><dt><code>{escape(name)}</code> <span class="type">{type_of(contract, schema)}</span> {need}</dt>'
            f"<dd>{text}{limits}</dd></div>")


def members(contract, schema):
    """The members of an object, or of each of those that it may be."""
    followed = contract.follow(schema)
    for combined in ("oneOf", "anyOf"):
        if combined in followed and "properties" not in followed:
            return "".join(f'<p class="either">{type_of(contract, each)}</p>' for each in followed[combined])
    rows = dict(followed.get("properties", {}))
    required = set(followed.get("required", []))
    for part in followed.get("allOf", []):
        part = contract.follow(part)
        rows.update(part.get("properties", {}))
        required.update(part.get("required", []))
    if not rows:
        return f'<p class="either">{type_of(contract, schema)}</p>'
    return "<dl>" + "".join(member(contract, name, each, name in required) for name, each in rows.items()) + "</dl>"


# ---- the parts of the page ----------------------------------------------------------------------------


def parameters(contract, operation):
    parts = []
    for place, title in (("path", "In the path"), ("query", "Query"), ("header", "Headers")):
        rows = [each for each in operation.parameters if each["in"] == place]
        if rows:
            shown = "".join(member(contract, each["name"], each["schema"], each.get("required") and place != "path",
                                   each.get("description")) for each in rows)
            parts.append(f"<h4>{title}</h4><dl>{shown}</dl>")
    return "".join(parts)


def body(contract, operation):
    if not operation.body:
        return ""
    parts = []
    for media, content in operation.body["content"].items():
        parts.append(f'<h4>Body <span class="media">{escape(media)}</span></h4>{members(contract, content.get("schema", {}))}')
    return "".join(parts)


def answers(contract, operation):
    rows = []
    for status, response in operation.responses.items():
        kinds = response.get("content", {})
        shown = []
        for media, content in kinds.items():
            schema = content.get("schema", {})
            shown.append(f'<span class="media">{escape(media)}</span> {type_of(contract, schema)}')
        word = "else" if status == "default" else status
        kind = "good" if status[0] == "2" else "other" if status[0] == "3" else "bad"
        rows.append(f'<tr><th scope="row"><span class="status {kind}">{word}</span></th><td>{phrase(response["description"])}'
                    f'<div class="limits">{", ".join(dict.fromkeys(shown))}</div></td></tr>')
    return f'<h4>Answers</h4><table class="answers">{"".join(rows)}</table>'


def answer_example(contract, operation):
    """The first example that the schema of a good answer has."""
    for status, response in operation.responses.items():
        schema = contract.follow(response.get("content", {}).get("application/json", {}).get("schema", {}))
        if status[0] == "2" and schema.get("examples"):
            text = api_samples.pretty(schema["examples"][0])
            return f'<div class="answer"><div class="bar"><span>{status}</span></div>{code(text, "json")}</div>'
    return ""


def sample(contract, operation, given):
    texts = api_samples.write(operation.method, operation.path, given)
    parts = []
    for language, text in texts.items():
        parts.append(f'<div class="sample" data-language="{language}"><div class="bar"><span>{api_samples.LANGUAGES[language]}</span>'
                     f'<button class="copy" type="button">Copy</button></div>{code(text, language)}</div>')
    parts.append(answer_example(contract, operation))
    return f'<aside class="samples" aria-label="Examples: {escape(operation.summary)}">{"".join(parts)}</aside>'


def operation_part(contract, operation, given):
    for what in ("summary", "description"):
        if not getattr(operation, what):
            fail(f"{operation.id} has no {what}")
    shown = "" if given.get("page") else sample(contract, operation, given)
    method = operation.method.lower()
    return f"""<section class="operation" id="{operation.id}">
<div class="text">
<h3><a href="#{operation.id}">{escape(operation.summary)}</a></h3>
<p class="route"><span class="method {method}">{operation.method}</span> <code>{escape(operation.path)}</code></p>
{prose(operation.description)}
{parameters(contract, operation)}{body(contract, operation)}{answers(contract, operation)}
</div>
{shown}
</section>"""


def guide_parts(text):
    """[(anchor, title, HTML)] of its chapters."""
    parts = []
    for chapter in re.split(r"^## ", text, flags=re.M)[1:]:
        title, _, rest = chapter.partition("\n")
        anchor = re.sub(r"[^a-z]+", "-", title.lower()).strip("-")
        made = markdown.markdown(rest, extensions=["tables", "fenced_code", "sane_lists"])
        made = re.sub(r'<pre><code class="language-(\w+)">(.*?)</code></pre>',
                      lambda block: code(html.unescape(block.group(2)), block.group(1)), made, flags=re.S)
        parts.append((anchor, title, made))
    return parts


def error_table(path):
    rows = re.findall(r'^E\(\w+, (\d+), "(\w+)", "([^"]*)"\)', pathlib.Path(path).read_text(encoding="utf-8"), flags=re.M)
    shown = "".join(f'<tr id="problem-{code_word}"><td>{status}</td><td><code>{code_word}</code></td><td>{escape(title)}</td></tr>'
                    for status, code_word, title in rows)
    return f'<table class="errors"><thead><tr><th>Status</th><th>Code</th><th>Says</th></tr></thead><tbody>{shown}</tbody></table>'


def objects(contract):
    """Those that have members, each once."""
    parts = []
    for name, schema in sorted(contract.schemas.items()):
        if "properties" in schema:
            parts.append((name, f'<section class="object" id="{name}"><h3><a href="#{name}">{name}</a></h3>'
                                f'{prose(schema.get("description", ""))}{members(contract, schema)}</section>'))
    return parts


def navigation(guide, tags, by_tag, named):
    parts = ['<h2>Guide</h2><ul>', *(f'<li><a href="#{anchor}">{escape(title)}</a></li>' for anchor, title, _ in guide), "</ul>"]
    for tag in tags:
        rows = "".join(f'<li><a href="#{each.id}" title="{each.method} {escape(each.path)}">'
                       f'<span class="method {each.method.lower()}">{each.method}</span> {escape(each.summary)}</a></li>'
                       for each in by_tag.get(tag["name"], []))
        parts.append(f'<h2>{escape(tag["name"].capitalize())}</h2><ul>{rows}</ul>')
    rows = "".join(f'<li><a href="#{name}">{name}</a></li>' for name, _ in named)
    parts.append(f"<h2>Objects</h2><ul>{rows}</ul>")
    return "".join(parts)


def page(contract, samples, errors, guide):
    by_tag = {}
    for operation in contract.operations():
        if operation.id not in samples:
            fail(f"{operation.id} has no example in schema/samples.yaml")
        by_tag.setdefault(operation.tag, []).append(operation)
    tags = contract.document["tags"]
    named = objects(contract)
    chapters = "".join(f'<section class="chapter" id="{anchor}"><h2>{escape(title)}</h2>{made}'
                       f'{error_table(errors) if anchor == "errors" else ""}</section>' for anchor, title, made in guide)
    operations = "".join(
        f'<section class="tag"><h2>{escape(tag["name"].capitalize())}</h2>{prose(tag["description"])}'
        + "".join(operation_part(contract, each, samples[each.id]) for each in by_tag.get(tag["name"], [])) + "</section>"
        for tag in tags)
    buttons = "".join(f'<button type="button" data-language="{language}" aria-pressed="false">{name}</button>'
                      for language, name in api_samples.LANGUAGES.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>comfygate: the API</title>
<link rel="icon" href="@BASE@/icon.svg">
<link rel="stylesheet" href="@BASE@/page.css">
<script src="@BASE@/page.js" defer></script>
</head>
<body>
<a class="skip" href="#content">To the text</a>
<header>
<a class="brand" href="/"><img src="@BASE@/icon.svg" alt="" width="24" height="24">comfygate</a>
<span class="sub">API</span>
<button class="menu" type="button" aria-expanded="false" aria-controls="nav">Menu</button>
<input type="search" id="search" placeholder="Search ( / )" aria-label="Search operations, objects and errors" autocomplete="off">
<span class="languages" role="group" aria-label="Language of the examples">{buttons}</span>
<a class="raw" href="/openapi.json">openapi.json</a>
</header>
<nav id="nav" aria-label="Contents">{navigation(guide, tags, by_tag, named)}<p class="none" hidden>Nothing is called so.</p></nav>
<main id="content" tabindex="-1">
<h1>The API of comfygate</h1>
<div class="lead">{prose(contract.document["info"]["description"])}</div>
{chapters}
{operations}
<section class="tag"><h2>Objects</h2>{"".join(made for _, made in named)}</section>
</main>
<p class="said" role="status"></p>
</body>
</html>
"""


def main():
    out, openapi, samples_file, errors, guide, *beside = sys.argv[1:]
    contract = Contract(yaml.safe_load(pathlib.Path(openapi).read_text(encoding="utf-8")))
    samples = yaml.safe_load(pathlib.Path(samples_file).read_text(encoding="utf-8"))
    target = pathlib.Path(out)
    target.mkdir(parents=True, exist_ok=True)
    made = page(contract, samples, errors, guide_parts(pathlib.Path(guide).read_text(encoding="utf-8")))
    (target / "index.html").write_text(made, encoding="utf-8")
    for name in beside:
        shutil.copyfile(name, target / pathlib.Path(name).name)


if __name__ == "__main__":
    main()
