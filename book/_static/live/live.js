/* The page's part of "Run this page". Without a click nothing is loaded, and without this file the page is whole.
   A unit is a live cell, or the answer to an exercise, which has tests. */
(() => {
  const script = document.currentScript, told = JSON.parse(script.dataset.page);
  const base = new URL(told.base, script.src).href;
  const size = `${(told.bytes / 1e6).toFixed(0)} MB`;
  const HIDDEN = "live-hidden";
  let worker = null, jobs = [], current = null, cells = [], typeset = Promise.resolve();

  const make = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const button = (text, act) => make("button", { type: "button", textContent: text, className: "live-button", onclick: act });
  const speaking = (className) => {
    const made = make("span", { className });
    made.setAttribute("role", "status");
    return made;
  };

  // --- the panel below the title ---------------------------------------------------------------------

  const go = button("Run this page", () => run(build()));
  const halt = button("Stop", () => stop("Stopped."));
  const status = speaking("live-status");
  const help = make("p", { id: "live-help", hidden: true, textContent:
    "Change what you like. Shift and Enter run a cell. Tab indents; Escape and then Tab leaves it." });
  const panel = make("div", { className: "live-panel" }, go, halt, status, help);
  panel.setAttribute("role", "region");
  panel.setAttribute("aria-label", "Run this page");
  document.querySelector("article h1").after(panel);

  function say(state, text) {
    panel.dataset.state = state;
    status.textContent = text;
    halt.hidden = state !== "loading" && state !== "running";
  }

  // --- the worker ------------------------------------------------------------------------------------

  function start() {
    say("loading", `Loading ${size} from this site …`);
    const own = new Worker(new URL(`live_worker.js?${told.base}`, script.src), { type: "module" });
    own.onmessage = ({ data }) => own === worker && heard(data);
    own.onerror = (event) => own === worker && stop(`The browser could not start it: ${event.message ?? event.type}.`);
    own.postMessage({ base });
    worker = own;
  }

  function heard({ kind, text, outcome, seconds, memory }) {
    if (memory) panel.dataset.memory = memory;
    if (kind === "loading") say("loading", `Loading ${size} from this site: ${text} …`);
    else if (kind === "ready") {
      panel.dataset.seconds = seconds;
      say("ready", `Ready after ${seconds.toFixed(0)} s.`);
      next();
    } else if (kind === "done") {
      const unit = current;
      current = null;
      unit.ran = outcome !== "error";
      unit.box.dataset.seconds = seconds;
      mark(unit, outcome, `${outcomeOf(unit, outcome)} ${seconds.toFixed(seconds < 10 ? 2 : 0)} s.`);
      if (!unit.ran) clear();
      const checks = checksOf(cells.map((cell) => cell.output));
      say("ready", `Ready.${checks && ` On this page: ${checks}.`} ${Math.round(memory / 1e6)} MB of memory are in use.`);
      next();
    } else if (kind === "fatal") stop(`Python has ended: ${text}.`.replace("..", "."));
    else show(current, kind, text);
  }

  function outcomeOf({ tests, output }, outcome) {
    if (outcome === "error") return "An error;";
    if (tests !== undefined) return outcome === "done" ? "✓ It passes the tests that are shown;" : "✗ Not yet;";
    return `${checksOf([output]) || "Done"};`;
  }

  function checksOf(outputs) {
    const all = outputs.flatMap((output) => [...output.querySelectorAll(".mme-evidence")]);
    const wrong = all.filter((line) => line.classList.contains("mme-evidence--failed")).length;
    const counted = (mark, count, what) => (count ? [`${mark} ${count} check${count === 1 ? "" : "s"} ${what}`] : []);
    return [...counted("✗", wrong, "failed"), ...counted("✓", all.length - wrong, "passed")].join(", ");
  }

  function stop(why) {
    worker?.terminate();
    worker = null;
    if (current) mark(current, "stopped", "Stopped.");
    current = null;
    clear();
    for (const unit of cells) unit.ran = false;
    say("stopped", `${why} What the cells had computed is gone; running one starts Python again.`);
  }

  function clear() {
    for (const unit of jobs) mark(unit, "still", "");
    jobs = [];
  }

  function run(units) {
    for (const unit of units.filter((unit) => !jobs.includes(unit))) {
      jobs.push(unit);
      mark(unit, "waiting", "Waits.");
    }
    if (worker) next();
    else start();
  }

  function next() {
    if (panel.dataset.state !== "ready" || !jobs.length) return;
    current = jobs.shift();
    current.output.replaceChildren();
    for (const one of current.printed) one.classList.add(HIDDEN);
    mark(current, "running", "Running …");
    say("running", `${current.name} is running …`);
    worker.postMessage({ source: current.area.value, tests: current.tests });
  }

  // --- a cell ----------------------------------------------------------------------------------------

  function mark(unit, state, text) {
    unit.box.dataset.state = state;
    unit.status.textContent = text;
    unit.go.textContent = state === "running" ? "Stop" : unit.does;
    unit.go.setAttribute("aria-label", `${unit.go.textContent}: ${unit.name}`);
  }

  function show(unit, kind, text) {
    const last = unit.output.lastElementChild;
    if (kind === "text" && last?.className === "live-text") return last.append(text);
    const made = make({ text: "pre", error: "pre", hint: "p" }[kind] ?? "div", { className: `live-${kind}` });
    if (kind === "html") {
      made.className += " output text_html";
      made.innerHTML = text;
      for (const one of made.querySelectorAll("[id]")) one.removeAttribute("id"); // the still page has it
    } else made.textContent = kind === "latex" && window.MathJax ? `\\(${text}\\)` : text;
    unit.output.append(made);
    if (kind === "latex") {
      made.classList.add("tex2jax_process");
      typeset = typeset.then(() => window.MathJax?.typesetPromise?.([made]));
    }
  }

  function addUnit(replaced, source, { name, does, printed = [], sliders = {}, ...rest }) {
    const area = make("textarea", { value: source, spellcheck: false, autocapitalize: "off", wrap: "off" });
    area.setAttribute("aria-label", `${name}, Python`);
    area.setAttribute("aria-describedby", "live-help");
    const unit = { name, does, area, printed, ran: false, status: speaking("live-status"), ...rest };
    const act = () => run(unit.tests === undefined ? [...cells.slice(0, cells.indexOf(unit)).filter((one) => !one.ran), unit] : [unit]);
    unit.go = button(does, () => (unit === current ? stop("Stopped.") : act()));
    const reset = button("Reset", () => {
      area.value = source;
      area.dispatchEvent(new Event("input"));
      if (unit === current || jobs.includes(unit)) return;
      unit.output.replaceChildren();
      for (const one of printed) one.classList.remove(HIDDEN);
      mark(unit, "still", "");
    });
    reset.setAttribute("aria-label", `Reset: ${name}`);
    unit.output = make("div", { className: "live-output cell_output" });
    const ranges = Object.entries(sliders).map(([variable, range]) => slider(area, variable, range, act));
    unit.box = make("div", { className: "live-cell" }, area, ...ranges,
      make("div", { className: "live-buttons" }, unit.go, reset, unit.status), unit.output);
    area.addEventListener("keydown", (event) => typed(event, area, act));
    area.addEventListener("input", () => (area.rows = area.value.split("\n").length + 1)); // a scroll bar takes one
    area.dispatchEvent(new Event("input"));
    replaced.classList.add(HIDDEN);
    replaced.after(unit.box);
    mark(unit, "still", "");
    return unit;
  }

  function typed(event, area, act) {
    const plain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
    const insert = (text) => {
      event.preventDefault();
      document.execCommand("insertText", false, text); // it can be undone
    };
    if (event.key === "Enter" && !plain) {
      event.preventDefault();
      act();
    } else if (event.key === "Enter") {
      const line = area.value.slice(0, area.selectionStart).split("\n").pop();
      insert("\n" + line.match(/^ */)[0] + (line.trimEnd().endsWith(":") ? "    " : ""));
    } else if (event.key === "Tab" && plain && !area.leaves) insert("    ");
    area.leaves = event.key === "Escape";
  }

  /* A slider writes the number into the cell, so that the cell remains what is run. */
  function slider(area, variable, [min, max, step], act) {
    const set = new RegExp(`^(${variable}\\s*=\\s*)(-?[\\d.]+)`, "m");
    const range = make("input", { type: "range", min, max, step }), shown = make("output", {});
    const read = () => {
      range.value = area.value.match(set)?.[2] ?? min;
      shown.textContent = `${variable} = ${range.value}`;
    };
    area.addEventListener("input", read);
    range.addEventListener("input", () => {
      area.value = area.value.replace(set, `$1${range.value}`);
      shown.textContent = `${variable} = ${range.value}`;
    });
    range.addEventListener("change", act);
    range.setAttribute("aria-label", variable);
    return make("label", { className: "live-slider" }, shown, range);
  }

  function build() {
    if (cells.length) return cells;
    const code = (block) => block.querySelector("pre").textContent.replace(/\n$/, "");
    const live = [...document.querySelectorAll("div.cell.tag_live:not(.tag_answer)")];
    cells = live.map((cell, at) => addUnit(cell.querySelector(".cell_input"), code(cell), {
      name: `Live cell ${at + 1} of ${live.length}`, does: "Run", sliders: told.sliders[at],
      printed: [...cell.querySelectorAll(".cell_output")] }));
    for (const [at, stub] of document.querySelectorAll(".live-stub").entries()) addUnit(stub, code(stub), {
      name: `Answer ${at + 1}`, does: "Check my answer", tests: code(stub.parentElement.querySelector(".live-tests")) });
    go.textContent = "Run all";
    help.hidden = false;
    return cells;
  }

  addEventListener("pagehide", () => worker && stop("The page was left."));
  if (location.protocol === "file:") {
    go.hidden = true;
    say("still", "This page can compute, but no browser allows that to a file on the disk: the command python run.py book serves the pages.");
  } else if (!window.Worker || !window.WebAssembly) {
    go.hidden = true;
    say("still", "This page can compute, but this browser has no workers or no WebAssembly.");
  } else say("still", `It runs in your browser: loads ${size} from this site, and sends nothing.`);
})();
