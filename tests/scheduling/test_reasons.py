from __future__ import annotations

from captioner.errors import EngineFault
from captioner.scheduling.reasons import reason


def caught(error: Exception) -> Exception:
    try:
        try:
            raise error
        except type(error) as cause:
            raise EngineFault("the engine failed on 1 rows") from cause
    except EngineFault as fault:
        return fault


def test_the_reason_is_the_first_of_the_causes_with_its_frames() -> None:
    fields = reason(caught(MemoryError("4 GB wanted")))
    assert (fields["error"], fields["detail"]) == ("MemoryError", "4 GB wanted")
    assert "in caught" in str(fields["frames"])


def test_the_text_of_a_foreign_error_is_left_out_because_it_may_quote_speech() -> None:
    fields = reason(caught(ValueError("cannot decode 'mot secret'")))
    assert (fields["error"], fields["detail"]) == ("ValueError", "")
    assert "secret" not in str(fields)
