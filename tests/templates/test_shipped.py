"""The templates that are shipped: every parameter changes exactly the inputs that its manifest declares.

This knows the rules of docs/templates.md by itself, from manifest.json and workflow.json, and shares no code with the
gateway. A folder that is added to templates/ is covered without a change here.

    TEMPLATE_BIND=build/dev/bin/template-bind python3 tests/templates/test_shipped.py
"""
import functools
import itertools
import json
import os
import pathlib
import re
import subprocess
import unittest

from signatures import SIGNATURES, Number, check_signatures, plain

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "templates"
FOLDERS = sorted(path for path in SHIPPED.iterdir() if path.is_dir())
BIND = os.environ.get("TEMPLATE_BIND", str(ROOT / "build/dev/bin/template-bind"))
RANDOM_SEED = "77"  # what bind.c has for chance
MAX_SEED = 2**64 - 1
OTHER_NAMES = {"image2": "image", "image3": "image", "loras_low": "loras", "variant": "model"}
TEXT = 'a "q" \\ h\u00f6he \u96ea \n\t'  # all that could break a text out of its quotes


# ---- JSON, with the places of things ---------------------------------------------------------------


DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, strict=True)


def skip(text, at):
    while text[at] in " \t\r\n":
        at += 1
    return at


def members(text, at):
    """(key, start, end) of each value in the object that begins at `at`."""
    assert text[at] == "{"
    found = []
    at = skip(text, at + 1)
    while text[at] != "}":
        key, at = DECODER.raw_decode(text, at)
        start = skip(text, skip(text, at) + 1)
        _, end = DECODER.raw_decode(text, start)
        found.append((key, start, end))
        at = skip(text, end)
        if text[at] == ",":
            at = skip(text, at + 1)
    keys = [key for key, _, _ in found]
    assert len(keys) == len(set(keys)), keys
    return found


class Graph:
    def __init__(self, text):
        self.text = text
        self.nodes = DECODER.decode(text)
        self.order = []
        self.inputs = {}  # id -> {input: (start, end)}
        self.rest = {}  # id -> text of the node without its inputs
        for node, start, end in members(text, skip(text, 0)):
            self.order.append(node)
            for key, begin, stop in members(text, start):
                if key == "inputs":
                    self.inputs[node] = {name: (a, b) for name, a, b in members(text, begin)}
                    self.rest[node] = text[start:begin] + text[stop:end]

    def raw(self, node, name):
        start, end = self.inputs[node][name]
        return self.text[start:end]

    def without(self, values):
        """The text with the values of these (node, input) taken out."""
        spans = sorted(self.inputs[node][name] for node, name in values)
        parts, at = [], 0
        for start, end in spans:
            parts.append(self.text[at:start])
            at = end
        return "\0".join([*parts, self.text[at:]])

    def link(self, node, name):
        value = self.nodes[node]["inputs"].get(name)
        return (value[0], int(value[1])) if isinstance(value, list) else None

    def links(self):
        return {(node, name): self.link(node, name) for node in self.nodes for name in self.nodes[node]["inputs"]
                if self.link(node, name) is not None}


# ---- what must come out ----------------------------------------------------------------------------


class Expected:
    def __init__(self):
        self.values = {}  # (node, input) -> value, as DECODER reads it
        self.gone = set()
        self.chains = []  # (loader, model source, clip source or None, loras)


class Template:
    def __init__(self, folder):
        self.folder = folder
        self.manifest_text = (folder / "manifest.json").read_text(encoding="utf-8")
        self.manifest = DECODER.decode(self.manifest_text)
        self.graph = Graph((folder / "workflow.json").read_text(encoding="utf-8"))
        self.properties = self.manifest["input"]["properties"]
        self.required = self.manifest["input"].get("required", [])

    def node(self, selector):
        def shown(node):
            entry = self.graph.nodes[node]
            return {"title": entry["_meta"]["title"], "node": node, "class": entry["class_type"]}
        (kind,) = {"title", "node", "class"} & set(selector)
        (found,) = [node for node in self.graph.nodes if shown(node)[kind] == selector[kind]]
        return found

    def targets(self, binding):
        return [(self.node(each), each["input"]) for each in binding.get("targets", [binding])]

    def source(self, selector):
        return self.node(selector), int(selector["output"])

    def effective(self, given):
        values = {name: schema["default"] for name, schema in self.properties.items() if "default" in schema}
        values.update(DECODER.decode(json.dumps(given)))
        over = {name for name in values if "over" in self.properties[name]["x-comfy"]}
        return {**{name: values[name] for name in values if name not in over}, **{name: values[name] for name in over}}

    def expect(self, given):
        expected = Expected()
        values = self.effective(given)
        for name, schema in self.properties.items():
            binding = schema["x-comfy"]
            if name not in values and binding.get("absent") == "remove":
                expected.gone |= {node for node, _ in self.targets(binding)}
                expected.gone |= {self.node(each) for each in binding.get("remove", [])}
            if name not in values and binding.get("op") == "seed":
                expected.values.update({target: Number(RANDOM_SEED) for target in self.targets(binding)})
        for name, value in values.items():
            self.expect_one(expected, self.properties[name], value)
        return expected

    def expect_one(self, expected, schema, value):
        binding = schema["x-comfy"]
        kind = binding.get("op", "set")
        if kind in ("set", "seed"):
            expected.values.update({target: value for target in self.targets(binding)})
        elif kind == "asset":
            name = f"comfygate/{value.partition(':')[2]}.png"
            expected.values.update({target: name for target in self.targets(binding)})
        elif kind == "map":
            expected.values.update({(self.node(each), each["input"]): each["value"] for each in binding["map"][value]})
        elif kind == "switch":
            node, slot = self.source(binding["cases"][value])
            expected.values[self.node(binding["target"]), binding["target"]["input"]] = [node, Number(slot)]
        else:
            clip = self.source(binding["clip"]) if "clip" in binding else None
            expected.chains.append((binding["loader"], self.source(binding["model"]), clip,
                                    [self.lora(schema, each) for each in value]))

    @staticmethod
    def lora(schema, given):
        parts = schema["items"]["properties"]
        strength = given.get("strength", parts["strength"].get("default", Number("1")))
        clip = given.get("strength_clip", parts.get("strength_clip", {}).get("default", strength))
        return given["name"], strength, clip

    # ---- values to try

    def base(self):
        return {name: sample(self.properties[name], name) for name in self.required}

    def candidates(self, name):
        schema = self.properties[name]
        if "enum" in schema:
            return [plain(choice) for choice in schema["enum"]]
        if schema["x-comfy"].get("op") == "asset":
            return [f"asset:{name}", "output:0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77", "data:image/png;base64,AAAA"]
        if schema["type"] == "boolean":
            return [True, False]
        if schema["type"] == "array":
            return lora_lists(schema)
        if schema["type"] == "string":
            return ["x" * int(schema.get("minLength", 0)), TEXT, "\U0001f9ca" * int(schema["maxLength"]),
                    *([schema["default"]] if "default" in schema else [])]
        values = [plain(schema[key]) for key in ("minimum", "default", "maximum") if key in schema]
        return [*values, values[0] + plain(schema.get("multipleOf", 1))] if values[0] + 1 < values[-1] else values

    def refused(self, name):
        """Values just beyond what the schema allows."""
        schema = self.properties[name]
        if "enum" in schema:
            return ["none of them", 80]
        if schema["type"] in ("integer", "number"):
            low, high = plain(schema["minimum"]), plain(schema["maximum"])
            return [low - 1, high + 1, "1", *([low + 1] if "multipleOf" in schema else [])]
        if schema["type"] == "string" and schema["x-comfy"].get("op") != "asset":
            short = ["x" * (int(schema["minLength"]) - 1)] if "minLength" in schema else []
            return ["x" * (int(schema["maxLength"]) + 1), 1, *short]
        if schema["type"] == "array":
            return [[{"name": "a"}] * (int(schema["maxItems"]) + 1), [{"strength": 1}], [{"name": "a", "x": 1}]]
        return ["picture.png", 1]


def sample(schema, name):
    return f"asset:{name}" if schema["x-comfy"].get("op") == "asset" else "a lighthouse"


def lora_lists(schema):
    def lora(number, **more):
        return {"name": f"style {number}.safetensors", **more}
    lists = [[], [lora(1)], [lora(1, strength=0.5), lora(2), lora(3, strength=-1)], [lora(1)] * int(schema["maxItems"])]
    strength = schema["items"]["properties"]["strength"]
    lists.append([lora(1, strength=plain(strength["minimum"])), lora(2, strength=plain(strength["maximum"]))])
    if "strength_clip" in schema["items"]["properties"]:
        lists.append([lora(1, strength=1, strength_clip=0), lora(2, strength_clip=0.25)])
    return lists


def cases(template):
    """Inputs: what is required alone, each value of each parameter, the same with all else at its last, and pairs."""
    base = template.base()
    names = list(template.properties)
    last = {name: template.candidates(name)[-1] for name in names}
    yield base
    yield last
    for name in names:
        for value in template.candidates(name):
            yield {**base, name: value}
            yield {**last, name: value}
        if name not in template.required:
            yield {key: value for key, value in last.items() if key != name}
    for one, other in itertools.combinations(names, 2):
        yield {**base, one: last[one], other: last[other]}
    for each in json.loads(template.manifest_text)["examples"]:
        yield each["input"]


def bind(folder, inputs):
    """The program's answer to each input: (seed, graph text), or (pointer, code) with None."""
    lines = "".join(json.dumps(each) + "\n" for each in inputs)
    ran = subprocess.run([BIND, str(folder)], input=lines.encode(), capture_output=True, check=False, timeout=120)
    if ran.returncode != 0:
        raise AssertionError(f"{folder.name}: {ran.stderr.decode()}")
    answers, at = [], 0
    while at < len(ran.stdout):
        end = ran.stdout.index(b"\n", at)
        word, first, second = ran.stdout[at:end].decode().split(" ")
        at = end + 1
        if word == "ok":
            answers.append((first, ran.stdout[at:at + int(second)].decode()))
            at += int(second)
        else:
            answers.append((f"{first} {second}", None))
    return answers


# ---- a graph against what was expected -------------------------------------------------------------


def added(template, result):
    return [node for node in result.order if node not in template.graph.nodes]


def tails(template, result, expected):
    """(node, slot) that consumers take -> what it was before the chains; and that the chains are as they should be."""
    moved = {}
    new = set(added(template, result))
    for loader, model, clip, loras in expected.chains:
        before = {"model": model, **({"clip": clip} if clip else {})}
        for index, (name, strength, strength_clip) in enumerate(loras):
            (node,) = [each for each in new if result.nodes[each]["class_type"] == loader
                       and result.link(each, "model") == before["model"]]
            new.remove(node)
            values = {"lora_name": name, "strength_model": strength}
            if clip:
                values["strength_clip"] = strength_clip
            values.update({kind: [source[0], Number(source[1])] for kind, source in before.items()})
            assert result.nodes[node]["inputs"] == values, (result.nodes[node], values)
            assert result.nodes[node]["_meta"]["title"] == f"LoRA {index + 1}"
            assert int(node) > max(int(each) for each in template.graph.nodes)
            before = {"model": (node, 0), **({"clip": (node, 1)} if clip else {})}
        if loras:
            moved[model] = before["model"]
            if clip:
                moved[clip] = before["clip"]
    assert not new, f"nodes of no chain: {new}"
    return moved


def compare(template, given, seed, text):
    graph, result, expected = template.graph, Graph(text), template.expect(given)
    moved = tails(template, result, expected)
    assert [node for node in graph.order if node not in expected.gone] + added(template, result) == result.order
    links = {place: [moved[source][0], Number(moved[source][1])] for place, source in graph.links().items()
             if source in moved}
    values = {**links, **expected.values}
    for place, value in expected.values.items():
        if isinstance(value, list) and (value[0], int(value[1])) in moved:
            node, slot = moved[value[0], int(value[1])]
            values[place] = [node, Number(slot)]
    cut = {place for place, source in graph.links().items() if source[0] in expected.gone}
    for node in graph.order:
        if node in expected.gone:
            continue
        assert graph.rest[node] == result.rest[node], node
        assert [name for name in graph.inputs[node] if (node, name) not in cut] == list(result.inputs[node]), node
        for name in result.inputs[node]:
            if (node, name) in values:
                assert result.nodes[node]["inputs"][name] == values[node, name], (node, name, values[node, name])
            else:
                assert graph.raw(node, name) == result.raw(node, name), (node, name)
    if not expected.gone and not added(template, result):
        assert graph.without(values) == result.without(values)
    seeds = {values[target] for schema in template.properties.values() if schema["x-comfy"].get("op") == "seed"
             for target in template.targets(schema["x-comfy"])}
    assert ({Number(seed)} if seed != "-" else set()) == seeds
    return result


def made_of(graph, output):
    """All nodes that run for an output."""
    seen, todo = set(), [output]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += [source[0] for (at, _), source in graph.links().items() if at == node]
    return seen


# ---- tests -----------------------------------------------------------------------------------------


def of_each_template(check):
    """A test that runs once for every folder."""
    @functools.wraps(check)
    def run(self):
        self.assertGreaterEqual(len(FOLDERS), 15)
        for folder in FOLDERS:
            with self.subTest(template=folder.name):
                check(self, Template(folder))
    return run


class EveryTemplate(unittest.TestCase):
    @of_each_template
    def test_binds(self, template):
        """Each value, absence and pair: exactly the declared inputs change, and ComfyUI would take the graph."""
        inputs = list(cases(template))
        outputs = [template.node({key: value for key, value in each.items() if key in ("title", "node", "class")})
                   for each in template.manifest["outputs"]]
        used = set()
        for given, (seed, text) in zip(inputs, bind(template.folder, inputs), strict=True):
            with self.subTest(input=str(given)[:200]):
                self.assertIsNotNone(text, seed)
                result = compare(template, given, seed, text)
                check_signatures(result)
                used.update(*(made_of(result, output) for output in outputs))
        self.assertLessEqual(set(template.graph.nodes), used, "nodes that no input makes run")

    @of_each_template
    def test_refuses(self, template):
        base = template.base()
        wrong = [({**base, name: value}, name) for name in template.properties for value in template.refused(name)]
        wrong += [({key: base[key] for key in base if key != name}, name) for name in template.required]
        wrong += [({**base, "no_such_parameter": 1}, "no_such_parameter")]
        answers = bind(template.folder, [given for given, _ in wrong])
        for (given, name), (place, text) in zip(wrong, answers, strict=True):
            with self.subTest(input=str(given)[:200]):
                self.assertIsNone(text)
                self.assertTrue(place.startswith(f"/{name}"), place)

    @of_each_template
    def test_seeds(self, template):
        names = [name for name, schema in template.properties.items() if schema["x-comfy"].get("op") == "seed"]
        given = [{**template.base(), name: value} for name in names for value in (0, MAX_SEED)]
        for each, (seed, text) in zip(given, bind(template.folder, given), strict=True):
            value = str(next(each[name] for name in names))
            self.assertEqual(seed, value)
            self.assertIn(value, [Graph(text).raw(*target)
                                  for target in template.targets(template.properties[names[0]]["x-comfy"])])

    @of_each_template
    def test_workflow(self, template):
        """As it is exported: it is a graph that ComfyUI would take, with titles that each select one node."""
        check_signatures(template.graph)
        titles = [entry["_meta"]["title"] for entry in template.graph.nodes.values()]
        self.assertEqual(len(titles), len(set(titles)))

    @of_each_template
    def test_folder(self, template):
        """It is embedded as it lies there."""
        self.assertEqual(sorted(os.listdir(template.folder)), ["manifest.json", "workflow.json"])
        for path in (template.folder, *template.folder.iterdir()):
            self.assertFalse(path.is_symlink())

    def test_nothing_else_is_there(self):
        self.assertEqual({path.name for path in SHIPPED.iterdir() if not path.is_dir()}, {"README.md"})

    @of_each_template
    def test_models(self, template):
        """Every model file is told, with a place where that file can be had."""
        named = set(re.findall(r'"([^"/ ]+\.(?:safetensors|pth|gguf))"',
                               template.graph.text + json.dumps(template.properties)))
        models = template.manifest.get("requires", {}).get("models", [])
        self.assertEqual(named, {model["name"] for model in models})
        for model in models:
            self.assertRegex(model["url"], r"^https://huggingface\.co/[^ ]+/" + re.escape(model["name"]) + "$")
            self.assertLessEqual(len(model["url"]), 150)  # longer ones are cut where they are told
        self.assertNotIn("nodes", template.manifest.get("requires", {}))

    @of_each_template
    def test_told(self, template):
        """What a form and a chat are made from is there, and the same word means the same everywhere."""
        manifest, types = template.manifest, types_of_roles()
        self.assertIn(f"| `{template.folder.name}` |", (SHIPPED / "README.md").read_text())
        self.assertTrue(manifest["description"] and manifest["tags"] and manifest["limits"]["timeout_seconds"])
        self.assertIn(len(manifest["examples"]), (1, 2))
        orders = [schema["x-ui"]["order"] for schema in template.properties.values()]
        self.assertEqual(len(orders), len(set(orders)))
        for name, schema in template.properties.items():
            self.assertTrue(schema["title"] and schema["description"].endswith("."), name)
            role = schema["x-ui"]["role"]
            self.assertEqual(role, OTHER_NAMES.get(name, name))
            self.assertEqual(schema["type"], types[role], name)
            self.assertTrue(schema["x-ui"]["group"] and schema["x-ui"]["widget"], name)

    @of_each_template
    def test_would_tell(self, template):
        """A graph that differs in one more place than it may is found out, wherever that is."""
        given = template.base()
        ((seed, text),) = bind(template.folder, [given])
        graph = compare(template, given, seed, text)
        for node, inputs in graph.inputs.items():
            for start, end in inputs.values():
                other = text[:start] + ('"?"' if text[start:end] != '"?"' else '"!"') + text[end:]
                with self.assertRaises(AssertionError):
                    compare(template, given, seed, other)
            with self.assertRaises(AssertionError):
                compare(template, given, seed, text.replace(f'"{node}": {{', f'"1{node}000": {{', 1))
        with self.assertRaises(AssertionError):
            compare(template, given, seed, text.replace("class_type", "_class_type", 1))
        if not template.expect(given).gone:
            with self.assertRaises(AssertionError):
                compare(template, given, seed, text.replace("\n", " \n", 1))


def types_of_roles():
    table = (ROOT / "docs/templates.md").read_text().split("### Roles")[1].split("\n## ")[0]
    return {role: line.split("|")[-2].strip() for line in table.splitlines() if line.startswith("| `")
            for role in re.findall("`([a-z]+)`", line.split("|")[1])}


class Signatures(unittest.TestCase):
    def test_are_as_recorded(self):
        """Where a real ComfyUI was asked for a class, it said the same."""
        recorded = sorted((ROOT / "tests/wire").glob("object_info_*.json"))
        self.assertGreaterEqual(len(recorded), 7)
        for path in recorded:
            ((name, info),) = json.loads(path.read_text()).items()
            with self.subTest(recording=path.name):
                signature = SIGNATURES[name]
                self.assertEqual(set(info["input"]["required"]), set(signature["required"]))
                self.assertEqual(set(info["input"].get("optional", {})), set(signature.get("optional", {})))
                outputs = signature["output"]  # a later release may give more, behind them
                self.assertEqual(info["output"][:len(outputs)], outputs)
                for each, (kind, *options) in info["input"]["required"].items():
                    self.same_type(kind, options[0] if options else {}, signature["required"][each])

    def same_type(self, kind, options, told):
        if isinstance(told, str):
            self.assertEqual(kind, told)
        elif told[0] == "COMBO":
            choices = kind if isinstance(kind, list) else options["options"]
            self.assertTrue(kind == "COMBO" or isinstance(kind, list))
            self.assertLessEqual(set(told[1:]), set(choices))
        else:
            self.assertEqual([kind, options["min"], options["max"]], told)


class SomeTemplates(unittest.TestCase):
    """What is promised of single ones."""

    @staticmethod
    def bound(name, **given):
        template = Template(SHIPPED / name)
        ((_, text),) = bind(template.folder, [{**template.base(), **given}])
        return template, Graph(text)

    def test_pictures_reach_their_own_nodes(self):
        for name in ("qwen-image-edit", "flux-kontext-edit", "test-edit"):
            with self.subTest(template=name):
                _, graph = self.bound(name, image="asset:a", image2="asset:b", image3="asset:c")
                files = {node: entry["inputs"]["image"] for node, entry in graph.nodes.items()
                         if entry["class_type"] == "LoadImage"}
                self.assertEqual(sorted(files.values()), [f"comfygate/{each}.png" for each in "abc"])
                _, graph = self.bound(name, image="asset:a", image2="asset:b")
                gone = set(files) - set(graph.nodes)
                self.assertEqual([files[node] for node in gone], ["comfygate/c.png"])
                self.assertFalse([link for link in graph.links().values() if link[0] not in graph.nodes])

    def test_pictures_of_qwen_are_the_encoders_own(self):
        _, graph = self.bound("qwen-image-edit", image="asset:a", image2="asset:b", image3="asset:c")
        encoders = [node for node, entry in graph.nodes.items() if entry["class_type"] == "TextEncodeQwenImageEditPlus"]
        self.assertEqual(len(encoders), 2)
        for encoder, (number, file) in itertools.product(encoders, enumerate("abc", 1)):
            behind = made_of(graph, graph.link(encoder, f"image{number}")[0])
            loaded = [graph.nodes[node]["inputs"]["image"] for node in behind
                      if graph.nodes[node]["class_type"] == "LoadImage"]
            self.assertEqual(loaded, [f"comfygate/{file}.png"])

    def test_upscale_is_as_large_as_it_says(self):
        for name, factor in itertools.product(("upscale", "test-upscale"), (2, 4, 8)):
            with self.subTest(template=name, factor=factor):
                template, graph = self.bound(name, factor=f"{factor}x")
                node, times = graph.link(template.node({"title": "Save"}), "images")[0], 1.0
                while graph.nodes[node]["class_type"] != "LoadImage":
                    inputs = graph.nodes[node]["inputs"]
                    if graph.nodes[node]["class_type"] == "ImageUpscaleWithModel":
                        model = graph.nodes[inputs["upscale_model"][0]]["inputs"]["model_name"]
                        times *= int(re.search("x([0-9])", model)[1])
                    else:
                        times *= float(inputs["scale_by"])
                    node = graph.link(node, "image")[0]
                self.assertEqual(times, factor)

    def test_shape_and_a_width_of_ones_own(self):
        for name in ("flux", "flux-krea", "sdxl", "hidream", "z-image-turbo", "qwen-image", "wan-text-to-video"):
            with self.subTest(template=name):
                template, graph = self.bound(name, shape="portrait", width=512)
                size = graph.nodes[template.node({"title": "Size"})]["inputs"]
                (height,) = [each["value"] for each in template.properties["shape"]["x-comfy"]["map"]["portrait"]
                             if each["input"] == "height"]
                self.assertEqual((size["width"], size["height"]), (Number("512"), height))

    def test_variants_of_hidream_bring_their_own_values(self):
        template, graph = self.bound("hidream", variant="full", steps=30)
        sampler = graph.nodes[template.node({"title": "Sampler"})]["inputs"]
        self.assertEqual((sampler["steps"], sampler["cfg"]), (Number("30"), Number("5.0")))
        self.assertEqual(sampler["sampler_name"], "uni_pc")

    def test_frames_are_the_same_wherever_they_are_needed(self):
        template, graph = self.bound("wan-image-to-video", frames=121)
        self.assertEqual(graph.nodes[template.node({"title": "First frame"})]["inputs"]["length"], Number("121"))
        self.assertEqual(graph.nodes[template.node({"title": "Still"})]["inputs"]["amount"], Number("121"))


if __name__ == "__main__":
    unittest.main()
