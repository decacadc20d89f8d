"""`python3 -m fake_discord`."""

from fake_discord.server import main

if __name__ == "__main__":
    raise SystemExit(main())
