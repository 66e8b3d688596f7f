"""Kills: real processes over real files, killed at every call that changes something, and judged.

ptrace        a child that stops at the system calls that can change a folder
marks         what a life says of itself, in memory that outlives it
folder        FileDevice where the world expects a fault device
points        the kill points of a life, and the two ways to kill at one
lives         an era in the simulator, and as a process
allowed       what the law of a kill gives at one place
openings      what a later process makes of what is left
sweep         a tape, killed at every place
materialised  crash states written into real folders
worker        the process that does all this
client        whoever asks it
files         the few lives for a bug in the device itself

A kill takes the process and nothing of the page cache: what was written and not synced stays. So
kills prove nothing about syncs; that is what the laws of a power cut are for. They prove that the
engine over FileDevice, real descriptors and real system calls is the engine that the simulator searches,
and that the simulator's disk is, call by call, the kernel's.
"""

from .client import Task, run_task
from .files import judge_files
from .materialised import materialise
from .points import Called, Traced, best_way
from .sweep import Sweeper
from .tally import Tally

__all__ = [
    "Called",
    "Sweeper",
    "Tally",
    "Task",
    "Traced",
    "best_way",
    "judge_files",
    "materialise",
    "run_task",
]
