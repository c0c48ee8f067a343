"""GBO and SSG: GAN-based over-sampling, from noise and from SVM-SMOTE's rows.

Ahsan, Ali and Siddique, "Imbalanced Class Data Performance Evaluation and Improvement using Novel Generative
Adversarial Network-based Approach: SSG and GBO" (arXiv 2210.12870; Neural Networks 173, 2024). Their code is not
public. Networks, losses and loop are those of SMOTified-GAN, as re-implementations have them: a reconstruction.
"""

from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions

from equipoise.samplers.gan import GANOverSampler, Rows
from equipoise.samplers.svm_smote import BoundedSVC, svm_smote_rows
from equipoise.training.gans import GANTask


class GBO(GANOverSampler):
    """Over-sample by a GAN that starts from standard normal noise.

    Each rare class has a GAN of its own, trained on its rows; the noise is as wide as they are.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        Classes to over-sample and their sizes, as in imbalanced-learn's over-samplers.
    faithful : bool, default=False
        As the paper's networks train, so far as is known: features as they are, a fixed number of epochs at a rate
        of 1e-5, rows made with the batch-norm statistics of one batch that holds them all. By default repaired as
        in `SMOTifiedGAN`.
    n_gans : int, default=1
        GANs a class, which differ by chance and train as a stack; each makes an equal part of the rows.
    max_epochs : int, optional
        Passes over the class's rows; 1000 if faithful, else as many as 3000 steps make.
    batch_size : int, optional
        Real rows a step; 32 by default.
    learning_rate : float, optional
        Of both networks' Adam; 1e-5 if faithful, else 5e-5.
    n_iter_no_change : int, default=10
        Looks, 100 steps apart, without better rows after which a GAN ends. Not used if faithful.
    max_time : float, optional
        Seconds after which no step is begun.
    verbose : bool, default=False
        Show progress with the time left.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    sampling_strategy_ : dict
        Rows made for each class.
    diagnostics_ : DataFrame
        A row a class; see `SMOTifiedGAN`, as for warnings.
    sample_weight_ : ndarray of shape (n_new,) or None
        Weights of the rows that come out, if any were given; a made row has its class's mean.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

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

    _faithful_batch_size = 32

    def _task(self, X: Rows, y: Rows, label: Any, n_latent: int, seed: int) -> GANTask:
        return GANTask(X[y == label], None, seed)


class SSG(GANOverSampler):
    """Over-sample by a GAN that starts from SVM-SMOTE's rows.

    SVM-SMOTE makes rows near the support vectors of a rare class; a generator turns them into rows that a
    discriminator takes for real. Where SVM-SMOTE finds no support vector that is not noise, or makes too few rows,
    SMOTE takes its place with a warning.

    Parameters
    ----------
    role : {"latent", "real"}, default="latent"
        What SVM-SMOTE's rows are for: what the generator starts from, as SMOTE's in `SMOTifiedGAN`; or more real
        rows, the generator starting from noise. The paper's abstract allows both readings.
    sampling_strategy : float, str, dict or callable, default="auto"
        Classes to over-sample and their sizes, as in imbalanced-learn's over-samplers.
    faithful : bool, default=False
        As the paper's networks train, so far as is known: features as they are, SVM-SMOTE fitted on all rows, all
        of its rows in every step, a fixed number of epochs at a rate of 1e-5, rows made with the batch-norm
        statistics of one batch that holds them all. By default repaired as in `SMOTifiedGAN`.
    n_gans : int, default=1
        GANs a class, which differ by chance and train as a stack; each makes an equal part of the rows.
    max_epochs : int, optional
        Passes over the class's rows; 1000 if faithful, else as many as 3000 steps make.
    batch_size : int, optional
        Real rows a step; 32 by default.
    learning_rate : float, optional
        Of both networks' Adam; 1e-5 if faithful, else 5e-5.
    n_iter_no_change : int, default=10
        Looks, 100 steps apart, without better rows after which a GAN ends. Not used if faithful.
    max_time : float, optional
        Seconds after which no step is begun; SVM-SMOTE's own time does not count.
    verbose : bool, default=False
        Show progress with the time left.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    sampling_strategy_ : dict
        Rows made for each class.
    diagnostics_ : DataFrame
        A row a class; see `SMOTifiedGAN`, as for warnings.
    sample_weight_ : ndarray of shape (n_new,) or None
        Weights of the rows that come out, if any were given; a made row has its class's mean.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    See Also
    --------
    SMOTifiedGAN : Starts from SMOTE's rows.
    GBO : Starts from noise.

    Notes
    -----
    The kernel machine that finds SVM-SMOTE's support vectors takes time that grows with the square of its rows.
    Unless faithful, it is fitted on all rows of the rare class and on at most 10,000 of the others, drawn by the seed;
    the neighbours that tell which support vectors are noise are sought among all rows.

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
    _faithful_batch_size = 32

    def __init__(
        self,
        *,
        role: str = "latent",
        sampling_strategy: Any = "auto",
        faithful: bool = False,
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
            faithful=faithful,
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
        svm_estimator = None if self.faithful else BoundedSVC(label, seed)
        real, made = X[y == label], svm_smote_rows(X, y, label, n_latent, seed, svm_estimator)
        return GANTask(real, made, seed) if self.role == "latent" else GANTask(np.concatenate([real, made]), None, seed)
