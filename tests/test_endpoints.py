import asyncio
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from budgetscape.endpoints import Registry
from budgetscape.endpoints_file import ModelSpec, read_file
from engine.errors import BudgetscapeError, InputError, UnknownName, Unreachable
from engine.models.capabilities import Capabilities
from engine.models.openai import OpenAIChat
from engine.pricing import PriceCard
from store.home import Home

CHECKOUT = Path(__file__).parents[1]
LITERAL = "sk-literal-0123456789"
MINE = """
[models.mine]
base_url = "http://127.0.0.1:9/v1/"
model = "big"
"""


def registry(tmp_path: Path, toml: str = "", **options: Any) -> Registry:
    if toml:
        (tmp_path / "endpoints.toml").write_text(toml)
    return Registry.load(Home(tmp_path), **{"env": {}, **options})


def adapters(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "adapters"
    folder.mkdir()
    for name in names:
        (folder / f"{name}.gguf").write_bytes(name.encode())
    return folder


def test_without_a_file_the_model_on_board_is_there(tmp_path: Path) -> None:
    found = registry(tmp_path)
    assert found.names() == [found.default] == ["smollm2-135m"]
    assert found.spec("smollm2-135m").embedded
    assert found.spec("smollm2-135m").prices == PriceCard()


def test_each_adapter_is_a_model_and_the_trained_searcher_is_the_default(tmp_path: Path) -> None:
    folder = adapters(tmp_path, "smollm2-135m-a", "smollm2-135m-search")
    found = registry(tmp_path, adapters=folder)
    assert found.names() == ["smollm2-135m", "smollm2-135m-a", "smollm2-135m-search"]
    assert found.default == "smollm2-135m-search"
    prints = {found.fingerprint(name) for name in found.names()}
    assert len(prints) == 3


def test_an_adapter_belongs_to_the_base_whose_name_its_own_begins_with(tmp_path: Path) -> None:
    folder = adapters(tmp_path, "smollm2-135m-a", "smollm2-99m-pruned", "mine")
    found = registry(tmp_path, adapters=folder)
    counted = {name: found.spec(name).parameters for name in found.names()}
    assert counted.pop("smollm2-99m-pruned") == 99_114_048
    assert set(counted.values()) == {134_515_008}
    folder.joinpath("mine.gguf").write_bytes(b"smollm2-99m-pruned")
    again = registry(tmp_path, adapters=folder)
    assert again.fingerprint("mine") != again.fingerprint("smollm2-99m-pruned")


def test_a_checkpoint_of_the_training_is_never_the_default_beside_its_end(tmp_path: Path) -> None:
    folder = adapters(tmp_path, "smollm2-135m-search-step170", "smollm2-135m-search")
    assert registry(tmp_path, adapters=folder).default == "smollm2-135m-search"


def test_the_default_among_what_ships_is_the_model_that_the_sample_sweep_is_of(
    tmp_path: Path,
) -> None:
    plan = tomllib.loads((CHECKOUT / "sample_runs/plans/searcher.toml").read_text())
    found = registry(tmp_path, adapters=CHECKOUT / "sample_runs/adapters")
    assert [found.default] == plan["models"]


def test_the_environment_chooses_the_default_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    env = {"BUDGETSCAPE_MODEL": "mine"}
    assert registry(tmp_path, MINE, env=env).default == "mine"
    with pytest.raises(UnknownName, match="did you mean 'mine'.*BUDGETSCAPE_MODEL"):
        registry(tmp_path, MINE, env={"BUDGETSCAPE_MODEL": "mime"})


def test_the_environment_names_another_file(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(MINE)
    found = registry(tmp_path, env={"BUDGETSCAPE_ENDPOINTS": str(other)})
    assert "mine" in found.names()
    other.unlink()
    with pytest.raises(InputError, match="other.toml cannot be read: FileNotFoundError"):
        registry(tmp_path, env={"BUDGETSCAPE_ENDPOINTS": str(other)})


def test_every_field_of_the_file_arrives(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(
        MINE
        + """
        api_key_env = "MY_KEY"
        parameters = 8_000_000_000
        max_concurrency = 3
        timeout_s = 9
        think_control = "effort"
        extra_body = { cache_prompt = false }
        [models.mine.prices]
        input = 1
        output = 2.5
        per_query = 0
        currency = "EUR"
        """
    )
    assert read_file(file)["mine"] == ModelSpec(
        "mine",
        "http://127.0.0.1:9/v1",
        "big",
        "MY_KEY",
        PriceCard(input=1.0, output=2.5, per_query=0.0, currency="EUR"),
        8_000_000_000,
        max_concurrency=3,
        timeout_s=9.0,
        think_control="effort",
        extra_body={"cache_prompt": False},
    )


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (MINE + "[models.mine.prices]\ninput = -1", r"\[models.mine\] prices.input: .*greater"),
        (MINE + "max_concurency = 1", r"max_concurency: Extra inputs"),
        (MINE + 'timeout_s = "soon"', r"timeout_s: .*number"),
        (MINE + 'think_control = "soft"', r"think_control: .*'hard'"),
        ('[models.mine]\nbase_url = "http://127.0.0.1/v1"', r"model: Field required"),
        ('[models.mine]\nmodel = "x"\nbase_url = "ftp://x"', "base_url: must be an address"),
        ('[models."my model"]\n', "a name has letters"),
        ("[models]\nmine = 3", r"\[models.mine\]"),
        ("[model.mine]", "'model' is not known"),
        ("[models.smollm2-135m]\nmodel = 'x'\nbase_url = 'http://x/v1'", "on board: rename"),
        ("[models.mine", "not valid TOML"),
        (MINE + f'api_key = "{LITERAL}"', "api_key: a key does not belong in this file"),
        (MINE + f'api_key_env = "{LITERAL}"', "api_key_env: must be the NAME"),
        (MINE + f'api_key_env = "gsk_{LITERAL[3:13]}"', "api_key_env: must be the NAME"),
        (
            MINE + f'extra_body = {{ Authorization = "{LITERAL}" }}',
            "extra_body.Authorization: a key",
        ),
        (
            f'[models.mine]\nmodel = "x"\nbase_url = "https://me:{LITERAL}@llm.example/v1"',
            "base_url: must not carry",
        ),
    ],
)
def test_a_bad_file_is_named_with_its_table_and_field_and_repeats_no_key(
    tmp_path: Path, toml: str, says: str
) -> None:
    with pytest.raises(InputError, match=says) as caught:
        registry(tmp_path, toml)
    message = str(caught.value)
    assert message.startswith("endpoints.toml")
    assert "\n" not in message
    assert LITERAL not in message


def test_an_unknown_model_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'smollm2-135m'"):
        registry(tmp_path).spec("smollm-135m")


def opened(found: Registry, name: str) -> OpenAIChat:
    async def main() -> Any:
        model = await found.open(name)
        assert await found.open(name) is model
        await found.aclose()
        return model

    return asyncio.run(main())


def keep(tmp_path: Path, able: dict[str, Any]) -> None:
    """Put a probe where the registry keeps the one of `mine`."""
    found = registry(tmp_path, MINE)
    note = found._note(found.spec("mine"))
    note.parent.mkdir(exist_ok=True)
    note.write_text(json.dumps(able))


def test_a_kept_probe_is_used_and_a_person_decides_over_it(tmp_path: Path) -> None:
    keep(tmp_path, {"seed": True, "think_control": "hard"})
    kept = Capabilities(seed=True, think_control="hard")
    assert opened(registry(tmp_path, MINE), "mine").capabilities == kept
    assert registry(tmp_path, MINE).capabilities("mine") == kept
    decided = registry(tmp_path, MINE + 'think_control = "advisory"').capabilities("mine")
    assert decided and decided.think_control == "advisory"


def test_a_model_never_probed_is_probed_first_and_an_absent_server_said(tmp_path: Path) -> None:
    found = registry(tmp_path, MINE)
    assert found.capabilities("mine") is None
    with pytest.raises(Unreachable, match="model mine: nothing answers at 127.0.0.1:9"):
        opened(found, "mine")


def test_a_kept_probe_of_another_version_is_done_again(tmp_path: Path) -> None:
    keep(tmp_path, {"seed": "perhaps"})
    assert registry(tmp_path, MINE).capabilities("mine") is None


def test_a_probe_is_kept_even_where_the_folder_must_be_made(tmp_path: Path) -> None:
    found = registry(tmp_path / "fresh" / "home", env={})
    spec = ModelSpec("mine", "http://127.0.0.1:9/v1", "big")
    found._specs["mine"] = spec
    found._remember(spec, Capabilities(logprobs=True))
    assert found.capabilities("mine") == Capabilities(logprobs=True)


def test_what_an_endpoint_says_of_its_build_changes_its_fingerprint(tmp_path: Path) -> None:
    before = registry(tmp_path, MINE).fingerprint("mine")
    keep(tmp_path, {"system_fingerprint": "fp_2"})
    assert registry(tmp_path, MINE).fingerprint("mine") != before


def test_a_key_comes_from_its_variable_and_its_absence_is_said(tmp_path: Path) -> None:
    toml = MINE + 'api_key_env = "MY_KEY"'
    keep(tmp_path, {})
    assert opened(registry(tmp_path, toml, env={"MY_KEY": f" {LITERAL}\n"}), "mine")._key == LITERAL
    with pytest.raises(InputError, match="set the environment variable MY_KEY"):
        opened(registry(tmp_path, toml), "mine")
    with pytest.raises(InputError, match="MY_KEY holds something") as caught:
        opened(registry(tmp_path, toml, env={"MY_KEY": "sk-a\nb"}), "mine")
    assert "sk-a" not in str(caught.value)


def test_the_example_in_the_documentation_is_a_valid_file(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "endpoints.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    (tmp_path / "endpoints.toml").write_text(example)
    assert set(read_file(tmp_path / "endpoints.toml")) == set(tomllib.loads(example)["models"])
    for field in ("think_control", "timeout_s", "parameters", "BUDGETSCAPE_MODEL"):
        assert field in page


def test_all_errors_of_a_registry_are_ours(tmp_path: Path) -> None:
    (tmp_path / "endpoints.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BudgetscapeError):
        registry(tmp_path)
