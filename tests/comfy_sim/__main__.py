"""`python3 -m comfy_sim`."""

from comfy_sim.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
