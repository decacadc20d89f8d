"""What a shell completes: the scripts that `completion` prints, run by the shells themselves, against what --help tells.
And the manual pages, which are written by hand, against the same."""
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

import gateway as gateway_module

pytestmark = pytest.mark.one_thread

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = {name: gateway_module.BIN.parent / name for name in ("comfygate", "comfygate-discord")}
SHELLS = ("bash", "zsh", "fish")
FLAG = re.compile(r"^  (?:-\w, )?(--[a-z][a-z0-9-]*)", re.MULTILINE)
VERB = re.compile(r"^  ([a-z]+) +\S", re.MULTILINE)
SETTINGS_VERBS = ("serve", "migrate", "keys", "doctor", "run", "register", "check")
# Not in an overview, because who asks for one has found it.
UNTOLD = {"comfygate": {"help"}, "comfygate-discord": {"help"}}


def say(program, *words):
    return subprocess.run([PROGRAMS[program], *words], capture_output=True, text=True, timeout=20, check=True).stdout


def verbs_of(program):
    head = say(program, "--help").split("\nTo begin:")[0].split("\nAll but")[0]
    return set(VERB.findall(head))


def flags_of(program, *verb):
    """As --help of the verb tells them."""
    if program == "comfygate-discord":
        return set(FLAG.findall(say(program, "--help"))) | {"--help"} if verb[0] in SETTINGS_VERBS else set()
    if verb[0] in SETTINGS_VERBS:
        return set(FLAG.findall(say(program, *verb, "--help"))) | {"--help", "--listen"}
    return set(FLAG.findall(say(program, "help", *verb)))


def parts_of_templates():
    return VERB.findall(say("comfygate", "templates", "--help").split("\nExample")[0])


def all_verbs(program):
    for verb in sorted(verbs_of(program)):
        yield (verb,)
    if program == "comfygate":
        for part in parts_of_templates():
            yield "templates", part


def bash(program, *lines, cwd=None):
    """What bash offers at the end of each line; it is given as words, the last of which is being written."""
    script = say(program, "completion", "bash")
    driver = [script]
    for line in lines:
        words = " ".join(map(shlex.quote, (program, *line)))
        driver.append(f"COMP_WORDS=({words}); COMP_CWORD={len(line)}; COMPREPLY=()\n"
                      f"_{program.replace('-', '_')} 2>/dev/null\n"
                      'echo "offer ${COMPREPLY[*]}"')
    done = subprocess.run(["bash", "--norc", "-c", "\n".join(driver)], capture_output=True, text=True, timeout=30,
                          cwd=cwd, check=True)
    return [set(line.split()[1:]) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("program", PROGRAMS)
def test_bash_completes_every_verb(program):
    offered, begun = bash(program, ("",), ("ver",))
    assert offered == verbs_of(program) | UNTOLD[program]
    assert begun == {"version"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_bash_completes_every_flag_of_every_verb(program):
    verbs = list(all_verbs(program))
    assert len(verbs) > 4
    for verb, offered in zip(verbs, bash(program, *[(*verb, "-") for verb in verbs])):
        wanted = flags_of(program, *verb)
        if verb == ("templates",):
            continue  # its flags are those of its parts
        assert offered == wanted, (verb, offered ^ wanted)
        assert wanted or program == "comfygate-discord"


def test_bash_completes_parts_values_and_files(tmp_path):
    (tmp_path / "graph.json").touch()
    (tmp_path / "pictures").mkdir()
    parts, below_url, choice, equals, files, folders, helped, second, nothing = bash(
        "comfygate", ("templates", ""), ("--url", "http://serve", "templates", "re"),
        ("serve", "--log-format", ""), ("serve", "--log-format", "=", "j"), ("submit", "--workflow", ""),
        ("submit", "--download", ""), ("help", "temp"), ("templates", "init", "gr"), ("submit", "--title", ""),
        cwd=tmp_path)
    assert parts == set(parts_of_templates()) and len(parts) > 3
    assert below_url == {"reload"}
    assert choice == {"text", "json"}
    assert equals == {"json"}
    assert files == {"graph.json", "pictures"}
    assert folders == {"pictures"}
    assert helped == {"templates"}
    assert second == {"graph.json"}
    assert nothing == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_fish_completes_the_same(program):
    """fish can be asked itself, without a terminal."""
    script = say(program, "completion", "fish")
    verbs = [verb for verb in all_verbs(program) if verb != ("templates",)]
    asked = [f"complete -C '{program} '", *(f"complete -C '{program} {' '.join(verb)} --'" for verb in verbs)]
    text = "\n".join([script, *(f"echo '##'; {line}" for line in asked)])
    done = subprocess.run(["fish", "--no-config", "-c", text], capture_output=True, text=True, timeout=60, check=True,
                          env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    assert done.stderr == ""
    answers = [{line.split("\t")[0] for line in part.splitlines() if line} for part in done.stdout.split("##\n")[1:]]
    assert answers[0] == verbs_of(program) | UNTOLD[program]
    for verb, offered in zip(verbs, answers[1:]):
        assert {word.rstrip("=") for word in offered} == flags_of(program, *verb), verb


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_reads_its_script(program, shell, tmp_path):
    script = tmp_path / "script"
    script.write_text(say(program, "completion", shell))
    assert script.stat().st_size > 1000
    subprocess.run([shell, "-n", script], check=True, timeout=20)


@pytest.mark.parametrize("program", PROGRAMS)
def test_zsh_names_every_verb_and_flag(program):
    script = say(program, "completion", "zsh")
    assert script.startswith(f"#compdef {program}\n")
    for verb in all_verbs(program):
        assert f"'{' '.join(verb)}')" in script
        for flag in flags_of(program, *verb):
            assert f"'{flag}':" in script


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("words", [[], ["ksh"], ["bash", "zsh"]])
def test_an_unknown_shell_is_refused(program, words):
    done = subprocess.run([PROGRAMS[program], "completion", *words], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert "completion" in done.stderr


def plain(page):
    """A manual page's text without its markup, as far as names of flags go."""
    text = (ROOT / "packaging" / f"{page}.1").read_text()
    return re.sub(r"\\f[A-Z]", "", text.replace("\\-", "-")).replace('"', "")


@pytest.mark.once
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_manual_names_every_verb_and_every_flag(program):
    """But for the settings, of which it names the first ones and says where all are."""
    text = plain(program)
    settings = flags_of(program, "serve" if program == "comfygate" else "run")
    for verb in all_verbs(program):
        assert re.search(rf"\b{verb[-1]}\b", text), verb
        if verb[0] in SETTINGS_VERBS:
            continue
        for flag in flags_of(program, *verb) - settings:
            assert re.search(rf"{flag}(?![a-z-])", text), (verb, flag)
    assert "--help" in text and "--config" in text


@pytest.mark.once
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_manual_is_sound(program):
    if shutil.which("mandoc") is None:
        pytest.skip("there is no mandoc here")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", ROOT / "packaging" / f"{program}.1"], capture_output=True,
                          text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (0, "")
