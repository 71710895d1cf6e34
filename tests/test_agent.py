"""Real programs and addresses as agents: what they say, how they fail, and that nothing of them is left."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import aclosing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from budgetscape.agents_file import read_agents
from budgetscape.endpoints import Registry
from budgetscape.endpoints_file import read_file
from engine.errors import BadReply, Busy, EndpointError, InputError, UnknownName, Unreachable
from engine.models.agent import MOST_LINES, AddressAgent, CommandAgent
from engine.models.scripted import Scripted
from engine.run.driver import Driver
from engine.run.ports import Task
from engine.run.requests import Reply
from engine.strategies import knobs_of, start
from engine.types import Budget, Passage, Ranked
from tests.fakes import QUESTION

ROOT = Path(__file__).parents[1]
TASK = Task("Who?", 2, 9)
FOUND = Reply(passages=(Ranked(Passage("p1", "Yard", "Ann ran it."), 1, 0.5),))


def program(code, **options):
    text = "import json, sys, time, os\ntask = json.loads(sys.stdin.readline())\n" + code
    return CommandAgent("mine", [sys.executable, "-c", text], **options)


def talk(agent, given=FOUND, most=100):
    """All that an agent says; each query is answered."""

    async def listen():
        heard, sent = [], None
        async with aclosing(agent.begin(TASK)) as steps:
            try:
                while len(heard) < most:
                    heard.append(await steps.asend(sent))
                    sent = given if heard[-1].act == "query" else None
            except StopAsyncIteration:
                pass
        return heard

    return asyncio.run(listen())


# ----------------------------------------------------------------------------------------- a command


def test_a_program_is_told_the_task_and_what_its_query_found():
    code = """
print(json.dumps({"type": "search", "query": task["question"]}))
found = json.loads(input())
print(json.dumps({"type": "answer", "text": found["passages"][0]["text"], "tokens": 3}))
"""
    said = talk(program(code))
    assert [(s.act, s.reply.text) for s in said] == [("query", "Who?"), ("answer", "Ann ran it.")]
    assert said[0].reply.seconds > 0


def test_no_shell_sees_the_command(tmp_path):
    agent = CommandAgent("mine", ["echo", "$HOME; touch x"], folder=tmp_path)
    (said,) = talk(agent)
    assert (said.act, said.reply.text) == ("malformed", "$HOME; touch x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("sys.exit(3)", BadReply, "mine ended with exit code 3$"),
        ("sys.exit('no key for\\nthe \\x1bindex')", BadReply, "ended with exit code 1: the index$"),
        ('print(\'{"type": "think"}\'); os.abort()', BadReply, "ended by signal 6"),
        ("", BadReply, "ended without a word"),
        ("print('x' * 10_000_000)", BadReply, "a line longer than 1 MiB"),
        ("while True: sys.stdout.write('x' * 9999)", BadReply, "a line longer than 1 MiB"),
        ('while True: print(\'{"type": "think"}\')', BadReply, f"more than {MOST_LINES} lines"),
        ("while True: print()", BadReply, f"more than {MOST_LINES} lines"),
        ("time.sleep(60)", Busy, "no end within 0.7 s"),
        ("os.close(1); time.sleep(60)", Busy, "no end within 0.7 s"),
    ],
)
def test_a_program_that_fails_is_one_line_that_says_how(code, error, said):
    limit = 0.7 if error is Busy else 60.0
    with pytest.raises(error, match=said) as caught:
        talk(program(code, timeout_s=limit), most=10_000)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", [["no-such-program-here"], [str(ROOT)], ["a\0b"]])
def test_a_program_that_is_not_there_says_so(command):
    with pytest.raises(Unreachable, match="check `command`"):
        talk(CommandAgent("mine", command))


def test_a_program_that_does_not_listen_may_still_finish():
    code = """
sys.stdin.close()
print('{"type": "search", "query": "a"}')
time.sleep(0.3)
print('{"type": "answer", "text": "b"}')
"""
    many = Reply(passages=FOUND.passages * 20_000)
    assert [s.act for s in talk(program(code), many)] == ["query", "answer"]


def test_much_complaining_does_not_hold_a_program_up():
    code = 'sys.stderr.write(\'x\' * 1_000_000); print(\'{"type": "answer", "text": "b"}\')'
    assert talk(program(code))[0].reply.text == "b"


def alive(pid):
    """Whether a process still runs; one that only waits to be counted does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads the table of processes")
def test_what_a_program_started_ends_with_its_run():
    code = """
import subprocess
child = subprocess.Popen(["sleep", "600"])
print(json.dumps({"type": "think", "text": f"{os.getpid()} {child.pid}"}))
time.sleep(600)
"""
    (said,) = talk(program(code), most=1)
    mine, child = map(int, said.reply.text.split())
    until = time.monotonic() + 60
    while (alive(mine) or alive(child)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(mine) and not alive(child)


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads the table of processes")
def test_stopping_a_run_ends_its_agent_and_keeps_what_it_had_told():
    code = """
print(json.dumps({"type": "think", "text": str(os.getpid()), "tokens": 2}))
time.sleep(600)
"""

    async def stopped():
        told = asyncio.Event()

        class Log(list):
            def append(self, event):
                super().append(event)
                told.set()

        driver = Driver(Scripted([]), None, Budget(0, 9), agent=program(code), log=Log())
        run = asyncio.create_task(driver.run(start("external", QUESTION, knobs_of("external"))))
        await told.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        return driver.trace("", "user")

    trace = asyncio.run(stopped())
    assert (trace.stopped_by, trace.think.used) == ("user", 2)
    assert not alive(int(trace.steps[0].text))


# ----------------------------------------------------------------------------------------- an address


@pytest.fixture
def address():
    """An address whose answer a test sets; remembers what was posted."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["content-length"])
            server.posted.append((json.loads(self.rfile.read(length)), self.headers))
            self.send_response(server.status)
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for part in server.parts:
                self.wfile.write(part)
                self.wfile.flush()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.posted, server.status, server.headers, server.parts = [], 200, {}, ()
    server.url = f"http://127.0.0.1:{server.server_port}/run"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_task_is_posted_and_the_answer_is_its_steps(address):
    address.parts = (b'{"type": "search", "que', b'ry": "a"}\n{"type": "answer", "text": "b"}')
    said = talk(AddressAgent("mine", address.url, key="k3y"))
    assert [(s.act, s.reply.text) for s in said] == [("search", "a"), ("answer", "b")]
    ((task, headers),) = address.posted
    assert (task["question"], headers["authorization"]) == ("Who?", "Bearer k3y")


@pytest.mark.parametrize(
    ("status", "headers", "parts", "error", "said"),
    [
        (200, {}, (), BadReply, "without a word"),
        (503, {}, (b"busy",), Busy, "status 503"),
        (401, {}, (), EndpointError, "status 401; check `address`"),
        (302, {"location": "/other"}, (), EndpointError, "status 302"),
        (200, {"content-length": "999"}, (b'{"type": "think"}\n',), BadReply, "broke off"),
        (200, {}, (b"x" * 2**19,) * 20, BadReply, "longer than 1 MiB"),
    ],
)
def test_an_address_that_fails_is_one_line_that_says_how(
    address, status, headers, parts, error, said
):
    address.status, address.headers, address.parts = status, headers, parts
    with pytest.raises(error, match=said):
        talk(AddressAgent("mine", address.url, key="k3y"))
    assert len(address.posted) == 1


def test_an_address_where_nothing_answers_says_so(address):
    dead = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{dead.server_port}/"
    dead.server_close()
    with pytest.raises(Unreachable, match="nothing answers at 127.0.0.1:"):
        talk(AddressAgent("mine", url))


# ----------------------------------------------------------------------------------------- the file


def test_agents_stand_beside_models_in_the_endpoints_file(home):
    home.endpoints.write_text(
        '[models.m]\nbase_url = "http://x/v1"\nmodel = "m"\n'
        '[agents.mine]\ncommand = ["python3", "agent.py"]\nversion = "2"\n[agents.mine.prices]\noutput = 3\n'
        '[agents.far]\naddress = "http://127.0.0.1:9/run"\napi_key_env = "FAR_KEY"\n'
    )
    registry = Registry.load(home, env={})
    assert registry.agents() == ["mine", "far"] and "mine" not in registry.names()
    mine = registry.agent("mine")
    assert (list(mine.command), mine.folder) == (["python3", "agent.py"], home.root)
    assert registry.prices("mine").output == 3
    with pytest.raises(InputError, match="set the environment variable FAR_KEY"):
        registry.agent("far")
    with pytest.raises(UnknownName, match="did you mean 'mine'"):
        registry.agent("mime")
    assert registry.fingerprint("mine") != registry.fingerprint("far")


def test_the_hash_of_an_agent_follows_its_name_command_and_version(tmp_path):
    def hashed(name="mine", command='["a", "b"]', version="1"):
        file = tmp_path / "endpoints.toml"
        file.write_text(f'[agents.{name}]\ncommand = {command}\nversion = "{version}"\n')
        return read_agents(file)[name].fingerprint

    assert hashed() == hashed()
    assert len({hashed(), hashed(name="x"), hashed(command='["a b"]'), hashed(version="2")}) == 4


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "either a command or an address"),
        ('command = ["a"]\naddress = "http://x"', "either a command or an address"),
        ("command = []", "command"),
        ('command = "python agent.py"', "command"),
        ('command = [" "]', "a program and its arguments"),
        ('address = "ftp://x"', "address"),
        ('address = "http://me:pw@x"', "must not carry a user"),
        ('command = ["a"]\napi_key = "sk-123"', "a key does not belong in this file"),
        ('command = ["a"]\ncolour = 1', "colour"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line_that_names_it(tmp_path, table, said):
    file = tmp_path / "endpoints.toml"
    file.write_text(f"[agents.mine]\n{table}\n")
    with pytest.raises(InputError, match=said) as caught:
        read_agents(file)
    assert "[agents.mine]" in str(caught.value) and "sk-123" not in str(caught.value)
    assert read_file(file) == {}


def test_a_name_is_a_model_or_an_agent(home):
    home.endpoints.write_text('[agents."smollm2-135m"]\ncommand = ["a"]\n')
    with pytest.raises(InputError, match="rename it"):
        Registry.load(home, env={})


# ----------------------------------------------------------------------------------------- end to end


@pytest.fixture
def cli(copy_of_tiny, tmp_path):
    """A command line whose endpoints file names the agent of the documents."""
    env = {**os.environ, "BUDGETSCAPE_HOME": str(copy_of_tiny.root)}
    env["BUDGETSCAPE_SAMPLES"] = str(tmp_path / "none")
    example = ROOT / "docs" / "external_agent.py"
    copy_of_tiny.endpoints.write_text(
        f"[agents.example]\ncommand = {json.dumps([sys.executable, str(example)])}\n"
        '[agents.broken]\ncommand = ["false"]\n'
    )

    def run(*arguments):
        command = [sys.executable, "-m", "budgetscape.cli.main", *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600
        )

    return run


def test_the_agent_of_the_documents_answers_from_the_command_line(cli, tiny_world):
    assert len((ROOT / "docs" / "external_agent.py").read_text().splitlines()) < 40
    question = next(q for q in tiny_world.questions if q.hops == 1)
    ask = ("ask", question.text, "--strategy", "external", "--index", "tiny", "--json")
    done = cli(*ask, "--search", 2, "--think", 12)
    assert done.returncode == 0, done.stderr
    *steps, run = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [s["kind"] for s in steps]
    assert kinds[:2] == ["search", "reading"] and kinds[-2:] == ["thought", "answer"]
    assert steps[0]["query"] == question.text and steps[1]["passages"]
    assert (run["strategy"], run["model"]) == ("external", "example")
    assert run["think"] == {"used": 12, "limit": 12} and run["search"]["used"] == kinds.count(
        "search"
    )
    assert sum(s["tokens"] for s in steps) == run["tokens"]["completion"]
    assert run["answer"] and run["cost"] is None
    listed = json.loads(cli("strategies", "--json").stdout)["strategies"]
    assert "external" in [s["name"] for s in listed]
    failed = cli(*ask, "--search", 0, "--model", "broken")
    assert failed.returncode == 1
    assert failed.stderr == "budgetscape: agent broken ended with exit code 1\n"
    assert "did you mean 'example'" in cli(*ask, "--model", "exampel").stderr


def test_a_sweep_runs_an_agent_cell_by_cell(cli, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'name = "mine"\nstrategies = ["external"]\nmodels = ["example"]\nindex = "tiny"\n'
        'questions = "tiny"\nsearch = [0, 1]\nthink = [0, 5]\nlimit = 2\n'
    )
    first = cli("sweep", plan)
    assert first.returncode == 0, first.stderr
    shown = cli("surface", "--sweep", "mine", "--json")
    assert shown.returncode == 0, shown.stderr
    cells = json.loads(shown.stdout)["cells"]
    used = [(c["search"], c["think"], c["think_used"], c["n"]) for c in cells]
    assert used == [(0, 0, 0.0, 2), (0, 5, 4.0, 2), (1, 0, 0.0, 2), (1, 5, 5.0, 2)]
