"""SMOTified-GAN: a GAN whose generator starts from SMOTE's rows.

Sharma, Singh and Chandra, "SMOTified-GAN for class imbalanced pattern classification problems" (IEEE Access 10,
30655-30665, 2022). Details are those of the authors' code, in the version that all of their data sets ran with.
"""

from typing import Any

from equipoise.samplers.gan import GANOverSampler, Rows, smote_rows
from equipoise.sklearn_private import StrOptions
from equipoise.training.gans import GANTask


class SMOTifiedGAN(GANOverSampler):
    """Over-sample by a GAN that starts from SMOTE's rows instead of noise.

    SMOTE makes as many rows as a class lacks; a generator learns to turn them into rows that a discriminator classifies
    as real. The generator's rows are added, and SMOTE's own rows are dropped. Each minority class has its own GAN.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        Classes to over-sample and their sizes, as in imbalanced-learn's over-samplers.
    variant : {"default", "authors"}, default="default"
        ``"authors"``: as in the authors' code, with raw features, though the generator's values lie within 0 and 1; all
        of SMOTE's rows in every step; a fixed number of epochs at a learning rate of 1e-5; synthetic rows generated in
        one batch with its own batch-norm statistics, so that each row depends on the others; and no snapping, so
        columns should be floating.

        ``"default"``: features are scaled to 0..1 by the range of all given rows, and back; a step takes as many of
        SMOTE's rows as real ones; the generator is the moving average of about a hundred steps, at the evaluation
        with the smallest energy distance between synthetic and real rows; rows are generated one by one with the
        batch-norm statistics of training; integer, two-valued and one-hot columns get values of their kind.
    n_gans : int, default=1
        Number of GANs for each class, which differ in their seeds; each generates an equal part of the rows.
    max_epochs : int, optional
        Passes over the class's rows; 1000 in a published variant (the authors took 150 to 2000, by data set), else
        those of 3000 steps.
    batch_size : int, optional
        Real rows in a step; 128 for the authors, else 32.
    learning_rate : float, optional
        Learning rate of both networks' Adam; 1e-5 in a published variant, else 5e-5.
    n_iter_no_change : int, default=10
        Evaluations without improvement, 100 steps apart, before a GAN stops. Default variant only.
    max_time : float, optional
        Time limit of the training in seconds.
    verbose : bool, default=False
        Show progress with the time left.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    sampling_strategy_ : dict
        Number of synthetic rows of each class.
    diagnostics_ : DataFrame
        A row a class: ``class``, ``n_real``, ``n_made``; ``made_by``, ``"GAN"`` or the sampler used instead;
        ``real_accuracy``, ``made_accuracy``, the discriminator's accuracy on real and on synthetic rows;
        ``two_sample_accuracy``, accuracy of a nearest neighbour in telling the two apart (0.5: alike; below:
        copies; near 1: off the data); ``spread_ratio``, mean standard deviation of the synthetic rows' features
        over the real rows'; ``out_of_range``, share of the synthetic values outside the class's own range;
        ``unreachable``, share of the real values outside the generator's; ``n_steps``, ``stopped_by``.
    sample_weight_ : ndarray of shape (n_new,) or None
        Weights of the resampled rows; None if none were given. Given rows keep theirs; a synthetic row has the mean
        weight of its class, since the two rows that SMOTE started from are not known.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Warns
    -----
    GANDiagnosticsWarning
        If synthetic rows have collapsed (``spread_ratio`` below 0.5) or lie off the data (``two_sample_accuracy`` above
        0.95, or more than 1 % of the real values ``unreachable``).
    UserWarning
        If a class has fewer than 6 different rows: SMOTE is used instead of the GAN, or its only row is repeated.

    See Also
    --------
    GBO : Starts from noise.
    SSG : Starts from SVM-SMOTE's rows.

    References
    ----------
    Sharma, Singh and Chandra, "SMOTified-GAN for class imbalanced pattern classification problems", IEEE Access 10,
    2022.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from equipoise import SMOTifiedGAN
    >>> X, y = make_classification(300, weights=[0.9], flip_y=0, random_state=0)
    >>> sampler = SMOTifiedGAN(max_epochs=20, random_state=0)
    >>> X_more, y_more = sampler.fit_resample(X, y)
    >>> int((y_more == 0).sum()) == int((y_more == 1).sum()), bool((X_more[:300] == X).all())
    (True, True)
    """

    _parameter_constraints = {**GANOverSampler._parameter_constraints, "variant": [StrOptions({"default", "authors"})]}
    published = "authors"
    _published_batch_size = 128

    def _task(self, X: Rows, y: Rows, label: Any, n_latent: int, seed: int) -> GANTask:
        return GANTask(X[y == label], smote_rows(X, y, label, n_latent, seed), seed)
