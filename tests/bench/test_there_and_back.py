"""What a hundred failovers and failbacks leave behind in the kernel."""

from __future__ import annotations

import pytest
from there_and_back import begin_spreading, go_and_return

from rcmd.lab.errors import LabError
from rcmd.lab.kernel_state import difference, essence

from .figures import Figure, Table
from .labs import LabFactory

pytestmark = [pytest.mark.bench, pytest.mark.lab]

TIMES = 100


def test_a_hundred_times(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with()
    begin_spreading(lab)
    before = essence(lab)
    go_and_return(lab, TIMES)
    try:
        lab.wait_for(lambda: essence(lab) == before, timeout=5.0)
    except LabError:
        print("\n".join(difference(before, essence(lab))))
    different = difference(before, essence(lab))
    what = f"after {TIMES} failovers and failbacks: differing lines of {len(before)}"
    table.note(Figure(f"{what} of kernel state", [len(different)], "lines", 0))
