"""Runs the stages that the command line asks for, and adds up what they counted."""
import argparse
import os
import sys
import time

from tests.checks import processes
from tests.checks.report import Report
from tests.checks.stages import BUILDS, STAGES, Settings


def read_command_line(words):
    parser = argparse.ArgumentParser(prog="./check", add_help=False, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--campaign", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(words)
    if options.quick and options.campaign:
        parser.error("--quick and --campaign exclude each other")
    options.only = [name for word in options.only for name in word.split(",") if name]
    known = {stage.name for stage in STAGES}
    for name in options.only:
        if name not in known:
            parser.error(f"there is no stage {name}; --list names them")
    return options


def choose(options):
    """The stages to run, in order, with the builds that they stand on."""
    stages = [stage for stage in STAGES
              if not (options.quick and stage.sanitizer) and (not options.only or stage.name in options.only)]
    wanted = {stage.name for stage in stages}
    wanted.update(build for stage in stages for build in stage.builds)
    return [stage for stage in STAGES if stage.name in wanted]


def main():
    options = read_command_line(sys.argv[1:])
    if options.list:
        for stage in STAGES:
            print(f"{stage.name:<14} {stage.doc}")
        return 0
    os.chdir(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    settings = Settings(quick=options.quick, campaign=options.campaign, seed=options.seed)
    report = Report(settings.folder)
    processes.own_all_descendants()
    began = time.monotonic()
    broken = set()
    for stage in choose(options):
        missing = [build for build in stage.builds if build in broken]
        if missing:
            report.cannot_run(stage.name, f"{missing[0]} has failed")
            continue
        if not report.run(stage, settings).is_usable and stage.name in BUILDS:
            broken.add(stage.name)
    return report.finish(time.monotonic() - began)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nInterrupted.")
        sys.exit(130)
    finally:
        processes.end_descendants()
