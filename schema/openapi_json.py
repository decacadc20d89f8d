"""Write openapi.yaml as the JSON that GET /openapi.json answers: openapi_json.py IN.yaml OUT.json

Run by the build. Needs python3-yaml.
"""
import json
import pathlib
import sys

import yaml


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    document = yaml.safe_load(source.read_text(encoding="utf-8"))
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    target.write_text(text + "\n", encoding="utf-8")


main()
