"use strict";

// Filters for the lines, tabs for the parts, tables that sort. The page says all that matters without it.
(() => {
  const data = JSON.parse(document.getElementById("listed").textContent);
  const form = document.getElementById("filters");
  const found = document.getElementById("found");
  const more = document.getElementById("more");
  const NONE = "(none)";
  const STEP = 25;
  const CONTEXT = 2;
  const [PLACE, NUMBER, TEXT, GIVEN, PREDICTED, PROBABILITIES, KEPT, BASELINE] = [0, 1, 2, 3, 4, 5, 6, 7];

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  }

  // ---- lines ----

  const lengthName = (count) => {
    const at = data.lengths.findIndex((most) => count <= most);
    if (at < 0) return `over ${data.lengths.at(-1)} lines`;
    return `${at ? data.lengths[at - 1] + 1 : 1}–${data.lengths[at]} lines`;
  };
  const positionName = (place, count) => {
    const tenth = Math.floor((place * 10) / count);
    return `${10 * tenth}–${10 * tenth + 10} %`;
  };

  const lines = data.pages.flatMap((page) =>
    page.rows.map((row, at) => ({
      page,
      row,
      at,
      sure: row[PROBABILITIES][row[PREDICTED]],
      folded: row[TEXT].toLowerCase(),
    })),
  );

  const KINDS = {
    wrong: (row) => row[GIVEN] !== row[PREDICTED],
    "text-lost": (row) => row[GIVEN] === 0 && row[PREDICTED] !== 0,
    "text-kept": (row) => row[GIVEN] !== 0 && row[PREDICTED] === 0,
    "clean-lost": (row) => row[GIVEN] === 0 && !row[KEPT],
    "clean-kept": (row) => row[GIVEN] !== 0 && row[KEPT] === 1,
    broken: (row) => row[GIVEN] !== row[PREDICTED] && row[GIVEN] === row[BASELINE],
    gained: (row) => row[GIVEN] === row[PREDICTED] && row[GIVEN] !== row[BASELINE],
  };
  const ORDERS = {
    "": (a, b) => b.sure - a.sure,
    length: (a, b) => b.row[TEXT].length - a.row[TEXT].length,
    unsure: (a, b) => a.sure - b.sure,
    page: () => 0,
  };
  const near = (a, b) => a.page === b.page && b.row[PLACE] - a.row[PLACE] <= 2 * CONTEXT;

  // Lines close to each other on a page share a card, which stands where the first of them in this order would.
  function clusters(chosen, order) {
    const runs = [];
    for (const line of chosen) {
      const run = runs.at(-1);
      if (run && near(run.at(-1), line)) run.push(line);
      else runs.push([line]);
    }
    const first = new Map(runs.map((run) => [run, [...run].sort(order)[0]]));
    return runs.sort((a, b) => order(first.get(a), first.get(b)));
  }

  // ---- filters: those of the form, and those that only links set ----

  const FIELDS = ["kind", "given", "predicted", "lang", "scraper", "site", "q", "sort"];
  const EXTRAS = {
    label: (value) => `given or predicted: ${value}`,
    length: (value) => `pages of ${value}`,
    position: (value) => `position ${value}`,
    page: (value) => `page ${data.pages.find((page) => page.page === Number(value))?.id ?? value}`,
    of: (value) => `probability of ${value}: ${extras.get("low")} to ${extras.get("high")}`,
  };
  let extras = new Map();
  let matching = [];
  let shown = 0;

  const group = (page) => page.site || page.id;
  const sites = [...new Set(data.pages.map(group))].sort();

  function fill(name, values) {
    for (const value of [...new Set(values)].sort()) {
      const option = make("option", "", value || "not given");
      option.value = value || NONE;
      form.elements[name].append(option);
    }
  }
  fill("lang", data.pages.map((page) => page.lang));
  fill("scraper", data.pages.map((page) => page.scraper));
  document.getElementById("sites").append(
    ...sites.map((site) => Object.assign(document.createElement("option"), { value: site })),
  );

  function predicate() {
    const value = (name) => form.elements[name].value;
    const index = (name) => data.labels.indexOf(value(name));
    const tests = [({ row }) => KINDS[value("kind")](row)];
    const equals = (wanted, actual) => actual === (wanted === NONE ? "" : wanted);
    if (value("given")) tests.push(({ row }) => row[GIVEN] === index("given"));
    if (value("predicted")) tests.push(({ row }) => row[PREDICTED] === index("predicted"));
    if (value("lang")) tests.push(({ page }) => equals(value("lang"), page.lang));
    if (value("scraper")) tests.push(({ page }) => equals(value("scraper"), page.scraper));
    const site = value("site").trim();
    if (sites.includes(site)) tests.push(({ page }) => group(page) === site);
    else if (site) tests.push(({ page }) => group(page).toLowerCase().includes(site.toLowerCase()));
    for (const word of words()) tests.push(({ folded }) => folded.includes(word));
    if (extras.has("label")) {
      const label = data.labels.indexOf(extras.get("label"));
      tests.push(({ row }) => row[GIVEN] === label || row[PREDICTED] === label);
    }
    if (extras.has("length")) tests.push(({ page }) => lengthName(page.n) === extras.get("length"));
    if (extras.has("position")) {
      tests.push(({ page, row }) => positionName(row[PLACE], page.n) === extras.get("position"));
    }
    if (extras.has("page")) tests.push(({ page }) => page.page === Number(extras.get("page")));
    if (extras.has("of")) {
      const label = data.labels.indexOf(extras.get("of"));
      const [low, high] = ["low", "high"].map((end) => Math.round(1000 * Number(extras.get(end))));
      tests.push(({ row }) => row[PROBABILITIES][label] >= low && row[PROBABILITIES][label] <= high);
    }
    return (line) => tests.every((test) => test(line));
  }

  const words = () => form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);

  function query() {
    const parameters = new URLSearchParams();
    for (const name of FIELDS) if (form.elements[name].value) parameters.set(name, form.elements[name].value);
    if (parameters.get("kind") === "wrong") parameters.delete("kind");
    for (const [name, value] of extras) parameters.set(name, value);
    return parameters.toString();
  }

  function load(text) {
    const parameters = new URLSearchParams(text);
    form.reset();
    for (const name of FIELDS) {
      if (!parameters.has(name)) continue;
      form.elements[name].value = parameters.get(name);
      // A value that this report does not know.
      if (form.elements[name].selectedIndex === -1) form.elements[name].selectedIndex = 0;
    }
    extras = new Map(["label", "length", "position", "page", "of", "low", "high"]
      .filter((name) => parameters.has(name)).map((name) => [name, parameters.get(name)]));
  }

  let waiting;

  function update(remember) {
    clearTimeout(waiting);
    const order = ORDERS[form.elements.sort.value];
    const chosen = lines.filter(predicate());
    matching = clusters(chosen, order);
    found.replaceChildren();
    shown = 0;
    showMore();
    const total = chosen.length.toLocaleString("en");
    document.getElementById("found-count").textContent = chosen.length
      ? `${total} line${chosen.length === 1 ? "" : "s"} found.`
      : "No line found with these filters.";
    const extra = document.getElementById("extra");
    extra.replaceChildren();
    for (const [name, describe] of Object.entries(EXTRAS)) {
      if (!extras.has(name)) continue;
      const button = make("button", "", describe(extras.get(name)));
      button.type = "button";
      button.title = "Remove this filter";
      button.addEventListener("click", () => {
        for (const gone of name === "of" ? ["of", "low", "high"] : [name]) extras.delete(gone);
        update(true);
      });
      extra.append(button);
    }
    if (remember) {
      const text = query();
      history.replaceState(null, "", text ? `#errors?${text}` : "#errors");
    }
  }

  // ---- how lines are shown; text is only ever set as text ----

  const chip = (label) => make("span", `chip ${data.labels[label]}`, data.labels[label]);

  function marked(text) {
    const wanted = words();
    if (!wanted.length) return [text];
    const folded = text.toLowerCase();
    // Letters whose lower case has another length would shift the marks.
    if (folded.length !== text.length) return [text];
    const parts = [];
    let at = 0;
    while (at < text.length) {
      const next = wanted.map((word) => [folded.indexOf(word, at), word.length]).filter(([start]) => start >= 0)
        .sort(([a], [b]) => a - b)[0];
      if (!next) break;
      parts.push(text.slice(at, next[0]), make("mark", "", text.slice(next[0], next[0] + next[1])));
      at = next[0] + next[1];
    }
    return [...parts, text.slice(at)];
  }

  function lineItem(page, row, isSought) {
    const wrong = row[GIVEN] !== row[PREDICTED];
    const labels = make("span", "labels", chip(row[GIVEN]));
    if (wrong) {
      const percent = `${Math.round(row[PROBABILITIES][row[PREDICTED]] / 10)} %`;
      labels.append(" ", make("span", "called", "called"), " ", chip(row[PREDICTED]), " ", make("span", "sure", percent));
    }
    if (isSought && data.baseline && row[BASELINE] !== row[PREDICTED]) {
      labels.append(" ", make("span", "called", "before"), " ", chip(row[BASELINE]));
    }
    const text = make("span", "words", ...(isSought ? marked(row[TEXT]) : [row[TEXT]]));
    text.dir = "auto";
    if (/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(page.lang)) text.lang = page.lang;
    const state = `${wrong ? "wrong" : "right"}${isSought ? " sought" : ""}`;
    return make("li", state, make("span", "number", String(row[NUMBER])), labels, text);
  }

  function card(run) {
    const { page } = run[0];
    const sought = new Set(run.map((line) => line.at));
    const places = run.map((line) => line.row[PLACE]);
    const source = make("span", "source", make("b", "", page.id));
    for (const part of [page.site === page.id ? "" : page.site, page.lang, page.scraper]) {
      if (part) source.append(" ", make("span", "", part));
    }
    const list = make("ol", "excerpt");
    page.rows.forEach((row, number) => {
      const isNear = places.some((place) => Math.abs(row[PLACE] - place) <= CONTEXT);
      if (isNear) list.append(lineItem(page, row, sought.has(number)));
    });
    return make("article", "found", make("header", "", source), list);
  }

  function showMore() {
    found.append(...matching.slice(shown, shown + STEP).map(card));
    shown = Math.min(shown + STEP, matching.length);
    more.hidden = shown >= matching.length;
    more.textContent = "Show more";
  }

  more.addEventListener("click", () => {
    const first = shown;
    showMore();
    // Readers who use the keyboard go on where the new lines begin.
    const next = found.children[first];
    if (next) {
      next.tabIndex = -1;
      next.focus({ preventScroll: true });
    }
  });

  // ---- links from figures to lines ----

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-filter]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const before = location.hash;
    location.hash = `#errors?${link.dataset.filter}`;
    // The same figure again leads to its lines again, though the address stays.
    if (location.hash === before) follow();
  });

  function follow() {
    const [target, text] = location.hash.slice(1).split("?");
    if (target !== "errors" || text === undefined) return;
    load(text);
    update(false);
    const title = document.getElementById("errors-title");
    title.scrollIntoView();
    title.focus({ preventScroll: true });
  }

  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => update(true), 120);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("clear").addEventListener("click", () => {
    load("");
    update(true);
  });

  // ---- tabs ----

  for (const tabs of document.querySelectorAll("[data-tabs]")) {
    const panels = [...tabs.querySelectorAll(":scope > [data-tab]")];
    const list = make("div", "tablist");
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", tabs.getAttribute("aria-label"));
    const buttons = panels.map((panel) => {
      const button = make("button", "", panel.dataset.tab);
      button.type = "button";
      button.id = `${panel.id}-tab`;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", button.id);
      button.addEventListener("click", () => select(panels.indexOf(panel)));
      return button;
    });
    const select = (chosen) => {
      buttons.forEach((button, number) => {
        button.setAttribute("aria-selected", String(number === chosen));
        button.tabIndex = number === chosen ? 0 : -1;
        panels[number].hidden = number !== chosen;
      });
    };
    list.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1 };
      if (!(event.key in steps)) return;
      const now = buttons.indexOf(document.activeElement);
      const next = (now + steps[event.key] + buttons.length) % buttons.length;
      select(next);
      buttons[next].focus();
      event.preventDefault();
    });
    list.append(...buttons);
    tabs.prepend(list);
    select(0);
  }

  // ---- tables that sort ----

  for (const table of document.querySelectorAll("table.sortable")) {
    const titles = [...table.tHead.rows[0].cells];
    titles.forEach((title, column) => {
      if (title.dataset.sort === undefined) return;
      const button = make("button", "", ...title.childNodes);
      button.type = "button";
      title.append(button);
      button.addEventListener("click", () => {
        const first = title.dataset.sort === "order" ? "ascending" : "descending";
        const other = first === "ascending" ? "descending" : "ascending";
        const direction = title.getAttribute("aria-sort") === first ? other : first;
        for (const each of titles) each.removeAttribute("aria-sort");
        title.setAttribute("aria-sort", direction);
        const sign = direction === "ascending" ? 1 : -1;
        const value = (row) => Number(row.cells[column].dataset.value);
        const body = table.tBodies[0];
        body.append(...[...body.rows].sort((a, b) => sign * (value(a) - value(b))));
      });
    });
  }

  document.body.classList.add("script");
  document.getElementById("examples").hidden = true;
  form.hidden = false;
  update(false);
  window.addEventListener("hashchange", follow);
  follow();
})();
