"use strict";
/* The script of a report: it draws charts as they come into view, switches between light and dark, shows the
   rows behind a chart, copies commands, and marks the section that is being read. It fetches nothing. */
(() => {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const KEPT = "saasim-theme";
  const QUIET = { ast: true, logLevel: 1, actions: false, defaultStyle: false, tooltip: () => {} };
  const views = new Map();
  const prepared = new Map();
  let embed = null;
  let View = null;
  let swap = {};

  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const one = (selector, place = document) => place.querySelector(selector);
  const all = (selector, place = document) => [...place.querySelectorAll(selector)];
  const json = (element) => JSON.parse(element.textContent);

  function made(tag, text, name) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (name) element.className = name;
    return element;
  }

  /* Themes. A reader's choice is kept where the browser lets a file keep something. */

  function kept(value) {
    try {
      if (value === undefined) return localStorage.getItem(KEPT);
      localStorage.setItem(KEPT, value);
    } catch { /* then it holds until the page is closed */ }
    return null;
  }

  function labelTheme() {
    const button = one("#theme");
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Show in ${isDark() ? "light" : "dark"} colours`);
  }

  function repaint() {
    labelTheme();
    for (const place of views.keys()) draw(place, isDark());
  }

  const chosen = kept();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

  /* Charts. */

  function tip(handler, event, item, value) {
    const box = one("#pointed");
    if (value === null || value === undefined || value === "") {
      box.hidden = true;
      return;
    }
    box.replaceChildren();
    if (typeof value === "object") {
      for (const [name, words] of Object.entries(value)) {
        if (!/NaN|undefined/.test(words)) box.append(made("dt", name), made("dd", String(words)));
      }
    } else {
      box.append(made("dd", String(value)));
    }
    box.hidden = false;
    const space = 14;
    const right = event.clientX + space + box.offsetWidth > root.clientWidth;
    const low = event.clientY + space + box.offsetHeight > root.clientHeight;
    box.style.left = `${Math.max(4, right ? event.clientX - space - box.offsetWidth : event.clientX + space)}px`;
    box.style.top = `${Math.max(4, low ? event.clientY - space - box.offsetHeight : event.clientY + space)}px`;
  }

  /* Vega-Embed compiles a chart and hands the result to a class of views: to this one, which hands it on. The
     result is kept for each theme, so that a chart can be drawn at once, and so even while a page goes to the
     printer. Expressions are walked by an interpreter: nothing here makes code of text. */
  class Prepared {
    constructor(runtime, options) {
      throw Object.assign(new Error("prepared"), { prepared: { runtime, options } });
    }
  }

  async function prepare(place, inDark) {
    const kept = prepared.get(place) ?? {};
    prepared.set(place, kept);
    const theme = inDark ? "dark" : "light";
    if (!kept[theme]) {
      const text = one(`#${place.id.replace("plot-", "spec-")}`).textContent;
      const spec = inDark ? text.replace(/#[0-9a-f]{6}/g, (colour) => swap[colour] ?? colour) : text;
      const options = { ...QUIET, viewClass: Prepared };
      await embed(made("div"), JSON.parse(spec), options).catch((thrown) => {
        if (!thrown.prepared) throw thrown;
        kept[theme] = thrown.prepared;
      });
    }
    return kept[theme];
  }

  function show(place, inDark) {
    const theme = inDark ? "dark" : "light";
    const { runtime, options } = prepared.get(place)[theme];
    views.get(place)?.finalize();
    place.replaceChildren();
    const view = new View(runtime, { ...options, renderer: "svg" });
    views.set(place, view);
    view.tooltip(tip).initialize(place).hover().run();
    /* The picture has its name and its words beside it; its hundreds of marks are not read out one by one. */
    one("svg", place)?.setAttribute("aria-hidden", "true");
    place.setAttribute("role", "img");
    for (const name of ["aria-label", "aria-roledescription"]) place.removeAttribute(name);
    place.dataset.drawn = theme;
  }

  async function draw(place, inDark) {
    await prepare(place, inDark);
    if (inDark === isDark() && place.dataset.drawn !== (inDark ? "dark" : "light")) show(place, inDark);
  }

  function drawInView() {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        draw(entry.target, isDark());
      }
    }, { rootMargin: "400px 0px" });
    for (const place of all(".plot")) seen.observe(place);
  }

  /* What is not in view yet is drawn while nothing else happens; paper needs all of it, and in light. */
  async function drawTheRest() {
    const idle = window.requestIdleCallback ?? ((task) => setTimeout(task, 50));
    for (const place of all(".plot")) {
      await new Promise((task) => { idle(task); });
      await draw(place, isDark());
      await prepare(place, false);
    }
    root.dataset.drawn = "all";
  }

  async function ready(vegaEmbed) {
    embed = vegaEmbed;
    const empty = { data: { values: [] }, mark: "point" };
    const { view } = await embed(made("div"), empty, QUIET);
    View = view.constructor;
    view.finalize();
    swap = json(one("script.swap"));
    drawInView();
    root.dataset.ready = "yes";
    await drawTheRest();
  }

  function showAll(inDark) {
    for (const [place, kept] of prepared) {
      if (kept[inDark ? "dark" : "light"]) show(place, inDark);
    }
  }

  /* Rows behind a chart: made when they are asked for. */

  function fill(details) {
    const told = one("script.rows", details);
    if (!told || one("table", details)) return;
    const { heads, numbers, rows, name } = json(told);
    const table = made("table");
    table.append(made("caption", name, "heard"));
    const head = table.createTHead().insertRow();
    heads.forEach((words, n) => {
      const cell = made("th", words, numbers[n] ? "" : "text");
      cell.scope = "col";
      head.append(cell);
    });
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      row.forEach((words, n) => line.append(made("td", words, numbers[n] ? "" : "text")));
    }
    const place = made("div", undefined, "scroll rows-of");
    place.tabIndex = 0;
    place.setAttribute("role", "region");
    place.setAttribute("aria-label", name);
    place.append(table);
    details.append(place);
  }

  async function copy(button) {
    const code = one("code", button.parentElement);
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  function markSection() {
    const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      }
    }, { rootMargin: "-20% 0px -70% 0px" });
    for (const section of all("main > section")) seen.observe(section);
  }

  function start() {
    for (const id of ["theme", "print"]) one(`#${id}`).hidden = false;
    labelTheme();
    one("#theme").addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      kept(root.dataset.theme);
      repaint();
    });
    one("#print").addEventListener("click", () => window.print());
    dark.addEventListener("change", repaint);
    window.addEventListener("beforeprint", () => showAll(false));
    window.addEventListener("afterprint", () => showAll(isDark()));
    for (const place of all(".snowball .scroll")) place.scrollLeft = place.scrollWidth; // the latest quarters
    for (const details of all("details.data")) details.addEventListener("toggle", () => fill(details));
    for (const button of all("button.copy")) button.addEventListener("click", () => copy(button));
    markSection();
  }

  window.saasim = { ready };
  document.addEventListener("DOMContentLoaded", start);
})();
