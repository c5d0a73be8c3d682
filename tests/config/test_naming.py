from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from captioner.config import Settings, flag_of, variable_of


@given(st.sampled_from(sorted(Settings.model_fields)))
def test_a_setting_is_spelled_after_its_name_everywhere(name: str) -> None:
    assert flag_of(name).removeprefix("--").replace("-", "_") == name
    assert variable_of(name).lower() == f"captioner_{name}"
    assert tomllib.loads(f"{name} = 1") == {name: 1}
