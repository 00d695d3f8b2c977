// Makes living pages of readable ones: news as they come, moments in the viewer's zone, time that passes.
// Every page works without this file; nothing here decides anything.
"use strict";
(() => {
  const body = document.body;
  // The page's language, spelled as the viewer spells dates in it: en-GB says 13:19, en-US 1:19 PM.
  const written = document.documentElement.lang;
  const lang = navigator.languages.find((each) => each.split("-")[0] === written) || written;
  const live = body.dataset.live || "";
  // The device's clock may differ from the viewer's: spans are counted with the device's.
  const ahead = body.dataset.now ? new Date(body.dataset.now) - Date.now() : 0;
  const now = () => Date.now() + ahead;

  // --- moments and spans ------------------------------------------------------------------------------------------
  const forms = {
    clock: new Intl.DateTimeFormat(lang, { timeStyle: "medium" }),
    full: new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" }),
    exact: new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "long" }),
    weekday: new Intl.DateTimeFormat(lang, { weekday: "long" }),
    hour: new Intl.DateTimeFormat(lang, { timeStyle: "short" }),
    month: new Intl.DateTimeFormat(lang, { month: "long", year: "numeric" }),
    date: new Intl.DateTimeFormat(lang, { dateStyle: "medium" }),
  };
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" });
  const DAY = 86400;

  function ago(when) {
    const seconds = (when - now()) / 1000;
    const size = Math.abs(seconds);
    if (size > 30 * DAY) return forms.date.format(when);
    for (const [unit, length] of [["day", DAY], ["hour", 3600], ["minute", 60]]) {
      if (size >= length * (unit === "minute" ? 0.75 : 1.5)) return relative.format(Math.round(seconds / length), unit);
    }
    return relative.format(0, "second");
  }

  function since(when) {
    const today = new Date(now());
    if (when.toDateString() === today.toDateString()) return forms.hour.format(when);
    return today - when < 6 * DAY * 1000 ? forms.weekday.format(when) : forms.date.format(when);
  }

  function span(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 90) return `${s} s`;
    if (s < 5400) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
    return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  }

  function showTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const when = new Date(time.dateTime);
      if (Number.isNaN(when.getTime())) continue;
      const style = time.dataset.style;
      const text = style === "relative" ? ago(when) : style === "since" ? since(when) : forms[style].format(when);
      if (time.textContent !== text) time.textContent = text;
      time.title = forms.exact.format(when);
    }
  }

  function showElapsed(root) {
    for (const each of root.querySelectorAll("[data-elapsed]")) {
      each.textContent = span((now() - new Date(each.dataset.elapsed)) / 1000);
    }
  }

  showTimes(document);
  showElapsed(document);
  setInterval(() => showElapsed(document), 1000);
  setInterval(() => showTimes(document), 30000);

  // --- forms: a second press sends nothing twice --------------------------------------------------------------------
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
    if (event.submitter) waits(event.submitter);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-waits]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) waits(link);
  });
  // A plan may take a small device a while: whoever pressed sees that it is being made.
  function waits(pressed) {
    pressed.classList.add("waits");
    if (pressed.dataset.waits) announced(pressed.dataset.waits);
  }
  function announced(text) {
    const place = document.getElementById("announce");
    if (place) place.textContent = text;
  }
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const pressed of document.querySelectorAll(".waits")) pressed.classList.remove("waits");
  });
  for (const form of document.querySelectorAll("form[data-auto]")) {
    form.addEventListener("change", () => form.requestSubmit());
  }

  if (!live) return;

  // --- the page anew: fetched whole, and only what lives is exchanged -----------------------------------------------
  const trouble = document.getElementById("trouble");
  let failures = 0;
  let fetching = false;
  let again = false;

  function say(text) {
    if (trouble.textContent !== text) trouble.textContent = text;
  }

  function exchange(fresh) {
    for (const old of document.querySelectorAll("[data-swap]")) {
      const young = fresh.getElementById(old.id);
      // Somebody who is choosing or typing is not disturbed.
      if (!young || old.querySelector("select:focus, input:not([type=checkbox]):focus")) continue;
      if (young.dataset.sign && young.dataset.sign === old.dataset.sign) continue; // nothing in it is new
      const focus = document.activeElement;
      const where = old.contains(focus) ? place(old, focus) : null;
      const scrolled = [...old.querySelectorAll(".log, pre")].map((each) => [each.scrollTop, atEnd(each)]);
      const doing = document.getElementById("doing");
      const bar = document.querySelector(BARS);
      const ticked = new Set([...old.querySelectorAll("input:checked")].map((each) => each.value));
      const unfolded = [...old.querySelectorAll("details")].map((each) => each.open);
      const kept = [doing && doing.textContent, bar && bar.getAttribute("value"), current(old)];
      showTimes(young);
      showElapsed(young);
      for (const each of young.querySelectorAll("input[type=checkbox]")) each.checked = ticked.has(each.value) && !each.disabled;
      if (old.querySelectorAll("details").length === young.querySelectorAll("details").length) {
        [...young.querySelectorAll("details")].forEach((each, index) => { each.open = unfolded[index]; });
      }
      const said = old.dataset.say;
      old.replaceChildren(...young.childNodes);
      if (young.dataset.say && young.dataset.say !== said) announced(young.dataset.say);
      for (const [name, value] of Object.entries(young.dataset)) old.dataset[name] = value;
      if (kept[2] && kept[2] === current(old)) restore(kept);
      [...old.querySelectorAll(".log, pre")].forEach((each, index) => {
        const [top, end] = scrolled[index] || [0, true];
        each.scrollTop = end ? each.scrollHeight : top;
      });
      if (where !== null) find(old, where)?.focus({ preventScroll: true });
    }
    // What it printed while somebody looked on gives way to what is kept of it.
    if (!open() && document.querySelector("#live-action .output")) document.getElementById("printing")?.remove();
    document.dispatchEvent(new Event("renewed"));
  }

  const FOCUSABLE = "a, button, input, select, summary, [tabindex]";
  const BARS = ".step-bar, .share";
  const atEnd = (each) => each.scrollTop + each.clientHeight >= each.scrollHeight - 8;
  const current = (root) => root.querySelector('[aria-current="step"]')?.dataset.step;
  const name = (each) => each.id || each.getAttribute("href") || each.textContent;
  const place = (root, each) => [name(each), [...root.querySelectorAll(FOCUSABLE)].filter((one) => name(one) === name(each)).indexOf(each)];
  const find = (root, [wanted, index]) => [...root.querySelectorAll(FOCUSABLE)].filter((one) => name(one) === wanted)[index];

  function restore([text, value]) {
    const doing = document.getElementById("doing");
    const bar = document.querySelector(BARS);
    if (doing && text) doing.textContent = text;
    if (bar && value !== null) bar.setAttribute("value", value);
  }

  async function refresh() {
    if (fetching) { again = true; return; }
    fetching = true;
    const stop = new AbortController();
    const limit = setTimeout(() => stop.abort(), 15000);
    try {
      const answer = await fetch(body.dataset.at || location.pathname + location.search, { signal: stop.signal, headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname !== new URL(body.dataset.at || location.pathname, location.href).pathname) {
        location.assign(answer.url); // signed out meanwhile
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
      failures = 0;
      say("");
    } catch {
      failures += 1;
      if (failures > 1) say(trouble.dataset.words);
    } finally {
      clearTimeout(limit);
      fetching = false;
      if (again) { again = false; soon(); }
    }
  }

  let waiting = 0;
  function soon() {
    if (!waiting) waiting = setTimeout(() => { waiting = 0; refresh(); }, 250);
  }

  const ends = live === "run" || live === "action"; // such a page lives no longer than what it is about
  const open = () => !ends || document.getElementById(`live-${live}`)?.dataset.open === "yes";

  // --- news: by the socket while it holds, by asking while it does not ----------------------------------------------
  function progressed(news) {
    if (!ends) { soon(); return; }
    if (news.run !== document.querySelector("[data-run]")?.dataset.run) return;
    if (live === "action") { print(news); if (news.state !== "progress") { soon(); return; } }
    if (news.state !== "progress") {
      if (news.state === "began") announce(news);
      soon();
      return;
    }
    const row = document.querySelector(`[data-step="${Number(news.number)}"], [data-step="any"]`);
    const bar = row && row.querySelector(BARS);
    if (!bar) { soon(); return; }
    const whole = live === "action" ? (news.number - 1 + news.done) / news.of : news.done;
    if (typeof news.done === "number" && Number.isFinite(whole)) bar.setAttribute("value", whole);
    const doing = document.getElementById("doing");
    const share = typeof news.done === "number" ? `${Math.round(news.done * 100)}% – ` : "";
    if (doing) doing.textContent = share + news.message;
  }

  const LINES = 500;
  let lines = [];
  function print(news) {
    const place_ = document.getElementById("printed-lines");
    if (!place_ || !news.message || news.message === lines[lines.length - 1]) return;
    const follow = atEnd(place_);
    lines = [...lines, news.message].slice(-LINES);
    place_.textContent = lines.join("\n");
    document.getElementById("printing").hidden = false;
    if (follow) place_.scrollTop = place_.scrollHeight;
  }

  function announce(news) {
    const words = body.dataset.announce || "{step}";
    const text = words.replace("{step}", news.step).replace("{number}", news.number).replace("{of}", news.of);
    announced(text);
  }

  let pause = 500;
  let connected = false;

  function listen() {
    if (!open()) return;
    const device = /^\/devices\/([^/]+)/.exec(location.pathname);
    const query = device ? `?device=${device[1]}` : "";
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws${query}`);
    socket.onopen = () => { connected = true; pause = 500; refresh(); };
    socket.onmessage = (event) => {
      let frame;
      try { frame = JSON.parse(event.data); } catch { return; }
      if (frame.subject === "update_progress") progressed(frame.body || {});
      else if (["update_result", "update_check_result", "notification", "action"].includes(frame.subject)) soon();
    };
    socket.onclose = () => {
      connected = false;
      if (!open()) return;
      refresh();
      setTimeout(listen, pause * (0.75 + Math.random() / 2)); // not all viewers at once after a restart
      pause = Math.min(pause * 2, 15000);
    };
  }

  let quietFor = 0;
  setInterval(() => {
    if (document.hidden || !open()) return;
    quietFor += 1;
    const often = ends ? (connected ? 5 : 1) : (connected ? 20 : 5);
    if (quietFor >= often) { quietFor = 0; refresh(); }
  }, 3000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && open()) refresh(); });
  const log = document.querySelector(".log");
  if (log && open()) log.scrollTop = log.scrollHeight;
  listen();
})();
