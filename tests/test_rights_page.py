"""docs/rights.md is generated from the code, and has every right, role and rule."""

from docs.generate import api_document
from docs.rights_page import PAGE, page

from earwitness.archive.access.visibility import POLICY_CONDITIONS, USES, VISIBILITY_RULES
from earwitness.kernel.rights import Right, Role


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(api_document()), "run `make docs`"


def test_the_page_has_every_right_role_and_rule() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in (*Right, *Role) if f"| `{name}` |" not in text] == []
    rules = (*VISIBILITY_RULES, *POLICY_CONDITIONS)
    assert [rule.sentence for rule in rules if rule.sentence not in text] == []
    assert [use.words for use in USES if use.words not in text] == []


def test_a_right_that_opens_no_operation_says_what_it_is_for() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    without = {line.split("`")[1]: line for line in lines if line.endswith("| none of its own |")}
    assert set(without) == {Right.RECORDING_PRIVATE_VIEW, Right.ARCHIVE_EXPORT}
    assert "Not used yet" in without[Right.ARCHIVE_EXPORT]
