"""Whether over-sampling by GANs helps, over the comparison suite."""
