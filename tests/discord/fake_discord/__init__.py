"""fake_discord: a stand-in for Discord, for the tests of comfygate-discord.

REST v10 and Gateway v10 on loopback, with people who press buttons. It is strict where Discord is lenient: every
request is held to Discord's own OpenAPI file and to the rules that the file does not tell, and what breaks one is
kept as a breach. It can be told to misbehave in every way that a client must survive.
"""
