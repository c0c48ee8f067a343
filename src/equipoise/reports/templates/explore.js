"use strict";
// Counts of held-out rows by score, and what a setting makes of them. No row is here, and nothing is sent.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const state = { mode: data.mode, recipe: 0, threshold: data.threshold ?? 0.5, share: data.capacity ?? 0, miss: data.cost.miss, alarm: data.cost.alarm };
const CENTRE = 200; // of the sliders of costs: 1
const MOST = Math.max(400, Math.ceil(CENTRE + 100 * Math.log10(10 * Math.max(1, data.cost.miss, data.cost.alarm)))); // ten times the dearest

// Sliders of costs are logarithmic: 0 is a cost of 0, and 200 a cost of 1; each hundred is a factor of ten.
const toCost = (place) => (place === 0 ? 0 : Number((10 ** ((place - CENTRE) / 100)).toPrecision(2)));
const fromCost = (cost) => (cost <= 0 ? 0 : Math.max(1, Math.min(MOST, Math.round(CENTRE + 100 * Math.log10(cost)))));
// The slider of the threshold is in log odds, from -7 to 7, with 0 and 1 at its ends.
const toThreshold = (place) => (place <= 0 ? 0 : place >= 1000 ? 1 : 1 / (1 + Math.exp(-(place - 500) / 70)));
const fromThreshold = (t) => (t <= 0 ? 0 : t >= 1 ? 1000 : Math.max(1, Math.min(999, Math.round(500 + 70 * Math.log(t / (1 - t))))));

function number(value, digits = 1) {
  return Number.isFinite(value) ? value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits }) : "–";
}
const probability = (value) => !Number.isFinite(value) ? "–" : (value === 0 || value === 1 ? String(value) : Number(value.toPrecision(3)).toString());

// Number of thresholds that are at least a value: they fall, so those come first.
function atLeast(recipe, threshold) {
  let low = 0, high = recipe.thresholds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (recipe.thresholds[middle] >= threshold) low = middle + 1; else high = middle;
  }
  return low;
}

const costAt = (recipe, i) => data.table ? NaN : state.miss * (recipe.positives - recipe.caught[i]) + state.alarm * recipe.false[i];

// Place, in the list of thresholds, that the setting means for a recipe.
function place(recipe) {
  const last = recipe.thresholds.length - 1;
  if (state.mode === "threshold") return Math.max(0, atLeast(recipe, state.threshold) - 1);
  if (state.mode === "capacity") {
    const most = state.share * (recipe.positives + recipe.negatives) + 1e-9;
    let i = 0;
    while (i < last && recipe.caught[i + 1] + recipe.false[i + 1] <= most) i += 1;
    return i;
  }
  const most = data.limit === null ? Infinity : data.capacity * (recipe.positives + recipe.negatives) + 1e-9;
  let best = 0;
  for (let i = 1; i <= last && recipe.caught[i] + recipe.false[i] <= most; i += 1) if (costAt(recipe, i) < costAt(recipe, best) - 1e-9) best = i;
  return best;
}

// The decisions of the report, by the terms that were given, are tuned fold by fold: what they yield is in the data.
const asReported = () => state.mode === "report";
const outcome = (recipe) => asReported() ? decided(recipe) : outcomeAt(recipe, place(recipe));

function decided(recipe) {
  const found = recipe.decided;
  return {
    threshold: found.threshold ?? NaN, share: found.alarms / data.per, alarms: found.alarms, caught: found.caught, missed: found.missed, falseAlarms: found.false,
    passed: data.per - found.alarms - found.missed, precision: found.precision ?? NaN, recall: found.recall ?? NaN, cost: found.cost,
  };
}

function outcomeAt(recipe, i) {
  const n = recipe.positives + recipe.negatives, per = data.per / n;
  const alarms = recipe.caught[i] + recipe.false[i];
  return {
    threshold: recipe.thresholds[i], share: alarms / n, alarms: per * alarms, caught: per * recipe.caught[i],
    missed: per * (recipe.positives - recipe.caught[i]), falseAlarms: per * recipe.false[i],
    passed: per * (recipe.negatives - recipe.false[i]),
    precision: alarms > 0 ? recipe.caught[i] / alarms : NaN, recall: recipe.caught[i] / recipe.positives,
    cost: per * costAt(recipe, i),
  };
}

function cells(row, tag, texts) {
  texts.forEach((text, i) => {
    const cell = document.createElement(i === 0 ? "th" : tag);
    if (i === 0) cell.scope = "row";
    cell.textContent = text;
    row.append(cell);
  });
  return row;
}

function command(found) {
  const { command: base, stated } = data.recipes[state.recipe];
  const share = Number((100 * (state.mode === "capacity" ? state.share : found.share)).toPrecision(3));
  const byCost = state.mode === "cost";
  const table = "Costs of several classes are a table, costs.csv: a row for each true class, a column for each decided class.";
  if (asReported()) return [stated || null, "This is the decision of the report and of the model, by the terms that were given."];
  if (byCost && !data.binary) return [base ? `${base} --cost costs.csv` : "--cost costs.csv", table];
  if (byCost && !(state.miss > 0 && state.alarm > 0)) return [null, "There is a command where both costs are above 0."];
  if (!byCost && !(share > 0)) return [null, "No row gets an alarm here, which needs no model: move a slider for a command."];
  if (!byCost && !(share < 100)) return [null, "Every row gets an alarm here, which needs no model: move a slider for a command."];
  const limit = data.limit === null ? "" : ` --capacity ${data.limit}`;
  const option = byCost ? `--cost "miss=${state.miss},alarm=${state.alarm}"${limit}` : `--capacity ${share}%`;
  const note = byCost
    ? "Thresholds are then tuned for these costs on held-out rows."
    : "Alarms are then for this share of the rows of each batch, the most probable first.";
  return [base ? `${base} ${option}` : option, note];
}

function show() {
  const recipe = data.recipes[state.recipe], found = outcome(recipe);
  byId("threshold").value = fromThreshold(state.mode === "threshold" || !Number.isFinite(found.threshold) ? state.threshold : found.threshold);
  byId("threshold-value").textContent = probability(state.mode === "threshold" ? state.threshold : found.threshold);
  byId("threshold").setAttribute("aria-valuetext", byId("threshold-value").textContent);
  byId("capacity").value = Math.round(data.per * (state.mode === "capacity" ? state.share : found.share));
  byId("capacity-value").textContent = number(data.per * (state.mode === "capacity" ? state.share : found.share), 0);
  for (const name of ["miss", "alarm"]) {
    if (toCost(Number(byId(name).value)) !== state[name]) byId(name).value = fromCost(state[name]); // keys move a place, also where two are one cost
    byId(`${name}-value`).textContent = state[name];
    byId(name).setAttribute("aria-valuetext", String(state[name]));
  }
  const facts = [["alarms", number(found.alarms)], ["caught", number(found.caught)], [data.binary ? "missed" : "other decision", number(found.missed)],
    ["precision", number(100 * found.precision) + "%"], ["share caught", number(100 * found.recall) + "%"], ["cost", number(found.cost)]];
  byId("facts").replaceChildren(...facts.map(([name, value]) => {
    const part = document.createElement("div");
    const term = part.appendChild(document.createElement("dt")), text = part.appendChild(document.createElement("dd"));
    term.textContent = name;
    text.textContent = value.replace("–%", "–");
    text.id = `fact-${name.replace(" ", "-")}`;
    return part;
  }));
  byId("confusion").tBodies[0].replaceChildren(
    cells(document.createElement("tr"), "td", [data.label, number(found.caught), number(found.missed)]),
    cells(document.createElement("tr"), "td", [data.binary ? "other class" : "other classes", number(found.falseAlarms), number(found.passed)]));
  byId("how").textContent = {
    report: data.table ? "Each decides for the class of the least expected cost, by the costs that were given." : "Each as in the report: tuned for the terms that were given, without a look at the rows that it is counted on.",
    cost: data.limit === null ? "Each at the threshold with the lowest cost." : "Each at the threshold with the lowest cost within the capacity that was given.", capacity: "Each with this number of alarms, or the next smaller one.",
    threshold: "Each at this threshold." }[state.mode];
  const above = data.capacity !== null && found.share > data.capacity + 1e-9;
  byId("above").textContent = above ? `This needs more alarms than the capacity that was given: ${number(data.per * data.capacity)} of ${number(data.per, 0)} rows.` : "";
  const line = (name, its, current) => {
    const row = document.createElement("tr");
    if (current) row.setAttribute("aria-current", "true");
    return cells(row, "td", [name, probability(its.threshold), number(its.alarms), number(its.caught), number(its.missed),
      Number.isFinite(its.precision) ? number(100 * its.precision) + "%" : "–", number(its.cost)]);
  };
  byId("recipes").tBodies[0].replaceChildren(
    ...data.recipes.map((other, i) => line(other.name, outcome(other), i === state.recipe)),
    line("never an alarm", outcomeAt(recipe, 0)),
    ...(data.limit === null ? [line("an alarm for every row", outcomeAt(recipe, recipe.thresholds.length - 1))] : []));
  const [text, note] = command(found);
  byId("command").textContent = text ?? "";
  byId("command-note").textContent = note;
  byId("copy").disabled = text === null;
  byId("copied").textContent = "";
}

function set(change) {
  Object.assign(state, change);
  show();
}

for (const name of data.table ? ["miss", "alarm"] : []) byId(name).closest("p").hidden = true;
if (!data.binary) document.querySelectorAll(".missed").forEach((part) => { part.textContent = "other decision"; });
document.querySelectorAll(".positive").forEach((part) => { part.textContent = data.label; });
data.recipes.forEach((recipe, i) => byId("recipe").append(new Option(recipe.name, String(i))));
byId("recipe").addEventListener("change", (event) => set({ recipe: Number(event.target.value) }));
byId("threshold").addEventListener("input", (event) => set({ mode: "threshold", threshold: toThreshold(Number(event.target.value)) }));
byId("capacity").addEventListener("input", (event) => set({ mode: "capacity", share: Number(event.target.value) / data.per }));
for (const name of ["miss", "alarm"]) {
  byId(name).max = MOST;
  byId(name).addEventListener("input", (event) => set({ mode: "cost", [name]: toCost(Number(event.target.value)) }));
}
byId("copy").addEventListener("click", async () => {
  const text = byId("command").textContent;
  try {
    await navigator.clipboard.writeText(text);
    byId("copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(byId("command"));
    byId("copied").textContent = "Selected: press Ctrl+C.";
  }
});
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
state.recipe = Math.max(0, data.recipes.findIndex((recipe) => recipe.name === data.winner));
byId("recipe").value = String(state.recipe);
show();
