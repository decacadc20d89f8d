"""A bot on python3-discord (Debian), which knows nothing of the fake: it shows that the fake is a fair Discord.

    bot.py REST_URL GATEWAY_URL TOKEN

Registers a command and a menu, defers and edits with a picture, answers presses, forms and typing, follows up, and
writes to a channel. In a process of its own: the folder above has a module of the same name.
"""
import io
import sys

import discord
import yarl
from discord import app_commands

REST_URL, GATEWAY_URL, TOKEN = sys.argv[1:]
discord.http.Route.BASE = REST_URL
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(GATEWAY_URL)
NOBODY = discord.AllowedMentions.none()


class Form(discord.ui.Modal, title="Change it"):
    prompt = discord.ui.TextInput(label="Prompt", default="old", max_length=100)

    async def on_submit(self, interaction):
        await interaction.response.edit_message(content=f"changed to {self.prompt.value}", allowed_mentions=NOBODY)


class Buttons(discord.ui.View):
    def __init__(self):
        super().__init__(timeout=None)

    @discord.ui.button(label="Again", custom_id="again")
    async def again(self, interaction, button):
        await interaction.response.defer()
        await interaction.edit_original_response(content="again", allowed_mentions=NOBODY)

    @discord.ui.button(label="Change", custom_id="change")
    async def change(self, interaction, button):
        await interaction.response.send_modal(Form())

    @discord.ui.select(custom_id="model", options=[discord.SelectOption(label="One", value="1")])
    async def model(self, interaction, select):
        await interaction.response.send_message(f"chosen {select.values[0]}", ephemeral=True, allowed_mentions=NOBODY)


class Bot(discord.Client):
    def __init__(self):
        super().__init__(intents=discord.Intents.none(), allowed_mentions=NOBODY)
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self):
        self.add_view(Buttons())
        await self.tree.sync()


bot = Bot()


@bot.tree.command(name="draw", description="Draws")
async def draw(interaction: discord.Interaction, prompt: str, picture: discord.Attachment = None):
    await interaction.response.defer()
    file = discord.File(io.BytesIO(await picture.read()), "copy.png") if picture else None
    embed = discord.Embed(title=prompt).set_image(url="attachment://copy.png") if file else None
    await interaction.edit_original_response(content=f"drawn: {prompt}", attachments=[file] if file else [],
                                             embed=embed, view=Buttons(), allowed_mentions=NOBODY)
    await interaction.followup.send("and more", ephemeral=True, wait=True, allowed_mentions=NOBODY)
    if interaction.guild_id:
        channel = bot.get_partial_messageable(interaction.channel_id)
        message = await channel.send("by the bot", nonce="n1", allowed_mentions=NOBODY)
        await message.edit(content="edited by the bot", allowed_mentions=NOBODY)


@draw.autocomplete("prompt")
async def typing(interaction: discord.Interaction, current: str):
    return [app_commands.Choice(name=current + "house", value=current + "house")]


@bot.tree.context_menu(name="Repeat")
async def repeat(interaction: discord.Interaction, message: discord.Message):
    await interaction.response.send_message(f"repeat: {message.content}", allowed_mentions=NOBODY)


bot.run(TOKEN, log_handler=None)
