"""The fast network, trained as the recipes train it on images."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from equipoise.networks.images import named_network
from equipoise.recipes import get
from equipoise.recipes.images import parameters_for_images
from equipoise.training.precision import in_bfloat16
from equipoise.training.schedules import learning_rate
from equipoise.training.task import Settings
from equipoise_reproductions.augmentation.training import Training

RECIPE = parameters_for_images(get("none"))
_IMAGES = 2000  # whose patches the first convolution whitens


def fast_network(shape: tuple[int, ...], n_classes: int, *, cosine: bool = False) -> nn.Module:
    """Make the network of the recipes for images, or the one with scaled cosines as logits."""
    return named_network(f"cosine_{RECIPE['network']}" if cosine else RECIPE["network"], shape, n_classes)


@dataclass
class FastTraining(Training):
    """Nesterov steps along a triangle of rates, averaged weights, and bfloat16 where the processor gains by it.

    As the recipes for images have it, but for their label smoothing.
    """

    batch: int = RECIPE["batch_size"]

    def begin(self) -> tuple[torch.optim.Optimizer, LRScheduler]:
        """Whiten the patches of training images, and return what moves the weights, and its learning rates."""
        self.model.start_from(self.train[0][torch.randperm(len(self.train[0]))[:_IMAGES]])  # type: ignore[operator]
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        reach = max(1.0, RECIPE["weight_averaging"] * self.n_steps)
        self.averaged = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / reach), use_buffers=True)
        settings = Settings(learning_rate=1.0, schedule=RECIPE["schedule"], precision=RECIPE["precision"])
        self.half = in_bfloat16(self.model, settings, torch.device("cpu"))
        rates = {name: RECIPE[name] for name in ("momentum", "weight_decay")}
        optimizer = torch.optim.SGD(self.model.parameters(), RECIPE["learning_rate"], nesterov=True, **rates)
        return optimizer, LambdaLR(optimizer, lambda step: learning_rate(settings, step / self.n_steps))

    def logits(self, x: Tensor) -> Tensor:
        """Run the network on a batch."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            return self.model(x.contiguous(memory_format=torch.channels_last)).float()

    def end_step(self) -> None:
        """Average the weights."""
        self.averaged.update_parameters(self.model)

    def end(self) -> nn.Module:
        """Return the network with averaged weights."""
        return self.averaged.module
