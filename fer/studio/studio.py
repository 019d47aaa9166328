"""What the routes work with: the index of runs, the queue, stars and notes, the bin, and the worker processes."""

import secrets
from pathlib import Path

from fer.studio.bin import Bin
from fer.studio.index import RunIndex
from fer.studio.jobs import Jobs
from fer.studio.places import Marks, Places
from fer.studio.worker import Worker


class Studio:
    """A studio on a folder of runs.

    Args:
        root: the folder; must be there.

    Attributes:
        root: the folder.
        instance: tells this start of the studio from others; versions of the index count from each anew.
        places: what is kept beside the runs.
        index: what lies there.
        marks: stars and notes.
        bin: deleted runs.
        jobs: commands that wait, run or ended.
        forms: a process that knows the configuration of trainings (Hydra).
        models: a process that loads models (torch).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.instance = secrets.token_hex(8)
        self.places = Places(root)
        self.index = RunIndex(root)
        self.marks = Marks(self.places)
        self.bin = Bin(self.places)
        self.jobs = Jobs(self.places)
        self.forms = Worker("fer.studio.forms")
        self.models = Worker("fer.studio.looking")

    def close(self) -> None:
        """Ends the worker processes and the queue; what the queue started goes on."""
        self.jobs.close()
        self.forms.close()
        self.models.close()
