"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const { columns, rows, texts } = page.trials;
  const trials = rows.map((row) => {
    const trial = Object.create(null);
    columns.forEach((name, index) => {
      const value = row[index];
      trial[name] = value !== null && Object.hasOwn(texts, name) ? texts[name][value] : value;
    });
    return trial;
  });
  const named = Object.assign(Object.create(null), page.rows, { trials });

  const element = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  // Pictures: the charts hold no rows; each is given copies of those it names. Expressions are interpreted, not compiled, so that
  // the page's policy can forbid eval.
  const text = (value) => {
    if (value === null || value === undefined) return "";
    return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(Math.abs(value) >= 1e5 ? 10 : 6))) : String(value);
  };

  // Marks of trials carry their number only; a trial says what the table says of it.
  function formatTooltip(value, sanitize) {
    if (value === null || typeof value !== "object") return sanitize(value);
    const trial = Object.keys(value).join() === "trial" ? trials.find((one) => String(one.number) === value.trial) : undefined;
    const told = trial ? page.table.map((column) => [column.title, text(trial[column.field])]).filter(([, known]) => known) : Object.entries(value);
    const cells = told.map(([key, known]) => `<tr><td class="key">${sanitize(key)}</td><td class="value">${sanitize(known)}</td></tr>`);
    return `<table><tbody>${cells.join("")}</tbody></table>`;
  }

  async function draw() {
    for (const [name, spec] of Object.entries(page.charts)) {
      const place = document.getElementById(`chart-${name}`);
      const patch = (vega) => {
        const words = JSON.stringify(vega); // of hundreds of parameters a picture names few, and Vega copies whole rows
        const wanted = columns.filter((column) => !column.startsWith("p_") || words.includes(column));
        for (const source of vega.data) {
          if (source.name === "trials") source.values = trials.map((row) => Object.fromEntries(wanted.map((column) => [column, row[column]])));
          else if (named[source.name]) source.values = named[source.name].map((row) => ({ ...row }));
        }
        return vega;
      };
      const full = { ...spec, width: "container", autosize: { type: "fit-x", contains: "padding" } };
      try {
        const { view } = await vegaEmbed(place, full, { actions: false, ast: true, renderer: "svg", config: page.theme, patch, tooltip: { theme: "custom", formatTooltip } });
        view.addEventListener("click", (_, item) => { if (item && item.datum && item.datum.trial) open(item.datum.trial); });
      } catch (error) {
        window.noteError(`${name}: ${error}`);
        place.replaceChildren(element("p", "This picture could not be drawn.", "empty"));
      }
    }
  }

  // The table of trials.
  const table = document.getElementById("listing");
  const step = 50;
  const state = { by: "number", descending: true, find: "", status: "", most: step, opened: new Set() };
  const searched = new Map();

  function matches(trial) {
    if (state.status && trial.status !== state.status) return false;
    if (!state.find) return true;
    if (!searched.has(trial)) {
      const detail = page.details[trial.number];
      const words = page.table.map((column) => text(trial[column.field]));
      searched.set(trial, [...words, trial.trial, detail ? detail.reason : ""].join("\n").toLowerCase());
    }
    return searched.get(trial).includes(state.find);
  }

  function compare(a, b) {
    const [x, y] = [a[state.by], b[state.by]];
    const [noX, noY] = [x === null || x === undefined, y === null || y === undefined];
    if (noX || noY) return noX - noY || b.number - a.number; // trials without a value stand last either way
    const places = page.table.find((column) => column.field === state.by)?.order; // of an ordinal
    const numbers = [x, y].every((value) => typeof value === "number" || (value.trim() !== "" && !Number.isNaN(Number(value))));
    const order = places ? places.indexOf(x) - places.indexOf(y) : numbers ? x - y : String(x).localeCompare(String(y));
    return (state.descending ? -order : order) || b.number - a.number;
  }

  function detailRow(trial) {
    const detail = page.details[trial.number] || {};
    const row = element("tr", undefined, "detail");
    const cell = row.appendChild(element("td"));
    cell.colSpan = page.table.length + 1;
    const inner = cell.appendChild(element("div", undefined, "inner"));
    if (detail.reason) inner.append(element("p", detail.reason));
    inner.append(element("p", [`trial ${trial.trial}`, `session ${trial.session}`, ...(detail.facts || [])].join(" · "), "facts"));
    if (detail.log) {
      const log = inner.appendChild(element("pre", detail.log));
      log.tabIndex = 0;
      log.setAttribute("aria-label", "End of the log");
    }
    return row;
  }

  function trialRow(trial, body) {
    const row = body.appendChild(element("tr", undefined, trial.number === page.best ? "winner" : ""));
    row.id = `trial-${trial.number}`;
    const expand = element("button", state.opened.has(trial.number) ? "▾" : "▸", "expand");
    expand.type = "button";
    expand.setAttribute("aria-expanded", String(state.opened.has(trial.number)));
    expand.setAttribute("aria-label", `Details of trial ${trial.number}`);
    expand.addEventListener("click", () => {
      if (!state.opened.delete(trial.number)) state.opened.add(trial.number);
      list();
      document.querySelector(`#trial-${trial.number} .expand`).focus();
    });
    row.appendChild(element("td")).append(expand);
    for (const column of page.table) {
      const cell = row.appendChild(element("td", text(trial[column.field]), column.number ? "number" : ""));
      if (column.field === "status") cell.className = `status ${trial.status}`;
      if (cell.textContent.length > 24) cell.title = cell.textContent;
    }
    if (state.opened.has(trial.number)) body.append(detailRow(trial));
  }

  function list() {
    const found = trials.filter(matches).sort(compare);
    const body = document.createDocumentFragment();
    found.slice(0, state.most).forEach((trial) => trialRow(trial, body));
    table.tBodies[0].replaceChildren(body);
    document.getElementById("count").textContent =
      `${Math.min(found.length, state.most)} of ${found.length}${found.length === trials.length ? "" : ` found in ${trials.length}`} shown`;
    document.getElementById("more").hidden = found.length <= state.most;
    for (const head of table.tHead.rows[0].cells) {
      if (head.dataset.field === state.by) head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  }

  function heads() {
    const row = table.tHead.insertRow();
    row.append(element("td"));
    for (const column of page.table) {
      const head = row.appendChild(element("th", undefined, column.number ? "number" : ""));
      head.scope = "col";
      head.dataset.field = column.field;
      const button = head.appendChild(element("button", column.title));
      button.type = "button";
      button.addEventListener("click", () => {
        state.descending = state.by === column.field ? !state.descending : column.field === "objective" && page.maximize;
        state.by = column.field;
        list();
      });
    }
  }

  function open(id) {
    const trial = trials.find((one) => one.trial === id);
    Object.assign(state, { find: "", status: "", most: trials.length });
    document.getElementById("find").value = document.getElementById("status").value = "";
    state.opened.add(trial.number);
    list();
    document.getElementById(`trial-${trial.number}`).scrollIntoView({ block: "center" });
  }

  function listen() {
    heads();
    const choose = document.getElementById("status");
    [...new Set(trials.map((trial) => trial.status))].sort().forEach((name) => choose.append(element("option", name)));
    const find = document.getElementById("find");
    const again = () => {
      Object.assign(state, { find: find.value.trim().toLowerCase(), status: choose.value, most: step });
      list();
    };
    find.addEventListener("input", again);
    choose.addEventListener("change", again);
    document.getElementById("more").addEventListener("click", () => { state.most += 4 * step; list(); });
    list();
  }

  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source);
        button.textContent = "Press Ctrl-C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  });

  if (table) listen();
  draw().finally(() => { document.body.dataset.ready = "true"; });
})();
