"""
A model in the browser
======================

`export_onnx` writes preprocessing, networks, calibration and decision as one graph. onnxruntime runs it, in Python
here, in a web page below: cells go in, probabilities and the decided class come out, and no row leaves the reader's
machine.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd

from equipoise import recipes
from equipoise.onnx_export import export_onnx, onnx_inputs

rng = np.random.default_rng(0)
frame = pd.DataFrame({"amount": rng.lognormal(3, 1, 1500), "country": rng.choice(["at", "de", "ch"], 1500)})
risk = 0.02 + 0.3 * ((frame["amount"] > 40) & (frame["country"] == "ch"))
label = np.where(rng.random(1500) < risk, "fraud", "fair")
model = recipes.make("la", n_members=2, max_steps=300, random_state=0).fit(frame[:1000], label[:1000])

path = Path(tempfile.mkdtemp()) / "model.onnx"
export_onnx(model, path)
session = onnxruntime.InferenceSession(path)
print(f"{path.stat().st_size / 1024:.0f} KB")
print("inputs ", [(column.name, column.type, column.shape) for column in session.get_inputs()])
print("outputs", [(output.name, output.type) for output in session.get_outputs()])

# %%
# The graph gives the probabilities of the model, to rounding.
names = [output.name for output in session.get_outputs()]
outputs = dict(zip(names, session.run(None, onnx_inputs(path, frame[1000:]))))
ours, theirs = model.predict_proba(frame[1000:]), outputs["probabilities"]
figure, axis = plt.subplots(figsize=(5, 4.4), layout="constrained")
axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
axis.scatter(ours[:, 1], theirs[:, 1], s=8)
axis.set(
    xlabel="probability by equipoise",
    ylabel="probability by onnxruntime",
    title=f"largest difference {np.abs(ours - theirs).max():.0e}",
)
plt.show()

# %%
# The page that does the same. It needs ``model.onnx`` and ``npm install onnxruntime-web`` beside it, and any web
# server. A test runs it in Chromium with onnxruntime-web 1.30 and compares its answers with those of Python.
#
# .. literalinclude:: /examples/onnx_in_the_browser.html
#    :language: html
