// Makes the list of packages quick to search and to choose from.  The page works without this file.
"use strict";
(() => {
  const sieve = document.getElementById("sieve");
  const choice = document.getElementById("choice");
  if (!sieve || !choice) return;
  sieve.querySelector("button").hidden = true; // what is chosen holds at once

  const rows = () => [...choice.querySelectorAll("li[data-name]")];
  const ticks = (shown) => rows().filter((row) => !shown || !row.hidden).map((row) => row.querySelector("input")).filter((each) => !each.disabled);

  function sift() {
    const show = sieve.querySelector("input[name=show]:checked")?.value || "all";
    const wanted = sieve.querySelector("input[name=q]").value.trim().toLowerCase();
    let any = false;
    for (const row of rows()) {
      const fits = row.dataset.kinds.split(" ").includes(show) && row.dataset.name.toLowerCase().includes(wanted);
      row.hidden = !fits;
      any = any || fits;
    }
    document.getElementById("no-match").hidden = any;
    count();
  }

  function count() {
    const button = document.getElementById("apply-selected");
    const all = document.getElementById("tick");
    const chosen = ticks(false).filter((each) => each.checked).length;
    button.textContent = button.dataset.words.replace("{n}", chosen);
    button.disabled = "halted" in button.dataset || chosen === 0;
    const shown = ticks(true);
    all.hidden = shown.length === 0;
    all.textContent = shown.length && shown.every((each) => each.checked) ? all.dataset.none : all.dataset.all;
  }

  // The list on the page was sifted when it was asked for: with the whole of it here, no more need be asked.
  const whole = !new URLSearchParams(location.search).get("q") && ["", "all"].includes(new URLSearchParams(location.search).get("show") || "");
  if (whole) {
    sieve.addEventListener("submit", (event) => { event.preventDefault(); sift(); });
    sieve.addEventListener("input", sift);
  } else {
    sieve.addEventListener("change", () => sieve.requestSubmit());
  }
  choice.addEventListener("change", count);
  choice.addEventListener("click", (event) => {
    if (event.target.id !== "tick") return;
    const shown = ticks(true);
    const on = !shown.every((each) => each.checked);
    for (const each of shown) each.checked = on;
    count();
  });
  document.addEventListener("renewed", () => (whole ? sift() : count()));
  window.addEventListener("pageshow", () => (whole ? sift() : count()));
  if (whole) sift(); else count();
})();
