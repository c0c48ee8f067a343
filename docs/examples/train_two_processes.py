"""One process of a distributed run: ``torchrun --nproc-per-node 2 train_two_processes.py OUT``."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from sklearn.datasets import make_classification
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

from equipoise import BalancedBatchSampler, MixUp

dist.init_process_group("gloo")
rank = dist.get_rank()
X, y = make_classification(4000, n_features=10, n_informative=5, weights=[0.98], flip_y=0, random_state=1)
rows = TensorDataset(torch.from_numpy(X).float(), torch.from_numpy(y))
sampler = BalancedBatchSampler(y, 32, generator=torch.Generator().manual_seed(0))  # one plan, each rank its batches
mixup = MixUp(alpha=0.3, num_classes=2, generator=torch.Generator().manual_seed(1000 + rank))
torch.manual_seed(0)
model = DistributedDataParallel(torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
rare, losses = [], []
for _ in range(3):
    for x, target in DataLoader(rows, batch_sampler=sampler):
        rare.append(int(target.sum()))
        mixed, soft = mixup(x, target)
        loss = cross_entropy(model(mixed), soft)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
first = next(iter(model.parameters())).detach().flatten()[:3].tolist()
(Path(sys.argv[1]) / f"{rank}.json").write_text(json.dumps({"rare": rare, "losses": losses, "weights": first}))
dist.destroy_process_group()
