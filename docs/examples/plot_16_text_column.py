"""
A column of text
================

Messages are features like any other: n-grams of words and characters, counted, weighed and reduced to a few numbers,
fitted on training rows alone. Every recipe works with them.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve

from equipoise import recipes
from equipoise.metrics import average_precision
from equipoise.tables import TablePreprocessor

rng = np.random.default_rng(0)
complaint = rng.random(1200) < 0.06
subject = rng.choice(["my parcel", "the invoice", "this order", "the refund", "your courier"], 1200)
questions = rng.choice(["came today", "is fine, thanks", "please send it again", "never mind, it was there"], 1200)
complaints = rng.choice(["never came", "is wrong again", "was never paid", "came much too late"], 1200)
polite = rng.random(1200) < 0.15  # some complain in the words of a question
verbs = np.where(complaint & ~polite, complaints, questions)
frame = pd.DataFrame(
    {
        "message": [
            f"{noun} {verb}, number {n}" for noun, verb, n in zip(subject, verbs, rng.integers(999, size=1200))
        ],
        "amount": rng.lognormal(3 + 0.6 * complaint, 1),
    }
)
print(frame[complaint].head(3).to_string())
print(TablePreprocessor().fit(frame).summary()[["column", "kind", "note"]].to_string())

# %%
# The same recipe with and without the message, scored on the last 600 rows.
train, test = slice(0, 600), slice(600, None)
figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
for name, columns in {"amount alone": ["amount"], "amount and message": ["amount", "message"]}.items():
    model = recipes.make("la", n_members=2, max_steps=300, random_state=0)
    proba = model.fit(frame[columns][train], complaint[train]).predict_proba(frame[columns][test])
    precision, recall, _ = precision_recall_curve(complaint[test], proba[:, 1])
    score = average_precision(complaint[test], proba)
    axis.plot(recall, precision, drawstyle="steps-post", label=f"{name}: average precision {score:.2f}")
axis.set(xlabel="recall", ylabel="precision", ylim=(0, 1.05))
axis.legend()
plt.show()
