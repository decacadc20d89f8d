"""How an example of schema/samples.yaml is written for curl, Python and JavaScript.

Each text is whole: it runs as it stands where COMFYGATE_URL is set, and so are the ids that it names (JOB, OUTPUT, ASSET,
DELIVERY).
"""
import json
import re

LANGUAGES = {"sh": "curl", "py": "Python", "js": "JavaScript"}
WIDTH = 64  # of a body that stays on one line


class Sample:
    def __init__(self, method, path, sample):
        self.method = method.upper()
        self.path = path
        self.names = sample.get("names", {})
        self.query = "?" + sample["query"] if "query" in sample else ""
        self.headers = dict(sample.get("headers", {}))
        self.body = sample.get("body")
        self.upload = sample.get("upload")
        self.save = sample.get("save")
        self.show = sample.get("show", "json")
        if self.body is not None:
            self.headers = {"Content-Type": "application/json", **self.headers}

    def address(self, variable):
        """The path with what stands for its places; `variable` writes an environment variable."""

        def fill(place):
            value = self.names[place.group(1)]
            return variable(value) if value.isupper() else value

        return re.sub(r"{(\w+)}", fill, self.path) + self.query


def pretty(value, step=2, by=""):
    """JSON in which what fits on a line stays on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) < WIDTH or not isinstance(value, (dict, list)):
        return flat
    inner = by + " " * step
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + pretty(item, step, inner) for item in value) + f"\n{by}]"
    members = [f"{inner}{json.dumps(name)}: {pretty(item, step, inner)}" for name, item in value.items()]
    return "{\n" + ",\n".join(members) + f"\n{by}}}"


def _curl(sample):
    url = "$COMFYGATE_URL" + sample.address(lambda name: "$" + name)
    words = [f'curl "{url}"']
    if sample.show == "stream":
        words[0] = f'curl -N "{url}"'
    if sample.method != ("POST" if sample.body is not None or sample.upload else "GET"):
        words[0] = words[0].replace("curl", f"curl -X {sample.method}", 1)
    words += [f"-H '{name}: {value}'" for name, value in sample.headers.items()]
    if sample.body is not None:
        words.append(f"-d '{pretty(sample.body)}'")
    if sample.upload:
        words.append(f"--data-binary @{sample.upload}")
    if sample.save:
        words.append(f"-o {sample.save}")
    if sample.show == "status":
        words.append("-w '%{http_code}\\n'")
    return " \\\n  ".join(words) + "\n"


def _python_literal(value):
    words = {"true": "True", "false": "False", "null": "None"}
    return re.sub(r"(?<=: )(true|false|null)\b", lambda word: words[word.group()], pretty(value, 4, "    "))


def _python(sample):
    url = sample.address(lambda name: f"{{os.environ['{name}']}}")
    prefix = "f" if "{" in url else ""
    modules = ["os", "urllib.request"]
    arguments = []
    if sample.method != "GET":
        arguments.append(f'method="{sample.method}"')
    if sample.headers:
        arguments.append("headers=" + json.dumps(sample.headers))
    if sample.body is not None:
        arguments.append(f"data=json.dumps({_python_literal(sample.body)}).encode()")
    if sample.upload:
        arguments.append(f'data=open("{sample.upload}", "rb")')
        arguments[1] = "headers=" + json.dumps({**sample.headers, "Content-Length": "@"}).replace(
            '"@"', f'os.path.getsize("{sample.upload}")')
    if sample.body is not None or (sample.show == "json" and not sample.save):
        modules.insert(0, "json")
    end = {"json": "    print(json.dumps(json.load(answer), indent=2))",
           "text": "    print(answer.read().decode())",
           "status": "    print(answer.status)",
           "stream": '    for line in answer:\n        print(line.decode(), end="")'}[sample.show]
    if sample.save:
        end = f'    open("{sample.save}", "wb").write(answer.read())'
    call = "url"
    request = ""
    if arguments:
        request = "request = urllib.request.Request(\n    " + ",\n    ".join(["url", *arguments]) + ")\n"
        call = "request"
    return (f"import {', '.join(modules)}\n\n" f'url = os.environ["COMFYGATE_URL"] + {prefix}"{url}"\n{request}'
            f"with urllib.request.urlopen({call}) as answer:\n{end}\n")


def _javascript(sample):
    url = "${process.env.COMFYGATE_URL}" + sample.address(lambda name: f"${{process.env.{name}}}")
    options = []
    imports = []
    if sample.method != "GET":
        options.append(f'method: "{sample.method}"')
    if sample.headers:
        options.append("headers: " + json.dumps(sample.headers))
    if sample.body is not None:
        options.append(f"body: JSON.stringify({pretty(sample.body, 2, '  ')})")
    if sample.upload:
        imports.append("readFile")
        options.append(f'body: await readFile("{sample.upload}")')
    end = {"json": "console.log(await answer.json());",
           "text": "console.log(await answer.text());",
           "status": "console.log(answer.status);",
           "stream": "for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {\n  process.stdout.write(text);\n}"
           }[sample.show]
    if sample.save:
        imports.append("writeFile")
        end = f'await writeFile("{sample.save}", Buffer.from(await answer.arrayBuffer()));'
    head = f'import {{ {", ".join(imports)} }} from "node:fs/promises";\n\n' if imports else ""
    given = ", {\n  " + ",\n  ".join(options) + ",\n}" if options else ""
    return (f"{head}const answer = await fetch(`{url}`{given});\n"
            "if (!answer.ok) throw new Error((await answer.json()).detail);\n" f"{end}\n")


def write(method, path, sample):
    """{"sh": text, "py": text, "js": text} of an operation."""
    made = Sample(method, path, sample)
    return {"sh": _curl(made), "py": _python(made), "js": _javascript(made)}
