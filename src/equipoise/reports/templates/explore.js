"use strict";
// Counts of held-out rows by score, and what a setting makes of them. No row is here, and nothing is sent.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const byTerms = { mode: "given", miss: data.cost.miss, alarm: data.cost.alarm };
const state = { ...byTerms, recipe: 0, threshold: 0.5, share: 0 };

// The sliders of costs step through round numbers, two digits at most, and the costs that were given.
const ROUND = [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9];
const COSTS = (() => {
  const given = [data.cost.miss, data.cost.alarm].filter((cost) => cost > 0), powers = given.map((cost) => Math.floor(Math.log10(cost)));
  const steps = [0, ...given];
  for (let power = Math.min(-2, ...powers); power <= Math.max(2, ...powers) + 1; power += 1) steps.push(...ROUND.map((step) => Number(`${step}e${power}`)));
  return [...new Set(steps)].sort((one, other) => one - other);
})();
const fromCost = (cost) => COSTS.reduce((best, step, i) => Math.abs(step - cost) < Math.abs(COSTS[best] - cost) ? i : best, 0);
// The slider of the threshold is in log odds, with 0 and 1 at its ends; between them lie all thresholds, and -7 to 7.
const logit = (t) => Math.log(t / (1 - t));
const [LOW, HIGH] = (() => {
  const between = data.recipes.flatMap((recipe) => recipe.thresholds.filter((t) => t > 0 && t < 1).map(logit));
  return [between.reduce((a, b) => Math.min(a, b), -7), between.reduce((a, b) => Math.max(a, b), 7)];
})();
const toThreshold = (place) => (place <= 0 ? 0 : place >= 1000 ? 1 : 1 / (1 + Math.exp(-(LOW + (HIGH - LOW) * place / 1000))));
const fromThreshold = (t) => (t <= 0 ? 0 : t >= 1 ? 1000 : Math.max(1, Math.min(999, Math.round(1000 * (logit(t) - LOW) / (HIGH - LOW)))));

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

// By a table of costs of several classes, alarms and misses alone do not tell the cost.
function costOf({ missed, falseAlarms, caught, passed }) {
  if (data.table) return NaN;
  return state.miss * missed + state.alarm * falseAlarms + data.cost.catch * caught + data.cost.pass * passed;
}

// Last place, in the list of thresholds, that has no more alarms than a share of the rows.
function within(recipe, share) {
  const most = share * (recipe.positives + recipe.negatives) + 1e-9;
  let i = 0;
  while (i < recipe.thresholds.length - 1 && recipe.caught[i + 1] + recipe.false[i + 1] <= most) i += 1;
  return i;
}

// Place, in the list of thresholds, that a setting of the sliders means for a recipe.
function place(recipe) {
  if (state.mode === "threshold") return Math.max(0, atLeast(recipe, state.threshold) - 1);
  if (state.mode === "capacity") return within(recipe, state.share);
  const last = data.limit === null ? recipe.thresholds.length - 1 : within(recipe, data.capacity);
  let best = 0, least = outcomeAt(recipe, 0).cost;
  for (let i = 1; i <= last; i += 1) {
    const { cost } = outcomeAt(recipe, i);
    if (cost < least - 1e-9) [best, least] = [i, cost];
  }
  return best;
}

const given = () => state.mode === "given";
const outcome = (recipe) => given() ? decided(recipe.decided) : outcomeAt(recipe, place(recipe));

// The figures of the report, each fold decided as the others tell.
function decided(found) {
  const counts = { alarms: found.alarms, caught: found.caught, missed: found.missed, falseAlarms: found.false, passed: data.per - found.alarms - found.missed };
  return {
    threshold: found.threshold ?? NaN, share: found.alarms / data.per, ...counts,
    precision: found.precision ?? NaN, recall: found.recall ?? NaN, cost: data.table ? found.cost : costOf(counts),
  };
}

function outcomeAt(recipe, i) {
  const n = recipe.positives + recipe.negatives, per = data.per / n;
  const alarms = recipe.caught[i] + recipe.false[i];
  const counts = { alarms: per * alarms, caught: per * recipe.caught[i], missed: per * (recipe.positives - recipe.caught[i]),
    falseAlarms: per * recipe.false[i], passed: per * (recipe.negatives - recipe.false[i]) };
  return {
    threshold: recipe.thresholds[i], share: alarms / n, ...counts,
    precision: alarms > 0 ? recipe.caught[i] / alarms : NaN, recall: recipe.caught[i] / recipe.positives, cost: costOf(counts),
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

// Costs as options: what is below 0 is a benefit.
function costOptions() {
  const costs = { miss: state.miss, alarm: state.alarm, ...(data.cost.catch ? { catch: data.cost.catch } : {}), ...(data.cost.pass ? { pass: data.cost.pass } : {}) };
  const paid = Object.entries(costs).filter(([, cost]) => cost >= 0), gained = Object.entries(costs).filter(([, cost]) => cost < 0);
  return [["cost", paid], ["benefit", gained.map(([name, cost]) => [name, -cost])]].filter(([, pairs]) => pairs.length);
}

// What to type for the setting, and what that does.
function command(found) {
  const { name, command: base, given: whole } = data.recipes[state.recipe], alone = name !== data.winner;
  const kept = "Results in the folder are used again, and only the model is trained anew; it and the report there are replaced.";
  const typed = (text, note) => [text, `${note} ${alone ? "The command is for this recipe alone." : "The command compares all recipes so, and may recommend another one."} ${kept}`];
  const called = (terms, note) => [`equipoise.compare(frame, target, ${terms}${alone ? `, recipes=${JSON.stringify(name)}` : ""})`, `${note} This trains all anew.`];
  if (given()) {
    if (alone) return whole ? typed(whole, "The terms of the report.") : [null, "The decision of the report, for another recipe than the recommended one."];
    return [whole || null, data.saved ? "This is the decision of the report and of its model." : "This is the decision of the report; no model was saved for it."];
  }
  if (state.mode === "cost") {
    if (!data.binary) {
      const note = "Costs of several classes are a table, costs.csv: a row for each true class, a column for each decided class.";
      return base ? typed(`${base} --cost costs.csv`, note) : called('cost=pandas.read_csv("costs.csv", index_col=0)', note);
    }
    if (!(state.miss > data.cost.catch && state.alarm > data.cost.pass)) return [null, "An error must cost more than the right decision, or there is nothing to decide."];
    const note = "The model decides for the least expected cost, so its threshold may differ from the best one here.";
    const options = costOptions().map(([option, pairs]) => `--${option} "${pairs.map(([key, cost]) => `${key}=${cost}`).join(",")}"`);
    const terms = costOptions().map(([option, pairs]) => `${option}={${pairs.map(([key, cost]) => `"${key}": ${cost}`).join(", ")}}`);
    if (data.limit !== null) {
      options.push(`--capacity ${data.limit}`);
      terms.push(`capacity=${data.limit.endsWith("%") ? Number((data.capacity).toPrecision(6)) : data.limit}`);
    }
    return base ? typed(`${base} ${options.join(" ")}`, note) : called(terms.join(", "), note);
  }
  const share = Number((100 * (state.mode === "capacity" ? state.share : found.share)).toPrecision(3));
  if (!(share > 0 && share < 100)) return [null, `${share > 0 ? "Every" : "No"} row gets an alarm here, which needs no model: move a slider for a command.`];
  const note = `${state.mode === "threshold" ? "No option sets a threshold; this gives as many alarms: " : "Alarms are then "}for this share of the rows of each batch, the most probable first.`;
  return base ? typed(`${base} --capacity ${share}%`, note) : called(`capacity=${Number((share / 100).toPrecision(3))}`, note);
}

function show() {
  const recipe = data.recipes[state.recipe], found = outcome(recipe);
  const threshold = state.mode === "threshold" ? state.threshold : found.threshold;
  byId("threshold").value = fromThreshold(Number.isFinite(threshold) ? threshold : recipe.thresholds[within(recipe, found.share)]);
  byId("threshold-value").textContent = probability(threshold);
  const alarms = data.per * (state.mode === "capacity" ? state.share : found.share);
  byId("capacity").value = Math.round(alarms);
  byId("capacity-value").textContent = number(alarms, alarms < 10 && !Number.isInteger(alarms) ? 1 : 0);
  for (const name of ["miss", "alarm"]) {
    byId(name).value = fromCost(state[name]);
    byId(`${name}-value`).textContent = state[name].toLocaleString("en", { maximumSignificantDigits: 12 });
  }
  for (const name of ["threshold", "capacity", "miss", "alarm"]) byId(name).setAttribute("aria-valuetext", byId(`${name}-value`).textContent);
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
    given: data.aim, cost: data.limit === null ? "Each at the threshold with the lowest cost." : "Each at the threshold with the lowest cost within the capacity that was given.", capacity: "Each with this number of alarms, or the next smaller one.",
    threshold: "Each at this threshold." }[state.mode];
  const above = data.capacity !== null && !given() && found.share > data.capacity + 1e-9;
  byId("above").textContent = above ? `This needs more alarms than the capacity that was given: ${number(data.per * data.capacity)} of ${number(data.per, 0)} rows.` : "";
  const line = (name, its, current) => {
    const row = document.createElement("tr");
    if (current) row.setAttribute("aria-current", "true");
    return cells(row, "td", [name, probability(its.threshold), number(its.alarms), number(its.caught), number(its.missed),
      Number.isFinite(its.precision) ? number(100 * its.precision) + "%" : "–", number(its.cost)]);
  };
  byId("recipes").tBodies[0].replaceChildren(
    ...data.recipes.map((other, i) => line(other.name, outcome(other), i === state.recipe)),
    ...(given() && data.blind.length ? data.blind.map((other) => line(other.name, decided(other))) : [
      line("never an alarm", outcomeAt(recipe, 0)),
      ...(data.limit === null ? [line("an alarm for every row", outcomeAt(recipe, recipe.thresholds.length - 1))] : [])]));
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
  byId(name).max = COSTS.length - 1;
  byId(name).addEventListener("input", (event) => set({ mode: "cost", [name]: COSTS[Number(event.target.value)] }));
}
byId("reset").addEventListener("click", () => set(byTerms));
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
