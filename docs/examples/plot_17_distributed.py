"""
Balanced batches in two processes
=================================

`BalancedBatchSampler` reads rank and number of processes from ``torch.distributed``: with the same seed everywhere, all
draw one plan, and each process takes its own batches of it. This is the whole program:

.. literalinclude:: /examples/train_two_processes.py
   :language: python
   :start-at: dist.init
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

program = Path("train_two_processes.py").resolve()
with tempfile.TemporaryDirectory() as folder:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*torchrun, str(program), folder], check=True, capture_output=True)
    ranks = [json.loads((Path(folder) / f"{rank}.json").read_text()) for rank in (0, 1)]

# %%
# Every batch of 32 rows holds 16 of the minority class, on both ranks; ordinary batches hold few or none. The
# weights of both processes stay equal, since DistributedDataParallel averages the gradients.
ordinary = np.random.default_rng(0).binomial(32, 0.02, size=len(ranks[0]["rare"]))
figure, (counts, course) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
counts.plot(ordinary, color="grey", linewidth=0.7, label="ordinary batches")
for number, rank in enumerate(ranks):
    counts.plot(rank["rare"], "o-"[number], markersize=3, label=f"balanced, rank {number}")
    course.plot(rank["losses"], linewidth=0.8, label=f"rank {number}")
counts.set(xlabel="step", ylabel="minority rows of 32", ylim=(0, 20))
course.set(xlabel="step", ylabel="loss of mixed batches")
counts.legend()
course.legend()
plt.show()
print(ranks[0]["weights"] == ranks[1]["weights"])
