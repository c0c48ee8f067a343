"""GBO and SSG: GAN-based over-sampling, from noise and from SVM-SMOTE's rows.

Ahsan, Ali and Siddique, "Imbalanced Class Data Performance Evaluation and Improvement using Novel Generative
Adversarial Network-based Approach: SSG and GBO" (arXiv 2210.12870; Neural Networks 173, 2024). Their code is not
public. Networks, losses and loop are those of SMOTified-GAN, as re-implementations have them: a reconstruction.
"""

from typing import Any

import numpy as np

from equipoise.samplers.gan import GANOverSampler, Rows
from equipoise.samplers.svm_smote import BoundedSVC, svm_smote_rows
from equipoise.sklearn_private import StrOptions
from equipoise.training.gans import GANTask


class GBO(GANOverSampler):
    """Over-sample by a GAN that starts from standard normal noise.

    Each minority class has a GAN of its own, trained on its rows; the noise is as wide as they are.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        Classes to over-sample and their sizes, as in imbalanced-learn's over-samplers.
    variant : {"default", "paper"}, default="default"
        ``"paper"``: the paper's training, as far as it is known: raw features, a fixed number of epochs at a learning
        rate of 1e-5, and synthetic rows generated in one batch with its own batch-norm statistics. ``"default"``: the
        repairs of `SMOTifiedGAN`.
    n_gans, max_epochs, batch_size, learning_rate, n_iter_no_change, max_time, verbose, random_state
        As in `SMOTifiedGAN`, with a batch size of 32 in both variants.

    Attributes
    ----------
    sampling_strategy_, diagnostics_, sample_weight_, n_features_in_, feature_names_in_
        As in `SMOTifiedGAN`, which gives the same warnings.

    See Also
    --------
    SMOTifiedGAN : Starts from SMOTE's rows.
    SSG : Starts from SVM-SMOTE's rows.

    References
    ----------
    Ahsan, Ali and Siddique, arXiv 2210.12870, 2022. A reconstruction: their code is not public.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from equipoise import GBO
    >>> X, y = make_classification(300, weights=[0.9], flip_y=0, random_state=0)
    >>> sampler = GBO(max_epochs=20, random_state=0)
    >>> X_more, y_more = sampler.fit_resample(X, y)
    >>> sampler.diagnostics_["made_by"].tolist()
    ['GAN']
    """

    def _task(self, X: Rows, y: Rows, label: Any, n_latent: int, seed: int) -> GANTask:
        return GANTask(X[y == label], None, seed)


class SSG(GANOverSampler):
    """Over-sample by a GAN that starts from SVM-SMOTE's rows.

    SVM-SMOTE makes rows near the support vectors of a minority class; a generator turns them into rows that a
    discriminator classifies as real. Where SVM-SMOTE finds no support vector that is not noise, or makes too few rows,
    SMOTE is used instead, with a warning.

    Parameters
    ----------
    role : {"latent", "real"}, default="latent"
        Role of SVM-SMOTE's rows: latent rows, from which the generator starts as from SMOTE's in `SMOTifiedGAN`; or
        more real rows, with a generator that starts from noise. The paper's abstract allows both readings.
    variant : {"default", "paper"}, default="default"
        As in `GBO`; ``"paper"`` fits SVM-SMOTE on all rows.
    sampling_strategy, n_gans, max_epochs, batch_size, learning_rate, n_iter_no_change, max_time, verbose, random_state
        As in `GBO`. The time limit excludes SVM-SMOTE.

    Attributes
    ----------
    sampling_strategy_, diagnostics_, sample_weight_, n_features_in_, feature_names_in_
        As in `SMOTifiedGAN`, which gives the same warnings.

    See Also
    --------
    SMOTifiedGAN : Starts from SMOTE's rows.
    GBO : Starts from noise.

    Notes
    -----
    The kernel machine that finds SVM-SMOTE's support vectors takes time that grows with the square of its rows.
    In the default variant it is fitted on all rows of the minority class and on at most 10,000 of the others, drawn by
    the seed; neighbours, which show whether a support vector is noise, are sought among all rows.

    References
    ----------
    Ahsan, Ali and Siddique, arXiv 2210.12870, 2022. A reconstruction: their code is not public.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from equipoise import SSG
    >>> X, y = make_classification(300, weights=[0.9], flip_y=0, random_state=0)
    >>> sampler = SSG(max_epochs=20, random_state=0)
    >>> X_more, y_more = sampler.fit_resample(X, y)
    >>> sampler.diagnostics_["made_by"].tolist()
    ['GAN']
    """

    _parameter_constraints = {**GANOverSampler._parameter_constraints, "role": [StrOptions({"latent", "real"})]}

    def __init__(
        self,
        *,
        role: str = "latent",
        sampling_strategy: Any = "auto",
        variant: str = "default",
        n_gans: int = 1,
        max_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        n_iter_no_change: int = 10,
        max_time: float | None = None,
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            variant=variant,
            n_gans=n_gans,
            max_epochs=max_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            n_iter_no_change=n_iter_no_change,
            max_time=max_time,
            verbose=verbose,
            random_state=random_state,
        )
        self.role = role

    def _task(self, X: Rows, y: Rows, label: Any, n_latent: int, seed: int) -> GANTask:
        svm_estimator = None if self._as_published else BoundedSVC(label, seed)
        real, made = X[y == label], svm_smote_rows(X, y, label, n_latent, seed, svm_estimator)
        return GANTask(real, made, seed) if self.role == "latent" else GANTask(np.concatenate([real, made]), None, seed)
