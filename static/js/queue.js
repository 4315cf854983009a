// The queue between answers: polled rows go to their places, new ones wait behind a button while the list is
// scrolled, clocks of running jobs tick. Focus stays where it is.
(() => {
  "use strict";
  const list = document.getElementById("jobs");
  const delta = document.getElementById("queue-delta");
  const button = document.getElementById("queue-new");
  if (!list || !delta) return;
  const held = [];
  const created = (row) => Number(row.dataset.created);

  const place = (row) => {
    const older = [...list.children].find((other) => created(other) < created(row));
    list.insertBefore(row, older ?? null);
    document.getElementById("queue-blank")?.remove();
  };
  const showHeld = () => {
    for (const row of held.splice(0)) place(row);
    button.hidden = true;
  };
  const tellHeld = () => {
    button.hidden = !held.length;
    button.textContent = held.length === 1 ? button.dataset.labelOne : `${held.length} ${button.dataset.labelMany}`;
  };

  const take = () => {
    const focused = document.activeElement?.id;
    for (const row of [...delta.children]) {
      const shown = [...list.children].find((other) => other.id === row.id);
      const waiting = held.findIndex((other) => other.id === row.id);
      if (shown) shown.replaceWith(row);
      else if (waiting >= 0) held[waiting] = row;
      else if (row.dataset.fits === undefined) row.remove();
      else if (list.dataset.more !== undefined && created(row) < created(list.lastElementChild)) row.remove();
      else if (list.getBoundingClientRect().top >= 0) place(row);
      else held.push(row);
    }
    delta.replaceChildren();
    tellHeld();
    start();
    if (focused && document.activeElement?.id !== focused) {
      const again = document.getElementById(focused);
      // A button that its new state no longer has hands the focus to the row's title.
      (again ?? list.querySelector(`#job-${CSS.escape(focused.replace(/^[a-z]+-/, ""))} [data-row]`))?.focus({ preventScroll: true });
    }
  };
  document.addEventListener("htmx:afterSwap", (event) => event.target === delta && take());
  button.addEventListener("click", () => {
    showHeld();
    scrollTo({ top: 0 });
    list.querySelector("[data-row]")?.focus();
  });

  // Clocks count from what the server told, so a wrong clock on this side does no harm.
  const start = () => {
    for (const part of list.querySelectorAll("[data-elapsed]:not([data-since])")) {
      part.dataset.since = String(performance.now() - Number(part.dataset.elapsed) * 1000);
    }
  };
  const tick = () => {
    if (document.hidden) return;
    for (const part of list.querySelectorAll("[data-since]")) {
      const elapsed = Math.floor((performance.now() - Number(part.dataset.since)) / 1000);
      const clock = part.querySelector("[data-clock]");
      clock.textContent = `${Math.floor(elapsed / 60)}:${String(elapsed % 60).padStart(2, "0")}`;
      const about = part.querySelector("[data-about]");
      if (elapsed > Number(part.dataset.typical)) about.textContent = about.dataset.about;
      part.querySelector("progress").value = Math.min(95, (elapsed / Number(part.dataset.typical)) * 100);
    }
  };
  const poll = () => document.getElementById("queue-poller")?.dispatchEvent(new CustomEvent("poll"));
  document.addEventListener("queue-changed", poll);
  start();
  setInterval(tick, 1000);
})();
