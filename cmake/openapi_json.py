"""Write the OpenAPI document as JSON: openapi_json.py IN.yaml OUT.json"""
import json
import pathlib
import sys

import yaml


def main() -> None:
    source, out = map(pathlib.Path, sys.argv[1:])
    document = yaml.safe_load(source.read_text(encoding="utf-8"))
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    out.write_text(text, encoding="utf-8")


main()
